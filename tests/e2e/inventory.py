"""Everything that there is on a host, so that a test can say that nothing was left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.e2e import api
from tests.e2e.kube import until

if TYPE_CHECKING:
    from tests.e2e.kube import Kube

Thing = tuple[str, str, str]

PAUSE_SECONDS = 4.0
"""A look asks for all objects of all kinds, on the machine whose time the tests measure."""

# These come and go by themselves, or count what others did.
PASSING = {
    "bindings",
    "componentstatuses",
    "endpoints",
    "endpointslices.discovery.k8s.io",
    "events",
    "events.events.k8s.io",
    "leases.coordination.k8s.io",
    "pods",
    "replicasets.apps",
}


def inventory(kube: Kube) -> set[Thing]:
    """Return (kind, namespace, name) of all objects of all kinds but those that come and go."""
    found = api.connect(kube.kubeconfig).names()
    return {thing for thing in found if thing[0] not in PASSING}


def about(things: set[Thing], names: tuple[str, ...]) -> set[Thing]:
    """Return the things that have to do with VClusters of these names."""
    return {thing for thing in things if any(name in part for part in thing[1:] for name in names)}


def await_nothing(kube: Kube, names: tuple[str, ...], seconds: float = 300) -> float:
    """Wait until nothing on the host has to do with VClusters, and return how long it took.

    Namespaces go last, and are cheap to look at, so all the rest is looked at after them.
    """

    def has_namespaces() -> bool:
        found = (one["metadata"]["name"] for one in kube.list("namespaces"))
        return any(name in namespace for namespace in found for name in names)

    def left() -> list[Thing]:
        return sorted(about(inventory(kube), names))

    what = f"nothing is left of {', '.join(names)}"
    took = until(what, lambda: not has_namespaces(), seconds, left)
    return took + until(what, lambda: not left(), seconds - took, left, pause=PAUSE_SECONDS)
