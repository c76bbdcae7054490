"""Decide on sleep by time: by a Calendar, until a time, from a time on.

The function has no clock. The times that are past, and the state of the Calendar, come as a mark
on the VCluster (`clock_mark`). Without a mark nothing changes: what is awake stays awake, and what
sleeps stays asleep.
"""

from typing import NamedTuple

from function.api import xr
from function.api.clock_mark import CalendarMark, ClockMark


class SleepByTime(NamedTuple):
    """The state that is due by time."""

    asleep: bool
    reason: str
    """The end of a sentence that begins with the state; empty where time decides nothing."""


def is_asleep_due(spec: xr.Spec, mark: ClockMark, *, asleep_now: bool) -> SleepByTime:
    """Return whether a VCluster is to sleep, by its spec and the mark of the clock.

    `asleep_now` is the state that it has, or that it is on its way to.
    """
    if spec.expire and spec.expire.at in mark.passed:
        return SleepByTime(asleep=True, reason=f"by spec.expire.at since {spec.expire.at}")
    if spec.sleep is None:
        return SleepByTime(asleep=False, reason="")
    until = spec.sleep.awakeUntil
    if until and until not in mark.passed:
        return SleepByTime(asleep=False, reason=f"by spec.sleep.awakeUntil until {until}")
    calendar = spec.sleep.calendar
    entry = mark.calendar
    if entry is None or entry.name != calendar or entry.asleep is None:
        return SleepByTime(asleep_now, f"as before: {_unknown(calendar, entry)}")
    end = f" until {entry.until}" if entry.until else ""
    return SleepByTime(entry.asleep, f"by Calendar {calendar}{end}")


def _unknown(calendar: str, entry: CalendarMark | None) -> str:
    if entry is None or entry.name != calendar or entry.problem is None:
        return f"the clock has not evaluated Calendar {calendar} yet"
    if entry.problem == "Missing":
        return f"there is no Calendar {calendar}"
    return f"Calendar {calendar} is invalid"
