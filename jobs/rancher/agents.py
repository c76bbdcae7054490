"""Images of Rancher's agent: the current one, the due one, and the turn in which it changes.

Rancher writes `spec.desiredAgentImage` only when it creates a cluster, so the agent stays old after
an upgrade of Rancher: https://github.com/rancher/rancher/issues/53100. An empty value follows
Rancher's setting `agent-image`. A value that a person wrote stays; the field's manager shows it.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from jobs.rancher.model import AgentImages

RANCHER = "rancher"
"""Field manager of Rancher's controllers; a request of a user has another one."""

FIXED = "fixed"
"""Value of `spec.desiredAgentImage` that follows the setting, as an empty one does."""

AT_ONCE = 5
"""Agents that are replaced in one turn: at most two turns, or ten agents, in any sixty seconds."""

SHORTEST_TURN_SECONDS = 60


def read(body: Mapping[str, Any]) -> AgentImages:
    """Return the images of a management cluster."""
    spec, status = body.get("spec") or {}, body.get("status") or {}
    override = str(spec.get("agentImageOverride") or "")
    desired = str(spec.get("desiredAgentImage") or "")
    if desired == FIXED:
        desired = ""
    default = bool(desired) and _is_written_by_rancher(body)
    return AgentImages(
        running=str(status.get("agentImage") or ""),
        chosen=override or ("" if default else desired),
        default=desired if default else "",
    )


def outdated(images: AgentImages, setting: str) -> str:
    """Return a message about an agent that is not the due one, or nothing.

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

    Sorted by a hash, which is the same for the watchers of all hosts: together they replace no more
    agents than one watcher alone.
    """
    order = sorted(cluster_ids, key=lambda one: hashlib.sha256(one.encode()).digest())
    if not order:
        return frozenset()
    turns = -(-len(order) // AT_ONCE)
    begin = number % turns * AT_ONCE
    return frozenset(order[begin : begin + AT_ONCE])


def turn_seconds(period: float) -> float:
    """Return the length of a turn, which is at least the watcher's period."""
    return max(SHORTEST_TURN_SECONDS, period)


def _is_written_by_rancher(body: Mapping[str, Any]) -> bool:
    writers = {
        str(entry.get("manager"))
        for entry in body["metadata"].get("managedFields") or ()
        if "f:desiredAgentImage" in ((entry.get("fieldsV1") or {}).get("f:spec") or {})
    }
    return writers == {RANCHER}
