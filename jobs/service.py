"""Run a program that looks once per period, until a signal ends it."""

import signal
import threading
from typing import Protocol

from jobs.environment import Environment
from jobs.health_server import HealthServer


class Loop(Protocol):
    """A loop that looks once per period."""

    last_success: float
    """Monotonic time of the last successful look; 0 before the first."""

    def run(self, stop: threading.Event) -> None:
        """Look until `stop` is set."""


def serve(loop: Loop, env: Environment, period: float) -> None:
    """Run a loop until SIGTERM, and serve its probes and metrics at METRICS_ADDRESS.

    It is ready while its last successful look is at most three periods old.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    address = env.text("METRICS_ADDRESS", ":8080")
    with HealthServer(address, lambda: loop.last_success, 3 * period) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        loop.run(stop)
        server.shutdown()
