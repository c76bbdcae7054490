"""The edge: decode a request, compose, encode the answer. `serving` aside, only it sees protobuf.

https://github.com/crossplane/crossplane/blob/main/contributing/specifications/functions.md
"""

import hashlib
import traceback
from typing import Any

import grpc
import structlog
from crossplane.function.proto.v1 import run_function_pb2 as fnv1

from function import protobuf
from function.api import validate
from function.compose import compose
from function.k8s.fieldpath import get
from function.observed.state import Condition, Request
from function.response.outcome import Call, outcome_of
from function.response.response import Response


async def run_function(
    req: fnv1.RunFunctionRequest, _: grpc.aio.ServicerContext[Any, Any] | None = None
) -> fnv1.RunFunctionResponse:
    """Compose a virtual cluster. An error of our own is fatal, never a dropped call."""
    return answer(req)[0]


def answer(req: fnv1.RunFunctionRequest) -> tuple[fnv1.RunFunctionResponse, Call]:
    """Return the response, and what it does."""
    request = Request(input=None, composite={})
    try:
        request = protobuf.decode(req)
        rsp = protobuf.encode(req, found := compose(request))
    except Exception as error:  # noqa: BLE001  # whatever it is, Crossplane needs an answer
        found = _own_error(error, structlog.stdlib.get_logger().bind(tag=req.meta.tag))
        rsp = protobuf.encode(req, found)
    before = validate.conditions(get(request.composite, "status", "conditions"))
    return rsp, outcome_of(request, found, before)


def _own_error(error: Exception, log: structlog.stdlib.BoundLogger) -> Response:
    """Return a fatal answer that names the error by an id, and log where it came from.

    Neither carries the error's text, which may quote what it stumbled over.
    """
    frames = traceback.format_tb(error.__traceback__)
    kind = type(error).__name__
    error_id = hashlib.sha256("".join((*frames, kind)).encode()).hexdigest()[:8]
    log.error("internal error", error_id=error_id, error=kind, traceback=frames)
    message = (
        f"Internal error {error_id} ({kind}). Nothing was changed. "
        "The log of the function has the traceback under this id."
    )
    return Response(
        conditions=(Condition("Accepted", "Unknown", "InternalError", message),), fatal=message
    )
