"""A client of an API server with lists in pages, only of metadata, and watches that end."""

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any, Generic, Literal, TypeVar

import httpx2
import msgspec
from lightkube import Client
from lightkube.core.generic_client import BasicRequest
from lightkube.models.meta_v1 import ObjectMeta

from jobs.transport import AnswerTooLongError

METADATA = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
"""Media type for lists of metadata:
https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches"""

CALL_SECONDS = 10.0
"""Longest time to connect, and between two parts of an answer."""

PAGE = 50
"""Maximum number of objects in a page."""

WATCH_SECONDS = 20
"""Longest time of a watch, well below that of any answer."""

END_SECONDS = 5
"""Time beyond a watch in which its end must have come."""


Propagation = Literal["Foreground", "Background"]
"""The time at which an object is removed: after its dependents, or at once."""


class Metadata(msgspec.Struct):
    """The metadata of an object."""

    metadata: ObjectMeta


class Item(Metadata):
    """An object whose spec and status are read with care."""

    spec: Any = None
    status: Any = None


M = TypeVar("M", bound=Metadata)


class Page(msgspec.Struct, Generic[M]):
    """A page of a list."""

    items: list[M] | None
    """None for an empty list, which an API server writes as null."""
    metadata: Mapping[str, Any]


class Event(msgspec.Struct):
    """An event of a watch."""

    type: str
    object: msgspec.Raw


class Api(Client):
    """A client that reads lists page by page, and watches one object for a while."""

    date: str = ""
    """The time of the API server in its last answer to a list or a deletion."""

    def metadata(
        self,
        resource: Any,  # noqa: ANN401
        *,
        namespace: str | None = None,
        selector: str | None = None,
    ) -> Iterator[ObjectMeta]:
        """Yield the metadata of all objects."""
        query = {"labelSelector": selector}
        pages = self._pages(resource, namespace, query, Metadata, {"Accept": METADATA})
        return (item.metadata for item in pages)

    def objects(
        self,
        resource: Any,  # noqa: ANN401
        kind: type[M],
        *,
        namespace: str | None = None,
        selector: str | None = None,
    ) -> Iterator[M]:
        """Yield all objects, of each what `kind` has; with namespace `*` those of all."""
        return self._pages(resource, namespace, {"labelSelector": selector}, kind, {})

    def _pages(
        self,
        resource: Any,  # noqa: ANN401
        namespace: str | None,
        query: Mapping[str, Any],
        kind: type[M],
        headers: Mapping[str, str],
    ) -> Iterator[M]:
        """Yield the objects of all pages. A page that is too long is read again with fewer."""
        limit, token = PAGE, None
        while True:
            part = {**query, "limit": limit, "continue": token}
            request = self._client.prepare_request(
                "list", resource, namespace=namespace, params=part, headers={**headers}
            )
            try:
                with self._answer(request) as answer:
                    page = msgspec.json.decode(answer.read(), type=Page[kind])  # type: ignore[valid-type]  # a type at run time
            except AnswerTooLongError:
                if limit == 1:
                    raise
                limit = max(1, limit // 4)
                continue
            yield from page.items or ()
            token = page.metadata.get("continue")
            if not token:
                return

    def watch_one(
        self,
        resource: Any,  # noqa: ANN401
        name: str,
        *,
        namespace: str,
        seconds: int,
    ) -> Generator[Any]:
        """Yield an object as it is, if it exists, and after each change, until the watch ends.

        Without a resourceVersion a watch begins with the state of its start, so it needs no list:
        https://kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-watch.
        """
        query = {"fieldSelector": f"metadata.name={name}", "timeoutSeconds": seconds}
        request = self._client.prepare_request(
            "list", resource, namespace=namespace, watch=True, params=query
        )
        request.timeout = httpx2.Timeout(CALL_SECONDS, read=seconds + END_SECONDS)
        with self._answer(request) as answer:
            for line in answer.iter_lines():
                event = msgspec.json.decode(line, type=Event)
                if event.type == "ERROR":
                    return
                if event.type != "DELETED":
                    yield resource.from_dict(msgspec.json.decode(event.object))

    def delete_seen(  # noqa: PLR0913  # an object's address, its identity, and how
        self,
        resource: Any,  # noqa: ANN401
        name: str,
        *,
        namespace: str | None,
        uid: str,
        version: str,
        propagation: Propagation = "Foreground",
    ) -> None:
        """Delete an object with its dependents, if it is the very one that was read."""
        request = self._client.prepare_request("delete", resource, name=name, namespace=namespace)
        request.data = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": propagation,
            "preconditions": {"uid": uid, "resourceVersion": version},
        }
        with self._answer(request):
            return

    def delete_all(
        self,
        resource: Any,  # noqa: ANN401
        *,
        namespace: str,
        selector: str | None,
        grace: int,
    ) -> None:
        """Delete all objects of a kind; the answer, which lists them all, is not read."""
        request = self._client.prepare_request(
            "deletecollection",
            resource,
            namespace=namespace,
            params={"gracePeriodSeconds": grace, "labelSelector": selector},
            headers={"Accept": METADATA},
        )
        with self._answer(request):
            return

    @contextmanager
    def _answer(self, request: BasicRequest) -> Iterator[httpx2.Response]:
        """Yield an answer whose body is unread. Raises ApiError for an error."""
        raise_for_status: Callable[[httpx2.Response], None] = self._client.raise_for_status
        answer = self._client.send(self._client.build_adapter_request(request), stream=True)
        with closing(answer):
            if answer.is_error:
                answer.read()
            raise_for_status(answer)
            self.date = answer.headers.get("Date", "")
            yield answer
