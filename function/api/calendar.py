"""The `Calendar` that the platform writes, and its status, which the clock writes.

The function does not read it: docs/calendars.md. jobs/clock/calendars.py evaluates it.
"""

from typing import Annotated, Literal

from pydantic import Field

from function.api.fields import Bool, Form, Int, Model, TimeZone

API_VERSION = "caas.telekom.de/v1alpha1"
KIND = "Calendar"

Day = Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]

_TIME = "([01][0-9]|2[0-3]):[0-5][0-9]"
Begin = Annotated[
    str, Field(pattern=f"^{_TIME}$", max_length=5), Form("a time such as 08:00", "08:00")
]
End = Annotated[
    str, Field(pattern=f"^({_TIME}|24:00)$", max_length=5), Form("a time such as 18:00", "18:00")
]
Date = Annotated[
    str,
    Field(
        pattern=r"^2[01][0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$",
        max_length=10,
        json_schema_extra={"format": "date"},
    ),
    Form("a date such as 2026-12-25", "2026-12-25"),
]
Instant = Annotated[str, Field(max_length=25, json_schema_extra={"format": "date-time"})]


class Window(Model):
    """A weekly window."""

    days: list[Day] = Field(
        min_length=1, max_length=7, description="Days on which the window begins."
    )
    from_: Begin = Field(alias="from", description="Local time of its begin, `08:00`.")
    to: End = Field(
        description="Local time of its end, `18:00`; on the next day if it is before `from`. "
        "`24:00` is the end of the day."
    )


class CalendarSpec(Model):
    """The windows in which virtual clusters are awake."""

    timeZone: TimeZone = Field(description="Time zone of the IANA database, `Europe/Berlin`.")
    windows: list[Window] = Field(
        min_length=1,
        max_length=50,
        description="Weekly windows. It is open while one of them is.",
    )
    closed: list[Date] = Field(
        [], max_length=400, description="Dates on which it is closed, from midnight to midnight."
    )
    spread: Annotated[
        str,
        Field(pattern=r"^[0-9]{1,4}(s|m|h)$", max_length=5),
        Form("a time such as 0s or 10m", "10m"),
    ] = Field(
        "0s",
        description="Time over which virtual clusters wake at the begin of a window, at most 2h "
        "and half of the window. Each has its place by its UID.",
    )


class CalendarCondition(Model):
    """A condition of a Calendar."""

    type: Literal["Valid"] = Field(description="Valid.")
    status: Literal["True", "False"] = Field(description="False if it cannot be evaluated.")
    reason: str = Field(max_length=100, description="Evaluated or InvalidSpec.")
    message: str = Field("", max_length=1000, description="Field, rule and remedy.")
    lastTransitionTime: Instant = Field(description="Time of the last change of the status.")
    observedGeneration: Int = Field(0, description="Generation of the spec that was evaluated.")


class CalendarStatus(Model):
    """The state of a Calendar."""

    open: Bool | None = Field(None, description="True while a window is open.")
    since: Instant | None = Field(
        None, description="Begin of this state; left out if it is more than 400 days ago."
    )
    until: Instant | None = Field(
        None, description="End of this state; left out if it is more than 400 days ahead."
    )
    evaluatedAt: Instant | None = Field(
        None, description="Time of the last evaluation, ten minutes ago at most."
    )
    observedGeneration: Int | None = Field(
        None, description="Generation of the spec that this status describes."
    )
    conditions: list[CalendarCondition] = Field(
        [], max_length=10, description="Valid, with the reason if the clock cannot evaluate it."
    )
