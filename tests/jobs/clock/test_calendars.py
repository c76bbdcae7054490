"""Calendars: windows, closed days, both changes of the clocks, leap days, and laws of them all."""

import datetime as dt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.clock.calendars import (
    DAYS,
    MOST_SPREAD,
    REACHES,
    InvalidCalendarError,
    State,
    evaluate,
    parse,
)

WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri"]
BERLIN: dict[str, Any] = {
    "timeZone": "Europe/Berlin",
    "windows": [{"days": WEEKDAYS, "from": "08:00", "to": "18:00"}],
}


def at(text: str | None) -> dt.datetime | None:
    """Return an instant."""
    return dt.datetime.fromisoformat(text) if text else None


def state(spec: dict[str, Any], now: str) -> State:
    """Return the state of a Calendar."""
    instant = at(now)
    assert instant
    return evaluate(parse(spec), instant)


def daily(zone: str, begin: str, end: str, **more: Any) -> dict[str, Any]:
    """Return a Calendar with a window on each day."""
    return {
        "timeZone": zone,
        "windows": [{"days": [*DAYS], "from": begin, "to": end}],
        **more,
    }


@pytest.mark.parametrize(
    ("spec", "now", "expected"),
    [
        pytest.param(
            BERLIN,
            "2026-11-30T07:00:00Z",
            (True, "2026-11-30T07:00:00Z", "2026-11-30T17:00:00Z"),
            id="begin",
        ),
        pytest.param(
            BERLIN,
            "2026-11-30T17:00:00Z",
            (False, "2026-11-30T17:00:00Z", "2026-12-01T07:00:00Z"),
            id="end",
        ),
        pytest.param(
            BERLIN,
            "2026-11-28T12:00:00Z",
            (False, "2026-11-27T17:00:00Z", "2026-11-30T07:00:00Z"),
            id="weekend",
        ),
        pytest.param(
            {**BERLIN, "closed": ["2026-12-25", "2026-12-24"]},
            "2026-12-24T12:00:00Z",
            (False, "2026-12-23T17:00:00Z", "2026-12-28T07:00:00Z"),
            id="closed",
        ),
        pytest.param(
            daily("Europe/Berlin", "22:00", "06:00"),
            "2026-11-30T02:00:00Z",
            (True, "2026-11-29T21:00:00Z", "2026-11-30T05:00:00Z"),
            id="over-midnight",
        ),
        pytest.param(
            daily("Europe/Berlin", "22:00", "06:00", closed=["2026-11-30"]),
            "2026-11-29T22:00:00Z",
            (True, "2026-11-29T21:00:00Z", "2026-11-29T23:00:00Z"),
            id="closed-from-midnight",
        ),
        pytest.param(
            daily("Europe/Berlin", "22:00", "06:00", closed=["2026-11-30"]),
            "2026-11-30T22:00:00Z",
            (False, "2026-11-29T23:00:00Z", "2026-11-30T23:00:00Z"),
            id="closed-to-midnight",
        ),
        pytest.param(
            daily("Europe/Berlin", "00:00", "24:00"),
            "2026-11-30T22:00:00Z",
            (True, None, None),
            id="always-open",
        ),
        pytest.param(
            daily("UTC", "00:00", "24:00", closed=["2026-12-25"]),
            "2026-12-01T00:00:00Z",
            (True, None, "2026-12-25T00:00:00Z"),
            id="one-closed-day",
        ),
        pytest.param(
            {
                "timeZone": "UTC",
                "windows": [
                    {"days": ["Mon"], "from": "08:00", "to": "12:00"},
                    {"days": ["Mon"], "from": "12:00", "to": "16:00"},
                    {"days": ["Mon"], "from": "09:00", "to": "10:00"},
                ],
            },
            "2026-11-30T09:30:00Z",
            (True, "2026-11-30T08:00:00Z", "2026-11-30T16:00:00Z"),
            id="windows-that-touch",
        ),
        pytest.param(
            daily("UTC", "08:00", "18:00", closed=["2028-02-29"]),
            "2028-02-29T12:00:00Z",
            (False, "2028-02-28T18:00:00Z", "2028-03-01T08:00:00Z"),
            id="leap-day",
        ),
        pytest.param(
            {**BERLIN, "windows": [{"days": ["Tue"], "from": "08:00", "to": "18:00"}]},
            "2028-02-29T12:00:00Z",
            (True, "2028-02-29T07:00:00Z", "2028-02-29T17:00:00Z"),
            id="window-on-a-leap-day",
        ),
        # 29 March 2026, 02:00 becomes 03:00 in Berlin.
        pytest.param(
            daily("Europe/Berlin", "01:00", "05:00"),
            "2026-03-29T01:30:00Z",
            (True, "2026-03-29T00:00:00Z", "2026-03-29T03:00:00Z"),
            id="forward-within-a-window",
        ),
        pytest.param(
            daily("Europe/Berlin", "02:30", "05:00"),
            "2026-03-29T01:30:00Z",
            (True, "2026-03-29T01:30:00Z", "2026-03-29T03:00:00Z"),
            id="begin-that-does-not-exist-is-an-hour-later",
        ),
        pytest.param(
            daily("Europe/Berlin", "01:00", "02:30"),
            "2026-03-29T01:29:59Z",
            (True, "2026-03-29T00:00:00Z", "2026-03-29T01:30:00Z"),
            id="end-that-does-not-exist-is-an-hour-later",
        ),
        pytest.param(
            daily("Europe/Berlin", "02:30", "03:15"),
            "2026-03-29T01:20:00Z",
            (False, "2026-03-28T02:15:00Z", "2026-03-30T00:30:00Z"),
            id="window-that-the-change-swallows",
        ),
        # 25 October 2026, 03:00 becomes 02:00 in Berlin: 02:30 is 00:30Z and 01:30Z.
        pytest.param(
            daily("Europe/Berlin", "02:30", "05:00"),
            "2026-10-25T00:30:00Z",
            (True, "2026-10-25T00:30:00Z", "2026-10-25T04:00:00Z"),
            id="begin-that-exists-twice-is-the-first",
        ),
        pytest.param(
            daily("Europe/Berlin", "01:00", "02:30"),
            "2026-10-25T00:30:00Z",
            (False, "2026-10-25T00:30:00Z", "2026-10-26T00:00:00Z"),
            id="end-that-exists-twice-is-the-first",
        ),
        # Midnight of 24 April 2026 does not exist in Cairo: it becomes 01:00.
        pytest.param(
            daily("Africa/Cairo", "00:00", "24:00", closed=["2026-04-24"]),
            "2026-04-23T22:00:00Z",
            (False, "2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z"),
            id="closed-day-without-midnight",
        ),
        # Samoa left out 30 December 2011.
        pytest.param(
            daily("Pacific/Apia", "08:00", "18:00"),
            "2011-12-30T12:00:00Z",
            (False, "2011-12-30T04:00:00Z", "2011-12-30T18:00:00Z"),
            id="day-that-does-not-exist",
        ),
    ],
)
def test_states(
    spec: dict[str, Any], now: str, expected: tuple[bool, str | None, str | None]
) -> None:
    """A Calendar is open from the first second of a window to before its end, in local time."""
    is_open, since, until = expected
    assert state(spec, now) == State(is_open, at(since), at(until))


ZONES = st.sampled_from(
    [
        *("Europe/Berlin", "America/New_York", "Africa/Cairo", "Australia/Lord_Howe"),
        *("Asia/Kathmandu", "Pacific/Apia", "America/St_Johns", "UTC", "Africa/Casablanca"),
    ]
)
TIMES = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from([0, 1, 15, 30, 59]))
WINDOW = st.builds(
    lambda days, begin, end: {"days": sorted(days), "from": begin, "to": end},
    st.sets(st.sampled_from(DAYS), min_size=1),
    TIMES,
    TIMES | st.just("24:00"),
).filter(lambda window: window["from"] != window["to"])
NOW = st.builds(
    dt.datetime.fromtimestamp, st.integers(1_577_836_800, 2_114_380_800), st.just(dt.UTC)
)
"""Any second from 2020 to 2036."""
CALENDAR = st.fixed_dictionaries(
    {
        "timeZone": ZONES,
        "windows": st.lists(WINDOW, min_size=1, max_size=4),
        "closed": st.lists(st.dates(dt.date(2020, 1, 1), dt.date(2037, 1, 1)).map(str), max_size=4),
    }
)


@settings(deadline=None)
@given(CALENDAR, NOW, st.floats(0, 0.999))
def test_laws(spec: dict[str, Any], now: dt.datetime, share: float) -> None:
    """The end is in the future, and until then the answer is the same, from its begin on."""
    calendar = parse(spec)
    first = evaluate(calendar, now)
    assert evaluate(calendar, now) == first
    farthest = REACHES[-1]
    assert first.since is None or now - farthest <= first.since <= now
    assert first.until is None or now < first.until <= now + farthest
    if first.since and first.until:
        between = first.since + (first.until - first.since) * share
        assert evaluate(calendar, between).open is first.open
    if first.since:
        before = evaluate(calendar, first.since - dt.timedelta(seconds=1))
        assert (before.open, before.until) == (not first.open, first.since)
    if first.until:
        after = evaluate(calendar, first.until)
        assert (after.open, after.since) == (not first.open, first.until)


@settings(deadline=None)
@given(CALENDAR, NOW)
def test_local_time(spec: dict[str, Any], now: dt.datetime) -> None:
    """Apart from the changes of the clocks, it is open as a clock on the wall reads."""
    calendar = parse(spec)
    hours = [now + dt.timedelta(hours=hour) for hour in range(-30, 31)]
    offsets = {hour.astimezone(calendar.zone).utcoffset() for hour in hours}
    local = now.astimezone(calendar.zone)
    yesterday = local.date() - dt.timedelta(days=1)

    def covers(day: dt.date, window: dict[str, Any]) -> bool:
        minutes = (local.date() - day).days * 1440 + local.hour * 60 + local.minute
        begin, end = (int(window[k][:2]) * 60 + int(window[k][3:]) for k in ("from", "to"))
        end += 1440 if end <= begin else 0
        return DAYS[day.weekday()] in window["days"] and begin <= minutes < end

    windows = [covers(day, one) for day in (yesterday, local.date()) for one in spec["windows"]]
    expected = any(windows) and str(local.date()) not in spec["closed"]
    assert len(offsets) > 1 or evaluate(calendar, now).open is expected


@pytest.mark.parametrize(
    "zone", ["Europe/Berln", "Europe", "../etc/passwd", "/etc/localtime", "", "Local", "\0", None]
)
def test_unknown_zone(zone: Any) -> None:
    """A time zone that does not exist has a message, whatever the text is."""
    with pytest.raises(InvalidCalendarError) as error:
        parse({**BERLIN, "timeZone": zone})
    assert str(error.value).startswith("spec.timeZone: is not a time zone of the IANA database.")


@pytest.mark.parametrize(
    "change",
    [
        {"windows": None},
        {"windows": ["x"]},
        {"windows": [{"days": ["Mon"], "from": "08:00"}]},
        {"windows": [{"days": ["Mond"], "from": "08:00", "to": "09:00"}]},
        {"windows": [{"days": ["Mon"], "from": "08:00", "to": "08:00"}]},
        {"windows": [{"days": ["Mon"], "from": "24:00", "to": "08:00"}]},
        {"windows": [{"days": ["Mon"], "from": "8", "to": "09:00"}]},
        {"closed": ["2027-02-29"]},
        {"spread": "soon"},
    ],
    ids=str,
)
def test_malformed(change: dict[str, Any]) -> None:
    """What the API server would have refused is invalid, never an error of the program."""
    with pytest.raises(InvalidCalendarError, match="malformed"):
        parse({**BERLIN, **change})


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0s", dt.timedelta()), ("90s", dt.timedelta(seconds=90)), ("9999h", MOST_SPREAD)],
)
def test_spread(text: str, expected: dt.timedelta) -> None:
    """The spread is bounded."""
    assert parse({**BERLIN, "spread": text}).spread == expected
