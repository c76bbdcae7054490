"""Check the requested exposure against the Input's limits, and its fields against each other."""

from collections.abc import Iterator

from function.api import input as platform
from function.api import xr
from function.api.errors import Problem
from function.decision import exposure
from function.decision.resolve import ResolvedSpec


def problems(
    expose: xr.Expose, requested: ResolvedSpec, config: platform.Input
) -> Iterator[Problem]:
    """Yield the problems of `spec.expose` beyond the limits."""
    if expose.type not in config.tenant.exposeTypes:
        yield Problem(
            "spec.expose.type",
            "is not a way in that the platform allows",
            f"Choose one of: {', '.join(config.tenant.exposeTypes)}.",
            path=("expose",),
        )
        return
    if expose.type == "NodePort":
        yield from _node_port(expose, requested.host.name, config)
        return
    if expose.port is not None:
        yield Problem(
            "spec.expose.port",
            "is a port of the host's nodes, for type NodePort only",
            "Leave it out, or choose spec.expose.type NodePort.",
        )
    if expose.type == "ClusterIP" and expose.hostname:
        yield Problem(
            "spec.expose.hostname",
            "is a name for outside, and type ClusterIP has no way in from there",
            "Leave it out, or choose another spec.expose.type.",
        )
    elif requested.exposure.is_external:
        yield from _hostname(requested, config.expose.domain)


def _node_port(expose: xr.Expose, host: str, config: platform.Input) -> Iterator[Problem]:
    """Yield the problems of type and port, which are granted or taken back together."""
    offer = config.hosts[host].nodePorts
    if offer is None:
        yield Problem(
            "spec.expose.type",
            f"cannot be NodePort on host {host}, for which the Input has no hosts.{host}.nodePorts",
            "Choose another way in, or ask the platform team for node ports.",
            path=("expose",),
        )
        return
    ports = f"from {offer.from_} to {offer.to}"
    if expose.hostname:
        yield Problem(
            "spec.expose.hostname",
            f"is a name below the platform's domain, and type NodePort is reached by "
            f"{offer.address}",
            "Leave it out, or choose another spec.expose.type.",
        )
    if expose.port is None:
        yield Problem(
            "spec.expose.port",
            "is required with type NodePort",
            f"Choose one {ports} that no other Service has.",
            path=("expose",),
        )
    elif not offer.from_ <= expose.port <= offer.to:
        yield Problem(
            "spec.expose.port",
            f"must be {ports}, the node ports of host {host}",
            "Choose one of them that no other Service has.",
            path=("expose",),
        )


def _hostname(requested: ResolvedSpec, domain: str) -> Iterator[Problem]:
    namespace = requested.names.namespace
    if not exposure.belongs(requested.exposure.hostname, namespace, domain):
        yield Problem(
            "spec.expose.hostname",
            f"must be {namespace}.{domain}, or end with .{namespace}.{domain}, so that no two "
            "virtual clusters have one name",
            "Leave it out, or choose such a name.",
        )


def chart_problems(requested: ResolvedSpec) -> Iterator[Problem]:
    """Yield the problem of an exposure that a new virtual cluster's chart does not support."""
    if not exposure.is_possible(requested.exposure, requested.chart):
        yield Problem(
            "spec.expose.type",
            "cannot be Gateway with this platform's chart, which is older than 0.34",
            "Choose another way in, or ask the platform team for a newer chart.",
        )
