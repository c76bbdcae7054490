"""A client of an API server that reads no more of what is there than it has to."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

import httpx2
import msgspec
from lightkube import Client
from lightkube.core.generic_client import BasicRequest
from lightkube.models.meta_v1 import ObjectMeta

from jobs.transport import AnswerTooLongError

METADATA = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
"""What makes an API server answer a list without what the objects hold:
https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches"""

PAGE = 50
"""How many objects are listed at once."""


class Metadata(msgspec.Struct):
    """An object of which only the metadata is read."""

    metadata: ObjectMeta


class Page(msgspec.Struct):
    """A page of a list of metadata."""

    items: list[Metadata] | None
    """None for none: an API server makes a list without items of nothing."""
    metadata: Mapping[str, Any]


class Api(Client):
    """A client that reads lists without what their objects hold, page by page."""

    def metadata(
        self,
        resource: Any,  # noqa: ANN401
        *,
        namespace: str | None = None,
        selector: str | None = None,
    ) -> Iterator[ObjectMeta]:
        """Yield the metadata of all objects. A page that is too long is asked for with less."""
        limit, following = PAGE, None
        while True:
            query = {"limit": limit, "continue": following, "labelSelector": selector}
            try:
                page = self._page(resource, namespace, query)
            except AnswerTooLongError:
                if limit == 1:
                    raise
                limit = max(1, limit // 4)
                continue
            yield from (item.metadata for item in page.items or ())
            following = page.metadata.get("continue")
            if not following:
                return

    def _page(self, resource: Any, namespace: str | None, query: dict[str, Any]) -> Page:  # noqa: ANN401
        request = self._client.prepare_request(
            "list", resource, namespace=namespace, params=query, headers={"Accept": METADATA}
        )
        with self._answer(request) as answer:
            return msgspec.json.decode(answer.read(), type=Page)

    def end(self, resource: Any, *, namespace: str, selector: str | None, grace: int) -> None:  # noqa: ANN401
        """Delete all objects of a kind; the answer, which holds them all, is not read."""
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
        """Yield an answer of which only a refusal has been read."""
        raise_for_status: Callable[[httpx2.Response], None] = self._client.raise_for_status
        answer = self._client.send(self._client.build_adapter_request(request), stream=True)
        with closing(answer):
            if answer.is_error:
                answer.read()
            raise_for_status(answer)
            yield answer
