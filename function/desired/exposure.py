"""The way in from outside: under which name the API server is reached, and whether it is.

A name belongs to one VCluster: the label right below the platform's domain is its namespace on the
host, which no other has. A port of the host's nodes belongs to one Service, which the host's API
server sees to. What the way in reports comes back by connection details, of which
provider-helm v1.3.0 writes a map or a list as Go's `fmt.Sprintf("%v")` does
(pkg/controller/namespaced/release/observe.go, line 174).
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
    detail,
    running,
)
from function.observed.state import ObservedRelease


def values(exposure: Exposure, own: Names, offer: Expose) -> dict[str, Any]:
    """Return the chart's values of a way in.

    The kubeconfig for outside is a Secret beside the first one, in the same namespace: for one in
    another the syncer would need rights there, and not start.
    """
    if not exposure.is_external:
        return {}
    secret = {"name": own.external_secret, "context": own.xr, "server": exposure.server}
    return {
        "controlPlane": {
            "proxy": {"extraSANs": [exposure.hostname]},
            **_way_in(exposure, offer),
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
    """Return what is read of the way in, of which a part joins once it is there.

    A Service and an Ingress are made with a `status.loadBalancer`, a TLSRoute without a status:
    who writes one is among its managed fields. `is_up` tells that the observed control plane is
    the one that is asked for, and healthy. An entry once added stays.
    """
    if not exposure.is_external:
        return []
    asked = observed.connection_keys if observed else frozenset()
    found = _first(exposure, own, offer)
    has_status = is_up and "f:parents:" in detail(observed, ROUTE_WRITERS)
    if exposure.type == "Gateway" and (ROUTE in asked or has_status):
        found.append(Detail(ROUTE, offer.gateway.apiVersion, "TLSRoute", own.release, "status"))
    is_exporting = (
        observed and running(observed.values, observed.helm_release).is_external and is_up
    )
    if KUBECONFIG in asked or is_exporting:
        found.append(Detail(KUBECONFIG, "v1", "Secret", own.external_secret, "data.config"))
    return found


def _first(exposure: Exposure, own: Names, offer: Expose) -> list[Detail]:
    """Return the detail that exists as soon as the chart is installed; a node port has none."""
    if exposure.type == "NodePort":
        return []
    if exposure.type == "LoadBalancer":
        return [Detail(SERVICE, "v1", "Service", own.release, "status.loadBalancer")]
    if exposure.type == "Ingress":
        kind, path = "Ingress", "status.loadBalancer"
        return [Detail(INGRESS, "networking.k8s.io/v1", kind, own.release, path)]
    api_version, path = offer.gateway.apiVersion, "metadata.managedFields"
    return [Detail(ROUTE_WRITERS, api_version, "TLSRoute", own.release, path)]


def _way_in(exposure: Exposure, offer: Expose) -> dict[str, Any]:
    if exposure.type == "LoadBalancer":
        given = offer.loadBalancer
        spec: dict[str, object] = {"type": "LoadBalancer"}
        if given.class_name:
            spec["loadBalancerClass"] = given.class_name
        if given.sourceRanges:
            spec["loadBalancerSourceRanges"] = given.sourceRanges
        if given.externalTrafficPolicy:
            spec["externalTrafficPolicy"] = given.externalTrafficPolicy
        return {"service": {"spec": spec, "annotations": given.annotations}}
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
