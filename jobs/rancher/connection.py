"""Requests to Rancher: the token, and the meaning of an answer that is no success.

    Connection      this module
    ├── Steve       `/v1`, in steve.py
    ├── Norman      `/v3`, in norman.py
    └── Rancher     both, in api.py

An object that the user may not see is answered with 403. 404 without a body means that the user has
no right on the whole type, or that Rancher is starting.
"""

import functools
import re
import ssl
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import httpx2

from jobs.backoff import Clock
from jobs.errors import RefusedError, TransientError
from jobs.rancher import tls
from jobs.rancher.options import RancherOptions
from jobs.transport import RANCHER_BYTES, Transport

TOKEN = re.compile(r"[!-~]+")

AUTHENTICATED = "X-Api-Cattle-Auth"
"""Header of every answer of Rancher."""

STARTING_SECONDS = 60
"""Time in which a Rancher that knows no types is taken for one that starts; 3 to 8 s were seen."""

LONGEST_MESSAGE = 300
"""Maximum characters of a message of Rancher that are quoted."""

OK, CREATED, NO_CONTENT = 200, 201, 204
UNAUTHORIZED, FORBIDDEN, NOT_FOUND, CONFLICT, TOO_MANY = 401, 403, 404, 409, 429

T = TypeVar("T")


class _Token(httpx2.Auth):
    """The token, read for every request, so that a rotated one is used at once."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self) -> str:
        """Return the token."""
        try:
            token = self._file.read_text().strip()
        except (OSError, ValueError):
            message = f"{self._file} cannot be read: is the Secret with the token there?"
            raise RefusedError("NoToken", message) from None
        if not TOKEN.fullmatch(token):
            fault = "holds more than a token" if token else "is empty"
            message = f"{self._file} {fault}: put the token, and nothing else, into the Secret."
            raise RefusedError("NoToken", message)
        return token

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response]:
        request.headers["Authorization"] = f"Bearer {self.read()}"
        yield request


class Connection:
    """A client of one Rancher. Redirects are never followed: they could carry the token away."""

    def __init__(
        self,
        options: RancherOptions,
        proxy: str | None = None,
        *,
        clock: Clock | None = None,
        answer_bytes: int = RANCHER_BYTES,
    ) -> None:
        """Prepare; nothing is sent yet. A proxy sees an encrypted tunnel, not the token."""
        self._options = options
        self._proxy = proxy
        self._token = _Token(options.token_file)
        self._clock = clock or Clock()
        self._typeless_since: float | None = None
        self._answer_bytes = answer_bytes

    @functools.cached_property
    def _client(self) -> httpx2.Client:
        """Connect late, because fetching a pinned CA fails while Rancher is down."""
        return httpx2.Client(
            base_url=self._options.url,
            transport=Transport(
                tls.context(self._options, self._proxy),
                proxy=self._proxy,
                answer_bytes=self._answer_bytes,
            ),
            auth=self._token,
            timeout=tls.TIMEOUT_SECONDS,
            follow_redirects=False,
            trust_env=False,
            headers={"Accept": "application/json"},
        )

    def close(self) -> None:
        """Close the connections."""
        if "_client" in self.__dict__:
            self._client.close()

    def call(self, method: str, path: str, **request: Any) -> httpx2.Response:  # noqa: ANN401
        """Send a request; return an answer whose meaning depends on the request."""
        try:
            answer = self._client.request(method, path, **request)
        except httpx2.HTTPError as error:
            raise network_error(error) from None
        if not is_typeless(answer):
            self._typeless_since = None
        if answer.is_client_error and not _is_ranchers(answer) and not _is_busy(answer):
            raise _bad_answer(answer)
        if answer.status_code == UNAUTHORIZED:
            message = (
                "Rancher does not accept the token: it is wrong, expired or for one cluster only."
            )
            raise RefusedError("TokenRejected", message)
        if answer.is_redirect:
            message = "Rancher's URL answers with a redirect: set RANCHER_URL to its target."
            raise RefusedError("UrlRedirects", message)
        if answer.is_server_error or _is_busy(answer):
            text = _message(answer)[:LONGEST_MESSAGE]
            details = f"{answer.status_code}: {text}" if text else f"{answer.status_code}."
            raise TransientError("RancherFails", f"Rancher answers {details}")
        return answer

    def read(self, answer: httpx2.Response, right: str, read: Callable[[dict[str, Any]], T]) -> T:
        """Return the values of an answer, which has to be a success."""
        if answer.status_code != OK:
            raise self.refusal(answer, right)
        return read_answer(answer, read)

    def refusal(self, answer: httpx2.Response, right: str) -> RefusedError | TransientError:
        """Return the error of an answer that is not a success."""
        if is_typeless(answer):
            return self._typeless(right)
        if answer.status_code == FORBIDDEN:
            return RefusedError("MissingRight", f"The token's user may not {right}: see `setup`.")
        text = _message(answer)[:LONGEST_MESSAGE]
        return RefusedError("RancherRefuses", f"{right}: {answer.status_code} {text}".strip())

    def _typeless(self, right: str) -> RefusedError | TransientError:
        """Return the error of an answer for an unknown type.

        Rancher gives it for every type while it starts, and always to a user without any right on
        the type.
        """
        now = self._clock.now()
        if self._typeless_since is None:
            self._typeless_since = now
        if now - self._typeless_since > STARTING_SECONDS:
            return RefusedError("MissingRight", f"The token's user may not {right}: see `setup`.")
        message = f"Rancher is starting, or the token's user may not {right}: see `setup`."
        return TransientError("RancherStarting", message)


def raise_if_terminating(answer: httpx2.Response, what: str) -> None:
    """Raise TransientError if an answer is a conflict with an object that is being removed."""
    if answer.status_code == CONFLICT and "being deleted" in _message(answer):
        raise TransientError("BeingDeleted", f"Rancher is still removing a {what} of this name.")


def is_typeless(answer: httpx2.Response) -> bool:
    """Return whether the type is unknown, rather than the object absent."""
    return answer.status_code == NOT_FOUND and not answer.content


def _is_ranchers(answer: httpx2.Response) -> bool:
    """Return whether an answer is from Rancher, and not from another server or a proxy."""
    return AUTHENTICATED in answer.headers or bool(_message(answer))


def _is_busy(answer: httpx2.Response) -> bool:
    return answer.status_code == TOO_MANY


def ignore(_: Mapping[str, Any]) -> None:
    """Read nothing of an answer."""


def read_answer(answer: httpx2.Response, read: Callable[[dict[str, Any]], T]) -> T:
    """Return the values of an answer, which may be from a proxy instead of Rancher."""
    try:
        return read(answer.json())
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise _bad_answer(answer) from None


def _bad_answer(answer: httpx2.Response) -> TransientError:
    path = answer.request.url.path
    message = f"The answer to {path} is not one of Rancher: check RANCHER_URL."
    return TransientError("BadAnswer", message)


def _message(answer: httpx2.Response) -> str:
    try:
        body = answer.json()
        return str(body.get("message") or body.get("Message") or "")
    except (ValueError, AttributeError, RecursionError):
        return ""


def network_error(error: httpx2.HTTPError) -> RefusedError | TransientError:
    """Distinguish an untrusted certificate from a Rancher that cannot be reached."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            details = cause.verify_message.rstrip(".")
            message = f"Rancher's certificate is not trusted: {details}."
            return RefusedError("TlsNotTrusted", message)
        cause = cause.__cause__ or cause.__context__
    kind = type(error).__name__
    return TransientError("RancherUnreachable", f"Rancher cannot be reached ({kind}).")
