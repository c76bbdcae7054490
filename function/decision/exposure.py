"""Exposure: ownership of hostnames, the tenant's endpoint and kubeconfig, the wait for quota."""

from collections.abc import Mapping

from function.api.chart_facts import OLDEST_GATEWAY_CHART
from function.api.fields import Quota
from function.api.input import Input
from function.api.names import Names
from function.decision.resolve import ResolvedSpec
from function.k8s import versions
from function.k8s.fieldpath import get
from function.k8s.helm_values import Values, nested, overlaid
from function.observed import namespace
from function.observed.exposure import Exposure
from function.observed.state import ObservedRelease

SERVICE_TYPE = ("controlPlane", "service", "spec", "type")

NO_KUBELETS: Values = {
    "networking": {"advanced": {"proxyKubelets": {"byHostname": False, "byIP": False}}}
}
"""Values of a Service without a port for the kubelets; the Input may set others."""

LOAD_BALANCERS, NODE_PORTS = "services.loadbalancers", "services.nodeports"
"""Names of the Services that are counted, in a ResourceQuota."""

NODE_PORTS_PER_LOAD_BALANCER = 4
"""A LoadBalancer takes a node port for each of its ports; an ingress controller has two to four."""


def endpoint(exposure: Exposure, own: Names) -> str:
    """Return the endpoint, as the tenant uses it."""
    return exposure.server if exposure.is_external else own.endpoint


def readable_secret(spec: ResolvedSpec) -> str:
    """Return the name of the Secret that `kubeconfigReaders` may read."""
    if spec.certificate == "Platform":
        return spec.names.login_secret
    return kubeconfig_secret(spec.exposure, spec.names)


def kubeconfig_secret(exposure: Exposure, own: Names) -> str:
    """Return the name of the Secret with the tenant's kubeconfig."""
    return own.external_secret if exposure.is_external else own.kubeconfig_secret


def belongs(hostname: str, namespace: str, domain: str) -> bool:
    """Return whether a hostname is `<namespace>.<domain>` of this VCluster, or below it."""
    own = f"{namespace}.{domain}"
    return hostname == own or hostname.endswith(f".{own}")


def is_possible(exposure: Exposure, chart: str) -> bool:
    """Return whether a chart version supports this exposure; True if it cannot be compared."""
    if exposure.type != "Gateway" or not versions.is_comparable(chart):
        return True
    return versions.order(chart)[:2] >= OLDEST_GATEWAY_CHART


def awaits_quota(
    spec: ResolvedSpec, now: Exposure, config: Input, observed: ObservedRelease | None
) -> bool:
    """Return whether the current exposure stays until the quota has room for the Service.

    The quota refuses a load balancer or a node port until it is raised, and Helm would give up.
    `observed` is the Release of the namespace.
    """
    typ = spec.exposure.type
    if typ not in ("LoadBalancer", "NodePort") or typ == now.type:
        return False
    service = nested(SERVICE_TYPE, typ)
    offer = config.vcluster
    values = overlaid(NO_KUBELETS, service, offer.values, offer.enforcedValues)
    needed = counted_services(spec.quota, *own_services(values))
    has = namespace.quota(observed)
    return has is None or any(
        has.get(name) != needed.get(name) for name in (LOAD_BALANCERS, NODE_PORTS)
    )


def own_services(values: Mapping[str, object]) -> tuple[int, int]:
    """Return the numbers of load balancers and node ports of the control plane's Service.

    The chart adds a port for the kubelets to HTTPS, except for a load balancer.
    """
    typ = get(values, *SERVICE_TYPE)
    if typ == "LoadBalancer":
        return 1, 1
    if typ == "NodePort":
        kubelets = get(values, "networking", "advanced", "proxyKubelets", "byHostname")
        return 0, 1 if kubelets is False else 2
    return 0, 0


def counted_services(quota: Quota, load_balancers: int, node_ports: int) -> dict[str, str]:
    """Return the part of a ResourceQuota for load balancers and node ports.

    The numbers are those of the platform's own Services, which are added to the tenant's.
    """
    result = {}
    if quota.loadBalancers is not None:
        result[LOAD_BALANCERS] = str(quota.loadBalancers + load_balancers)
    if quota.loadBalancers is not None or quota.nodePorts is not None:
        ports = (quota.loadBalancers or 0) * NODE_PORTS_PER_LOAD_BALANCER
        result[NODE_PORTS] = str(ports + (quota.nodePorts or 0) + node_ports)
    return result
