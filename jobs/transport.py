"""The transport of every request: how long an answer takes, and how large it is.

Answers come from API servers of tenants, from Rancher, and from what sits in between. The
timeouts of httpx2 are per read, so that a byte now and then keeps a request open without end, and
no answer has a size. https://www.python-httpx.org/advanced/timeouts/
"""

import ssl
import time
from collections.abc import Iterator

import httpx2

ANSWER_BYTES = 2 * 1024 * 1024
"""Longest answer: an object of Kubernetes is at most 1.5 MiB. Decoded, the worst JSON of this
length takes 45 MiB, which the Jobs have."""

RANCHER_BYTES = 4 * 1024 * 1024
"""Longest answer of Rancher to an import: what it has of one cluster."""

FLEET_BYTES = 32 * 1024 * 1024
"""Longest answer of Rancher about all clusters that the token may see."""

ANSWER_SECONDS = 30.0
"""Time for an answer, from the request to its last byte."""

IDENTITY = "identity"


class AnswerTooLongError(httpx2.ReadError):
    """An answer with more bytes than are read."""


class Transport(httpx2.BaseTransport):
    """A transport that ends an answer which is too long, or takes too long."""

    def __init__(
        self,
        verify: ssl.SSLContext,
        *,
        proxy: str | None = None,
        answer_bytes: int = ANSWER_BYTES,
    ) -> None:
        """Prepare; nothing is sent yet."""
        self._inner = httpx2.HTTPTransport(verify=verify, trust_env=False, proxy=proxy)
        self._bytes = answer_bytes

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request; its answer is bounded as it is read.

        Nothing compressed is accepted: a few bytes would become any number.
        """
        deadline = time.monotonic() + ANSWER_SECONDS
        request.headers["Accept-Encoding"] = IDENTITY
        response = self._inner.handle_request(request)
        encoding = response.headers.get("Content-Encoding", IDENTITY)
        if encoding.lower() != IDENTITY:
            response.close()
            message = "the answer is compressed, which was not asked for"
            raise httpx2.DecodingError(message, request=request)
        return httpx2.Response(
            response.status_code,
            headers=response.headers,
            stream=_Bounded(response, self._bytes, deadline),
            extensions=response.extensions,
        )

    def close(self) -> None:
        """Let the connections go."""
        self._inner.close()


class _Bounded(httpx2.SyncByteStream):
    """A body that ends with an error when it is too long, or takes too long."""

    def __init__(self, response: httpx2.Response, longest: int, deadline: float) -> None:
        self._response = response
        self._left = longest
        self._longest = longest
        self._deadline = deadline

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._response.iter_raw():
            self._left -= len(chunk)
            if self._left < 0:
                message = f"the answer is longer than {self._longest} bytes"
                raise AnswerTooLongError(message)
            if time.monotonic() > self._deadline:
                message = "the answer takes too long"
                raise httpx2.ReadTimeout(message)
            yield chunk

    def close(self) -> None:
        """Let the connection go."""
        self._response.close()
