"""Remove Rancher from a virtual cluster whose data is retained.

Rancher's own clean-up is a Job in the virtual cluster, which starts after a minute and only if
Rancher still reached the cluster. Its leftovers are removed after it. The marker is removed last,
because it allows the removal, also to the run after one that died.
"""

from collections.abc import Callable
from contextlib import closing

import structlog

from jobs.backoff import Clock, repeat
from jobs.errors import RefusedError
from jobs.rancher.virtual_cluster import VirtualCluster

OWN_SECONDS = 60
"""Part of the time that is left after waiting for Rancher's Job."""

log = structlog.get_logger()


def clean_virtual_cluster(
    open_virtual_cluster: Callable[[], VirtualCluster | None],
    owner_uid: str,
    *,
    timeout: float,
    clock: Clock | None = None,
) -> bool:
    """Return True when nothing of our import is left inside, False when the time is up.

    Leftovers do no harm: the next import replaces an agent whose marker is ours, and removes the
    rights of an earlier cluster in Rancher.
    """
    clock = clock or Clock()
    end_of_patience = clock.now() + timeout - OWN_SECONDS

    def clean() -> bool:
        virtual_cluster = open_virtual_cluster()
        if virtual_cluster is None:
            log.info("no kubeconfig, so nothing was imported")
            return True
        with closing(virtual_cluster):
            is_done = _step(virtual_cluster, owner_uid, patient=clock.now() < end_of_patience)
        if is_done:
            log.info("the agent and its rights are removed")
        return is_done

    try:
        if repeat(clean, timeout=timeout, clock=clock):
            return True
    except RefusedError as error:
        log.warning("the agent stays behind", reason=error.reason, message=error.message)
        return False
    log.warning("the agent stays behind", reason="TimeIsUp")
    return False


def _step(virtual_cluster: VirtualCluster, owner_uid: str, *, patient: bool) -> bool:
    """Take the next step; return whether nothing of ours is left."""
    marker = virtual_cluster.marker()
    if marker is None or marker.owner_uid != owner_uid:
        return True
    if patient and virtual_cluster.rancher_cleans_up():
        return False
    remainder = virtual_cluster.remove_rancher()
    if remainder.pending:
        log.info("waiting for removals", going=remainder.pending)
        return False
    if remainder.foreign:
        log.warning("left inside, because it is not Rancher's alone", kept=remainder.foreign)
    virtual_cluster.remove_marker()
    return True
