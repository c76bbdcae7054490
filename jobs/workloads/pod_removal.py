"""Removal of the pods that a virtual cluster which fell asleep has left.

They are bare pods that the syncer made, and makes anew on waking. The control plane may be woken up
meanwhile: its pods are never touched, and while one of them runs nothing is removed.
"""

import structlog
from lightkube.resources.coordination_v1 import Lease
from lightkube.resources.core_v1 import Pod

from jobs.backoff import Clock, repeat
from jobs.bounded_api import Api
from jobs.errors import RefusedError
from jobs.kubernetes import call, maybe
from jobs.transport import AnswerTooLongError
from jobs.workloads.pod_shutdown import GRACE_SECONDS, PLATFORMS

TENANTS = PLATFORMS.removeprefix("!")
"""Selector of the pods with the syncer's label."""

CONTROL_PLANE_SECONDS = 30
"""Time to wait for the last pods of the control plane; if they stay, it was woken up."""

log = structlog.get_logger()


class PodRemoval:
    """The removal of a tenant's pods from one namespace."""

    def __init__(  # noqa: PLR0913  # its collaborators
        self,
        client: Api,
        namespace: str,
        *,
        control_plane: str,
        lease: str,
        timeout: float,
        clock: Clock | None = None,
    ) -> None:
        """Hold the client, the selector of the control plane's pods, and the name of its lease."""
        self._client = client
        self._namespace = namespace
        self._control_plane = control_plane
        self._lease = lease
        self._timeout = timeout
        self._clock = clock or Clock()

    def run(self) -> bool:
        """Return True when no pod is left or the control plane runs, False when the time is up."""
        patience = self._clock.now() + CONTROL_PLANE_SECONDS
        started = False

        def attempt() -> bool:
            try:
                return remove()
            except RefusedError:
                # The rights are a moment old, and an API server may not know them yet.
                if self._clock.now() >= patience:
                    raise
                return False

        def remove() -> bool:
            nonlocal started
            if self._is_any(self._control_plane):
                if started or self._clock.now() >= patience:
                    log.info("awake again", namespace=self._namespace)
                    return True
                return False
            started = True
            return self._remove()

        try:
            if repeat(attempt, timeout=self._timeout, clock=self._clock):
                return True
        except RefusedError as error:
            log.warning("nothing to remove", reason=error.reason, message=error.message)
            return True
        log.warning("the time is up", namespace=self._namespace)
        return False

    def _remove(self) -> bool:
        """Remove the tenant's pods, and the lease once none is left; return whether all is gone.

        A waking syncer would wait a minute for the lease of the one that was killed.
        """
        if not self._is_any(TENANTS):
            self._release()
            log.info("nothing runs any more", namespace=self._namespace)
            return True
        call(
            lambda: self._client.delete_all(
                Pod, namespace=self._namespace, selector=TENANTS, grace=GRACE_SECONDS
            ),
            f"the pods in {self._namespace}",
        )
        return False

    def _release(self) -> None:
        if self._lease:
            maybe(
                lambda: self._client.delete(Lease, self._lease, namespace=self._namespace),
                f"Lease {self._namespace}/{self._lease}",
            )

    def _is_any(self, selector: str) -> bool:
        """Return whether there are such pods; metadata that is too long to be read is of one."""

        def look() -> bool:
            pods = self._client.metadata(Pod, namespace=self._namespace, selector=selector)
            return any(True for _ in pods)

        try:
            return call(look, f"the pods in {self._namespace}")
        except AnswerTooLongError:
            return True
