"""The ResourceQuota of a namespace: what the customer may use, plus the platform's own share.

The virtual cluster's own pods run in the customer's namespace and count against its quota. The
table of allowances is what keeps a quota of 10 pods worth 10 pods.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from function import quantity
from function.models.fields import Quota
from function.plain import at, mapping

DEFAULT_LIMITS = {"cpu": "1", "memory": "512Mi"}
DEFAULT_REQUESTS = {"cpu": "50m", "memory": "64Mi"}
"""What the LimitRange gives a container that names no limits or requests."""

NODE_PORTS_PER_LOAD_BALANCER = 4
"""A LoadBalancer takes a node port for each of its ports; an ingress controller has two to four."""


@dataclass(frozen=True)
class Allowance:
    """What one pod of a component of the platform uses, and how many there are."""

    component: str
    pods: int
    requests: Mapping[str, str]
    limits: Mapping[str, str]
    surge: int = 0
    """Further pods while a Deployment is rolled out."""
    services: int = 0
    storage: str = "0"
    """Size of the volume of each pod."""
    load_balancers: int = 0
    """Services of type LoadBalancer, with a node port each."""


CONTROL_PLANE = Allowance("control plane", pods=1, requests={}, limits={}, services=2)
"""Its resources and volume are those of the chart's values; Services: `<release>`, `-headless`."""

CONTROL_PLANE_HA = replace(CONTROL_PLANE, pods=3, surge=1, services=1)

ETCD_REQUESTS = {"cpu": "20m", "memory": "150Mi"}
ETCD_LIMITS = {"cpu": "1", "memory": "1Gi"}
ETCD = Allowance("etcd", pods=3, requests=ETCD_REQUESTS, limits=ETCD_LIMITS, services=2)

COREDNS = Allowance(
    "CoreDNS",
    pods=1,
    surge=1,
    requests={"cpu": "20m", "memory": "64Mi"},
    limits={"cpu": "1", "memory": "170Mi"},
    services=1,
)
"""The chart's resources of CoreDNS, which runs in the tenant and is synced to the host."""

COREDNS_HA = replace(COREDNS, pods=2)

RANCHER_AGENTS = Allowance(
    "Rancher's agents",
    pods=3,
    surge=3,
    requests=DEFAULT_REQUESTS,
    limits=DEFAULT_LIMITS,
    services=3,
)
"""cattle-cluster-agent, fleet-agent and rancher-webhook; Rancher's installer pods come and go."""


def hard(
    quota: Quota, values: Mapping[str, object], *, highly_available: bool, in_rancher: bool
) -> dict[str, str]:
    """Return the `hard` map of the ResourceQuota, every quantity a string.

    `values` are the values of the vcluster chart, which say what the control plane takes.
    A field that the quota leaves out is not limited.
    """
    rows = allowances(values, highly_available=highly_available, in_rancher=in_rancher)
    result: dict[str, str] = {}
    if quota.cpu is not None:
        for kind in ("requests", "limits"):
            total = quantity.parse(quota.cpu) + _sum(rows, kind, "cpu")
            result[f"{kind}.cpu"] = quantity.cores(total)
    if quota.memory is not None:
        for kind in ("requests", "limits"):
            total = quantity.parse(quota.memory) + _sum(rows, kind, "memory")
            result[f"{kind}.memory"] = quantity.size(total)
    if quota.storage is not None:
        volumes = sum((row.pods * quantity.parse(row.storage) for row in rows), Decimal())
        result["requests.storage"] = quantity.size(quantity.parse(quota.storage) + volumes)
    if quota.pods is not None:
        result["pods"] = str(quota.pods + sum(row.pods + row.surge for row in rows))
    if quota.services is not None:
        result["services"] = str(quota.services + sum(row.services for row in rows))
    if quota.loadBalancers is not None:
        own = sum(row.load_balancers for row in rows)
        ports = quota.loadBalancers * NODE_PORTS_PER_LOAD_BALANCER + own
        result["services.loadbalancers"] = str(quota.loadBalancers + own)
        result["services.nodeports"] = str(ports)
    return result


def allowances(
    values: Mapping[str, object], *, highly_available: bool, in_rancher: bool
) -> tuple[Allowance, ...]:
    """Return what the platform itself needs in the namespace, a row per component."""
    workload = at(values, "controlPlane", "statefulSet")
    etcd = at(values, "controlPlane", "backingStore", "etcd", "deploy", "statefulSet")
    service_type = at(values, "controlPlane", "service", "spec", "type")
    control_plane = replace(
        CONTROL_PLANE_HA if highly_available else CONTROL_PLANE,
        requests=_pod(workload, "requests"),
        limits=_pod(workload, "limits"),
        storage="0" if highly_available else _volume(workload),
        load_balancers=int(service_type == "LoadBalancer"),
    )
    rows = [control_plane, _coredns(values, COREDNS_HA if highly_available else COREDNS)]
    if highly_available:
        rows.append(replace(_given(ETCD, etcd), storage=_volume(etcd)))
    if in_rancher:
        rows.append(RANCHER_AGENTS)
    return tuple(rows)


def _coredns(values: Mapping[str, object], row: Allowance) -> Allowance:
    """Return the row with the replicas and resources of the chart's values.

    A Deployment surges by a quarter of its replicas, rounded up.
    """
    deployment = at(values, "controlPlane", "coredns", "deployment")
    replicas = at(deployment, "replicas")
    pods = replicas if isinstance(replicas, int) else row.pods
    return replace(_given(row, deployment), pods=pods, surge=math.ceil(pods / 4))


def _given(row: Allowance, workload: object) -> Allowance:
    """Return the row with the resources that a workload is given."""
    return replace(
        row,
        requests={**row.requests, **_texts(at(workload, "resources", "requests"))},
        limits={**row.limits, **_texts(at(workload, "resources", "limits"))},
    )


def _pod(workload: object, kind: str) -> dict[str, str]:
    """Return what a pod of the control plane takes: the sum, or its largest init container.

    https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#resource-sharing-within-containers
    """
    first = _listed(workload, "initContainers")
    restarted = [each for each in first if at(each, "restartPolicy") == "Always"]
    beside = [*_listed(workload, "sidecarContainers"), *restarted]
    taken = {}
    for resource, text in (("cpu", quantity.cores), ("memory", quantity.size)):
        total = sum((_container(each, kind, resource) for each in (workload, *beside)), Decimal())
        largest = max((_container(each, kind, resource) for each in first), default=Decimal())
        taken[resource] = text(max(total, largest))
    return taken


def _container(container: object, kind: str, resource: str) -> Decimal:
    """Return what a container takes; the API server takes a limit for a missing request."""
    limit = at(container, "resources", "limits", resource)
    if kind == "limits":
        return quantity.parse(str(DEFAULT_LIMITS[resource] if limit is None else limit))
    request = at(container, "resources", "requests", resource)
    default = DEFAULT_REQUESTS[resource] if limit is None else limit
    return quantity.parse(str(default if request is None else request))


def _listed(workload: object, key: str) -> list[object]:
    found = at(workload, key)
    return found if isinstance(found, list) else []


def _sum(rows: tuple[Allowance, ...], kind: str, resource: str) -> Decimal:
    total = Decimal()
    for row in rows:
        wanted = row.requests if kind == "requests" else row.limits
        fallback = DEFAULT_REQUESTS if kind == "requests" else DEFAULT_LIMITS
        each = quantity.parse(wanted.get(resource, fallback[resource]))
        total += (row.pods + row.surge) * each
    return total


def _texts(values: object) -> dict[str, str]:
    return {key: str(value) for key, value in mapping(values).items() if value is not None}


def _volume(workload: object) -> str:
    return str(at(workload, "persistence", "volumeClaim", "size") or "0")
