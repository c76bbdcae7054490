"""Keep what the import reported true: one look per period at all clusters of a host."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jobs.rancher import agents
from jobs.rancher.model import Management, State

AGENT_OUTDATED = "AgentOutdated"
"""Reason of a connected cluster whose agent is not the one that Rancher's setting names."""

OWNER_UNKNOWN = "OwnerUnknown"
"""Reason of a connected cluster with an owner that Rancher does not know."""


@dataclass(frozen=True)
class Change:
    """What a state ConfigMap shall say from now on."""

    phase: str
    reason: str
    message: str


def judge(
    state: State,
    found: Mapping[str, Management | None],
    agent_image: str = "",
    unknown: Sequence[str] = (),
) -> Change | None:
    """Return what to change, given all management clusters that Rancher shows; None for nothing.

    A cluster that is found as None is there, in an unclear state. Only what was once connected is
    watched: until then the import itself reports. `agent_image` is Rancher's setting, empty while
    it is not known; `unknown` are owners that Rancher does not know.
    """
    management = found.get(state.cluster_id)
    unclear = management is None and state.cluster_id in found
    if state.phase not in ("Connected", "Lost") or unclear:
        return None
    change = _judge(management, _notes(management, agent_image, unknown))
    now = (state.phase, state.reason, state.message)
    return None if now == (change.phase, change.reason, change.message) else change


def unheard(state: State, reason: str, message: str) -> Change | None:
    """Return what to change while Rancher cannot be asked, and why; None for nothing.

    What is known to be lost stays so.
    """
    if state.phase != "Connected":
        return None
    return Change("Lost", reason, f"Rancher cannot be asked whether it is connected. {message}")


def _notes(
    management: Management | None, agent_image: str, unknown: Sequence[str]
) -> dict[str, str]:
    """Return by reason what a person should know of a cluster that is connected."""
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


def expiry_in_words(expires_at: str | None, warn_days: int) -> str:
    """Return when a token expires: "" for never, None where Rancher does not say."""
    if expires_at is None:
        return "Rancher does not say when the token expires."
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
