"""Requests, answers, and Rancher's refusals."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

Json = dict[str, Any]

JSON = "application/json"
# From every answer of rancher-live.md, section 1.
EXPIRES = "Wed 24 Feb 1982 18:42:00 GMT"


@dataclass(frozen=True)
class Request:
    """A request of a client."""

    method: str
    target: str
    headers: Message = field(default_factory=Message)
    body: bytes = b""

    @property
    def path(self) -> str:
        """The path, without the query."""
        return unquote(urlsplit(self.target).path)

    @property
    def segments(self) -> tuple[str, ...]:
        """The parts of the path."""
        return tuple(part for part in self.path.split("/") if part)

    @property
    def query(self) -> dict[str, list[str]]:
        """The parameters of the query."""
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    @property
    def base(self) -> str:
        """Base URL of links, which Rancher takes from the request."""
        return f"https://{self.headers.get('Host', 'localhost')}"

    @property
    def bearer(self) -> str:
        """The token of the request, if any."""
        scheme, _, value = self.headers.get("Authorization", "").partition(" ")
        return value.strip() if scheme.lower() == "bearer" else ""

    def json(self) -> Json:
        """Return the body as an object, or refuse it as Steve does (rancher-live.md, section 2)."""
        try:
            body = json.loads(self.body)
        except ValueError as error:
            raise Refusal(422, "InvalidBodyContent", f"Failed to parse body: {error}") from error
        if not isinstance(body, dict):
            raise Refusal(422, "InvalidBodyContent", "Failed to parse body: not an object")
        return body


@dataclass(frozen=True)
class Answer:
    """An answer to a client."""

    status: int
    body: bytes = b""
    content_type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def with_headers(self, headers: Mapping[str, str]) -> "Answer":
        """Return the answer with further headers; its own take precedence."""
        return Answer(self.status, self.body, self.content_type, {**headers, **self.headers})


def json_answer(status: int, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
    """Return an answer in JSON."""
    return Answer(status, json.dumps(body).encode(), JSON, headers or {})


def text_answer(status: int, text: str, content_type: str = "text/plain") -> Answer:
    """Return an answer in plain text."""
    return Answer(status, text.encode(), content_type)


# auth-noauth-list.json: the status is a string and there is no code.
UNAUTHORIZED = json_answer(
    401, {"type": "error", "status": "401", "message": "Unauthorized 401: must authenticate"}
)
# other-norole-prov-get.json: a type on which the caller has no right at all does not exist.
INVISIBLE = Answer(404)


class Invisible(Exception):  # noqa: N818 -- it is no error, Rancher just does not show the type
    """An empty 404, for every verb on a type on which the caller has no right."""


class ConnectionDropped(Exception):  # noqa: N818 -- it is no error of the fake
    """A close of the connection without an answer."""


class Refusal(Exception):  # noqa: N818 -- the answer is an error, this is its cause
    """A refusal, with a shape for each of Steve, Norman and Kubernetes."""

    def __init__(self, status: int, code: str, message: str, **details: str) -> None:
        """Hold the fields of the three shapes; details are those of a Kubernetes Status."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details

    def steve(self) -> Answer:
        """Return the answer of `/v1` (flow-impkey-00-get-before-create.json)."""
        body = {"type": "error", "links": {}, "code": self.code, "message": self.message}
        return json_answer(self.status, {**body, "status": self.status})

    def norman(self) -> Answer:
        """Return the answer of `/v3` (other-bare-norman-cluster-get.json)."""
        body = {"type": "error", "baseType": "error", "code": self.code, "message": self.message}
        return json_answer(self.status, {**body, "status": self.status})

    def kubernetes(self) -> Answer:
        """Return the answer of `/apis` (rkapi-prov-get-missing.json)."""
        body: Json = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        body |= {"message": self.message, "reason": self.code, "code": self.status}
        return json_answer(self.status, body | ({"details": self.details} if self.details else {}))


def not_supported(method: str) -> Refusal:
    """Return the answer for a method that is forbidden to the caller on the whole type."""
    return Refusal(HTTPStatus.FORBIDDEN, "PermissionDenied", f"Method {method} not supported")
