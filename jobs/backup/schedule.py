"""The next time of a schedule, as the CronJob of the host has it.

cronsim knows the fields of a schedule. Kubernetes differs from it where the clocks change: a time
that does not exist is left out, one that exists twice comes twice. And a step makes of `*` a list:
https://pkg.go.dev/github.com/robfig/cron/v3#hdr-Daylight_Savings_Time__DST__transitions.
"""

import datetime as dt
import hashlib
import zoneinfo
from collections.abc import Iterator

from cronsim import CronSim, CronSimError

from jobs.errors import RefusedError

RANGES = ("0-59", "0-23", "1-31", "1-12", "0-6")
"""Ranges of the fields, of which `*` is one."""

GRACE = dt.timedelta(minutes=15)
"""Time after the end of a snapshot in which its report has to be there."""

LONGEST_DELAY = dt.timedelta(minutes=5)
SHARE = 10
"""The part of the period that a delay may take at most: a tenth."""

_CHANGE = dt.timedelta(hours=3)
"""Longer than any change of the clocks."""


def next_time(schedule: str, zone: str, after: dt.datetime) -> dt.datetime | None:
    """Return the first time of a schedule after an instant, None if there is none.

    Raises RefusedError for a schedule or a time zone that is none.
    """
    return next(_times(schedule, zone, after), None)


def overdue_at(
    schedule: str, zone: str, now: dt.datetime, timeout: dt.timedelta
) -> dt.datetime | None:
    """Return the time at which the report of the next snapshot is overdue."""
    time = next_time(schedule, zone, now)
    return time + timeout + GRACE if time else None


def delay(schedule: str, zone: str, uid: str, now: dt.datetime) -> dt.timedelta:
    """Return the delay of a VCluster, so that not all begin at the same time."""
    times = _times(schedule, zone, now)
    first, second = next(times, None), next(times, None)
    if first is None or second is None:
        return dt.timedelta(0)
    longest = min(LONGEST_DELAY, (second - first) / SHARE)
    share = int.from_bytes(hashlib.sha256(uid.encode()).digest()[:4]) / 2**32
    return dt.timedelta(seconds=int(longest.total_seconds() * share))


def _times(schedule: str, zone: str, after: dt.datetime) -> Iterator[dt.datetime]:
    """Yield the times of a schedule after an instant, in order."""
    try:
        place = zoneinfo.ZoneInfo(zone)
    except (ValueError, OSError, KeyError):
        message = f"TIME_ZONE must be the name of a time zone such as Europe/Berlin, not {zone}."
        raise RefusedError("BadOptions", message) from None
    now = after.astimezone(place).replace(tzinfo=None)
    pending: list[dt.datetime] = []
    for local in _local_times(schedule, now - _CHANGE):
        # Instants of later local times come after this one, but for a change of the clocks.
        while pending and pending[0] < (local - _CHANGE).replace(tzinfo=place).astimezone(dt.UTC):
            yield pending.pop(0)
        instants = (local.replace(tzinfo=place, fold=fold).astimezone(dt.UTC) for fold in (0, 1))
        exist = {one for one in instants if one.astimezone(place).replace(tzinfo=None) == local}
        pending = sorted({*pending, *(one for one in exist if one > after)})
    yield from pending


def _local_times(schedule: str, after: dt.datetime) -> Iterator[dt.datetime]:
    fields = schedule.upper().split()
    try:
        # Another number of fields is a ValueError.
        parts = [_list(field, whole) for field, whole in zip(fields, RANGES, strict=True)]
        return CronSim(" ".join(parts), after)
    except (CronSimError, ValueError):
        message = f"SCHEDULE must have the five fields of a CronJob, such as 0 2 * * *: {schedule}"
        raise RefusedError("BadOptions", message) from None


def _list(field: str, whole: str) -> str:
    """Return a field in cronsim's words."""
    if field == "?":
        return "*"
    terms = (
        term.replace("*", whole, 1).replace("?", whole, 1) if "/" in term else term
        for term in field.split(",")
    )
    return ",".join(terms)
