"""The Release of the namespace on the host: quota, limits, network policies and access rights.

It is separate so that it works on a remote host and is deleted last, and so that a changed quota
does not restart the control plane.
"""

from collections.abc import Mapping
from typing import Any

from function.api.input import Input, OwnChart, Subject
from function.api.network import PodDestination
from function.decision import deletion, exposure
from function.decision.access import ResolvedAccess
from function.decision.decision import Decision
from function.decision.quota import NamespaceQuota
from function.decision.resolve import ResolvedSpec
from function.desired import authentication
from function.desired.release import Chart, build_release
from function.k8s import image_reference
from function.k8s.fieldpath import get, mapping, text
from function.observed import namespace, record
from function.observed.state import Observed

CHART: OwnChart = "vcluster-namespace"

HOST_LEVEL = "baseline"
"""Pod security level of the namespace. The control plane's pod needs root, which `restricted`
rejects; the admission of the virtual cluster enforces that level."""

METRICS = ("integrations", "metricsServer", "enabled")
"""The chart's value that makes the control plane serve the host's metrics."""


def desired(decision: Decision, observed: Observed, *, is_earned: bool) -> dict[str, Any]:
    """Return the Release of the namespace.

    `is_earned`: the namespace was ready before, so Helm removes it with the VCluster.
    """
    spec, config = decision.effective, decision.platform
    names = spec.names
    is_takeover = deletion.is_takeover(spec) and not is_earned
    values = _values(spec, config, decision.values, decision.quota, decision.power.nap)
    policy = {**_port_of_before(decision, observed), **values["networkPolicy"]}
    return build_release(
        name=names.namespace_release,
        namespace=names.home,
        target_namespace=names.platform_namespace,
        provider_config=spec.host.provider_config,
        chart=own_chart(CHART, config),
        values={
            **values,
            "networkPolicy": policy,
            "owner": _owner(spec, observed),
            **({"takeover": True} if is_takeover else {}),
        },
        rollback_limit=deletion.rollback_limit(observed.namespace, is_proven=is_earned),
        annotations={record.ANNOTATION: spec.record} if spec.record else {},
    )


def _port_of_before(decision: Decision, observed: Observed) -> dict[str, object]:
    """Return the port of the backups as it is open, while one is restored to its end."""
    port = namespace.backup_port(observed.namespace)
    return {"backupPort": port} if port and decision.restore.awaited else {}


def own_chart(name: OwnChart, config: Input) -> Chart:
    """Return one of this project's charts, from the repository that the Input names."""
    charts = config.charts
    return Chart(
        repository=charts.repository,
        name=name,
        version=charts.version,
        digest=charts.digests.get(name),
        pull_secret=charts.pullSecret,
    )


def program_image(config: Input) -> dict[str, Any]:
    """Return the image of this project's programs on the host, as values of its charts."""
    return {
        "image": image_reference.mirror(config.image, config.registries),
        "imagePullSecrets": [config.pullSecret] if config.pullSecret else [],
    }


def _values(
    spec: ResolvedSpec,
    config: Input,
    vcluster_values: Mapping[str, object],
    quota: NamespaceQuota,
    nap: str,
) -> dict[str, Any]:
    names, limits = spec.names, quota.limits
    return {
        "name": names.namespace,
        "release": names.release,
        "labels": config.hostNamespace.labels,
        "annotations": config.hostNamespace.annotations,
        "podSecurity": HOST_LEVEL,
        "rancherProject": spec.rancher.project if spec.rancher else "",
        "quota": quota.hard,
        "limitRange": {
            "enabled": any((limits.default, limits.defaultRequest, limits.max)),
            "default": limits.default,
            "defaultRequest": limits.defaultRequest,
            "max": limits.max,
        },
        "highAvailability": spec.highly_available,
        "networkPolicy": _network_policy(spec, config, vcluster_values),
        "synced": {
            "deniedAnnotations": ",".join(config.tenant.deniedAnnotations),
            "nodeLabels": _node_labels(vcluster_values),
            "storageClassNames": ",".join(config.tenant.storage.volumeClassNames),
        },
        "kubeconfig": {
            "secret": exposure.readable_secret(spec),
            "readers": [{"kind": r.kind, "name": r.name} for r in spec.readers],
        },
        "operators": [_subject(operator) for operator in config.hostNamespace.operators],
        "pullSecret": config.pullSecret or "",
        **_authentication(spec),
        **namespace_values(spec, config, nap),
    }


def _authentication(spec: ResolvedSpec) -> dict[str, Any]:
    if not spec.has_issuer_file:
        return {}
    return {"authentication": {"config": authentication.render(spec.access, spec.kubernetes)}}


def _owner(spec: ResolvedSpec, observed: Observed) -> dict[str, str]:
    """Return the owner of the namespace. The control plane stays that of the creation."""
    before = observed.namespace.values if observed.namespace else {}
    control_plane = text(get(before, "owner", "controlPlane")) or observed.control_plane
    return {
        "name": spec.names.namespace,
        "uid": spec.uid,
        **({"controlPlane": control_plane} if control_plane else {}),
    }


def _network_policy(
    spec: ResolvedSpec, config: Input, vcluster_values: Mapping[str, object]
) -> dict[str, Any]:
    rancher = config.rancher if spec.rancher else None
    host = config.hosts[spec.host.name]
    has_metrics = get(vcluster_values, *METRICS) is True
    pods = [*host.egressTo, *(rancher.egressTo if rancher else ())]
    return {
        "enabled": spec.network_policy,
        "hostCidrs": list(spec.host.cidrs),
        "egress": [*spec.egress, *(rancher.egress if rancher else ())],
        "egressTo": [each.model_dump(exclude_defaults=True) | _ports(each) for each in pods],
        "dns": host.dns.model_dump(),
        "apiPorts": host.apiPorts,
        "metrics": host.metrics.model_dump() if has_metrics else {},
        "ingressFrom": config.expose.ingressFrom if _is_reachable(spec) else [],
        **({"backupPort": spec.backup.s3.port} if spec.backup else {}),
        **_issuers(spec.access),
    }


def _issuers(access: ResolvedAccess | None) -> dict[str, Any]:
    """Return addresses and ports of the issuers, each once."""
    endpoints = dict.fromkeys(each.issuer.endpoint for each in access.issuers) if access else {}
    issuers = [{"cidrs": [*each.cidrs], "port": each.port} for each in endpoints]
    return {"issuers": issuers} if issuers else {}


def _ports(destination: PodDestination) -> dict[str, Any]:
    return {"ports": [port.model_dump() for port in destination.ports]}


def _node_labels(vcluster_values: Mapping[str, object]) -> str:
    """Return the labels that the syncer adds to the selector of every pod."""
    labels = get(vcluster_values, "sync", "fromHost", "nodes", "selector", "labels")
    return ",".join(f"{key}={value}" for key, value in sorted(mapping(labels).items()))


def _is_reachable(spec: ResolvedSpec) -> bool:
    """Return whether the tenant's pods may be reached from outside the host."""
    return spec.sync["ingresses"] or spec.quota.loadBalancers != 0


def _subject(subject: Subject) -> dict[str, Any]:
    return subject.model_dump(exclude_none=True)


def namespace_values(spec: ResolvedSpec, config: Input, nap: str = "") -> dict[str, Any]:
    """Return the chart values of retain and restore, and of sleep."""
    values: dict[str, Any] = {}
    if spec.retain:
        values["onDelete"] = "Retain"
    if nap:
        values["nap"] = nap
    if spec.retain or nap:
        values.update(program_image(config))
    if spec.restore_from:
        values["restoreFrom"] = spec.restore_from
    return values
