"""Stop the pods of a namespace: the platform's first, then what the customer runs.

While the control plane's own pods live, it makes anew what is stopped. They are going already:
the virtual cluster is uninstalled when this runs.
"""

import structlog
from lightkube import Client
from lightkube.models.core_v1 import PodSpec
from lightkube.resources.core_v1 import Pod

from rancher_import.clock import Backoff, Clock
from rancher_import.errors import RefusedError, TransientError
from rancher_import.kubernetes import call, maybe

SYNCED = "vcluster.loft.sh/managed-by"
"""Label of the pods that the syncer made: a customer can neither give nor take it."""

LONGEST_GRACE_SECONDS = 30
"""How long a pod has to end, whatever it asks for itself: a customer could ask for years."""

PLATFORM_SECONDS = 60
"""How long the platform's pods are waited for: on a node that is lost they would not go at all."""

log = structlog.get_logger()


class Stop:
    """The end of all pods of one namespace."""

    def __init__(
        self, client: Client, namespace: str, *, timeout: float, clock: Clock | None = None
    ) -> None:
        """Remember what to stop and by what."""
        self._client = client
        self._namespace = namespace
        self._timeout = timeout
        self._clock = clock or Clock()

    def run(self) -> bool:
        """Return True when all pods are gone or told to end, False when the time is up.

        Without rights in the namespace there is nothing to stop: they go with the namespace.
        """
        started = self._clock.now()
        deadline = started + self._timeout
        backoff = Backoff(self._clock)
        pods: list[Pod] = []
        while self._clock.now() < deadline:
            try:
                pods = self._pods()
                if not pods:
                    log.info("nothing runs any more", namespace=self._namespace)
                    return True
                patient = self._clock.now() - started < PLATFORM_SECONDS
                for pod in _next(pods, patient=patient):
                    self._end(pod)
            except TransientError as error:
                log.warning("trying again", reason=error.reason, message=error.message)
            except RefusedError as error:
                log.warning("nothing to stop", reason=error.reason, message=error.message)
                return True
            backoff.wait()
        log.warning("the time is up", namespace=self._namespace, left=len(pods))
        return bool(pods) and all(_is_ending(pod) for pod in pods)

    def _pods(self) -> list[Pod]:
        return call(
            lambda: list(self._client.list(Pod, namespace=self._namespace)),
            f"the pods in {self._namespace}",
        )

    def _end(self, pod: Pod) -> None:
        name = (pod.metadata and pod.metadata.name) or ""
        log.info("ending", pod=name)
        maybe(
            lambda: self._client.delete(
                Pod, name, namespace=self._namespace, grace_period=_grace(pod.spec)
            ),
            f"Pod {self._namespace}/{name}",
        )


def _next(pods: list[Pod], *, patient: bool) -> list[Pod]:
    """Return the pods to end now: with patience no customer's before the platform's are gone."""
    platform = [pod for pod in pods if patient and not _is_synced(pod)]
    return [pod for pod in platform or pods if not _is_ending(pod)]


def _is_synced(pod: Pod) -> bool:
    return SYNCED in ((pod.metadata and pod.metadata.labels) or {})


def _is_ending(pod: Pod) -> bool:
    return bool(pod.metadata and pod.metadata.deletionTimestamp)


def _grace(spec: PodSpec | None) -> int:
    asked = spec.terminationGracePeriodSeconds if spec else None
    return LONGEST_GRACE_SECONDS if asked is None else min(asked, LONGEST_GRACE_SECONDS)
