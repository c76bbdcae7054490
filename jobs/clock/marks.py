"""The mark on a VCluster: its times that are past, and the state of its Calendar.

The times are those of the spec, and in the status those of the next backup and of certificates. A
pure function of VCluster, current mark, Calendars and time. It changes only when a time passes or a
Calendar changes, so that a VCluster costs one write, and the function one call, for each of these.
function/api/clock_mark.py reads it.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from typing import NamedTuple

from jobs.clock.calendars import Calendar, State, evaluate
from jobs.clock.sleepers import Sleeper

Entry = dict[str, str | bool]


class Evaluated(NamedTuple):
    """The state of a Calendar, and what all VClusters that name it have in common."""

    state: State
    opens: dt.datetime | None
    """Begin of the window that is open or opens next."""
    spread: dt.timedelta
    """Time over which they wake in it: at most half of the window."""


def evaluated(calendar: Calendar, now: dt.datetime) -> Evaluated:
    """Return the state of a Calendar at an instant."""
    state = evaluate(calendar, now)
    opens, closes = state.since, state.until
    if not state.open:
        opens = state.until
        closes = evaluate(calendar, opens).until if opens else None
    spread = calendar.spread
    if opens and closes:
        spread = min(spread, (closes - opens) / 2)
    return Evaluated(state, opens, spread)


def due_mark(
    sleeper: Sleeper, calendars: Mapping[str, Evaluated | None], now: dt.datetime
) -> str | None:
    """Return the text of the mark, or None for no mark. Invalid Calendars are None."""
    mark: dict[str, Entry | list[str]] = {}
    if sleeper.calendar:
        mark["calendar"] = _entry(sleeper, sleeper.calendar, calendars, now)
    own = (sleeper.awake_until, sleeper.expire_at, sleeper.overdue_at, sleeper.warn_from)
    times = {*own} - {""}
    passed = sorted(time for time in times if is_past(time, now))
    if passed:
        mark["passed"] = passed
    return json.dumps(mark, sort_keys=True, separators=(",", ":")) if mark else None


def is_past(time: str, now: dt.datetime) -> bool:
    """Return whether a time is past; a malformed one never is."""
    instant = instant_of(time)
    return instant is not None and instant <= now


def instant_of(time: str) -> dt.datetime | None:
    """Return the instant of a text with a zone, or None if it is none."""
    try:
        instant = dt.datetime.fromisoformat(time)
    except ValueError:
        return None
    return None if instant.tzinfo is None else instant


def text(instant: dt.datetime) -> str:
    """Return an instant as objects have it."""
    return instant.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _entry(
    sleeper: Sleeper, name: str, calendars: Mapping[str, Evaluated | None], now: dt.datetime
) -> Entry:
    if name not in calendars:
        return {"name": name, "problem": "Missing"}
    calendar = calendars[name]
    if calendar is None:
        return {"name": name, "problem": "Invalid"}
    turn = _turn(sleeper.uid, calendar)
    is_waiting = sleeper.sleeps_by == name and turn is not None and now < turn
    asleep = not calendar.state.open or is_waiting
    until = turn if asleep else calendar.state.until
    return {"name": name, "asleep": asleep, **({"until": text(until)} if until else {})}


def _turn(uid: str, calendar: Evaluated) -> dt.datetime | None:
    """Return when a VCluster wakes.

    The time from the begin of the window is a share of the spread by the UID, so that it is the
    same each day.
    """
    if calendar.opens is None:
        return None
    share = int.from_bytes(hashlib.sha256(uid.encode()).digest()[:4]) / 2**32
    return calendar.opens + dt.timedelta(seconds=int(calendar.spread.total_seconds() * share))
