"""Exposure: to whom a hostname belongs, and which endpoint and kubeconfig a tenant uses."""

from function.api.chart_facts import OLDEST_GATEWAY_CHART
from function.api.names import Names
from function.k8s import versions
from function.observed.exposure import Exposure


def endpoint(exposure: Exposure, own: Names) -> str:
    """Return the URL that a customer uses."""
    return exposure.server if exposure.is_external else own.endpoint


def kubeconfig_secret(exposure: Exposure, own: Names) -> str:
    """Return the Secret with the kubeconfig that a customer uses."""
    return own.external_secret if exposure.is_external else own.kubeconfig_secret


def belongs(hostname: str, namespace: str, domain: str) -> bool:
    """Tell whether a name is this VCluster's own: `<namespace>.<domain>`, or below it."""
    own = f"{namespace}.{domain}"
    return hostname == own or hostname.endswith(f".{own}")


def is_possible(exposure: Exposure, chart: str) -> bool:
    """Tell whether a chart version has this way in; one that cannot be compared is taken to."""
    if exposure.type != "Gateway" or not versions.is_comparable(chart):
        return True
    return versions.order(chart)[:2] >= OLDEST_GATEWAY_CHART
