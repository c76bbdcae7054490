"""Adoption: bring a virtual cluster that was installed by hand under a VCluster, without a restart.

Only the Input may claim one, so that no spec takes a cluster of another tenant. While its entry has
values the cluster is *frozen*: the Release requests exactly the installed values, and provider-helm
changes nothing. Without them it is a VCluster like any other.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from function.api import decided_values
from function.api.errors import Problem, Refusal
from function.api.fields import Availability
from function.api.input import Adopted, Input
from function.api.validate import Composite
from function.api.written_values import IMMUTABLE
from function.api.xr import Spec
from function.decision import immutable_fields
from function.decision.resolve import ResolvedSpec
from function.k8s.fieldpath import get, leaves
from function.k8s.helm_values import Values, merge
from function.observed import current, exposure, stamp
from function.observed.current import Current
from function.observed.state import Observed
from function.observed.vcluster import HA_REPLICAS

WAITS = "an adopted cluster stays as it was installed until its values leave the Input"

MESSAGE = (
    "Adopted as it was installed. Quota, network policies, kubeconfig readers and the import into "
    "Rancher are as asked for; what else the spec asks for waits until the platform removes the "
    "installed values from its Input."
)

CHART_DEFAULTS: Mapping[str, object] = {
    "controlPlane": {
        "statefulSet": {
            "resources": {
                "requests": {"cpu": "200m", "memory": "256Mi"},
                "limits": {"memory": "4Gi"},
            },
            "persistence": {"volumeClaim": {"size": "5Gi"}},
        },
        "backingStore": {
            "etcd": {"deploy": {"statefulSet": {"persistence": {"volumeClaim": {"size": "5Gi"}}}}}
        },
    }
}
"""Defaults of charts 0.31 to 0.36 that count against the quota."""

STORE = "is a backing store that a VCluster cannot have: without the values it would start empty"
VOLUME = "is fixed in the installed StatefulSet, and a VCluster would ask for another one"
FIXED = "cannot be changed in a running virtual cluster, and a VCluster has it otherwise"
NOT_ADOPTED = "Leave this cluster to Helm, or move what is in it into a new VCluster."


_RULES = {
    decided_values.STORE: STORE,
    decided_values.VOLUME: VOLUME,
    decided_values.FIXED: FIXED,
    decided_values.OWNER: FIXED,
}
"""Rule for each kind of immutable value that differs from that of a VCluster."""


def entry(requested: Composite, config: Input) -> Adopted | None:
    """Return the Input's entry of a VCluster that adopts a cluster, or None."""
    return config.adopted.get(requested.adopted_key)


def installed(claim: Adopted, observed: Observed) -> Current | None:
    """Return the current state by the values of the entry, or None if it has none."""
    if claim.values is None:
        return None
    before = current.read(observed)
    return current.parse(
        claim.values,
        release=claim.release,
        chart=claim.chart,
        kubernetes=stamp.kubernetes_tag(observed.vcluster.details) if observed.vcluster else "",
        provider_config=before.provider_config if before else "",
        cluster_name=before.cluster_name if before else None,
    )


def problems(requested: Composite, config: Input, observed: Observed) -> tuple[Problem, ...]:
    """Return why a cluster cannot be adopted, or not be thawed yet."""
    claim = entry(requested, config)
    if claim is None:
        return ()
    key = requested.adopted_key
    if claim.values is None:
        return tuple(_unknown(key, observed))
    if observed.vcluster is not None:
        return tuple(unfit(key, claim.values))
    return (*unfit(key, claim.values), *availability(requested.spec.availability, claim.values))


def unfit(key: str, values: Mapping[str, object]) -> Iterator[Problem]:
    """Yield the problems that prevent the adoption of a cluster with these values."""
    where = f"input.adopted.{key}.values"
    for row in IMMUTABLE:
        if row.is_always_default and row.effective(values) != row.default:
            yield Problem(f"{where}.{row.path}", _RULES[row.why], NOT_ADOPTED)
    yield from _sizes(where, values)
    if get(values, "exportKubeConfig", "insecure") is True:
        yield Problem(
            f"{where}.exportKubeConfig.insecure",
            "takes the CA out of the kubeconfig, without which no client can verify the API server",
            "Install without it first: helm upgrade.",
        )
    for path in (".".join(path) for path, value in leaves(values) if value is None):
        yield Problem(
            f"{where}.{path}",
            "is null, which the control plane's API does not keep, so that Helm would upgrade",
            "Install with the value that it stands for first: helm upgrade.",
        )


def availability(choice: Availability, values: Mapping[str, object]) -> Iterator[Problem]:
    """Yield the problem of a spec with another availability than the installed one."""
    has = _availability(values)
    if choice != has:
        yield Problem(
            "spec.availability",
            f"must be {has}, as the adopted virtual cluster was installed",
            f"Write {has}: another backing store would start an empty cluster.",
        )


def keep(
    requested: ResolvedSpec, now: Current, spec: Spec, config: Input
) -> tuple[ResolvedSpec, tuple[Refusal, ...]]:
    """Return the effective spec of a frozen cluster, and the refusals."""
    candidate = replace(
        requested, chart=now.chart, kubernetes=now.kubernetes, exposure=now.exposure
    )
    effective, refusals = immutable_fields.keep(candidate, now, spec, config)
    has_service = keeps_service(requested.frozen or {})
    return replace(effective, retain=requested.retain and has_service), (
        *refusals,
        *_waiting(requested, now, spec, has_service=has_service),
    )


def with_defaults(values: Mapping[str, object]) -> Values:
    """Return values with the chart's defaults that count against the quota."""
    return merge(CHART_DEFAULTS, values)


def _waiting(
    requested: ResolvedSpec, now: Current, spec: Spec, *, has_service: bool
) -> Iterator[Refusal]:
    version = spec.kubernetesVersion
    if version and now.kubernetes and not f"{now.kubernetes}.".startswith(f"{version}."):
        yield Refusal("spec.kubernetesVersion", now.kubernetes, version, WAITS)
    if requested.exposure != now.exposure:
        yield _exposure_waits(now.exposure, requested.exposure)
    if requested.retain and not has_service:
        yield Refusal("spec.storage.onDelete", "Delete", "Retain", WAITS)
    if spec.power == "Sleeping":
        yield Refusal("spec.power", "Running", spec.power, WAITS)


def _exposure_waits(current: exposure.Exposure, target: exposure.Exposure) -> Refusal:
    if current.type != target.type:
        return Refusal("spec.expose.type", current.type, target.type, WAITS)
    if current.port != target.port:
        return Refusal("spec.expose.port", str(current.port), str(target.port), WAITS)
    return Refusal("spec.expose.hostname", current.hostname, target.hostname, WAITS)


def keeps_service(values: Mapping[str, object]) -> bool:
    """Return whether Helm keeps the Service: without it the tenant's volumes are deleted."""
    annotations = get(values, "controlPlane", "service", "annotations")
    return get(annotations, "helm.sh/resource-policy") == "keep"


def _availability(values: Mapping[str, object]) -> Availability:
    deploys = get(values, "controlPlane", "backingStore", "etcd", "deploy", "enabled") is True
    return "HA" if deploys else "Single"


def _sizes(where: str, values: Mapping[str, object]) -> Iterator[Problem]:
    """Yield the problems of replicas and volumes that fit neither Single nor HA of a VCluster."""
    workload = get(values, "controlPlane", "statefulSet")
    replicas = get(workload, "highAvailability", "replicas") or 1
    has_volume = get(workload, "persistence", "volumeClaim", "enabled")
    path = f"{where}.controlPlane"
    claim = f"{path}.statefulSet.persistence.volumeClaim.enabled"
    if _availability(values) == "Single":
        if replicas != 1:
            rule = "must be 1 with the embedded database"
            yield Problem(f"{path}.statefulSet.highAvailability.replicas", rule, NOT_ADOPTED)
        if has_volume not in (None, True, "true", "auto"):
            yield Problem(claim, "leaves the cluster without a volume, so it has no data to keep",
                          NOT_ADOPTED)  # fmt: skip
        return
    if has_volume in (True, "true"):
        yield Problem(claim, VOLUME, NOT_ADOPTED)
    members = get(
        *(values, "controlPlane", "backingStore", "etcd", "deploy", "statefulSet"),
        *("highAvailability", "replicas"),
    )
    for name, count in (("backingStore.etcd.deploy.", members or 1), ("", replicas)):
        if count != HA_REPLICAS:
            rule = f"must be {HA_REPLICAS}, as a VCluster with etcd has it"
            field = f"{path}.{name}statefulSet.highAvailability.replicas"
            yield Problem(field, rule, NOT_ADOPTED)
    if get(values, "controlPlane", "advanced", "podDisruptionBudget", "enabled") is not True:
        yield Problem(
            f"{path}.advanced.podDisruptionBudget.enabled",
            "must be true, because health is read from it",
            "Install with it first: helm upgrade. That restarts the control plane, one by one.",
        )


def _unknown(key: str, observed: Observed) -> Iterator[Problem]:
    """Yield the problem of an entry without values before the Kubernetes version is known."""
    now = current.read(observed)
    if now is None or not now.kubernetes:
        yield Problem(
            f"input.adopted.{key}.values",
            "is required until the VCluster has been READY with it",
            "Put the installed values there, or wait until it is READY before you remove them.",
        )
