"""What protobuf cannot decode, because it is nested too deep, holds nothing up."""

from collections.abc import Mapping
from typing import Any

import pytest
from crossplane.function import resource
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from google.protobuf import struct_pb2
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from dev.scripts import life
from function import fn, protobuf, wire
from function.server.response_cache import ResponseCache

ALL = {"namespace", "vcluster", "rancher", "namespace-by-vcluster", "vcluster-by-rancher"}


def written(number: int, content: bytes) -> bytes:
    """Return a field on the wire, of a content that may be long."""
    size, length = len(content), bytearray()
    while size > 127:
        length.append(size & 127 | 128)
        size >>= 7
    return bytes([number << 3 | 2, *length, size]) + content


def deep(levels: int, *, lists: bool = False) -> object:
    """Return a value within so many maps, or lists."""
    value: object = "x"
    for _ in range(levels):
        value = [value] if lists else {"a": value}
    return value


def struct(plain: Mapping[str, object]) -> bytes:
    """Return a Struct on the wire, however deep: protobuf's own code gives up before it is."""
    entries = (written(1, k.encode()) + written(2, value(v)) for k, v in plain.items())
    return b"".join(written(1, entry) for entry in entries)


def value(plain: object) -> bytes:
    """Return a value on the wire."""
    if isinstance(plain, dict):
        return written(5, struct(plain))
    if isinstance(plain, list):
        return written(6, b"".join(written(1, value(entry)) for entry in plain))
    if isinstance(plain, bool):
        return struct_pb2.Value(bool_value=plain).SerializeToString()
    if isinstance(plain, str):
        return struct_pb2.Value(string_value=plain).SerializeToString()
    assert isinstance(plain, float)
    return struct_pb2.Value(number_value=plain).SerializeToString()


def nested(req: fnv1.RunFunctionRequest, key: str, path: tuple[str, ...], more: object) -> bytes:
    """Return a request on the wire of which an object has more; no key is the VCluster itself."""
    seen = req.observed.resources[key] if key else req.observed.composite
    plain = resource.struct_to_dict(seen.resource)
    place = plain
    for step in path[:-1]:
        place = place.setdefault(step, {})
    place[path[-1]] = more
    seen.ClearField("resource")
    inner = seen.SerializeToString() + written(1, struct(plain))
    if not key:
        return req.SerializeToString() + written(2, written(1, inner))
    del req.observed.resources[key]
    entry = written(1, key.encode()) + written(2, inner)
    return req.SerializeToString() + written(2, written(2, entry))


def answered(data: bytes) -> fnv1.RunFunctionResponse:
    """Return the answer to a request on the wire."""
    return fnv1.RunFunctionResponse.FromString(ResponseCache().answer(data).data)


def accepted(rsp: fnv1.RunFunctionResponse) -> str:
    """Return what Accepted says, of an answer that is not fatal."""
    assert [r.message for r in rsp.results if r.severity == fnv1.SEVERITY_FATAL] == []
    return rsp.conditions[0].message


@pytest.mark.parametrize("levels", [17, 23, 31, 40, 150])
@pytest.mark.parametrize("lists", [False, True], ids=["maps", "lists"])
def test_a_deep_spec_is_refused_in_its_field(levels: int, *, lists: bool) -> None:
    """Also where the request cannot be decoded as it is; all the rest stays."""
    req = life.request("kunde1", "ready")
    path = ("spec", "values", "controlPlane", "coredns", "overwriteConfig")
    data = nested(req, "", path, deep(levels, lists=lists))
    rsp = answered(data)
    assert accepted(rsp).startswith("spec.values: must be nested at most 16 levels deep.")
    assert {*rsp.desired.resources} == ALL


@pytest.mark.parametrize("key", ["namespace", "vcluster", "rancher", "namespace-by-vcluster"])
@pytest.mark.parametrize(
    "path",
    [
        ("metadata", "managedFields"),
        ("spec", "forProvider", "values", "controlPlane", "coredns", "overwriteConfig"),
        ("status", "atProvider", "more"),
    ],
    ids=["managed-fields", "values", "status"],
)
def test_a_deep_observed_object_is_repaired(key: str, path: tuple[str, ...]) -> None:
    """Nothing vanishes, and the Release gets the values that are desired."""
    req = life.request("kunde1", "ready")
    before = fn.answer(req)[0].desired.resources
    data = nested(req, key, path, deep(60))
    with pytest.raises(DecodeError):
        fnv1.RunFunctionRequest.FromString(data)
    rsp = answered(data)
    assert accepted(rsp) == ""
    assert {*rsp.desired.resources} == ALL
    assert rsp.desired.resources == before


def test_a_deep_release_of_another_is_seen() -> None:
    """What is required may be anybody's, and is still told apart."""
    req = life.request("kunde1", "nothing")
    metadata = {"name": "kunde1-namespace", "namespace": "vcluster-system"}
    item = written(1, struct({"metadata": metadata, "spec": deep(60)}))
    entry = written(1, b"namespace") + written(2, written(1, item))
    number = fnv1.RunFunctionRequest.REQUIRED_RESOURCES_FIELD_NUMBER
    rsp = answered(req.SerializeToString() + written(number, entry))
    assert [(c.type, c.reason) for c in rsp.conditions][1] == ("NamespaceReady", "NameTaken")


@given(st.binary(max_size=40))
def test_garbage_is_no_request(noise: bytes) -> None:
    """It is refused as what it is, never by an error of another kind."""
    try:
        protobuf.parse_request(noise)
    except DecodeError:
        return
    assert protobuf.parse_request(noise).SerializeToString() is not None


def test_what_is_not_deep_is_kept_byte_for_byte() -> None:
    """Numbers, nulls, texts and empty maps survive the cut."""
    values: dict[str, Any] = {"a": [1.5, None, True, {}, [], "x"], "b": {"c": -1, "d": {"e": ""}}}
    whole = resource.dict_to_struct(values)
    cut = struct_pb2.Struct.FromString(wire.shallow(whole.SerializeToString(), wire.STRUCT))
    assert cut == whole
