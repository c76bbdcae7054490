"""Everything that there is on a host, so that a test can say that nothing was left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.e2e.kube import Kube

Thing = tuple[str, str, str]

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
    listed = kube("api-resources", "--verbs=list", "-o", "name").split()
    kinds = ",".join(sorted(set(listed) - PASSING))
    path = (
        "jsonpath={range .items[*]}{.apiVersion} {.kind},{.metadata.namespace},{.metadata.name}"
        "{'\\n'}{end}"
    )
    things: set[Thing] = set()
    for line in kube("get", kinds, "--all-namespaces", "-o", path).splitlines():
        kind, namespace, name = line.split(",")
        things.add((kind, namespace, name))
    return things


def about(things: set[Thing], names: tuple[str, ...]) -> set[Thing]:
    """Return the things that have to do with VClusters of these names."""
    return {thing for thing in things if any(name in part for part in thing[1:] for name in names)}
