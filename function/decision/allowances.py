"""The platform's own share of a namespace's quota: a row for each component."""

import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

from function.api.chart_facts import CHART_VOLUME, COREDNS_LIMITS, COREDNS_REQUESTS
from function.api.input import ContainerResource, LimitRange, Resources
from function.decision import exposure
from function.k8s import quantity
from function.k8s.fieldpath import Parts, get, mapping

_VOLUME: Parts = {"volumeClaim": {"size": None, "storageClass": None}}
VALUES: Parts = {
    "controlPlane": {
        "statefulSet": {
            "resources": None,
            "sidecarContainers": None,
            "initContainers": None,
            "persistence": _VOLUME,
        },
        "backingStore": {
            "etcd": {"deploy": {"statefulSet": {"resources": None, "persistence": _VOLUME}}}
        },
        "coredns": {"deployment": {"replicas": None, "resources": None}},
        "service": {"spec": {"type": None}},
    },
    "networking": {"advanced": {"proxyKubelets": {"byHostname": None}}},
}
"""Chart values that `list_allowances` reads."""

COMPUTE: tuple[tuple[ContainerResource, str], ...] = (
    ("cpu", "cpu"),
    ("memory", "memory"),
    ("ephemeral-storage", "ephemeralStorage"),
)
"""Resources of containers, each with the quota's field."""


class Allowance(NamedTuple):
    """The number of pods of a component of the platform, and the resources of each."""

    component: str
    pods: int
    requests: Mapping[str, str]
    limits: Mapping[str, str]
    surge: int = 0
    """Further pods while a Deployment is rolled out."""
    services: int = 0
    claims: int = 0
    """Volume claims of each pod."""
    storage: str = "0"
    """Size of each claim."""
    storage_class: str = ""
    """StorageClass of each claim; empty for the host's default, whose name is unknown."""
    load_balancers: int = 0
    """Services of type LoadBalancer."""
    node_ports: int = 0
    """Ports of Services that also occupy a node port."""
    largest: Mapping[str, str] = MappingProxyType({})
    """Largest limits of one container, if they differ from those of the pod."""


CONTROL_PLANE = Allowance(
    "control plane",
    pods=1,
    requests={"ephemeral-storage": "1Gi"},
    limits={"ephemeral-storage": "10Gi"},
    services=2,
    claims=1,
)
"""Resources and volume come from the chart's values, storage on the node from the chart's defaults.
Services: `<release>`, `-headless`."""

CONTROL_PLANE_HA = CONTROL_PLANE._replace(pods=3, surge=1, services=1, claims=0)

ETCD_REQUESTS = {"cpu": "20m", "memory": "150Mi"}

ETCD_LIMITS = {"cpu": "1", "memory": "1Gi"}

ETCD = Allowance("etcd", pods=3, requests=ETCD_REQUESTS, limits=ETCD_LIMITS, services=2, claims=1)

COREDNS = Allowance(
    "CoreDNS",
    pods=1,
    surge=1,
    requests=COREDNS_REQUESTS,
    limits=COREDNS_LIMITS,
    services=1,
)

COREDNS_HA = COREDNS._replace(pods=2)

RANCHER_AGENT = Allowance("Rancher's agent", pods=1, surge=1, requests={}, limits={}, services=1)
"""cattle-cluster-agent; the Input names its resources."""

RANCHER_HELPERS = Allowance(
    "Rancher's helpers", pods=2, surge=2, requests={}, limits={}, services=2
)
"""fleet-agent and rancher-webhook; Rancher's installer pods come and go."""


def list_allowances(
    values: Mapping[str, object],
    limits: LimitRange,
    *,
    highly_available: bool,
    agent: Resources | None,
) -> tuple[Allowance, ...]:
    """Return the platform's own needs in the namespace, a row per component.

    `values` are those of the vcluster chart, with the resources of the control plane; `agent` are
    the resources of Rancher's agent, None if there is none.
    """
    workload = get(values, "controlPlane", "statefulSet")
    etcd = get(values, "controlPlane", "backingStore", "etcd", "deploy", "statefulSet")
    base = CONTROL_PLANE_HA if highly_available else CONTROL_PLANE
    load_balancers, node_ports = exposure.own_services(values)
    control_plane = base._replace(
        load_balancers=load_balancers,
        node_ports=node_ports,
        **_of_containers(base, workload, limits),
        **({} if highly_available else _volume(workload)),
    )
    rows = [control_plane, _coredns(values, COREDNS_HA if highly_available else COREDNS)]
    if highly_available:
        rows.append(ETCD._replace(**_resources(ETCD, etcd), **_volume(etcd)))
    if agent:
        own = RANCHER_AGENT._replace(requests=_texts(agent.requests), limits=_texts(agent.limits))
        rows.extend((own, RANCHER_HELPERS))
    return tuple(rows)


def too_large(rows: Sequence[Allowance], largest: Mapping[ContainerResource, str]) -> str | None:
    """Return the first component whose limits exceed the maximum of a container, or None."""
    for row in rows:
        for name, most in largest.items():
            own = (row.largest or row.limits).get(name)
            if own is not None and quantity.parse(own) > quantity.parse(most):
                return f"{row.component} ({name})"
    return None


def _coredns(values: Mapping[str, object], row: Allowance) -> Allowance:
    """Return the row with the replicas and resources of the chart's values.

    A Deployment surges by a quarter of its replicas, rounded up.
    """
    deployment = get(values, "controlPlane", "coredns", "deployment")
    replicas = get(deployment, "replicas")
    pods = replicas if isinstance(replicas, int) else row.pods
    return row._replace(**_resources(row, deployment), pods=pods, surge=math.ceil(pods / 4))


def _resources(row: Allowance, workload: object) -> dict[str, Any]:
    """Return a row's resources, overridden by those of a workload."""
    resources = mapping(get(workload, "resources"))
    return {
        "requests": {**row.requests, **_texts(mapping(resources.get("requests")))},
        "limits": {**row.limits, **_texts(mapping(resources.get("limits")))},
    }


def _of_containers(row: Allowance, workload: object, limits: LimitRange) -> dict[str, Any]:
    """Return the resources of a pod of the control plane, sidecar containers included."""
    own = {
        kind: {**amounts, **mapping(get(workload, "resources", kind))}
        for kind, amounts in (("requests", row.requests), ("limits", row.limits))
    }
    containers = [{"resources": own}, *_listed(workload, "sidecarContainers")]
    first = _listed(workload, "initContainers")
    taken: dict[str, object] = {
        kind: _pod(containers, first, kind, limits) for kind in ("requests", "limits")
    }
    if len(containers) == 1 and not first:
        return taken
    named = [get(each, "resources", "limits") for each in (*containers, *first)]
    largest = {
        name: max((str(get(each, name) or 0) for each in named), key=quantity.parse)
        for name, _ in COMPUTE
    }
    return {**taken, "largest": largest}


def _pod(
    containers: Sequence[object], first: Sequence[object], kind: str, limits: LimitRange
) -> dict[str, str]:
    """Return the resources of a pod: the sum of its containers, or its largest init container.

    https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#resource-sharing-within-containers
    """
    beside = [each for each in first if get(each, "restartPolicy") == "Always"]
    together = [_container(each, kind, limits) for each in (*containers, *beside)]
    alone = [_container(each, kind, limits) for each in first]
    taken: dict[str, str] = {}
    for name, _ in COMPUTE:
        most = sum([each[name] for each in together], Decimal())
        if alone:
            most = max(most, *[each[name] for each in alone])
        taken[name] = amount_text(name, most)
    return taken


def _container(container: object, kind: str, limits: LimitRange) -> dict[str, Decimal]:
    """Return the resources of a container; the API server uses a limit as missing request."""
    resources = mapping(get(container, "resources"))
    layers: tuple[Mapping[Any, object], ...] = (mapping(resources.get("limits")), limits.default)
    if kind == "requests":
        own = mapping(resources.get("requests"))
        layers = (own, layers[0], limits.defaultRequest, limits.default)
    return {name: quantity.parse(_first(name, layers)) for name, _ in COMPUTE}


def _first(name: str, layers: Iterable[Mapping[Any, object]]) -> str:
    """Return the amount in the first layer that has one."""
    for layer in layers:
        amount = layer.get(name)
        if amount is not None:
            return str(amount)
    return "0"


def amount_text(name: str, amount: Decimal) -> str:
    """Return an amount of a resource as Kubernetes writes it."""
    return quantity.cores(amount) if name == "cpu" else quantity.size(amount)


def _listed(workload: object, key: str) -> list[object]:
    entries = get(workload, key)
    return entries if isinstance(entries, list) else []


def _volume(workload: object) -> dict[str, Any]:
    claim = get(workload, "persistence", "volumeClaim")
    return {
        "storage": str(get(claim, "size") or CHART_VOLUME),
        "storage_class": str(get(claim, "storageClass") or ""),
    }


def _texts(values: Mapping[Any, object]) -> dict[str, str]:
    return {key: str(value) for key, value in values.items() if value is not None}
