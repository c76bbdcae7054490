"""Convert between protobuf's messages and plain values.

Most of a request is unused, managedFields above all, and each field costs almost a microsecond. So
only what is read is decoded, by a table of paths. Half of a call is spent here, hence the loops.
"""

import datetime as dt
import functools
import hashlib
from collections.abc import Container, Iterator, Mapping
from typing import Any

from crossplane.function import response
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from google.protobuf import struct_pb2
from google.protobuf.message import DecodeError

from function import wire
from function.api import validate
from function.api.status import Status
from function.api.validate import Document
from function.api.xr import NOT_IN_THE_API
from function.k8s.fieldpath import Parts
from function.observed import ownership, parse, usages
from function.observed.state import ObservedRelease, ObservedUsage, Request
from function.response.response import Response

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
    "status": {
        "conditions": {"type": None, "status": None, "reason": None},
        "upgrade": None,
        "backup": {"rollback": None, "target": None},
    },
}
"""Fields of a VCluster that are read, beside the spec."""

_TRUTH = {
    "True": fnv1.STATUS_CONDITION_TRUE,
    "False": fnv1.STATUS_CONDITION_FALSE,
    "Unknown": fnv1.STATUS_CONDITION_UNKNOWN,
}


def parse_request(data: bytes) -> fnv1.RunFunctionRequest:
    """Return the request in serialized bytes. Raises DecodeError for anything else.

    Objects nested too deep for protobuf are cut below the deepest field that is read.
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
"""Places of a request with objects of any depth."""


def decode(req: fnv1.RunFunctionRequest) -> Request:
    """Return the request as plain values. Secret connection details do not enter."""
    composite = _composite(req.observed.composite.resource)
    resources = req.observed.resources
    releases = [
        each for key in parse.RELEASES for each in _required(req, key, parse.FOREIGN_RELEASE)
    ]
    data = req.input.SerializeToString(deterministic=True) if req.HasField("input") else b""
    return Request(
        input=_input(data) if data else None,
        composite=composite,
        observed=parse.parse_observed(
            lambda key: _release(req, key),
            {key: _usage(resources[key]) for key in usages.KEYS if key in resources},
            parse.foreign_releases(releases, composite),
            parse.control_plane(_required(req, ownership.CONTROL_PLANE, parse.CONTROL_PLANE)),
        ),
        taken=frozenset(req.desired.resources),
    )


def encode(req: fnv1.RunFunctionRequest, answer: Response) -> fnv1.RunFunctionResponse:
    """Return the response, with the context and the desired state of earlier steps."""
    rsp = response.to(req, ttl=dt.timedelta(seconds=answer.pause))
    for key, composed in answer.resources.items():
        desired = rsp.desired.resources[key]
        write(desired.resource, composed.resource)
        desired.ready = fnv1.READY_TRUE if composed.ready else fnv1.READY_FALSE
    if answer.status is not None:
        status = rsp.desired.composite.resource.get_or_create_struct("status")
        write(status, answer.status)
        if answer.is_held:
            _hold(status, req.observed.composite.resource)
    if not answer.ready and all(composed.ready for composed in answer.resources.values()):
        # Crossplane marks an XR ready if all its desired resources are, even if it has none.
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


def _hold(status: struct_pb2.Struct, vcluster: struct_pb2.Struct) -> None:
    """Give the fields of our status that exist their observed values again, and no other field."""
    if "status" in vcluster.fields:
        observed = vcluster.fields["status"].struct_value.fields
        for key in Status.model_fields:
            if key in observed:
                status.fields[key].CopyFrom(observed[key])


def changed(req: fnv1.RunFunctionRequest, rsp: fnv1.RunFunctionResponse) -> tuple[str, ...]:
    """Return the keys of the existing Releases whose chart version or values change."""
    observed, desired = req.observed.resources, rsp.desired.resources
    return tuple(
        key
        for key in sorted(parse.RELEASES)
        if key in observed and key in desired and _differ(observed[key], desired[key])
    )


def _differ(observed: fnv1.Resource, desired: fnv1.Resource) -> bool:
    before, after = _provider(observed), _provider(desired)
    return before["values"] != after["values"] or _version(before) != _version(after)


def _provider(release: fnv1.Resource) -> Mapping[str, struct_pb2.Value]:
    """Return the fields of `spec.forProvider`; absent ones are empty."""
    spec = release.resource.fields["spec"].struct_value
    return spec.fields["forProvider"].struct_value.fields


def _version(provider: Mapping[str, struct_pb2.Value]) -> str:
    return provider["chart"].struct_value.fields["version"].string_value


def serialize(rsp: fnv1.RunFunctionResponse) -> bytes:
    """Return the response's bytes, equal in every process: map entries are sorted."""
    return rsp.SerializeToString(deterministic=True)


def _required(req: fnv1.RunFunctionRequest, key: str, parts: Parts) -> Iterator[dict[str, object]]:
    """Yield the objects of a requirement, reduced to the given fields."""
    if key in req.required_resources:
        for item in req.required_resources[key].items:
            yield picked(item.resource, parts)


def _composite(vcluster: struct_pb2.Struct) -> dict[str, object]:
    """Return the fields of a VCluster that are read; a third of the spec is Crossplane's own."""
    composite = picked(vcluster, COMPOSITE)
    if "spec" in vcluster.fields:
        spec = vcluster.fields["spec"]
        is_map = spec.WhichOneof("kind") == "struct_value"
        composite["spec"] = plain(spec.struct_value, NOT_IN_THE_API) if is_map else _plain(spec)
    return composite


def _release(req: fnv1.RunFunctionRequest, key: str) -> ObservedRelease | None:
    if key not in req.observed.resources:
        return None
    resource = req.observed.resources[key]
    plain = picked(resource.resource, parse.RELEASE[key])
    return parse.parse_release(plain, resource.connection_details)


def _usage(resource: fnv1.Resource) -> ObservedUsage:
    return parse.parse_usage(picked(resource.resource, parse.USAGE))


@functools.lru_cache(maxsize=validate.MOST_INPUTS)
def _input(data: bytes) -> Document:
    """Return the Input; it is never changed, so equal bytes may share an object."""
    digest = hashlib.sha256(data).digest()
    return Document(plain(struct_pb2.Struct.FromString(data)), digest)


def picked(struct: struct_pb2.Struct, parts: Parts) -> dict[str, object]:
    """Return the fields of a Struct that `parts` names and that exist."""
    fields = struct.fields
    return {
        key: _plain(fields[key]) if below is None else _part(fields[key], below)
        for key, below in parts.items()
        if key in fields
    }


def _part(value: struct_pb2.Value, parts: Parts) -> object:
    """Return the named parts of a map, or of each entry of a list; any other value whole."""
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return picked(value.struct_value, parts)
    if kind == "list_value":
        return [_part(entry, parts) for entry in value.list_value.values]
    return _plain(value)


def plain(struct: struct_pb2.Struct, without: Container[str] = ()) -> dict[str, object]:
    """Return a map sorted by key, because protobuf's order differs between processes."""
    fields = struct.fields
    return {key: _plain(fields[key]) for key in sorted(fields) if key not in without}


def _plain(value: struct_pb2.Value) -> object:
    """Return a plain value; whole numbers become integers, because protobuf has only floats."""
    # Most values are texts, and reading one takes half as long as WhichOneof.
    text = value.string_value
    if text:
        return text
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        fields = value.struct_value.fields
        return {key: _plain(fields[key]) for key in sorted(fields)}
    if kind == "bool_value":
        return value.bool_value
    if kind == "list_value":
        return [_plain(entry) for entry in value.list_value.values]
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    return "" if kind == "string_value" else None


def write(struct: struct_pb2.Struct, values: dict[str, Any]) -> None:
    """Write a map into a Struct, like `Struct.update` in half the time.

    Raises TypeError for a value that is not plain.
    """
    fields = struct.fields
    for key, value in values.items():
        # Most values are of these very types, which is cheaper to see than a subclass is.
        kind = type(value)
        if kind is str:
            fields[key].string_value = value
        elif kind is dict and value:
            write(fields[key].struct_value, value)
        elif kind is bool:
            fields[key].bool_value = value
        elif kind is int:
            fields[key].number_value = value
        else:
            _write(fields[key], value)


def _write(field: struct_pb2.Value, value: object) -> None:
    if isinstance(value, str):
        field.string_value = value
    elif isinstance(value, dict):
        struct = field.struct_value
        struct.SetInParent()
        write(struct, value)
    elif isinstance(value, bool):
        field.bool_value = value
    elif isinstance(value, int | float):
        field.number_value = value
    elif value is None:
        field.null_value = struct_pb2.NULL_VALUE
    elif isinstance(value, list | tuple):
        entries = field.list_value
        entries.SetInParent()
        values = entries.values
        for entry in value:
            _write(values.add(), entry)
    else:
        msg = f"a {type(value).__name__} is no plain value"
        raise TypeError(msg)
