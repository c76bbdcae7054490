"""Marks: one for each deadline and each change of a Calendar, and herds that wake in turn."""

import datetime as dt
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from function.api import clock_mark
from jobs.clock import calendars, marks
from jobs.clock.calendars import parse
from jobs.clock.marks import Evaluated, due_mark, evaluated
from jobs.clock.sleepers import Sleeper

HOURS = parse(
    {
        "timeZone": "UTC",
        "windows": [{"days": ["Mon", "Tue", "Wed", "Thu", "Fri"], "from": "08:00", "to": "18:00"}],
        "spread": "10m",
    }
)
SLEEPER = Sleeper(name="kunde1", namespace="", uid="u-1", version="1", calendar="office-hours")
MONDAY = dt.datetime(2026, 11, 30, 8, tzinfo=dt.UTC)
NIGHT, NOON = MONDAY - dt.timedelta(hours=3), MONDAY + dt.timedelta(hours=4)


def mark(sleeper: Sleeper, now: dt.datetime, calendar: Any = HOURS) -> dict[str, Any] | None:
    """Return the mark that is due, where this is the only Calendar."""
    text = due_mark(sleeper, {"office-hours": evaluated(calendar, now)}, now)
    return json.loads(text) if text else None


def asleep(sleeper: Sleeper, now: dt.datetime) -> bool:
    """Return whether the mark lets a VCluster sleep."""
    found = mark(sleeper, now)
    assert found
    assert found["calendar"]["name"] == "office-hours"
    return found["calendar"]["asleep"] is True


def test_two_marks_a_day() -> None:
    """A window costs a VCluster two writes a day, by the figures of docs/calendars.md."""
    sleeper, writes = SLEEPER, []
    for half_minute in range(24 * 120 + 1):
        now = NIGHT + dt.timedelta(seconds=30 * half_minute)
        text = due_mark(sleeper, {"office-hours": evaluated(HOURS, now)}, now)
        if text != sleeper.mark:
            is_asleep = json.loads(str(text))["calendar"]["asleep"]
            sleeper = replace(sleeper, mark=text, sleeps_by="office-hours" if is_asleep else "")
            writes.append(is_asleep)
    assert writes == [True, False, True]


def test_a_calendar_is_evaluated_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """VClusters of one Calendar share what was evaluated: its two edges, and nothing for each."""
    evaluations = []

    def count(calendar: Any, now: dt.datetime) -> Any:
        evaluations.append(now)
        return calendars.evaluate(calendar, now)

    monkeypatch.setattr(marks, "evaluate", count)
    shared = {"office-hours": evaluated(HOURS, NIGHT)}
    texts = {due_mark(replace(SLEEPER, uid=f"u-{n}"), shared, NIGHT) for n in range(100)}
    assert len(texts) > 50
    assert evaluations == [NIGHT, MONDAY]


def test_no_mark() -> None:
    """Time does not concern a VCluster without sleep and end."""
    assert mark(replace(SLEEPER, calendar=""), NOON) is None


def test_open_and_closed() -> None:
    """The mark says until when its state lasts; when closed, until the VCluster's own turn."""
    turn = "2026-11-30T08:06:20Z"
    assert mark(SLEEPER, NOON) == {
        "calendar": {"name": "office-hours", "asleep": False, "until": "2026-11-30T18:00:00Z"}
    }
    assert mark(SLEEPER, NIGHT) == {
        "calendar": {"name": "office-hours", "asleep": True, "until": turn}
    }
    friday = MONDAY - dt.timedelta(days=2, hours=14)
    assert mark(SLEEPER, friday) == mark(SLEEPER, NIGHT)


@pytest.mark.parametrize(
    ("calendars", "problem"), [({}, "Missing"), ({"office-hours": None}, "Invalid")]
)
def test_problems(calendars: dict[str, Evaluated | None], problem: str) -> None:
    """A Calendar that is missing or invalid has no state."""
    text = due_mark(SLEEPER, calendars, NOON)
    assert json.loads(text or "") == {"calendar": {"name": "office-hours", "problem": problem}}


@pytest.mark.parametrize(
    ("times", "passed"),
    [
        pytest.param({"awake_until": "2026-11-30T12:00:00Z"}, True, id="now"),
        pytest.param({"awake_until": "2026-11-30T12:00:01Z"}, False, id="in-a-second"),
        pytest.param({"expire_at": "2026-11-30T12:30:00+01:00"}, True, id="in-a-zone"),
        pytest.param({"expire_at": "2026-11-30T12:30:00-01:00"}, False, id="in-another-zone"),
        pytest.param({"overdue_at": "2026-11-30T11:59:59Z"}, True, id="overdue-backup"),
        pytest.param({"overdue_at": "2026-11-30T12:45:00Z"}, False, id="backup-in-time"),
        pytest.param({"warn_from": "2026-11-30T11:59:59Z"}, True, id="certificate-ends-soon"),
        pytest.param({"warn_from": "2026-11-30T12:45:00Z"}, False, id="certificate-lasts"),
        pytest.param({"expire_at": "2026-11-30T01:00:00"}, False, id="without-zone"),
        pytest.param({"expire_at": "soon"}, False, id="malformed"),
    ],
)
def test_deadlines(times: dict[str, Any], *, passed: bool) -> None:
    """A time is past from its second on, and is in the mark as spec or status has it."""
    sleeper = replace(SLEEPER, calendar="", **times)
    assert mark(sleeper, NOON) == ({"passed": [*times.values()]} if passed else None)


def test_a_clock_that_was_wrong_is_corrected() -> None:
    """A time that was past too early is not past any more: nothing depends on earlier marks."""
    sleeper = replace(SLEEPER, calendar="", expire_at="2026-12-01T00:00:00Z")
    wrong = due_mark(sleeper, {}, NOON + dt.timedelta(days=300))
    assert wrong is not None
    assert due_mark(replace(sleeper, mark=wrong), {}, NOON) is None


def test_a_herd_wakes_in_turn() -> None:
    """Sleepers wake evenly over the spread, each at the same place every day."""
    sleepers = [replace(SLEEPER, uid=f"u-{n}", sleeps_by="office-hours") for n in range(1000)]
    still = [
        sum(asleep(each, MONDAY + dt.timedelta(minutes=minute)) for each in sleepers)
        for minute in (0, 2, 5, 8, 10)
    ]
    assert still[0] >= 995
    assert 750 < still[1] < 850
    assert 450 < still[2] < 550
    assert 150 < still[3] < 250
    assert still[4] == 0
    tuesday = MONDAY + dt.timedelta(days=1, minutes=5)
    assert [asleep(each, tuesday) for each in sleepers] == [
        asleep(each, MONDAY + dt.timedelta(minutes=5)) for each in sleepers
    ]


def test_only_sleepers_wait() -> None:
    """What is awake does not fall asleep for its turn, nor does one of another Calendar."""
    at = MONDAY + dt.timedelta(seconds=1)
    assert asleep(replace(SLEEPER, sleeps_by="office-hours"), at)
    assert not asleep(SLEEPER, at)
    assert not asleep(replace(SLEEPER, sleeps_by="nights"), at)


def test_a_short_window_is_not_slept_through() -> None:
    """The spread is at most half of the window."""
    short = parse(
        {
            "timeZone": "UTC",
            "windows": [{"days": ["Mon"], "from": "08:00", "to": "08:10"}],
            "spread": "2h",
        }
    )
    at = MONDAY + dt.timedelta(minutes=5)
    for number in range(100):
        found = mark(replace(SLEEPER, uid=f"u-{number}", sleeps_by="office-hours"), at, short)
        assert found
        assert found["calendar"]["asleep"] is False


@given(st.datetimes(dt.datetime(2026, 11, 1), dt.datetime(2026, 12, 31)), st.uuids())  # noqa: DTZ001  # made aware below
def test_the_function_reads_it(moment: dt.datetime, uid: Any) -> None:
    """Whatever the clock writes, the function reads the same of it."""
    now = moment.replace(tzinfo=dt.UTC)
    sleeper = replace(
        SLEEPER,
        uid=str(uid),
        awake_until="2026-11-20T12:00:00Z",
        expire_at="2026-12-10T12:00:00+01:00",
        overdue_at="2026-12-01T02:45:00Z",
        sleeps_by="office-hours",
    )
    text = due_mark(sleeper, {"office-hours": evaluated(HOURS, now)}, now)
    found = clock_mark.read({clock_mark.ANNOTATION: text})
    written = json.loads(text or "")
    assert found.model_dump(exclude_none=True, mode="json") == {"passed": [], **written}
