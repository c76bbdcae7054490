"""The mark of the clock: what is read of it, and that a hostile one is none."""

from typing import Any

import pytest

from function.api import clock_mark, validate
from function.api.clock_mark import NO_MARK, CalendarMark, ClockMark

UNTIL = "2026-11-30T07:00:00Z"
MARK = (
    '{"calendar":{"asleep":true,"name":"office-hours","until":"2026-11-30T07:00:00Z"},'
    '"passed":["2026-12-24T18:00:00+01:00"]}'
)


def test_a_mark() -> None:
    """A VCluster has the mark of its annotation."""
    raw = {
        "metadata": {"name": "kunde1", "uid": "u", "annotations": {clock_mark.ANNOTATION: MARK}},
        "spec": {},
    }
    assert validate.vcluster(raw).clock == ClockMark(
        calendar=CalendarMark(name="office-hours", asleep=True, until=UNTIL),
        passed=("2026-12-24T18:00:00+01:00",),
    )


def test_a_problem() -> None:
    """A mark may say why there is no state."""
    text = '{"calendar": {"name": "office-hours", "problem": "Missing"}, "later": 1}'
    mark = clock_mark.read({clock_mark.ANNOTATION: text})
    assert mark == ClockMark(calendar=CalendarMark(name="office-hours", problem="Missing"))


@pytest.mark.parametrize(
    "annotations",
    [
        pytest.param(None, id="no-annotations"),
        pytest.param({}, id="none"),
        pytest.param("x", id="not-a-map"),
        pytest.param({clock_mark.ANNOTATION: 1}, id="no-text"),
        pytest.param({clock_mark.ANNOTATION: ""}, id="empty"),
        pytest.param({clock_mark.ANNOTATION: "{"}, id="no-json"),
        pytest.param({clock_mark.ANNOTATION: "[" * 999}, id="deep"),
        pytest.param({clock_mark.ANNOTATION: MARK + " " * 1000}, id="long"),
        pytest.param({clock_mark.ANNOTATION: '{"passed": ["soon"]}'}, id="no-time"),
        pytest.param({clock_mark.ANNOTATION: '{"calendar": {"name": "a\\nb"}}'}, id="line"),
        pytest.param(
            {clock_mark.ANNOTATION: '{"calendar": {"name": "a", "until": "a\\nb"}}'}, id="until"
        ),
    ],
)
def test_no_mark(annotations: Any) -> None:
    """Anything else is no mark, never an error: it reaches conditions."""
    assert clock_mark.read(annotations) == NO_MARK
