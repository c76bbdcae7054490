"""The transport of every request, with a limit on the time and on the size of an answer.

Answers come from API servers of tenants, from Rancher, and from proxies. The timeouts of httpx2 are
per read, so that a byte now and then keeps a request open without end, and no answer has a size. https://www.python-httpx.org/advanced/timeouts/
"""

import ssl
import time
from collections.abc import Iterator

import httpx2

ANSWER_BYTES = 2 * 1024 * 1024
"""Maximum length of an answer; an object of Kubernetes has at most 1.5 MiB. The worst JSON of this
length takes 45 MiB when decoded, which the Jobs have."""

RANCHER_BYTES = 4 * 1024 * 1024
"""Maximum length of an answer of Rancher about one cluster."""

FLEET_BYTES = 32 * 1024 * 1024
"""Maximum length of an answer of Rancher about all clusters."""

ANSWER_SECONDS = 30.0
"""Time for an answer, from the request to its last byte."""

IDENTITY = "identity"


class AnswerTooLongError(httpx2.ReadError):
    """An answer with more bytes than the maximum."""


class Transport(httpx2.BaseTransport):
    """A transport that aborts answers which are too long, or take too long."""

    def __init__(
        self,
        verify: ssl.SSLContext,
        *,
        proxy: str | None = None,
        answer_bytes: int = ANSWER_BYTES,
    ) -> None:
        """Prepare the transport; nothing is sent yet."""
        self._inner = httpx2.HTTPTransport(verify=verify, trust_env=False, proxy=proxy)
        self._bytes = answer_bytes

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request; the limits apply while the answer is read.

        Compressed answers are refused, because a few bytes could expand to any number.
        """
        deadline = time.monotonic() + ANSWER_SECONDS
        request.headers["Accept-Encoding"] = IDENTITY
        response = self._inner.handle_request(request)
        encoding = response.headers.get("Content-Encoding", IDENTITY)
        if encoding.lower() != IDENTITY:
            response.close()
            message = "the answer is compressed, against Accept-Encoding"
            raise httpx2.DecodingError(message, request=request)
        return httpx2.Response(
            response.status_code,
            headers=response.headers,
            stream=_Bounded(response, self._bytes, deadline),
            extensions=response.extensions,
        )

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


def accept_private_ca(context: ssl.SSLContext) -> ssl.SSLContext:
    """Verify chain, dates and names, as Go and curl do, but not the form of the CA's certificate.

    Python 3.13 began to refuse a CA without key usage or a certificate without authority key
    identifier, which many private CAs and older clusters have, and kubectl accepts:
    https://docs.python.org/3/library/ssl.html#ssl.create_default_context.
    """
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


class _Bounded(httpx2.SyncByteStream):
    """A body that fails when it is too long, or takes too long."""

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
        """Close the connection."""
        self._response.close()
