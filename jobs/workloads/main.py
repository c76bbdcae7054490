"""The command line of `stop-workloads`, which chart vcluster-namespace runs as a hook."""

import os
import sys

import structlog
from lightkube import KubeConfig

from jobs import abandoned, hooks
from jobs.bounded_api import Api
from jobs.errors import RefusedError
from jobs.rancher.kubernetes import client
from jobs.workloads.stopping import Stop

TIMEOUT_SECONDS = 240.0
"""The default of the variable of this name."""

NO_CONTEXT = ("BadKubeconfig", "KUBECONFIG names a file without a current context.")


def main() -> None:
    """Stop all pods of NAMESPACE within TIMEOUT_SECONDS; note in PLATFORM_NAMESPACE what is left.

    Never fails, because Helm would uninstall nothing.
    """
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
    )
    hooks.supervise(_steps)


def _steps() -> None:
    timeout = _timeout()
    if not hooks.attempt(lambda: _stop(timeout).run(), seconds=timeout):
        hooks.attempt(_note, seconds=hooks.NOTE_SECONDS)


def _timeout() -> float:
    try:
        return float(os.environ["TIMEOUT_SECONDS"])
    except (KeyError, ValueError):
        return TIMEOUT_SECONDS


def _stop(timeout: float) -> Stop:
    return Stop(_host(), os.environ["NAMESPACE"], timeout=timeout)


def _note() -> None:
    """Write down which pods are left."""
    uid, namespace = os.environ["OWNER_UID"], os.environ["NAMESPACE"]
    left = {"ownerUid": uid, "left": "pods", "namespace": namespace, **_stop(0).left()}
    abandoned.note(_host(), os.environ["PLATFORM_NAMESPACE"], f"{uid}.pods", left)


def _host() -> Api:
    config = KubeConfig.from_env().get()
    if config is None:
        raise RefusedError(*NO_CONTEXT)
    return client(config)
