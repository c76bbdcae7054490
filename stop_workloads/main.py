"""The command line of `stop-workloads`, which chart vcluster-namespace runs as a hook."""

import os
import sys

import structlog
from lightkube import KubeConfig

from rancher_import.kubernetes import client
from stop_workloads.stopping import Stop


def main() -> None:
    """Stop all pods of NAMESPACE within TIMEOUT_SECONDS; exit with 1 if some go on."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
    )
    config = KubeConfig.from_env().get()
    if config is None:
        sys.exit("stop-workloads: KUBECONFIG names a file without a current context")
    stop = Stop(
        client(config), os.environ["NAMESPACE"], timeout=float(os.environ["TIMEOUT_SECONDS"])
    )
    sys.exit(0 if stop.run() else 1)
