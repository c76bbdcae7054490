"""Evaluation of a Calendar: a pure function of its spec and an instant.

Local times follow RFC 5545: one that exists twice, when the clocks are set back, is its first
occurrence; one that does not exist, when they are set forward, is read by the offset before the
change, so 02:30 is 03:30. datetime calls that fold 0.
https://www.rfc-editor.org/rfc/rfc5545#section-3.3.5
"""

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from zoneinfo import ZoneInfo

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
"""Names of the days, in the order of `date.weekday`."""

REACHES = (dt.timedelta(days=9), dt.timedelta(days=400))
"""Times before and after an instant in which a change is looked for. Most Calendars change within a
week; one without a change in more than a year has no `since` or `until`."""

MARGIN = dt.timedelta(days=3)
"""Days beyond a reach whose windows count, so that no window is cut at its border."""

MOST_SPREAD = dt.timedelta(hours=2)

_TIME = re.compile("(?:([01][0-9]|2[0-3]):([0-5][0-9])|24:00)")
_SPREAD = re.compile("([0-9]{1,4})(s|m|h)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours"}


class InvalidCalendarError(Exception):
    """A spec that cannot be evaluated; the text says why."""


@dataclass(frozen=True)
class Window:
    """A weekly window."""

    days: frozenset[int]
    begin: dt.time
    end: dt.time | None
    """None for the end of the day."""

    @property
    def days_later(self) -> int:
        """Number of days from the begin to the end."""
        return 1 if self.end is None or self.end <= self.begin else 0


@dataclass(frozen=True)
class Calendar:
    """A spec that can be evaluated."""

    zone: ZoneInfo
    windows: tuple[Window, ...]
    closed: frozenset[dt.date] = frozenset()
    """Days that are closed from midnight to midnight."""
    spread: dt.timedelta = dt.timedelta()


class State(NamedTuple):
    """The state of a Calendar at an instant."""

    open: bool
    since: dt.datetime | None
    """Begin of the state; None if it is more than a year ago."""
    until: dt.datetime | None
    """End of the state; None if it is more than a year ahead."""


class Interval(NamedTuple):
    """The instants from `begin` to before `end`."""

    begin: dt.datetime
    end: dt.datetime


def parse(spec: Mapping[str, object]) -> Calendar:
    """Return a Calendar. Raises InvalidCalendarError for one that cannot be evaluated.

    The API server checks everything but the time zone's name, by the rules of its CRD.
    """
    try:
        return Calendar(
            zone=_zone(spec.get("timeZone")),
            windows=tuple(_window(one) for one in _list(spec.get("windows"))),
            closed=frozenset(
                dt.date.fromisoformat(str(one)) for one in _list(spec.get("closed", []))
            ),
            spread=_spread(spec.get("spread", "0s")),
        )
    except (ValueError, LookupError, TypeError):
        message = "The spec is malformed: compare it with docs/calendars.md."
        raise InvalidCalendarError(message) from None


def evaluate(calendar: Calendar, now: dt.datetime) -> State:
    """Return the state of a Calendar at an instant."""
    near, far = REACHES
    state = _evaluate(calendar, now, near)
    return state if state.since and state.until else _evaluate(calendar, now, far)


def _evaluate(calendar: Calendar, now: dt.datetime, reach: dt.timedelta) -> State:
    days = _days(now.astimezone(calendar.zone).date(), reach + MARGIN)
    intervals = _without(_joined(_windows(calendar, days)), _closed(calendar))
    edges = [edge for interval in intervals for edge in interval]
    return State(
        open=any(begin <= now < end for begin, end in intervals),
        since=max((edge for edge in edges if now - reach <= edge <= now), default=None),
        until=min((edge for edge in edges if now < edge <= now + reach), default=None),
    )


def _days(middle: dt.date, reach: dt.timedelta) -> list[dt.date]:
    return [middle + dt.timedelta(days=day) for day in range(-reach.days, reach.days + 1)]


def _windows(calendar: Calendar, days: Iterable[dt.date]) -> Iterator[Interval]:
    """Yield the windows that begin on some days; a change of the clocks may leave none of one."""
    for day in days:
        for window in calendar.windows:
            if day.weekday() in window.days:
                later = day + dt.timedelta(days=window.days_later)
                begin = _instant(day, window.begin, calendar.zone)
                end = _instant(later, window.end or dt.time(), calendar.zone)
                if begin < end:
                    yield Interval(begin, end)


def _closed(calendar: Calendar) -> list[Interval]:
    midnight, zone = dt.time(), calendar.zone
    return _joined(
        Interval(
            _instant(day, midnight, zone), _instant(day + dt.timedelta(days=1), midnight, zone)
        )
        for day in calendar.closed
    )


def _instant(day: dt.date, time: dt.time, zone: ZoneInfo) -> dt.datetime:
    return dt.datetime.combine(day, time, tzinfo=zone).astimezone(dt.UTC)


def _joined(intervals: Iterable[Interval]) -> list[Interval]:
    """Return sorted intervals that do not touch."""
    joined: list[Interval] = []
    for interval in sorted(intervals):
        if joined and interval.begin <= joined[-1].end:
            joined[-1] = Interval(joined[-1].begin, max(joined[-1].end, interval.end))
        else:
            joined.append(interval)
    return joined


def _without(intervals: Iterable[Interval], others: Iterable[Interval]) -> list[Interval]:
    """Return what others leave of intervals."""
    left = [*intervals]
    for begin, end in others:
        pieces = ((one, Interval(one.begin, min(one.end, begin))) for one in left)
        left = [
            piece
            for one, before in pieces
            for piece in (before, Interval(max(one.begin, end), one.end))
            if piece.begin < piece.end
        ]
    return left


def _zone(name: object) -> ZoneInfo:
    try:
        return ZoneInfo(str(name))
    except (LookupError, ValueError, OSError):
        message = (
            "spec.timeZone: is not a time zone of the IANA database. Write one such as "
            "Europe/Berlin, in exactly this spelling."
        )
        raise InvalidCalendarError(message) from None


def _list(value: object) -> Sequence[object]:
    if not isinstance(value, list):
        raise TypeError
    return value


def _window(value: object) -> Window:
    if not isinstance(value, Mapping):
        raise TypeError
    begin, end = _time(value["from"]), _time(value["to"])
    if begin is None or begin == end:
        raise ValueError
    return Window(frozenset(DAYS.index(str(day)) for day in _list(value["days"])), begin, end)


def _time(value: object) -> dt.time | None:
    """Return a local time, or None for the end of the day."""
    parts = _TIME.fullmatch(str(value))
    if not parts:
        raise ValueError
    return dt.time(int(parts[1]), int(parts[2])) if parts[1] else None


def _spread(value: object) -> dt.timedelta:
    parts = _SPREAD.fullmatch(str(value))
    if not parts:
        raise ValueError
    return min(dt.timedelta(**{_UNITS[parts[2]]: int(parts[1])}), MOST_SPREAD)
