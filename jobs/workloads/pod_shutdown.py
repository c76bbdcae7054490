"""Shutdown of the pods of a namespace: the platform's first, then the tenant's.

A virtual cluster recreates the pods that are stopped while its own pods run. Those are ending
already, because the virtual cluster is uninstalled when this runs.
"""

from collections.abc import Mapping
from itertools import islice

import structlog

from jobs.backoff import Clock, repeat
from jobs.bounded_api import Api
from jobs.errors import RefusedError, TransientError
from jobs.kubernetes import call
from jobs.workloads.pods import PLATFORMS, Pods

PLATFORM_SECONDS = 60
"""Time to wait for the platform's pods, which never end on a lost node."""

NAMED = 5
"""Maximum number of pods in a note."""

log = structlog.get_logger()


class PodShutdown:
    """The shutdown of all pods of one namespace."""

    def __init__(
        self, client: Api, namespace: str, *, timeout: float, clock: Clock | None = None
    ) -> None:
        """Hold the client and the namespace."""
        self._pods = Pods(client, namespace)
        self._namespace = namespace
        self._timeout = timeout
        self._clock = clock or Clock()

    def run(self) -> bool:
        """Return True when all pods are gone, False when the time is up.

        Missing rights mean that the namespace is gone, and its pods with it.
        """
        end_of_patience = self._clock.now() + PLATFORM_SECONDS

        def end() -> bool:
            return self._end(patient=self._clock.now() < end_of_patience)

        try:
            if repeat(end, timeout=self._timeout, clock=self._clock):
                log.info("nothing runs any more", namespace=self._namespace)
                return True
        except RefusedError as error:
            log.warning("nothing to stop", reason=error.reason, message=error.message)
            return True
        log.warning("the time is up", namespace=self._namespace)
        return False

    def remainder(self) -> Mapping[str, object]:
        """Return the names of some pods that are left, or the reason why they cannot be listed."""
        try:
            pods = call(lambda: list(islice(self._pods.names(), NAMED)), self._pods.what)
        except (RefusedError, TransientError) as error:
            return {"reason": error.reason}
        return {"pods": pods}

    def _end(self, *, patient: bool) -> bool:
        """Delete the pods that may end now; return whether none is left.

        With `patient` tenants' pods wait until the platform's are gone.
        """
        selector = PLATFORMS if patient and self._pods.is_any(PLATFORMS) else None
        if selector is None and not self._pods.is_any():
            return True
        log.info("ending", pods=selector or "all")
        self._pods.delete(selector)
        return False
