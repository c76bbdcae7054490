"""The time: of the node and the API server, and a clock that jumps."""

import datetime as dt
from email.utils import format_datetime

import pytest

from jobs.clock.time_source import TimeSource
from jobs.errors import TransientError

START = dt.datetime(2026, 11, 30, 12, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)


class Times:
    """The clocks of node and API server, in seconds after the start."""

    def __init__(self) -> None:
        """Start both together."""
        self.node = 0
        self.server = 0
        self.source = TimeSource(self.wall_clock)

    def wall_clock(self) -> float:
        """Return the time of the node."""
        return (START + self.node * SECOND).timestamp()

    def now(self) -> int:
        """Return the time of the source."""
        server = format_datetime(START + self.server * SECOND, usegmt=True)
        return int((self.source.now(server) - START).total_seconds())


def test_time_passes() -> None:
    """The time is the node's."""
    times = Times()
    for seconds in (0, 10, 3600):
        times.node = times.server = seconds
        assert times.now() == seconds


@pytest.mark.parametrize("seconds", [301, -301, 10**9])
def test_nothing_happens_while_they_differ(seconds: int) -> None:
    """A node whose clock jumps deletes nothing."""
    times = Times()
    times.node = seconds
    with pytest.raises(TransientError, match="TimesDiffer"):
        times.now()
    times.server = seconds
    assert times.now() == seconds


def test_a_small_jump_back_is_waited_for() -> None:
    """A deadline that has passed stays past while the clock is corrected."""
    times = Times()
    times.node = times.server = 100
    assert times.now() == 100
    times.node = 40
    assert times.now() == 100
    times.node = 101
    assert times.now() == 101


def test_a_large_jump_back_is_followed() -> None:
    """Where both agree on an earlier time, it is the time."""
    times = Times()
    times.node = times.server = 5000
    assert times.now() == 5000
    times.node = times.server = 0
    assert times.now() == 0


@pytest.mark.parametrize("server", ["", "soon", "2026-11-30T12:00:00Z"])
def test_an_answer_without_a_date(server: str) -> None:
    """Without the second clock nothing happens."""
    with pytest.raises(TransientError, match="NoServerTime"):
        TimeSource(START.timestamp).now(server)
