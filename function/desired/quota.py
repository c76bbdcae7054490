"""The ResourceQuota of a namespace: the tenant's quota plus the platform's own share.

The pods of the control plane run in the same namespace and count against the same quota. The
table of allowances adds them, so that a quota of 10 pods allows the tenant 10 pods.
"""

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

from function.api.chart_facts import CHART_VOLUME, COREDNS_LIMITS, COREDNS_REQUESTS
from function.api.fields import Quota
from function.api.input import ContainerResource, LimitRange, Resources
from function.k8s import quantity
from function.k8s.fieldpath import get, mapping

COMPUTE: tuple[tuple[ContainerResource, str], ...] = (
    ("cpu", "cpu"),
    ("memory", "memory"),
    ("ephemeral-storage", "ephemeralStorage"),
)
"""Resources of containers, each with the quota's field."""

NODE_PORTS_PER_LOAD_BALANCER = 4
"""A LoadBalancer takes a node port for each of its ports; an ingress controller has two to four."""


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

OBJECTS: Mapping[str, int] = {
    "configmaps": 20,
    "secrets": 40,
    "serviceaccounts": 10,
    "endpointslices.discovery.k8s.io": 20,
    "ingresses.networking.k8s.io": 1,
    "leases.coordination.k8s.io": 5,
    "networkpolicies.networking.k8s.io": 10,
    "poddisruptionbudgets.policy": 3,
    "rolebindings.rbac.authorization.k8s.io": 10,
    "roles.rbac.authorization.k8s.io": 10,
    "tlsroutes.gateway.networking.k8s.io": 1,
}
"""Upper bounds of the platform's objects in a namespace, including the history of Helm releases and
the tokens of its pods. It has no objects of other kinds that `count/...` of a quota may name."""


def limit_range(quota: Quota, limits: LimitRange) -> LimitRange:
    """Return the LimitRange of a namespace, for the resources of the quota and of `max`.

    If `default` has no entry Kubernetes uses that of `max`.
    """
    needed = {name for name, limited_by in COMPUTE if getattr(quota, limited_by) is not None}
    resources = needed | limits.max.keys()
    default = {**limits.max, **limits.default}
    counting = {
        "default": {k: v for k, v in default.items() if k in resources},
        "defaultRequest": {k: v for k, v in limits.defaultRequest.items() if k in resources},
    }
    return limits.model_copy(update=counting)


def hard(quota: Quota, rows: Sequence[Allowance], limits: LimitRange) -> dict[str, str]:
    """Return the `hard` map of the ResourceQuota, every quantity a string.

    A field absent from the quota is not limited. Limits of a resource are counted only if each
    container has one, because Kubernetes refuses containers without.
    """
    return {
        **_compute(quota, rows, limits),
        **_storage(quota, rows),
        **_numbers(quota, rows),
        **{name: _other(name, amount, rows) for name, amount in quota.other.items()},
    }


def allowances(
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
    control_plane = base._replace(
        **_of_containers(base, workload, limits),
        **({} if highly_available else _volume(workload)),
        **_service(values),
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
        beside_each_other = sum((each[name] for each in together), Decimal())
        taken[name] = _text(name, max([beside_each_other, *(each[name] for each in alone)]))
    return taken


def _container(container: object, kind: str, limits: LimitRange) -> dict[str, Decimal]:
    """Return the resources of a container; the API server uses a limit as missing request."""
    resources = mapping(get(container, "resources"))
    layers: list[Mapping[Any, str]] = [limits.default, _texts(mapping(resources.get("limits")))]
    if kind == "requests":
        layers.insert(1, limits.defaultRequest)
        layers.append(_texts(mapping(resources.get("requests"))))
    taken: dict[str, str] = {}
    for layer in layers:
        taken.update(layer)
    return {name: quantity.parse(taken.get(name, "0")) for name, _ in COMPUTE}


def _text(name: str, amount: Decimal) -> str:
    return quantity.cores(amount) if name == "cpu" else quantity.size(amount)


def _listed(workload: object, key: str) -> list[object]:
    entries = get(workload, key)
    return entries if isinstance(entries, list) else []


def _compute(quota: Quota, rows: Sequence[Allowance], limits: LimitRange) -> dict[str, str]:
    result = {}
    for name, limited_by in COMPUTE:
        amount = getattr(quota, limited_by)
        if amount is None:
            continue
        tenant = quantity.parse(amount)
        default = limits.default.get(name)
        request = limits.defaultRequest.get(name, default or "0")
        own = _sum(rows, [_request(row, name, request) for row in rows])
        result[f"requests.{name}"] = _text(name, tenant + own)
        if default is not None:
            own = _sum(rows, [row.limits.get(name, default) for row in rows])
            result[f"limits.{name}"] = _text(name, tenant + own)
    return result


def _request(row: Allowance, name: str, default: str) -> str:
    """Return the request of a pod: Kubernetes uses its limit if it names no request."""
    return row.requests.get(name) or row.limits.get(name) or default


def _sum(rows: Sequence[Allowance], amounts: Sequence[str]) -> Decimal:
    """Return the sum over all pods of the components, each with the amount of its row."""
    each = zip(rows, amounts, strict=True)
    return sum(((row.pods + row.surge) * quantity.parse(one) for row, one in each), Decimal())


def _storage(quota: Quota, rows: Sequence[Allowance]) -> dict[str, str]:
    result = {}
    if quota.storage is not None:
        result["requests.storage"] = quantity.size(quantity.parse(quota.storage) + _volumes(rows))
    if quota.volumeClaims is not None:
        result["persistentvolumeclaims"] = str(quota.volumeClaims + _claims(rows))
    return result


def _volumes(rows: Sequence[Allowance]) -> Decimal:
    sizes = (row.pods * row.claims * quantity.parse(row.storage) for row in rows)
    return sum(sizes, Decimal())


def _claims(rows: Sequence[Allowance]) -> int:
    return sum(row.pods * row.claims for row in rows)


def _numbers(quota: Quota, rows: Sequence[Allowance]) -> dict[str, str]:
    result = {}
    own = sum(row.load_balancers for row in rows)
    if quota.pods is not None:
        result["pods"] = str(quota.pods + sum(row.pods + row.surge for row in rows))
    if quota.services is not None:
        result["services"] = str(quota.services + sum(row.services for row in rows))
    if quota.loadBalancers is not None:
        result["services.loadbalancers"] = str(quota.loadBalancers + own)
    if quota.loadBalancers is not None or quota.nodePorts is not None:
        ports = (quota.loadBalancers or 0) * NODE_PORTS_PER_LOAD_BALANCER
        own_ports = sum(row.node_ports for row in rows)
        result["services.nodeports"] = str(ports + (quota.nodePorts or 0) + own_ports)
    return result


def _other(name: str, amount: str, rows: Sequence[Allowance]) -> str:
    """Return the amount of a resource without a field of its own, plus the platform's share."""
    if name.startswith("count/"):
        own = Decimal(OBJECTS.get(name.removeprefix("count/"), 0))
        return quantity.size(quantity.parse(amount) + own) if own else amount
    storage_class, separator, resource = name.partition(".storageclass.storage.k8s.io/")
    if not separator:
        return amount
    of_class = [row for row in rows if row.storage_class in ("", storage_class)]
    own = _volumes(of_class) if resource == "requests.storage" else Decimal(_claims(of_class))
    return quantity.size(quantity.parse(amount) + own) if own else amount


def _service(values: Mapping[str, object]) -> dict[str, Any]:
    """Return the load balancers and node ports of the control plane's Service.

    The chart adds a port for the kubelets to HTTPS, except for a load balancer.
    """
    typ = get(values, "controlPlane", "service", "spec", "type")
    if typ == "LoadBalancer":
        return {"load_balancers": 1, "node_ports": 1}
    if typ == "NodePort":
        kubelets = get(values, "networking", "advanced", "proxyKubelets", "byHostname")
        return {"node_ports": 1 if kubelets is False else 2}
    return {}


def _volume(workload: object) -> dict[str, Any]:
    claim = get(workload, "persistence", "volumeClaim")
    return {
        "storage": str(get(claim, "size") or CHART_VOLUME),
        "storage_class": str(get(claim, "storageClass") or ""),
    }


def _texts(values: Mapping[Any, object]) -> dict[str, str]:
    return {key: str(value) for key, value in values.items() if value is not None}
