"""Keep what the import reported true: one look per period at all clusters of a host."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from rancher_import.model import Management, State


@dataclass(frozen=True)
class Change:
    """What a state ConfigMap shall say from now on."""

    phase: str
    reason: str
    message: str


def judge(state: State, found: Mapping[str, Management]) -> Change | None:
    """Return what to change, given all management clusters that Rancher shows; None for nothing.

    Only what was once connected is watched: until then the import itself reports.
    """
    if state.phase not in ("Connected", "Lost"):
        return None
    management = found.get(state.cluster_id)
    change = _judge(management)
    now = (state.phase, state.reason, state.message)
    return None if now == (change.phase, change.reason, change.message) else change


def unheard(state: State, reason: str, message: str) -> Change | None:
    """Return what to change while Rancher cannot be asked, and why; None for nothing.

    What is known to be lost stays so.
    """
    if state.phase != "Connected":
        return None
    return Change("Lost", reason, f"Rancher cannot be asked whether it is connected. {message}")


def _judge(management: Management | None) -> Change:
    if management is None:
        message = "Rancher no longer has this cluster. Import it again by changing spec.rancher."
        return Change("Lost", "ClusterDeleted", message)
    if management.terminating:
        return Change("Lost", "ClusterDeleted", "Rancher is removing this cluster.")
    if not management.connected:
        message = f"Rancher does not reach the cluster. {management.message}".strip()
        return Change("Lost", "Disconnected", message)
    return Change("Connected", "Connected", "")


def days_left(expires_at: str, now: float | None = None) -> float | None:
    """Return the days until a time such as `2026-12-22T21:32:16Z`; None for no such time."""
    try:
        expires = time.mktime(time.strptime(expires_at, "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
    except ValueError:
        return None
    return (expires - (time.time() if now is None else now)) / 86400
