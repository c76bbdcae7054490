"""Which image Rancher's agent runs, which one is due, and whose turn it is to change.

Rancher writes `spec.desiredAgentImage` when it creates a cluster and never again, so an upgraded
Rancher goes on with the agent of that day (rancher#53100). An empty value follows its setting
`agent-image`. A value that a person wrote is theirs, which the field's manager tells.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from jobs.rancher.model import AgentImages

RANCHER = "rancher"
"""Field manager of what Rancher's controllers write; a request of a user has another one."""

FIXED = "fixed"
"""Value of `spec.desiredAgentImage` that stands for the setting, as an empty one does."""

AT_ONCE = 5
"""Agents that are replaced in one turn. Any sixty seconds see two turns, so at most ten."""

SHORTEST_TURN_SECONDS = 60


def read(found: Mapping[str, Any]) -> AgentImages:
    """Return the images of a management cluster."""
    spec, status = found.get("spec") or {}, found.get("status") or {}
    override = str(spec.get("agentImageOverride") or "")
    desired = str(spec.get("desiredAgentImage") or "")
    if desired == FIXED:
        desired = ""
    default = bool(desired) and _is_written_by_rancher(found)
    return AgentImages(
        running=str(status.get("agentImage") or ""),
        chosen=override or ("" if default else desired),
        default=desired if default else "",
    )


def outdated(images: AgentImages, setting: str) -> str:
    """Return what a person should know of an agent that is not the due one, or nothing.

    Rancher puts its registry before the image of its setting.
    """
    due = images.chosen or setting
    if not images.running or not due or images.running == due:
        return ""
    if not images.chosen and images.running.endswith(f"/{setting}"):
        return ""
    return f"Rancher's agent runs {images.running}, due is {due}."


def turn(cluster_ids: Iterable[str], number: int) -> frozenset[str]:
    """Return the clusters whose agents may be replaced in a turn.

    The order is that of a hash, the same for the watchers of all hosts, which see the same
    clusters: together they replace no more than one alone would.
    """
    order = sorted(cluster_ids, key=lambda one: hashlib.sha256(one.encode()).digest())
    if not order:
        return frozenset()
    turns = -(-len(order) // AT_ONCE)
    begin = number % turns * AT_ONCE
    return frozenset(order[begin : begin + AT_ONCE])


def turn_seconds(period: float) -> float:
    """Return how long a turn lasts for a watcher that looks once a period: it misses none."""
    return max(SHORTEST_TURN_SECONDS, period)


def _is_written_by_rancher(found: Mapping[str, Any]) -> bool:
    writers = {
        str(entry.get("manager"))
        for entry in found["metadata"].get("managedFields") or ()
        if "f:desiredAgentImage" in ((entry.get("fieldsV1") or {}).get("f:spec") or {})
    }
    return writers == {RANCHER}
