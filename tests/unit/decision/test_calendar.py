"""Sleep by time: by a Calendar, until a time, from a time on, and with a clock that is dead."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from function.api.clock_mark import NO_MARK, CalendarMark, ClockMark
from function.api.xr import Spec
from function.decision.calendar import is_asleep_due

SOON, LATER = "2026-12-24T18:00:00Z", "2026-12-31T00:00:00Z"
HOURS = {"calendar": "office-hours"}


def calendar(*, asleep: bool | None = None, **entry: Any) -> ClockMark:
    """Return a mark with a state by Calendar office-hours."""
    return ClockMark(calendar=CalendarMark(name="office-hours", asleep=asleep, **entry))


@pytest.mark.parametrize(
    ("spec", "mark", "expected"),
    [
        pytest.param({}, NO_MARK, (False, ""), id="nothing-said"),
        pytest.param({}, calendar(asleep=True), (False, ""), id="calendar-left"),
        pytest.param(
            {"sleep": HOURS},
            calendar(asleep=True, until=SOON),
            (True, f"by Calendar office-hours until {SOON}"),
            id="closed",
        ),
        pytest.param(
            {"sleep": HOURS},
            calendar(asleep=False, until=SOON),
            (False, f"by Calendar office-hours until {SOON}"),
            id="open",
        ),
        pytest.param(
            {"sleep": HOURS}, calendar(asleep=True), (True, "by Calendar office-hours"), id="always"
        ),
        pytest.param(
            {"sleep": {**HOURS, "awakeUntil": SOON}},
            calendar(asleep=True),
            (False, f"by spec.sleep.awakeUntil until {SOON}"),
            id="awake-until",
        ),
        pytest.param(
            {"sleep": {**HOURS, "awakeUntil": SOON}},
            ClockMark(calendar=calendar(asleep=True).calendar, passed=(SOON,)),
            (True, "by Calendar office-hours"),
            id="awake-until-is-past",
        ),
        pytest.param(
            {"sleep": {**HOURS, "awakeUntil": LATER}},
            ClockMark(calendar=calendar(asleep=True).calendar, passed=(SOON,)),
            (False, f"by spec.sleep.awakeUntil until {LATER}"),
            id="awake-until-moved",
        ),
        pytest.param({"expire": {"at": SOON}}, NO_MARK, (False, ""), id="not-expired"),
        pytest.param(
            {"expire": {"at": LATER}}, ClockMark(passed=(SOON,)), (False, ""), id="expiry-moved"
        ),
        pytest.param(
            {"expire": {"at": SOON}, "sleep": {**HOURS, "awakeUntil": LATER}},
            ClockMark(calendar=calendar(asleep=False).calendar, passed=(SOON,)),
            (True, f"by spec.expire.at since {SOON}"),
            id="expired-wins",
        ),
    ],
)
@pytest.mark.parametrize("asleep_now", [True, False])
def test_due(
    spec: dict[str, Any], mark: ClockMark, expected: tuple[bool, str], *, asleep_now: bool
) -> None:
    """The state that is due does not depend on the current one, where the clock knows it."""
    assert is_asleep_due(Spec.model_validate(spec), mark, asleep_now=asleep_now) == expected


@pytest.mark.parametrize(
    ("mark", "reason"),
    [
        pytest.param(NO_MARK, "the clock has not evaluated Calendar office-hours yet", id="new"),
        pytest.param(
            ClockMark(calendar=CalendarMark(name="nights", asleep=True)),
            "the clock has not evaluated Calendar office-hours yet",
            id="other-calendar",
        ),
        pytest.param(
            ClockMark(calendar=CalendarMark(name="nights", problem="Missing")),
            "the clock has not evaluated Calendar office-hours yet",
            id="problem-of-another",
        ),
        pytest.param(
            calendar(problem="Missing"), "there is no Calendar office-hours", id="missing"
        ),
        pytest.param(calendar(problem="Invalid"), "Calendar office-hours is invalid", id="invalid"),
    ],
)
@pytest.mark.parametrize("asleep_now", [True, False])
def test_unknown(mark: ClockMark, reason: str, *, asleep_now: bool) -> None:
    """What is awake stays awake, and what sleeps stays asleep, and the reason says why."""
    spec = Spec.model_validate({"sleep": HOURS})
    assert is_asleep_due(spec, mark, asleep_now=asleep_now) == (asleep_now, f"as before: {reason}")


@given(st.sampled_from([None, SOON, LATER]), st.sampled_from([(), (SOON,), (SOON, LATER)]))
def test_a_time_is_past_only_as_it_was_written(until: str | None, passed: tuple[str, ...]) -> None:
    """Whoever moves a deadline gets it at once, without waiting for the clock."""
    spec = Spec.model_validate({"sleep": {**HOURS, "awakeUntil": until}})
    mark = ClockMark(calendar=calendar(asleep=True).calendar, passed=passed)
    expected = until is None or until in passed
    assert is_asleep_due(spec, mark, asleep_now=False).asleep is expected
