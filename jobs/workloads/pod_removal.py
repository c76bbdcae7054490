"""Removal of the pods that a virtual cluster which fell asleep has left.

They are bare pods that the syncer made, and makes anew on waking. The control plane may be woken up
meanwhile: its pods are never touched, and while one of them runs nothing is removed.
"""

import structlog
from lightkube.resources.coordination_v1 import Lease

from jobs.backoff import Clock, repeat
from jobs.bounded_api import Api
from jobs.errors import RefusedError, TransientError
from jobs.host_names import TENANTS
from jobs.kubernetes import maybe
from jobs.workloads.pods import Pods

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
        self._pods = Pods(client, namespace)
        self._namespace = namespace
        self._control_plane = control_plane
        self._lease = lease
        self._timeout = timeout
        self._clock = clock or Clock()

    def run(self) -> bool:
        """Return True when none of the pods runs, or the control plane does; False otherwise."""
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
            if self._pods.is_any(self._control_plane):
                if started or self._clock.now() >= patience:
                    log.info("awake again", namespace=self._namespace)
                    return True
                return False
            started = True
            return self._remove()

        try:
            if repeat(attempt, timeout=self._timeout, clock=self._clock):
                return True
            log.warning("the time is up", namespace=self._namespace)
        except RefusedError as error:
            log.warning("refused", reason=error.reason, message=error.message)
        return self._is_over()

    def _is_over(self) -> bool:
        """Return whether no pod runs on: one that is still ending is on a lost node.

        Missing rights mean that the namespace is gone, and its pods with it.
        """
        try:
            return not self._pods.is_any_staying(TENANTS)
        except RefusedError:
            return True
        except TransientError:
            return False

    def _remove(self) -> bool:
        """Remove the tenant's pods, and the lease once none is left; return whether all is gone.

        A waking syncer would wait a minute for the lease of the one that was killed.
        """
        if not self._pods.is_any(TENANTS):
            self._release()
            log.info("nothing runs any more", namespace=self._namespace)
            return True
        self._pods.delete(TENANTS)
        return False

    def _release(self) -> None:
        if self._lease:
            maybe(
                lambda: self._client.delete(Lease, self._lease, namespace=self._namespace),
                f"Lease {self._namespace}/{self._lease}",
            )
