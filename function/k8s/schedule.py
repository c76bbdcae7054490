"""Schedules of CronJobs: five fields, as Kubernetes reads them.

https://github.com/robfig/cron/blob/v3.0.1/spec.go. Not all of it is accepted: what other readers
of such schedules understand differently is refused (`?`, `@daily`, 7 for Sunday, `*` in a list).
"""

import re
from typing import Literal, NamedTuple, get_args

PATTERN = r"^[-0-9A-Za-z*,/]+( [-0-9A-Za-z*,/]+){4}$"

Frequency = Literal["Minutely", "Hourly", "Daily"]

FREQUENCIES: tuple[Frequency, ...] = get_args(Frequency)
"""Frequencies of schedules, the highest first."""

_ENTRY = re.compile(r"(\*|\w+)(?:-(\w+))?(?:/([0-9]{1,2}))?")
_DAYS = {1: 31, 2: 29, 3: 31, 4: 30, 5: 31, 6: 30, 7: 31, 8: 31, 9: 30, 10: 31, 11: 30, 12: 31}
"""Days of the months, in the longest year."""


class Field(NamedTuple):
    """A field of a schedule."""

    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()
    """Names of the numbers from `least` on."""


MINUTE = Field("minute", 0, 59)
HOUR = Field("hour", 0, 23)
DAY = Field("day of month", 1, 31)
MONTH = Field(
    "month",
    1,
    12,
    ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
)
WEEKDAY = Field("day of week", 0, 6, ("sun", "mon", "tue", "wed", "thu", "fri", "sat"))
FIELDS = (MINUTE, HOUR, DAY, MONTH, WEEKDAY)


def checked(schedule: str) -> str:
    """Return a schedule; raise ValueError with the rule that it breaks."""
    texts = schedule.split(" ")
    if len(texts) != len(FIELDS):
        msg = f"must have five fields: {', '.join(field.name for field in FIELDS)}"
        raise ValueError(msg)
    _, _, days, months, _ = (_numbers(*each) for each in zip(FIELDS, texts, strict=True))
    day, weekday = texts[2], texts[4]
    if weekday == "*" and not any(min(days) <= _DAYS[month] for month in months):
        msg = "must name a day that one of its months has"
        raise ValueError(msg)
    steps = [text for text in (day, weekday) if text.startswith("*/")]
    if steps and "*" not in (day, weekday):
        msg = "must write out the days where both day of month and day of week limit them, not */n"
        raise ValueError(msg)
    return schedule


def frequency(schedule: str) -> Frequency:
    """Return how often a schedule may fire, one of `FREQUENCIES`."""
    minute, hour = schedule.split(" ")[:2]
    if len(_numbers(MINUTE, minute)) > 1:
        return "Minutely"
    return "Hourly" if len(_numbers(HOUR, hour)) > 1 else "Daily"


def fires_more_often(schedule: str, most: Frequency) -> bool:
    """Return whether a schedule may fire more often than a frequency."""
    return FREQUENCIES.index(frequency(schedule)) < FREQUENCIES.index(most)


def _numbers(field: Field, text: str) -> set[int]:
    """Return the numbers that a field names; raise ValueError if it is malformed."""
    numbers: set[int] = set()
    entries = text.split(",")
    for entry in entries:
        match = _ENTRY.fullmatch(entry)
        if not match or (match[1] == "*" and (match[2] or len(entries) > 1)):
            raise _malformed(field)
        step = int(match[3] or 1)
        begin, end = _ends(field, match)
        if step == 0 or begin > end:
            raise _malformed(field)
        numbers.update(range(begin, end + 1, step))
    return numbers


def _ends(field: Field, match: re.Match[str]) -> tuple[int, int]:
    """Return the ends of an entry; a number with a step has no end of its own."""
    if match[1] == "*":
        return field.least, field.most
    begin = _number(field, match[1])
    if match[2]:
        return begin, _number(field, match[2])
    return begin, field.most if match[3] else begin


def _number(field: Field, text: str) -> int:
    if text.lower() in field.names:
        return field.least + field.names.index(text.lower())
    if not re.fullmatch("[0-9]{1,2}", text) or not field.least <= int(text) <= field.most:
        raise _malformed(field)
    return int(text)


def _malformed(field: Field) -> ValueError:
    named = f" or {field.names[0].upper()} to {field.names[-1].upper()}" if field.names else ""
    return ValueError(
        f"has a malformed {field.name}: it is *, or numbers of {field.least} to {field.most}"
        f"{named}, as a list (1,15), a range (1-5) or in steps (*/15)"
    )
