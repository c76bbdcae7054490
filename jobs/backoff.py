"""A clock that tests can replace, pauses that grow, and steps that are repeated until done."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from jobs.errors import TransientError

FIRST_SECONDS = 0.5
LONGEST_SECONDS = 8.0
GROWTH = 1.6

log = structlog.get_logger()


@dataclass(frozen=True)
class Clock:
    """Time, sleep and jitter."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random


class Backoff:
    """Pauses between attempts, longer each time, spread by a quarter either way."""

    def __init__(self, clock: Clock, longest: float = LONGEST_SECONDS) -> None:
        """Start with the shortest pause."""
        self._clock = clock
        self._longest = longest
        self._seconds = FIRST_SECONDS

    def wait(self, longest: float | None = None) -> None:
        """Pause, and lengthen the next pause."""
        seconds = min(self._seconds, longest or self._longest)
        self._clock.sleep(seconds * (0.75 + self._clock.jitter() / 2))
        self._seconds = min(seconds * GROWTH, self._longest)

    def reset(self) -> None:
        """Return to the shortest pause."""
        self._seconds = FIRST_SECONDS


def repeat(step: Callable[[], bool], *, timeout: float, clock: Clock) -> bool:
    """Repeat a step until it returns True; return False when the time is up.

    Transient errors are logged, and tried again. Raises RefusedError as the step does.
    """
    deadline = clock.now() + timeout
    backoff = Backoff(clock)
    while clock.now() < deadline:
        try:
            if step():
                return True
        except TransientError as error:
            log.warning("trying again", reason=error.reason, message=error.message)
        backoff.wait()
    return False
