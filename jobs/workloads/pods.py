"""The pods of a namespace of a virtual cluster, looked at and deleted.

Number and size of the pods are the tenant's choice, so only their metadata is read.
"""

from collections.abc import Callable, Iterator

from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Pod

from jobs.bounded_api import Api
from jobs.host_names import TENANTS
from jobs.kubernetes import call
from jobs.transport import AnswerTooLongError

PLATFORMS = f"!{TENANTS}"
"""Selector of the pods that the syncer did not make."""

GRACE_SECONDS = 30
"""Grace period of every pod; a tenant could request years."""


class Pods:
    """The pods of one namespace."""

    def __init__(self, client: Api, namespace: str) -> None:
        """Hold the client and the namespace."""
        self._client = client
        self._namespace = namespace
        self.what = f"the pods in {namespace}"
        """Their name in errors."""

    def names(self, selector: str | None = None) -> Iterator[str]:
        """Yield the names of all such pods."""
        return (pod.name or "" for pod in self._metadata(selector))

    def is_any(self, selector: str | None = None) -> bool:
        """Return whether there are such pods; metadata that is too long to be read is of one."""
        return self._is_any(selector, lambda _: True)

    def is_any_staying(self, selector: str) -> bool:
        """Return whether there are such pods that are not ending."""
        return self._is_any(selector, lambda pod: pod.deletionTimestamp is None)

    def _is_any(self, selector: str | None, is_meant: Callable[[ObjectMeta], bool]) -> bool:
        def look() -> bool:
            try:
                return any(is_meant(pod) for pod in self._metadata(selector))
            except AnswerTooLongError:
                return True

        return call(look, self.what)

    def _metadata(self, selector: str | None) -> Iterator[ObjectMeta]:
        return self._client.metadata(Pod, namespace=self._namespace, selector=selector)

    def delete(self, selector: str | None) -> None:
        """Delete such pods."""
        call(
            lambda: self._client.delete_all(
                Pod, namespace=self._namespace, selector=selector, grace=GRACE_SECONDS
            ),
            self.what,
        )
