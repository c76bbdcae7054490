"""The pace of an import: short pauses and connects while something is about to be there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import structlog

from jobs.backoff import LONGEST_SECONDS, Backoff, Clock
from jobs.bounded_api import CALL_SECONDS, WATCH_SECONDS
from jobs.errors import RancherImportError

STARTING_SECONDS = 180.0
"""Time in which an API server starts, from its kubeconfig on."""

CONNECT_SECONDS = 2.0
"""Time to connect to an API server that starts. Packets to a Service without endpoints may be lost,
and those of the same connection stay lost when it has some: only another connect gets through."""


@dataclass(frozen=True)
class Hurry:
    """Short pauses for some time."""

    seconds: float
    """Time since the last progress; afterwards the pauses grow."""
    longest: float
    """Longest pause, before its spread."""


_STARTING = Hurry(STARTING_SECONDS, longest=1.0)
_AT_WORK = Hurry(60.0, longest=1.6)
"""Rancher answers many requests in one look, so its pauses are longer, and sooner grow."""

_HURRIES: Mapping[str, Hurry] = MappingProxyType(
    {
        "WaitingForApi": _STARTING,
        "WaitingForRancher": _AT_WORK,
        "WaitingForPermissions": _AT_WORK,
        "WaitingForRegistration": _AT_WORK,
        "AgentStarting": _AT_WORK,
        "AgentNotConnected": _AT_WORK,
    }
)
"""By reason of the wait. For all others, and after errors, the pauses grow from the first on."""


log = structlog.get_logger()


class Pace:
    """The pauses of one attempt, which begins with progress."""

    def __init__(self, clock: Clock) -> None:
        """Start with the shortest pause."""
        self._clock = clock
        self._backoff = Backoff(clock)
        self._progress = clock.now()

    @property
    def connect_seconds(self) -> float:
        """The time to connect to the virtual cluster."""
        return CONNECT_SECONDS if self._since() < STARTING_SECONDS else CALL_SECONDS

    def expect(self) -> None:
        """Note that nothing is to be seen yet of what starts next."""
        self._progress = self._clock.now()

    def advance(self) -> None:
        """Note progress, and return to the shortest pause."""
        self._progress = self._clock.now()
        self._backoff.reset()

    def pause(self, reason: str) -> None:
        """Pause before the next look, for the reason of a wait, or none."""
        hurry = _HURRIES.get(reason)
        is_short = hurry is not None and self._since() < hurry.seconds
        self._backoff.wait(hurry.longest if hurry and is_short else LONGEST_SECONDS)

    def watch(self, wait: Callable[[int], bool], deadline: float) -> None:
        """Wait for an object by a watch; pause where that is refused, fails or ends early."""
        started = self._clock.now()
        seconds = min(WATCH_SECONDS, max(1, int(deadline - started)))
        try:
            is_over = wait(seconds) or self._clock.now() - started > seconds / 2
        except RancherImportError as error:
            log.info("polling, not watching", reason=error.reason, message=error.message)
            is_over = False
        if not is_over:
            self.pause("")

    def _since(self) -> float:
        return self._clock.now() - self._progress
