"""The exposure of the API server: chart values and connection details.

A hostname belongs to one VCluster: its label right below the platform's domain is the namespace on
the host, which is unique. A node port belongs to one Service; the host's API server ensures that.
The state of the exposure is reported in connection details, in which provider-helm v1.3.0 writes a
map or a list like Go's `fmt.Sprintf("%v")` (pkg/controller/namespaced/release/observe.go, line
174).
"""

from typing import Any

from function.api.input import Expose
from function.api.names import Names
from function.desired.release import Detail
from function.observed.exposure import (
    INGRESS,
    KUBECONFIG,
    ROUTE,
    ROUTE_WRITERS,
    SERVICE,
    Exposure,
    running,
)
from function.observed.release import detail
from function.observed.state import ObservedRelease


def values(exposure: Exposure, own: Names, offer: Expose) -> dict[str, Any]:
    """Return the chart's values of an exposure.

    The kubeconfig for outside is a Secret in the namespace of the first one: in another namespace
    the syncer would have no rights, and would not start.
    """
    if not exposure.is_external:
        return {}
    secret = {"name": own.external_secret, "context": own.xr, "server": exposure.server}
    return {
        "controlPlane": {
            "proxy": {"extraSANs": [exposure.hostname]},
            **_by_type(exposure, offer),
        },
        "exportKubeConfig": {"additionalSecrets": [secret]},
    }


def details(
    exposure: Exposure,
    own: Names,
    offer: Expose,
    observed: ObservedRelease | None,
    *,
    is_up: bool,
) -> list[Detail]:
    """Return the connection details of an exposure; some join once their objects exist.

    A Service and an Ingress are created with a `status.loadBalancer`, a TLSRoute without a status:
    its managed fields name the writer of one, and are not read any more afterwards. `is_up`: the
    observed control plane is the desired one, and healthy.
    """
    if not exposure.is_external:
        return []
    present = observed.connection_keys if observed else frozenset()
    entries = _first(exposure, own, offer)
    has_status = is_up and "f:parents:" in detail(observed, ROUTE_WRITERS)
    if exposure.type == "Gateway" and (ROUTE in present or has_status):
        entries = [Detail(ROUTE, offer.gateway.apiVersion, "TLSRoute", own.release, "status")]
    is_exporting = (
        observed and running(observed.values, observed.helm_release).is_external and is_up
    )
    if KUBECONFIG in present or is_exporting:
        entries.append(Detail(KUBECONFIG, "v1", "Secret", own.external_secret, "data.config"))
    return entries


def _first(exposure: Exposure, own: Names, offer: Expose) -> list[Detail]:
    """Return the detail that exists right after the installation; a node port has none."""
    if exposure.type == "NodePort":
        return []
    if exposure.type == "LoadBalancer":
        return [Detail(SERVICE, "v1", "Service", own.release, "status.loadBalancer")]
    if exposure.type == "Ingress":
        kind, path = "Ingress", "status.loadBalancer"
        return [Detail(INGRESS, "networking.k8s.io/v1", kind, own.release, path)]
    api_version, path = offer.gateway.apiVersion, "metadata.managedFields"
    return [Detail(ROUTE_WRITERS, api_version, "TLSRoute", own.release, path)]


def _by_type(exposure: Exposure, offer: Expose) -> dict[str, Any]:
    if exposure.type == "LoadBalancer":
        service = offer.loadBalancer
        spec: dict[str, object] = {"type": "LoadBalancer"}
        if service.class_name:
            spec["loadBalancerClass"] = service.class_name
        if service.sourceRanges:
            spec["loadBalancerSourceRanges"] = service.sourceRanges
        if service.externalTrafficPolicy:
            spec["externalTrafficPolicy"] = service.externalTrafficPolicy
        return {"service": {"spec": spec, "annotations": service.annotations}}
    if exposure.type == "NodePort":
        return {"service": {"spec": {"type": "NodePort"}, "httpsNodePort": exposure.port}}
    if exposure.type == "Ingress":
        class_name = offer.ingress.className
        return {
            "ingress": {
                "enabled": True,
                "host": exposure.hostname,
                "annotations": offer.ingress.annotations,
                "spec": {"ingressClassName": class_name} if class_name else {},
            }
        }
    return {
        "tlsRoute": {
            "enabled": True,
            "apiVersion": offer.gateway.apiVersion,
            "host": exposure.hostname,
            "parentRefs": [
                parent.model_dump(exclude_none=True) for parent in offer.gateway.parentRefs
            ],
        }
    }
