"""Stop the pods of a namespace: the platform's first, then what the tenant runs.

While the control plane's own pods live, it makes anew what is stopped. They are going already:
the virtual cluster is uninstalled when this runs. How many pods there are, and how large they are,
is the tenant's choice, so none of them is read.
"""

from collections.abc import Iterator, Mapping
from itertools import islice

import structlog
from lightkube.resources.core_v1 import Pod

from jobs.backoff import Backoff, Clock
from jobs.bounded_api import Api
from jobs.errors import RefusedError, TransientError
from jobs.rancher.kubernetes import call
from jobs.transport import AnswerTooLongError

PLATFORMS = "!vcluster.loft.sh/managed-by"
"""Selector of the pods that the syncer did not make: its label is out of a tenant's reach."""

GRACE_SECONDS = 30
"""How long a pod has to end, whatever it asks for itself: a tenant could ask for years."""

PLATFORM_SECONDS = 60
"""How long the platform's pods are waited for: on a node that is lost they would not go at all."""

NAMED = 5
"""How many of the pods that are left a note names."""

log = structlog.get_logger()


class Stop:
    """The end of all pods of one namespace."""

    def __init__(
        self, client: Api, namespace: str, *, timeout: float, clock: Clock | None = None
    ) -> None:
        """Remember what to stop and by what."""
        self._client = client
        self._namespace = namespace
        self._timeout = timeout
        self._clock = clock or Clock()

    def run(self) -> bool:
        """Return True when all pods are gone, False when the time is up.

        Without rights in the namespace there is nothing to stop: they go with the namespace.
        """
        started = self._clock.now()
        backoff = Backoff(self._clock)
        while self._clock.now() < started + self._timeout:
            try:
                patient = self._clock.now() - started < PLATFORM_SECONDS
                if self._end(patient=patient):
                    log.info("nothing runs any more", namespace=self._namespace)
                    return True
            except TransientError as error:
                log.warning("trying again", reason=error.reason, message=error.message)
            except RefusedError as error:
                log.warning("nothing to stop", reason=error.reason, message=error.message)
                return True
            backoff.wait()
        log.warning("the time is up", namespace=self._namespace)
        return False

    def left(self) -> Mapping[str, object]:
        """Return a few of the pods that are left by name; none where they cannot be listed."""
        what = f"the pods in {self._namespace}"
        try:
            pods = call(lambda: list(islice(self._pods(), NAMED)), what)
        except (RefusedError, TransientError) as error:
            return {"reason": error.reason}
        return {"pods": pods}

    def _end(self, *, patient: bool) -> bool:
        """End what may end now; tell whether nothing is left.

        With patience no tenant's pod before the platform's are gone.
        """
        what = f"the pods in {self._namespace}"
        selector = PLATFORMS if patient and call(lambda: self._is_any(PLATFORMS), what) else None
        if selector is None and not call(lambda: self._is_any(None), what):
            return True
        log.info("ending", pods=selector or "all")
        call(
            lambda: self._client.end(
                Pod, namespace=self._namespace, selector=selector, grace=GRACE_SECONDS
            ),
            what,
        )
        return False

    def _is_any(self, selector: str | None) -> bool:
        """Tell whether there are such pods: one whose metadata is too long to be read is one."""
        try:
            return any(True for _ in self._pods(selector))
        except AnswerTooLongError:
            return True

    def _pods(self, selector: str | None = None) -> Iterator[str]:
        found = self._client.metadata(Pod, namespace=self._namespace, selector=selector)
        return (pod.name or "" for pod in found)
