"""The command line of `stop-workloads`, which chart vcluster-namespace runs as a hook."""

import os

from jobs import abandoned, hooks, logs
from jobs.kubernetes import host_client
from jobs.workloads.pod_removal import PodRemoval
from jobs.workloads.pod_shutdown import PodShutdown

TIMEOUT_SECONDS = 240.0
"""The default of the variable of this name."""

LAST_LOOK_SECONDS = 20
"""Time after it for the last attempt, and for a look at what is left."""


def main() -> None:
    """Stop all pods of NAMESPACE within TIMEOUT_SECONDS; note the rest in PLATFORM_NAMESPACE.

    Never fails, because Helm would uninstall nothing. With CONTROL_PLANE, a selector, stop only the
    pods that a control plane asleep has left, and fail if one of them runs on: nothing sleeps then,
    and provider-helm runs the hook again.
    """
    logs.configure()
    if "CONTROL_PLANE" in os.environ:
        hooks.supervise(_remove, failure=hooks.NOT_DONE)
    hooks.supervise(_stop)


def _remove() -> bool:
    timeout = _timeout()
    return hooks.attempt(lambda: _removal(timeout).run(), seconds=timeout + LAST_LOOK_SECONDS)


def _stop() -> None:
    timeout = _timeout()
    if not hooks.attempt(lambda: _shutdown(timeout).run(), seconds=timeout):
        hooks.attempt(_note, seconds=hooks.NOTE_SECONDS)


def _timeout() -> float:
    try:
        return float(os.environ["TIMEOUT_SECONDS"])
    except (KeyError, ValueError):
        return TIMEOUT_SECONDS


def _shutdown(timeout: float) -> PodShutdown:
    return PodShutdown(host_client(), os.environ["NAMESPACE"], timeout=timeout)


def _removal(timeout: float) -> PodRemoval:
    return PodRemoval(
        host_client(),
        os.environ["NAMESPACE"],
        control_plane=os.environ["CONTROL_PLANE"],
        lease=os.environ.get("LEASE", ""),
        timeout=timeout,
    )


def _note() -> None:
    """Write a note about the pods that are left."""
    uid, namespace = os.environ["OWNER_UID"], os.environ["NAMESPACE"]
    fields = {"ownerUid": uid, "left": "pods", "namespace": namespace, **_shutdown(0).remainder()}
    abandoned.note(host_client(), os.environ["PLATFORM_NAMESPACE"], f"{uid}.pods", fields)
