"""The command line of `vcluster-clock`, which chart vcluster-clock runs."""

import os
import sys
import zoneinfo

from jobs import logs, service
from jobs.clock.clock_loop import ClockLoop
from jobs.environment import Environment
from jobs.errors import RancherImportError
from jobs.kubernetes import host_client

FIELD_MANAGER = "vcluster-clock"

GAVE_UP = 1


def main() -> None:
    """Look every PERIOD until SIGTERM, and serve probes and metrics at METRICS_ADDRESS."""
    logs.configure()
    # The time zones of the package that is pinned, on any base image.
    zoneinfo.reset_tzpath(to=())
    try:
        _run(Environment(os.environ))
    except RancherImportError as error:
        sys.stderr.write(f"vcluster-clock: {error}\n")
        sys.exit(GAVE_UP)


def _run(env: Environment) -> None:
    period = env.seconds("PERIOD", "30s")
    service.serve(ClockLoop(host_client(FIELD_MANAGER), period=period), env, period)
