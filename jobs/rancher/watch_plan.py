"""The change of one state after a look at Rancher, as a pure function."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jobs.rancher import agents
from jobs.rancher.model import Management, Phase, State

AGENT_OUTDATED = "AgentOutdated"
"""Reason of a connected cluster whose agent differs from Rancher's setting."""

OWNER_UNKNOWN = "OwnerUnknown"
"""Reason of a connected cluster with an owner unknown to Rancher."""


SLEEPING: Phase = "Sleeping"
"""Phase of a cluster from its sleep on, until Rancher reaches it again."""

WATCHED = ("Connected", "Lost", SLEEPING)

RECONNECTING = "It was asleep, and Rancher has not reached it since."


@dataclass(frozen=True)
class Change:
    """New values of a state ConfigMap."""

    phase: str
    reason: str
    message: str


def judge(
    state: State,
    clusters: Mapping[str, Management | None],
    agent_image: str = "",
    unknown: Sequence[str] = (),
    *,
    is_late: bool = False,
) -> Change | None:
    """Return the change of a state, None for no change.

    A cluster that maps to None exists in an unclear state. Only clusters that were connected once
    are watched: until then the import itself reports. `agent_image` is Rancher's setting, empty
    while it is unknown; `unknown` are the owners that Rancher does not know. `is_late`: a cluster
    that woke up should be connected by now.
    """
    management = clusters.get(state.cluster_id)
    unclear = management is None and state.cluster_id in clusters
    if state.phase not in WATCHED or unclear or (state.is_asleep and state.phase == SLEEPING):
        return None
    if state.is_asleep:
        return Change(SLEEPING, "Reconnecting", RECONNECTING)
    if is_waking(state) and management and not management.connected and not is_late:
        return None
    change = _judge(management, _notes(management, agent_image, unknown))
    now = (state.phase, state.reason, state.message)
    return None if now == (change.phase, change.reason, change.message) else change


def is_waking(state: State) -> bool:
    """Return whether a cluster was woken up, and Rancher has not reached it since."""
    return state.phase == SLEEPING and not state.is_asleep


def judge_unreachable(state: State, reason: str, message: str) -> Change | None:
    """Return the change of a state while Rancher is unreachable, None for no change.

    A lost cluster keeps its reason.
    """
    if state.phase != "Connected":
        return None
    return Change("Lost", reason, f"Rancher cannot be asked whether it is connected. {message}")


def _notes(
    management: Management | None, agent_image: str, unknown: Sequence[str]
) -> dict[str, str]:
    """Return the notes about a connected cluster, by reason."""
    notes = {}
    if management and (message := agents.outdated(management.images, agent_image)):
        notes[AGENT_OUTDATED] = message
    if unknown:
        names = ", ".join(unknown)
        notes[OWNER_UNKNOWN] = f"Rancher does not know {names}: correct the owners."
    return notes


def _judge(management: Management | None, notes: Mapping[str, str]) -> Change:
    if management is None:
        message = "Rancher no longer has this cluster. Import it again by changing spec.rancher."
        return Change("Lost", "ClusterDeleted", message)
    if management.terminating:
        return Change("Lost", "ClusterDeleted", "Rancher is removing this cluster.")
    if not management.connected:
        message = f"Rancher does not reach the cluster. {management.message}".strip()
        return Change("Lost", "Disconnected", message)
    return Change("Connected", next(iter(notes), "Connected"), " ".join(notes.values()))


def describe_expiry(expires_at: str | None, warn_days: int) -> str:
    """Return a sentence on the expiry of a token: "" is never, None is unknown."""
    if expires_at is None:
        return "The expiry of the token is unknown."
    if not expires_at:
        return "The token never expires."
    days = days_left(expires_at)
    if days is None or days > warn_days:
        return f"The token expires {expires_at}."
    return f"The token expires {expires_at}, in {days:.1f} days: rotate it."


def days_left(expires_at: str, now: float | None = None) -> float | None:
    """Return the days until a time such as `2026-12-22T21:32:16Z`; None for no such time."""
    try:
        expires = time.mktime(time.strptime(expires_at, "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
    except ValueError:
        return None
    return (expires - (time.time() if now is None else now)) / 86400
