"""Serve `RunFunction`: decode the request, compose, encode the response.

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
    """Compose a VCluster. An internal error is a FATAL response, never a dropped call."""
    return answer(req)[0]


def answer(req: fnv1.RunFunctionRequest) -> tuple[fnv1.RunFunctionResponse, Call]:
    """Return the response, and the outcome of the call."""
    request = Request(input=None, composite={})
    try:
        request = protobuf.decode(req)
        rsp = protobuf.encode(req, result := compose(request))
    except Exception as error:  # noqa: BLE001  # Crossplane needs a response to any error
        result = _own_error(error, structlog.stdlib.get_logger().bind(tag=req.meta.tag))
        rsp = protobuf.encode(req, result)
    changed = protobuf.changed(req, rsp) if not result.fatal else ()
    before = validate.conditions(get(request.composite, "status", "conditions"))
    return rsp, outcome_of(request, result, before, changed)


def _own_error(error: Exception, log: structlog.stdlib.BoundLogger) -> Response:
    """Return a FATAL response with an id of the error, and log its traceback under this id.

    Neither has the error's text, which may quote a secret.
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
