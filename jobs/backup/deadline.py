"""The end of an attempt, which the read of a long archive must not pass."""

from jobs.backoff import Clock
from jobs.errors import TransientError


class Deadline:
    """A time on a clock."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        """Hold the clock; the end is so many seconds from now."""
        self._clock = clock
        self._end = clock.now() + seconds

    @property
    def left(self) -> float:
        """Seconds until the end, negative after it."""
        return self._end - self._clock.now()

    def check(self) -> None:
        """Raise TransientError after the end, between two parts of an archive that is read."""
        if self.left < 0:
            raise TransientError("TimeIsUp", "The archive takes too long to read.")
