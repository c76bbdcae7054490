"""The time: that of the node, where the API server agrees with it.

What the clock decides cannot be taken back: a virtual cluster falls asleep, or is deleted. So it
does nothing while the two differ. A time that is set back by less than that stands still meanwhile,
so that what has passed stays past.
"""

import datetime as dt
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime

from jobs.errors import TransientError

TOLERANCE = dt.timedelta(minutes=5)


class TimeSource:
    """The time of the node, compared with that of an API server."""

    def __init__(self, wall_clock: Callable[[], float] = time.time) -> None:
        """Hold the clock of the node."""
        self._wall_clock = wall_clock
        self._latest = dt.datetime.min.replace(tzinfo=dt.UTC)

    def now(self, server: str) -> dt.datetime:
        """Return the time; `server` is the header Date of an API server.

        Raises TransientError if they differ too much.
        """
        here = dt.datetime.fromtimestamp(self._wall_clock(), dt.UTC)
        try:
            there = parsedate_to_datetime(server)
            difference = abs(here - there)
        except (ValueError, TypeError):
            raise TransientError("NoServerTime", "The API server's answer has no Date.") from None
        if difference > TOLERANCE:
            message = f"The node's time is {here:%Y-%m-%dT%H:%M:%SZ}, the API server's {server}."
            raise TransientError("TimesDiffer", message)
        if here < self._latest < here + TOLERANCE:
            return self._latest
        self._latest = here
        return here
