"""The next time of a schedule, as the CronJob of the host has it."""

import datetime as dt

import pytest

from jobs.backup import schedule
from jobs.errors import RefusedError


def utc(text: str) -> dt.datetime:
    """Return a time in UTC."""
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("fields", "zone", "after", "expected"),
    [
        ("0 2 * * *", "Etc/UTC", "2026-01-10T02:00:00", "2026-01-11T02:00:00"),
        ("0 2 * * *", "Etc/UTC", "2026-01-10T01:59:59", "2026-01-10T02:00:00"),
        ("0 2 * * *", "Europe/Berlin", "2026-01-10T02:00:00", "2026-01-11T01:00:00"),
        ("0 2 * * *", "Europe/Berlin", "2026-07-10T00:00:01", "2026-07-11T00:00:00"),
        ("* * * * *", "Etc/UTC", "2026-01-10T02:00:30", "2026-01-10T02:01:00"),
        ("*/15 * * * *", "Asia/Kathmandu", "2026-01-10T02:01:00", "2026-01-10T02:15:00"),
        ("0 3 * * mon-fri", "Etc/UTC", "2026-01-09T04:00:00", "2026-01-12T03:00:00"),
        ("0 3 1 JAN ?", "Etc/UTC", "2026-01-09T04:00:00", "2027-01-01T03:00:00"),
        ("0 0 29 2 *", "Etc/UTC", "2026-01-01T00:00:00", "2028-02-29T00:00:00"),
        # A day of the month or one of the week, also where one of them is a step.
        ("0 0 13 * FRI", "Etc/UTC", "2026-01-10T00:00:00", "2026-01-13T00:00:00"),
        ("0 0 */10 * TUE", "Etc/UTC", "2026-01-01T00:00:00", "2026-01-06T00:00:00"),
        ("5/20 * * * *", "Etc/UTC", "2026-01-01T00:26:00", "2026-01-01T00:45:00"),
        # 02:30 does not exist on 29 March, and is left out.
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00", "2026-03-30T00:30:00"),
        # 02:30 comes twice on 25 October.
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T00:00:00", "2026-10-25T00:30:00"),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00", "2026-10-25T01:30:00"),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T01:30:00", "2026-10-26T01:30:00"),
        # A schedule of minutes goes on through both changes.
        ("*/30 * * * *", "Europe/Berlin", "2026-03-29T00:30:00", "2026-03-29T01:00:00"),
        ("*/30 * * * *", "Europe/Berlin", "2026-10-25T00:30:00", "2026-10-25T01:00:00"),
        ("*/30 * * * *", "Europe/Berlin", "2026-10-25T01:00:00", "2026-10-25T01:30:00"),
        ("15 * * * *", "Australia/Lord_Howe", "2026-04-04T14:50:00", "2026-04-04T15:45:00"),
    ],
)
def test_next_time(fields: str, zone: str, after: str, expected: str) -> None:
    """The next time follows the zone, its changes of the clocks, and the rules of a CronJob."""
    assert schedule.next_time(fields, zone, utc(after)) == utc(expected)


@pytest.mark.parametrize(
    ("fields", "zone"),
    [
        ("", "Etc/UTC"),
        ("0 2 * *", "Etc/UTC"),
        ("0 2 * * * *", "Etc/UTC"),
        ("60 2 * * *", "Etc/UTC"),
        ("@daily", "Etc/UTC"),
        ("0 2 * * *", "Europe/Bonn"),
        ("0 2 * * *", "../etc/passwd"),
        ("0 2 * * *", ""),
    ],
)
def test_refusals(fields: str, zone: str) -> None:
    """A malformed schedule or zone is refused by the name of its variable."""
    with pytest.raises(RefusedError, match=r"SCHEDULE must|TIME_ZONE must"):
        schedule.next_time(fields, zone, utc("2026-01-01T00:00:00"))


def test_overdue() -> None:
    """A report is overdue when the next snapshot had its time, and a quarter of an hour more."""
    now, timeout = utc("2026-01-10T12:00:00"), dt.timedelta(minutes=30)
    overdue = schedule.overdue_at("0 2 * * *", "Etc/UTC", now, timeout)
    assert overdue == utc("2026-01-11T02:45:00")


@pytest.mark.parametrize(
    ("fields", "longest"), [("0 2 * * *", 300), ("0 * * * *", 300), ("* * * * *", 6)]
)
def test_delay(fields: str, longest: int) -> None:
    """A hundred virtual clusters do not begin at once, and none waits long."""
    now = utc("2026-01-10T02:00:00")
    delays = [schedule.delay(fields, "Etc/UTC", f"uid-{n}", now) for n in range(100)]
    assert delays[0] == schedule.delay(fields, "Etc/UTC", "uid-0", now)
    seconds = [delay.total_seconds() for delay in delays]
    assert min(seconds) >= 0
    assert longest * 0.5 < max(seconds) < longest
    tenths = {int(each * 10 / longest) for each in seconds}
    assert len(tenths) == min(10, longest)
