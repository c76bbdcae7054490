"""Time, so that tests need not wait for it, and pauses that grow."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

FIRST_SECONDS = 0.5
LONGEST_SECONDS = 8.0
GROWTH = 1.6


@dataclass(frozen=True)
class Clock:
    """What time is it, and how long is a moment."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random


class Backoff:
    """Pauses between attempts, longer each time, spread by a quarter either way."""

    def __init__(self, clock: Clock) -> None:
        """Begin with the shortest."""
        self._clock = clock
        self._seconds = FIRST_SECONDS

    def wait(self) -> None:
        """Pause."""
        self._clock.sleep(self._seconds * (0.75 + self._clock.jitter() / 2))
        self._seconds = min(self._seconds * GROWTH, LONGEST_SECONDS)

    def reset(self) -> None:
        """Begin again with the shortest."""
        self._seconds = FIRST_SECONDS
