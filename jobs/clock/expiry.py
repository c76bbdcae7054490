"""The end of a VCluster: whether it is due, and when it is warned of.

The function has written the times into the status, where the platform allows the end. They count
only while the spec still names the same end.
"""

import datetime as dt
from collections.abc import Mapping

from jobs.clock.marks import instant_of
from jobs.clock.sleepers import Sleeper

WARNING = "ExpiresSoon"
DELETION = "Expired"
"""Reasons of the events."""


def is_deletion_due(sleeper: Sleeper, now: dt.datetime) -> bool:
    """Return whether a VCluster is to be deleted; its protection wins."""
    times = _times(sleeper)
    delete_at = times.get("deleteAt")
    at = times.get("at")
    return (
        not sleeper.is_terminating
        and not sleeper.is_protected
        and delete_at is not None
        and at is not None
        and max(at, delete_at) <= now
    )


def warning(sleeper: Sleeper, now: dt.datetime) -> str:
    """Return the warning of the end of a VCluster, empty if it is not yet or no more the time."""
    times = _times(sleeper)
    begin, at, delete_at = (times.get(key) for key in ("warnFrom", "at", "deleteAt"))
    if sleeper.is_terminating or not (begin and at and delete_at) or not begin <= now < delete_at:
        return ""
    expiry = sleeper.expiry or {}
    asleep = f"{'Asleep since' if at <= now else 'Falls asleep at'} {expiry['at']}"
    if sleeper.is_protected:
        return f"{asleep}, and stays because of spec.deletionProtection."
    return f"{asleep}, deleted at {expiry['deleteAt']}, unless spec.expire changes."


def _times(sleeper: Sleeper) -> Mapping[str, dt.datetime | None]:
    expiry = sleeper.expiry or {}
    if not sleeper.expire_at or expiry.get("at") != sleeper.expire_at:
        return {}
    return {key: instant_of(expiry.get(key, "")) for key in ("at", "warnFrom", "deleteAt")}
