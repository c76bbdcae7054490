"""The edge: decode a request, compose, encode the answer. `serving` aside, only it sees protobuf.

https://github.com/crossplane/crossplane/blob/main/contributing/specifications/functions.md
"""

import datetime as dt
import functools
import hashlib
import traceback
from collections.abc import Iterator
from typing import Any

import grpc
import structlog
from crossplane.function import response
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from google.protobuf import struct_pb2
from google.protobuf.message import DecodeError

from function import observe, ownership, structs, usages, validate, wire
from function.call import Call, call
from function.compose import compose
from function.plain import Parts, at
from function.state import Answer, Condition, Document, ObservedRelease, Owned, Request

IN_PROGRESS = dt.timedelta(seconds=5)
"""How soon Crossplane asks again while something is awaited: a changed connection detail alone
does not wake it."""

STEADY = dt.timedelta(minutes=2)
"""How soon Crossplane asks again when all is ready."""

UNHEARD = dt.timedelta(seconds=30)
"""How soon it does while it drops events: one of them may have been the user's change."""

COMPOSITE: Parts = {
    "kind": None,
    "metadata": {
        "name": None,
        "namespace": None,
        "uid": None,
        "generation": None,
        "creationTimestamp": None,
        "annotations": None,
    },
    "spec": None,
    "status": {
        "conditions": {"type": None, "status": None, "reason": None},
        "upgrade": None,
    },
}
"""What is read of a VCluster."""

_TRUTH = {
    "True": fnv1.STATUS_CONDITION_TRUE,
    "False": fnv1.STATUS_CONDITION_FALSE,
    "Unknown": fnv1.STATUS_CONDITION_UNKNOWN,
}


async def run_function(
    req: fnv1.RunFunctionRequest, _: grpc.aio.ServicerContext[Any, Any] | None = None
) -> fnv1.RunFunctionResponse:
    """Compose a virtual cluster. An error of our own is fatal, never a dropped call."""
    return answer(req)[0]


def answer(req: fnv1.RunFunctionRequest) -> tuple[fnv1.RunFunctionResponse, Call]:
    """Return the response, and what it does."""
    request = Request(input=None, composite={})
    try:
        request = decode(req)
        rsp = encode(req, found := compose(request))
    except Exception as error:  # noqa: BLE001  # whatever it is, Crossplane needs an answer
        found = _own_error(error, structlog.stdlib.get_logger().bind(tag=req.meta.tag))
        rsp = encode(req, found)
    before = validate.conditions(at(request.composite, "status", "conditions"))
    return rsp, call(request, found, before)


def _own_error(error: Exception, log: structlog.stdlib.BoundLogger) -> Answer:
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
    return Answer(
        conditions=(Condition("Accepted", "Unknown", "InternalError", message),), fatal=message
    )


def parse(data: bytes) -> fnv1.RunFunctionRequest:
    """Return a request on the wire. Raise DecodeError for what is none.

    What is nested too deep for protobuf is read as far down as anything of it is looked at.
    """
    try:
        return fnv1.RunFunctionRequest.FromString(data)
    except DecodeError:
        return fnv1.RunFunctionRequest.FromString(wire.shallow(data, _OBJECTS))


_OBJECT: wire.Places = {fnv1.Resource.RESOURCE_FIELD_NUMBER: wire.STRUCT}
_OBJECTS: wire.Places = {
    fnv1.RunFunctionRequest.OBSERVED_FIELD_NUMBER: {
        fnv1.State.COMPOSITE_FIELD_NUMBER: _OBJECT,
        fnv1.State.RESOURCES_FIELD_NUMBER: {wire.MAP_VALUE: _OBJECT},
    },
    fnv1.RunFunctionRequest.REQUIRED_RESOURCES_FIELD_NUMBER: {
        wire.MAP_VALUE: {fnv1.Resources.ITEMS_FIELD_NUMBER: _OBJECT}
    },
}
"""Where a request holds objects that others may have nested."""


def decode(req: fnv1.RunFunctionRequest) -> Request:
    """Return the request as plain values. Secret connection details do not enter."""
    composite = structs.picked(req.observed.composite.resource, COMPOSITE)
    seen = req.observed.resources
    found = [each for key in observe.RELEASES for each in _required(req, key, observe.STRANGER)]
    given = req.input.SerializeToString(deterministic=True) if req.HasField("input") else b""
    return Request(
        input=_input(given) if given else None,
        composite=composite,
        observed=observe.observed(
            lambda key: _release(req, key),
            {key: _usage(seen[key]) for key in usages.KEYS if key in seen},
            observe.strangers(found, composite),
            observe.control_plane(_required(req, ownership.CONTROL_PLANE, observe.CONTROL_PLANE)),
        ),
        taken=frozenset(req.desired.resources),
    )


def encode(req: fnv1.RunFunctionRequest, answer: Answer) -> fnv1.RunFunctionResponse:
    """Return the response: what earlier steps desire and the context, and the answer beside it."""
    rsp = response.to(req, ttl=_ttl(answer))
    for key, composed in answer.resources.items():
        desired = rsp.desired.resources[key]
        structs.write(desired.resource, composed.resource)
        desired.ready = fnv1.READY_TRUE if composed.ready else fnv1.READY_FALSE
    if answer.status is not None:
        status = rsp.desired.composite.resource.get_or_create_struct("status")
        structs.write(status, answer.status)
    if not answer.ready and all(composed.ready for composed in answer.resources.values()):
        # Crossplane would call an XR ready whose desired resources all are, even if it has none.
        rsp.desired.composite.ready = fnv1.READY_FALSE
    for condition in answer.conditions:
        rsp.conditions.add(
            type=condition.type,
            status=_TRUTH[condition.status],
            reason=condition.reason,
            message=condition.message or None,
        )
    for event in answer.events:
        (response.warning if event.warning else response.normal)(rsp, event.message)
        rsp.results[-1].reason = event.reason
    for required in answer.requirements:
        response.require_resources(
            rsp,
            required.key,
            required.api_version,
            required.kind,
            match_name=required.name,
            namespace=required.namespace,
        )
    if answer.fatal:
        response.fatal(rsp, answer.fatal)
    return rsp


def _ttl(answer: Answer) -> dt.timedelta:
    if not answer.ready:
        return IN_PROGRESS
    return UNHEARD if answer.is_unheard else STEADY


def serialize(rsp: fnv1.RunFunctionResponse) -> bytes:
    """Return the response's bytes, the same in every process: map entries go out in order."""
    return rsp.SerializeToString(deterministic=True)


def _required(req: fnv1.RunFunctionRequest, key: str, parts: Parts) -> Iterator[dict[str, object]]:
    """Yield what was found of a requirement."""
    if key in req.required_resources:
        for item in req.required_resources[key].items:
            yield structs.picked(item.resource, parts)


def _release(req: fnv1.RunFunctionRequest, key: str) -> ObservedRelease | None:
    if key not in req.observed.resources:
        return None
    seen = req.observed.resources[key]
    plain = structs.picked(seen.resource, observe.RELEASE)
    return observe.release(plain, seen.connection_details)


def _usage(seen: fnv1.Resource) -> Owned:
    return observe.usage(structs.picked(seen.resource, observe.USAGE))


@functools.lru_cache(maxsize=validate.MOST_INPUTS)
def _input(data: bytes) -> Document:
    """Return the Input; nobody changes it, so the same bytes may have the same object."""
    digest = hashlib.sha256(data).digest()
    return Document(structs.plain(struct_pb2.Struct.FromString(data)), digest)
