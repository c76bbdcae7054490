"""Exposure: ownership of hostnames, and the tenant's endpoint and kubeconfig."""

from function.api.chart_facts import OLDEST_GATEWAY_CHART
from function.api.names import Names
from function.k8s import versions
from function.observed.exposure import Exposure


def endpoint(exposure: Exposure, own: Names) -> str:
    """Return the endpoint, as the tenant uses it."""
    return exposure.server if exposure.is_external else own.endpoint


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
