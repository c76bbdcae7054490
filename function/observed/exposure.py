"""The observed exposure: requested type and hostname, address and readiness.

Addresses and statuses are connection details. provider-helm v1.3.0 writes maps and lists in them as
Go's `fmt.Sprintf("%v")` does (pkg/controller/namespaced/release/observe.go, line 174).
"""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from function.api import names
from function.api.fields import DNS_NAME, ExposeType
from function.k8s.fieldpath import get
from function.observed.release import detail
from function.observed.state import Condition, ObservedRelease

SERVICE = "serviceLoadBalancer"

INGRESS = "ingressLoadBalancer"

ROUTE_WRITERS = "routeManagedFields"

ROUTE = "routeStatus"

KUBECONFIG = "externalKubeconfig"

PORT_REFUSED = "PortRefused"
"""Reason of ControlPlaneReady while the host's API server refuses the node port."""


@dataclass(frozen=True)
class Exposure:
    """Type, hostname and port of the API server; no hostname of type ClusterIP."""

    type: ExposeType
    hostname: str
    """DNS name; of type NodePort the address of the host's nodes, which may be an IP address."""
    port: int = 0
    """Port of the nodes, of type NodePort; 0 stands for the port of HTTPS."""

    @property
    def is_external(self) -> bool:
        """True if the API server can be reached from outside the host."""
        return self.type != "ClusterIP"

    @property
    def server(self) -> str:
        """URL of the API server from outside."""
        host = f"[{self.hostname}]" if ":" in self.hostname else self.hostname
        return f"https://{host}:{self.port}" if self.port else f"https://{host}"


INTERNAL = Exposure("ClusterIP", "")

_PORT_TAKEN = re.compile(r"nodePort: Invalid value: [0-9]+: provided port is already allocated")

_PORT_OUTSIDE = re.compile(
    r"nodePort: Invalid value: [0-9]+: provided port is not in the valid range. The range of valid "
    r"ports is ([0-9]+-[0-9]+)"
)
"""https://github.com/kubernetes/kubernetes/blob/v1.36.0/pkg/registry/core/service/portallocator/allocator.go"""

_GIVERS = {
    "LoadBalancer": ("Service", "load balancer"),
    "Ingress": ("Ingress", "ingress controller"),
}

_ADDRESS = re.compile(r"(?<=[\[ ])(?:ip|hostname):([^\s\[\]]+)")
"""An entry of `map[ingress:[map[ip:192.0.2.1 ipMode:VIP] map[hostname:lb.example.net]]]`."""

_ACCEPTED = re.compile(r" status:True type:Accepted\]")
"""The end of a condition, whose keys Go sorts: `map[... reason:... status:True type:Accepted]`."""

_PORT = re.compile(r":([0-9]{1,5})$")
"""The port follows the last colon, because brackets enclose an address of IPv6."""


def running(values: Mapping[str, object], release: str) -> Exposure:
    """Return the exposure that the values of a Release request."""
    for entry in _list(get(values, "exportKubeConfig", "additionalSecrets")):
        server = get(entry, "server")
        if get(entry, "name") == names.external_secret(release) and isinstance(server, str):
            return Exposure(_type(values), *_host_and_port(server))
    return INTERNAL


def condition(typ: str, observed: ObservedRelease) -> Condition | None:
    """Return the condition while the external kubeconfig or the address is missing, or None."""
    exposure = running(observed.values, observed.helm_release)
    if not exposure.is_external:
        return None
    has_kubeconfig = KUBECONFIG in observed.connection_keys
    if not has_kubeconfig or observed.external_server != exposure.server:
        message = (
            f"The control plane runs; its kubeconfig for {exposure.server} was not written yet."
        )
        return Condition(typ, "False", "WaitingForKubeconfig", message)
    if exposure.type == "Gateway" and not _is_accepted(detail(observed, ROUTE)):
        message = (
            f"No Gateway has accepted TLSRoute {observed.helm_release} yet. If this stays, look at "
            "its status, and at the Gateway's listeners and allowedRoutes."
        )
        return Condition(typ, "False", "WaitingForAddress", message)
    if exposure.type in _GIVERS and address(exposure, observed) is None:
        kind, giver = _GIVERS[exposure.type]
        message = (
            f"{kind} {observed.helm_release} has no address yet. If this stays, look at its "
            f"events, and whether the host's {giver} takes it."
        )
        return Condition(typ, "False", "WaitingForAddress", message)
    return None


def address(exposure: Exposure, observed: ObservedRelease | None) -> str | None:
    """Return the IP address or DNS name behind the hostname; None for Gateway and NodePort."""
    key = {"LoadBalancer": SERVICE, "Ingress": INGRESS}.get(exposure.type, "")
    for text in _ADDRESS.findall(detail(observed, key)):
        if _is_address(text):
            return str(text)
    return None


def rephrase(condition: Condition, observed: ObservedRelease) -> Condition:
    """Return the condition with a remedy if Helm reports that the host refuses the node port."""
    exposure = running(observed.values, observed.helm_release)
    if exposure.type != "NodePort" or condition.status == "True":
        return condition
    if _PORT_TAKEN.search(condition.message):
        message = (
            f"spec.expose.port: node port {exposure.port} belongs to another Service of the host. "
            "Choose another port."
        )
    elif match := _PORT_OUTSIDE.search(condition.message):
        message = (
            f"spec.expose.port: node port {exposure.port} is not one of those that the host gives "
            f"to Services, {match[1]}. Choose one of them; the platform team corrects "
            "hosts.<name>.nodePorts of the Input."
        )
    else:
        return condition
    return Condition(condition.type, "False", PORT_REFUSED, message)


def _is_accepted(status: str) -> bool:
    return _ACCEPTED.search(status) is not None


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return re.fullmatch(DNS_NAME, text) is not None
    return True


def _type(values: Mapping[str, object]) -> ExposeType:
    if get(values, "controlPlane", "tlsRoute", "enabled") is True:
        return "Gateway"
    if get(values, "controlPlane", "ingress", "enabled") is True:
        return "Ingress"
    if get(values, "controlPlane", "service", "spec", "type") == "NodePort":
        return "NodePort"
    return "LoadBalancer"


def _host_and_port(server: str) -> tuple[str, int]:
    authority = server.removeprefix("https://")
    match = _PORT.search(authority)
    host = authority[: match.start()] if match else authority
    return host.strip("[]"), int(match[1]) if match else 0


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()
