"""Decide how soon provider-helm looks at a Release again, from what was observed of it.

An annotation of the Release has the interval. Its change alone makes provider-helm look once;
before version 1.4 it looks by its `--poll` afterwards.
"""

from collections.abc import Container, Mapping
from typing import Literal

from function.api.input import Polling
from function.decision.power import Power
from function.observed import access, backup, rancher, vcluster
from function.observed.state import Condition, ObservedRelease

Stage = Literal["Asleep", "Awaited", "Blocked", "Settled"]
"""Awaited: a step of ours is under way. Blocked: it takes another Release, a person, or the end of
an outage. Asleep: settled, and nothing runs that could change."""

_AWAITED = frozenset(
    {
        "FallingAsleep",
        "HealthUnknown",
        "Importing",
        "NoState",
        "NotCreated",
        "Pending",
        "Progressing",
        "Reconnecting",
        "RollingBack",
        "Updating",
        "WaitingForAddress",
        "WaitingForKubeconfig",
        "WakingUp",
    }
)
"""Reasons of a condition that changes by itself soon."""

_IMPORTING = ("Pending", "Importing", "Registered")
"""Phases of an import that is under way; its reasons are its own."""


def stage(key: str, condition: Condition, observed: ObservedRelease | None) -> Stage:
    """Return the stage of a Release by its condition.

    An outage of a host or of a Rancher shows in very many Releases at once, so none of them is
    looked at more often by it.
    """
    if condition == rancher.WAITING:
        return "Blocked"
    if observed is None or condition.reason in _AWAITED:
        return "Awaited"
    if condition.status == "True" or condition.reason == "Sleeping":
        return "Settled" if _is_settled(key, condition, observed) else "Blocked"
    if key == vcluster.KEY and condition.reason == vcluster.UNAVAILABLE:
        is_starting = vcluster.KUBECONFIG not in observed.connection_keys
        return "Awaited" if is_starting or vcluster.is_changing(observed) else "Blocked"
    if key == rancher.KEY and rancher.state_of(observed).get("phase") in _IMPORTING:
        return "Awaited"
    return "Blocked"


def _is_settled(key: str, condition: Condition, observed: ObservedRelease) -> bool:
    """Return whether all pods are new; asleep there are none."""
    is_whole = key != vcluster.KEY or vcluster.is_complete(observed)
    return is_whole or condition.status != "True"


def stages(
    phases: Mapping[str, Condition],
    observed: Mapping[str, ObservedRelease],
    due: Container[str],
    power: Power,
    *,
    is_rolling_back: bool = False,
) -> dict[str, Stage]:
    """Return the stage of each Release that is due. `is_rolling_back` from the preparation on.

    An import that waits for a blocked control plane is blocked with it. A control plane that was
    started on the host stops by a person.
    """
    by_key = {
        key: stage(key, phase, observed.get(key)) for key, phase in phases.items() if key in due
    }
    if by_key.get(rancher.KEY) == "Awaited" and by_key.get(vcluster.KEY) == "Blocked":
        by_key[rancher.KEY] = "Blocked"
    if backup.KEY in due:
        of_backup = _of_backup(phases, observed.get(backup.KEY))
        by_key[backup.KEY] = "Awaited" if is_rolling_back else of_backup
    if access.KEY in due:
        by_key[access.KEY] = _of_access(phases, observed.get(access.KEY))
    return {key: _by_power(each, power) for key, each in by_key.items()}


def _of_backup(phases: Mapping[str, Condition], observed: ObservedRelease | None) -> Stage:
    """Return the stage of the backups: nothing else waits for them but a restore.

    A failure is no reason for more looks: the next backup is made by its schedule.
    """
    control_plane, backed_up = phases[vcluster.KEY], phases.get(backup.KEY)
    if observed is None or control_plane.reason == backup.RESTORING or backed_up is None:
        return "Awaited"
    is_first = backed_up.reason == backup.NEVER_RUN and control_plane.status == "True"
    return "Awaited" if is_first or backed_up.reason in _AWAITED else "Settled"


def _of_access(phases: Mapping[str, Condition], observed: ObservedRelease | None) -> Stage:
    """Return the stage of the login: its Job is awaited while the API server runs."""
    condition = phases[access.KEY]
    if observed is None or condition.reason == access.ROTATING:
        return "Awaited"
    is_awaited = condition.reason in (access.ENDING, *_AWAITED)
    runs = phases[vcluster.KEY].status == "True"
    return "Awaited" if is_awaited and runs else "Settled"


def _by_power(at: Stage, power: Power) -> Stage:
    if power.phase == "Sleeping" and at == "Settled":
        return "Asleep"
    return "Blocked" if power.is_started_on_host and at == "Awaited" else at


def interval(key: str, at: Stage, polling: Polling) -> str:
    """Return the interval of a Release in a stage."""
    if at == "Asleep":
        return polling.asleep
    if at == "Settled":
        return str(getattr(polling.settled, key))
    return polling.awaited if at == "Awaited" else polling.failing
