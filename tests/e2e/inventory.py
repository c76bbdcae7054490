"""Everything that there is on a host, so that a test can say that nothing was left behind."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from local.command import LocalError

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
    things: set[Thing] = set()
    for kind in sorted(set(listed) - PASSING):
        try:
            items = json.loads(kube("get", kind, "--all-namespaces", "-o", "json"))["items"]
        except LocalError:
            # A kind whose definition is being removed.
            continue
        for one in items:
            metadata = one["metadata"]
            things.add((kind, metadata.get("namespace", ""), metadata["name"]))
    return things


def about(things: set[Thing], names: tuple[str, ...]) -> set[Thing]:
    """Return the things that have to do with VClusters of these names."""
    return {thing for thing in things if any(name in part for part in thing[1:] for name in names)}
