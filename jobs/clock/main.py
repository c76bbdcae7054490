"""The command line of `vcluster-clock`, which chart vcluster-clock runs."""

import os
import signal
import sys
import threading
import zoneinfo

import structlog

from jobs.clock.clock_loop import ClockLoop
from jobs.environment import Environment
from jobs.errors import RancherImportError
from jobs.health_server import HealthServer
from jobs.kubernetes import host_client

FIELD_MANAGER = "vcluster-clock"

GAVE_UP = 1


def main() -> None:
    """Look every PERIOD until SIGTERM, and serve probes and metrics at METRICS_ADDRESS."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
    )
    # The time zones of the package that is pinned, on any base image.
    zoneinfo.reset_tzpath(to=())
    try:
        _run(Environment(os.environ))
    except RancherImportError as error:
        sys.stderr.write(f"vcluster-clock: {error}\n")
        sys.exit(GAVE_UP)


def _run(env: Environment) -> None:
    period = env.seconds("PERIOD", "30s")
    clock = ClockLoop(host_client(FIELD_MANAGER), period=period)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    address = env.text("METRICS_ADDRESS", ":8080")
    server = HealthServer(address, lambda: clock.last_success, 3 * period)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    clock.run(stop)
    server.shutdown()
