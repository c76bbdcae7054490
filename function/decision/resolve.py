"""Resolve a spec with the Input: look up plan, host, node pool and project, fill in defaults.

`tenant_limits` refuses fields beyond the limits, `immutable_fields` keeps those that never change.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from function.api import input as platform
from function.api import names, xr
from function.api.access import Certificate
from function.api.errors import InvalidError, Problem
from function.api.fields import Availability, Owner, PodSecurity, Quota, SyncKind
from function.api.names import Names
from function.api.validate import Composite
from function.decision import access, backup, placement, tenancy
from function.decision.access import ResolvedAccess
from function.decision.backup import ResolvedBackup
from function.decision.placement import Host
from function.k8s import versions
from function.observed import record
from function.observed.current import Current, Storage
from function.observed.exposure import INTERNAL, Exposure
from function.observed.state import Observed

T = TypeVar("T")

ANY_POOL = platform.NodePool()
"""The nodes of a VCluster that names no pool."""

LABEL_TENANT = "caas.telekom.de/tenant"
LABEL_PLAN = "caas.telekom.de/plan"
"""Labels of the cluster in Rancher."""


@dataclass(frozen=True)
class RancherImport:
    """The import into Rancher."""

    cluster_name: str
    project: str
    owners: tuple[Owner, ...]
    labels: Mapping[str, str]


@dataclass(frozen=True)
class ResolvedSpec:
    """A requested or effective spec."""

    names: Names
    uid: str
    retries: int
    """Further attempts at a failed upgrade, from annotation `caas.telekom.de/retry`."""
    generation: int | None
    """Generation of the spec; None without an API server that counts it."""
    plan: platform.Plan
    availability: Availability
    storage: Storage
    chart: str
    kubernetes: str
    quota: Quota
    exposure: Exposure
    pod_security: PodSecurity
    network_policy: bool
    egress: tuple[str, ...]
    sync: Mapping[SyncKind, bool]
    pool: platform.NodePool
    """Nodes of its pods; any if the spec names no pool."""
    host: Host
    readers: tuple[xr.Reader, ...]
    rancher: RancherImport | None
    leaves_rancher: bool
    """True if the spec itself switches the import off."""
    deletion_protection: bool
    retain: bool
    """True if the data stays when the VCluster is deleted."""
    restore_from: str
    """UID of the earlier VCluster whose data is restored; empty if there is none."""
    values: Mapping[str, object]
    starts_quickly: bool
    """True if the startup probe is ours; that of an earlier control plane stays the chart's."""
    record: str = field(default="", compare=False)
    """Record of the granted spec, for the annotation that later refusals fall back on."""
    backup: ResolvedBackup | None = None
    access: ResolvedAccess | None = None
    certificate: Certificate = "Readers"
    """Readers of the kubeconfig with a certificate."""
    has_issuer_file: bool = False
    """True if the namespace has the file of issuers."""
    authenticates: bool = False
    """True if the API server reads the file of issuers."""
    frozen: Mapping[str, object] | None = None
    """Installed values that an adopted cluster keeps; None if it is not frozen."""

    @property
    def highly_available(self) -> bool:
        """True if it has three control plane replicas and three etcd members."""
        return self.availability == "HA"

    @property
    def has_issuers(self) -> bool:
        """True if people log in by an issuer."""
        return self.access is not None and bool(self.access.issuers)


def resolve_spec(
    vcluster: Composite, config: platform.Input, now: Current | None, observed: Observed
) -> ResolvedSpec:
    """Return the resolved spec. Raise `InvalidError` for all unknown names."""
    try:
        return _resolve(vcluster, config, now, observed)
    except InvalidError as error:
        if error.reason != "InvalidSpec":
            raise
        others = _unknown(vcluster, config, now, observed)
        raise InvalidError(*dict.fromkeys((*error.problems, *others))) from None


def _unknown(
    vcluster: Composite, config: platform.Input, now: Current | None, observed: Observed
) -> Iterator[Problem]:
    """Yield the problems of names that the platform does not know."""
    spec, derived = vcluster.spec, _derived(vcluster, config)
    kubernetes, rancher, project = config.vcluster.kubernetes, config.rancher, spec.rancher.project
    lookups: tuple[Callable[[], object], ...] = (
        lambda: _plan(spec, config),
        lambda: _kubernetes(spec.kubernetesVersion, kubernetes, now),
        lambda: _pool(spec.nodePool, config),
        lambda: _project(project, derived, rancher) if project and rancher else "",
        lambda: backup.resolve(vcluster, config.backup, derived, observed.backup),
        lambda: access.resolve(spec.access, config.access, derived, "", observed.access),
    )
    for lookup in lookups:
        try:
            lookup()
        except InvalidError as error:
            yield from error.problems


def _resolve(
    vcluster: Composite, config: platform.Input, now: Current | None, observed: Observed
) -> ResolvedSpec:
    spec, entry = vcluster.spec, config.adopted.get(vcluster.adopted_key)
    derived = _derived(vcluster, config) if now and not entry else _untaken(vcluster, config)
    plan, pool = _plan(spec, config), _pool(spec.nodePool, config)
    runs_on = (now and now.provider_config) or placement.provider_config(observed)
    host = placement.place(spec, vcluster.uid, config, runs_on)
    return ResolvedSpec(
        names=derived,
        uid=vcluster.uid,
        retries=vcluster.retries,
        generation=vcluster.generation,
        plan=plan,
        availability=spec.availability,
        storage=_storage(spec.storage, plan),
        chart=_chart(spec.upgrade, config.vcluster.chart, now),
        kubernetes=_kubernetes(spec.kubernetesVersion, config.vcluster.kubernetes, now),
        quota=plan.quota.under(spec.quota),
        exposure=_exposure(spec.expose, derived, config, host),
        pod_security=spec.isolation.podSecurity or config.tenant.podSecurity[0],
        network_policy=spec.isolation.networkPolicy,
        egress=tuple(spec.isolation.egress),
        sync=spec.sync.with_defaults(config.tenant.sync),
        pool=pool,
        host=host,
        readers=tuple(spec.kubeconfigReaders),
        rancher=_rancher(spec, derived, config, imported=observed.rancher is not None),
        leaves_rancher=spec.rancher.enabled is False,
        deletion_protection=spec.deletionProtection,
        retain=spec.storage.onDelete == "Retain",
        restore_from=spec.storage.restoreFrom,
        values=spec.values,
        starts_quickly=now is None or now.starts_quickly,
        record=record.encode(spec, plan, pool, vcluster.retries),
        backup=backup.resolve(vcluster, config.backup, derived, observed.backup),
        access=access.resolve(spec.access, config.access, derived, vcluster.uid, observed.access),
        certificate=access.certificate(spec.access, config.access),
        frozen=entry.values if entry else None,
    )


def _derived(vcluster: Composite, config: platform.Input) -> Names:
    entry = config.adopted.get(vcluster.adopted_key)
    adopts = (entry.namespace, entry.release) if entry else None
    return names.derive(vcluster.name, vcluster.namespace, config.platformNamespace, adopts)


def _untaken(vcluster: Composite, config: platform.Input) -> Names:
    """Return the names, unless the platform or an adopted cluster has that namespace."""
    derived = _derived(vcluster, config)
    adopted = (each.namespace for each in config.adopted.values())
    names.refuse(derived, (*config.hostNamespace.reserved, *adopted))
    return derived


def _storage(spec: xr.SpecStorage, plan: platform.Plan) -> Storage:
    return Storage(
        size=spec.size or plan.storage.size,
        storage_class=spec.storageClassName or plan.storage.storageClassName,
    )


def _exposure(spec: xr.Expose, own: Names, config: platform.Input, host: Host) -> Exposure:
    if spec.type == "ClusterIP":
        return INTERNAL
    if spec.type == "NodePort":
        offer = config.hosts[host.name].nodePorts
        return Exposure("NodePort", offer.address if offer else "", spec.port or 0)
    return Exposure(spec.type, spec.hostname or f"{own.namespace}.{config.expose.domain}")


def _chart(upgrade: xr.Upgrade, offer: platform.VClusterChart, now: Current | None) -> str:
    """Return the chart version of the requested spec."""
    if upgrade.policy == "Automatic":
        return offer.versions[-1]
    return upgrade.chartVersion or (now.chart if now else offer.versions[-1])


def _kubernetes(version: str | None, offer: platform.Kubernetes, now: Current | None) -> str:
    """Return the Kubernetes version; a minor or the default stays at the running patch."""
    if now and now.kubernetes and version in (None, now.kubernetes, versions.minor(now.kubernetes)):
        return now.kubernetes
    if version is None:
        return offer.default
    patch = versions.newest_patch(offer.versions, version)
    if patch is None:
        raise InvalidError(
            Problem(
                "spec.kubernetesVersion",
                "is not offered by the platform",
                f"Choose one of: {', '.join(offer.versions)}.",
            )
        )
    return patch


def _plan(spec: xr.Spec, config: platform.Input) -> platform.Plan:
    return _lookup(config.plans, spec.plan or config.defaultPlan, "spec.plan", "plan")


def _pool(name: str | None, config: platform.Input) -> platform.NodePool:
    if name is None:
        return ANY_POOL
    return _lookup(config.nodePools, name, "spec.nodePool", "node pool")


def _rancher(
    spec: xr.Spec, derived: Names, config: platform.Input, *, imported: bool
) -> RancherImport | None:
    """Return the import, or None; only the spec itself ends an existing one."""
    request, offer = spec.rancher, config.rancher
    if request.enabled is False:
        return None
    if offer is None:
        _refuse_rancher_without_platform(request, imported=imported)
        return None
    if not (request.enabled or offer.enabled or imported):
        return None
    project = "" if request.project is None else _project(request.project, derived, offer)
    return RancherImport(
        cluster_name=request.clusterName or derived.namespace,
        project=project,
        owners=(*offer.owners, *request.owners),
        labels={
            **request.labels,
            **offer.labels,
            LABEL_TENANT: derived.tenant_namespace or derived.namespace,
            LABEL_PLAN: spec.plan or config.defaultPlan,
        },
    )


def _project(name: str, derived: Names, config: platform.RancherPlatform) -> str:
    if derived.tenant_namespace:
        return tenancy.project(name, derived.tenant_namespace, config)
    return _lookup(config.projects, name, "spec.rancher.project", "Rancher project")


def _refuse_rancher_without_platform(spec: xr.RancherSpec, *, imported: bool) -> None:
    if imported:
        raise InvalidError(
            Problem(
                "input.rancher",
                "is missing while this VCluster is imported into Rancher",
                "Put it back, or set spec.rancher.enabled to false to take the cluster out.",
            ),
            reason="InvalidInput",
        )
    if spec.enabled or spec.project or spec.owners or spec.clusterName or spec.labels:
        raise InvalidError(
            Problem("spec.rancher", "needs a Rancher, and this platform has none", "Leave it out.")
        )


def _lookup(offer: Mapping[str, T], name: str, field: str, what: str) -> T:
    if name not in offer:
        known = ", ".join(sorted(offer)) or "none"
        raise InvalidError(Problem(field, f"is not a {what} of the platform", f"Known: {known}."))
    return offer[name]
