"""The mark of the clock on a VCluster: all of the time that enters the function.

`vcluster-clock` writes it as one annotation when it changes, so a VCluster costs one call for each
change, and none between them. docs/calendars.md says why it is no required resource.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, ValidationError

from function.api.fields import Bool, Instant, Key, Model
from function.k8s.fieldpath import get

ANNOTATION = "caas.telekom.de/clock"

LONGEST = 1000
"""Most characters of the annotation: whoever writes the VCluster may write it too."""


class CalendarMark(Model):
    """The state of a VCluster by its Calendar."""

    model_config = ConfigDict(extra="ignore")

    name: Key
    asleep: Bool | None = None
    """None if the clock cannot say it, because of the problem."""
    until: Instant | None = None
    """Time of the next change; None if there is none."""
    problem: Literal["Missing", "Invalid"] | None = None


class ClockMark(Model):
    """The times of a VCluster that are past, and the state by its Calendar."""

    model_config = ConfigDict(extra="ignore")

    calendar: CalendarMark | None = None
    passed: Annotated[tuple[Instant, ...], Field(max_length=4)] = ()
    """Times as spec and status have them: another time there is not past."""


NO_MARK = ClockMark()


def read(annotations: object) -> ClockMark:
    """Return the mark in the annotations of a VCluster, empty if there is no valid one."""
    text = get(annotations, ANNOTATION) if isinstance(annotations, Mapping) else None
    if not isinstance(text, str) or len(text) > LONGEST:
        return NO_MARK
    try:
        return ClockMark.model_validate_json(text)
    except ValidationError:
        return NO_MARK
