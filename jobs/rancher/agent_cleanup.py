"""Take Rancher out of a virtual cluster whose data is kept.

Rancher's own clean-up runs as a Job in there, which begins after a minute and only if Rancher
still reached the cluster. It is waited for, then what it left is removed. The marker goes last:
it says that what is there is ours to remove, also to a run that goes on after this one died.
"""

from collections.abc import Callable
from contextlib import closing

import structlog

from jobs.backoff import Backoff, Clock
from jobs.errors import RefusedError, TransientError
from jobs.rancher.kubernetes import Tenant

OWN_SECONDS = 60
"""How much of the time is not spent on waiting for Rancher's Job."""

log = structlog.get_logger()


def clean_inside(
    open_tenant: Callable[[], Tenant | None],
    owner_uid: str,
    *,
    timeout: float,
    clock: Clock | None = None,
) -> bool:
    """Return True when nothing of our import is left inside, False when the time is up.

    What stays behind does no harm: the next import replaces an agent whose marker is ours, and
    removes the rights that an earlier Rancher cluster left.
    """
    clock = clock or Clock()
    deadline = clock.now() + timeout
    backoff = Backoff(clock)
    while clock.now() < deadline:
        try:
            tenant = open_tenant()
            if tenant is None:
                log.info("no kubeconfig, so nothing was imported")
                return True
            with closing(tenant):
                if _step(tenant, owner_uid, patient=clock.now() < deadline - OWN_SECONDS):
                    log.info("the agent and its rights are removed")
                    return True
        except TransientError as error:
            log.warning("trying again", reason=error.reason, message=error.message)
        except RefusedError as error:
            log.warning("the agent stays behind", reason=error.reason, message=error.message)
            return False
        backoff.wait()
    log.warning("the agent stays behind", reason="TimeIsUp")
    return False


def _step(tenant: Tenant, owner_uid: str, *, patient: bool) -> bool:
    """Do what is next; tell whether nothing of ours is left."""
    marker = tenant.marker()
    if marker is None or marker.owner_uid != owner_uid:
        return True
    if patient and tenant.rancher_cleans_up():
        return False
    left = tenant.remove_rancher()
    if left.going:
        log.info("waiting for removals", going=left.going)
        return False
    if left.kept:
        log.warning("left inside, because it is not Rancher's alone", kept=left.kept)
    tenant.remove_marker()
    return True
