"""A program that looks once per period: until a signal ends it, with probes beside it."""

import os
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from dev.apiserver.processes import free_ports
from jobs.environment import Environment
from jobs.service import serve


class Looks:
    """A loop that is asked for its readiness, and then ended by SIGTERM."""

    def __init__(self, address: str) -> None:
        """Hold the address of the probes."""
        self.last_success = 0.0
        self.answers: list[int] = []
        self._address = address

    def run(self, stop: threading.Event) -> None:
        """Ask for readiness before and after a successful look, and end the program."""
        self.answers.append(self._readiness())
        self.last_success = time.monotonic()
        self.answers.append(self._readiness())
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.wait(5)

    def _readiness(self) -> int:
        try:
            with urllib.request.urlopen(f"http://{self._address}/readyz", timeout=5) as answer:
                status: int = answer.status
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        return status


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Put the handlers of signals back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_serve() -> None:
    """It is ready after a successful look, and SIGTERM ends it in order."""
    (port,) = free_ports(1)
    address = f"127.0.0.1:{port}"
    loop = Looks(address)
    serve(loop, Environment({"METRICS_ADDRESS": address}), 30)
    assert loop.answers == [503, 200]
