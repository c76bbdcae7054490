"""The death of a program at a chosen request to an API server, and the places to try it at."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx2
import pytest


class KilledError(BaseException):
    """The process ends here: nothing after this line runs."""


@dataclass
class Wire:
    """All requests of the program, and the one at which it dies."""

    kill_at: int | None = None
    kill_on: str = ""
    """The end of a line at which it dies, as an alternative to its number."""
    phase: str = "before"
    lines: list[str] = field(default_factory=list)
    is_others: bool = False
    """Whether requests are another's at the moment."""

    def count(self, line: str) -> bool:
        """Count a request, and return whether the program dies at it."""
        if self.is_others:
            return False
        self.lines.append(line)
        number = len(self.lines)
        return number == self.kill_at or bool(self.kill_on and line.endswith(self.kill_on))

    def reset(self) -> None:
        """Count from the beginning, without a death."""
        self.kill_at, self.kill_on = None, ""
        self.lines.clear()


@contextmanager
def tapped(wire: Wire) -> Iterator[pytest.MonkeyPatch]:
    """Count all requests of httpx2, and die at the chosen one; yield what undoes patches."""
    patch = pytest.MonkeyPatch()
    original = httpx2.HTTPTransport.handle_request

    def handle(transport: httpx2.HTTPTransport, request: httpx2.Request) -> httpx2.Response:
        dies = wire.count(f"{request.method} {request.url.path}")
        if dies and wire.phase == "before":
            raise KilledError
        answer = original(transport, request)
        if dies:
            answer.read()
            raise KilledError
        return answer

    patch.setattr(httpx2.HTTPTransport, "handle_request", handle)
    try:
        yield patch
    finally:
        patch.undo()


def kills(wire: Wire) -> list[tuple[int, str]]:
    """Return where the run before can die so that it leaves something else: around each write."""
    return [
        (number, phase)
        for number, line in enumerate(wire.lines, 1)
        if number == 1 or not line.startswith("GET ")
        for phase in ("before", "after")
    ]
