"""The status of a Calendar: written when it changes, and every ten minutes."""

import datetime as dt
from typing import Any

import pytest

from jobs.clock.calendar_status import due_status
from jobs.clock.calendars import State

NOW = dt.datetime(2026, 11, 30, 12, tzinfo=dt.UTC)
OPEN = State(
    open=True,
    since=dt.datetime(2026, 11, 30, 7, tzinfo=dt.UTC),
    until=dt.datetime(2026, 11, 30, 17, tzinfo=dt.UTC),
)
MINUTE = dt.timedelta(minutes=1)


def written(status: dict[str, Any] | None) -> dict[str, Any]:
    """Return a status as the API server keeps it: without what a merge patch removes."""
    assert status is not None
    return {key: value for key, value in status.items() if value is not None}


def test_first() -> None:
    """The status has state, times, and a condition."""
    assert due_status(None, 1, OPEN, NOW) == {
        "open": True,
        "since": "2026-11-30T07:00:00Z",
        "until": "2026-11-30T17:00:00Z",
        "evaluatedAt": "2026-11-30T12:00:00Z",
        "observedGeneration": 1,
        "conditions": [
            {
                "type": "Valid",
                "status": "True",
                "reason": "Evaluated",
                "message": "",
                "observedGeneration": 1,
                "lastTransitionTime": "2026-11-30T12:00:00Z",
            }
        ],
    }


@pytest.mark.parametrize("state", [OPEN, State(open=False, since=None, until=None), "bad zone"])
def test_heartbeat(state: State | str) -> None:
    """An unchanged status is written again after ten minutes, and not before."""
    first = written(due_status(None, 1, state, NOW))
    assert due_status(first, 1, state, NOW + 9 * MINUTE) is None
    again = due_status(first, 1, state, NOW + 10 * MINUTE)
    assert written(again) == {**first, "evaluatedAt": "2026-11-30T12:10:00Z"}


def test_a_time_from_the_future_is_corrected() -> None:
    """A clock that was ahead does not silence the heartbeat."""
    first = written(due_status(None, 1, OPEN, NOW + 600 * MINUTE))
    assert written(due_status(first, 1, OPEN, NOW))["evaluatedAt"] == "2026-11-30T12:00:00Z"


@pytest.mark.parametrize(
    ("generation", "state"), [(2, OPEN), (1, OPEN._replace(open=False)), (1, "bad zone")]
)
def test_changes(generation: int, state: State | str) -> None:
    """Every change is written at once."""
    first = written(due_status(None, 1, OPEN, NOW))
    assert due_status(first, generation, state, NOW + MINUTE) is not None


def test_invalid() -> None:
    """An invalid Calendar has no state, and says since when and why."""
    first = written(due_status(None, 1, OPEN, NOW))
    status = due_status(first, 2, "bad zone", NOW + MINUTE)
    assert status
    assert [status[key] for key in ("open", "since", "until")] == [None, None, None]
    [condition] = status["conditions"]
    assert (condition["status"], condition["reason"]) == ("False", "InvalidSpec")
    assert (condition["message"], condition["lastTransitionTime"]) == (
        "bad zone",
        "2026-11-30T12:01:00Z",
    )


@pytest.mark.parametrize("current", ["x", {"conditions": "x"}, {"conditions": ["x"]}, {}])
def test_a_status_that_is_none(current: Any) -> None:
    """Whatever is there is replaced."""
    assert due_status(current, 1, OPEN, NOW) is not None
