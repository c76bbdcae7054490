"""Structs become plain values and back, and of an object only what is read."""

import json
from dataclasses import replace
from typing import Any

import pytest
from google.protobuf import struct_pb2
from hypothesis import given
from hypothesis import strategies as st

from dev.scripts import life
from function import protobuf
from function.compose import compose
from function.k8s.fieldpath import Parts
from function.observed import parse, usages

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False)
    | st.text(),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(), below, max_size=3),
    max_leaves=12,
)
MAPS = st.dictionaries(st.text(), VALUES, max_size=4)


def written(values: dict[str, Any]) -> struct_pb2.Struct:
    """Return the Struct of a map."""
    struct = struct_pb2.Struct()
    protobuf.write(struct, values)
    return struct


@given(MAPS)
def test_write_does_what_update_does(values: dict[str, Any]) -> None:
    """Only the time differs."""
    by_library = struct_pb2.Struct()
    by_library.update(values)
    assert written(values) == by_library


@given(MAPS)
def test_plain_undoes_write(values: dict[str, object]) -> None:
    """Nothing is lost or of another type: `true` is not 1, and 1 is not 1.5."""
    found = protobuf.plain(written(values))
    assert found == values
    assert list(found) == sorted(found)
    whole = json.loads(json.dumps(values, sort_keys=True), parse_float=_as_protobuf)
    assert json.dumps(found) == json.dumps(whole, sort_keys=True)


def _as_protobuf(text: str) -> float:
    number = float(text)
    return int(number) if number.is_integer() else number


def test_what_is_no_plain_value() -> None:
    """A mistake of ours is found where it is made."""
    with pytest.raises(TypeError, match="a set is no plain value"):
        written({"a": {"b": {1, 2}}})


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        pytest.param({"a": None}, {"a": {"b": 1, "c": [1, {"d": None, "e": 2}]}}, id="whole"),
        pytest.param({"a": {"b": None, "x": None}}, {"a": {"b": 1}}, id="below"),
        pytest.param({"a": {"c": {"d": None}}}, {"a": {"c": [1, {"d": None}]}}, id="of-each-entry"),
        pytest.param({"e": {"f": None}}, {"e": "text"}, id="of-another-type"),
        pytest.param({"x": None, "y": {"z": None}}, {}, id="absent"),
    ],
)
def test_picked(parts: Parts, expected: dict[str, object]) -> None:
    """Of what is there the parts are returned, and what is of another type as it is."""
    struct = written({"a": {"b": 1, "c": [1, {"d": None, "e": 2}]}, "e": "text"})
    assert protobuf.picked(struct, parts) == expected


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param({"plan": "x", "crossplane": {"resourceRefs": []}}, {"plan": "x"}, id="map"),
        pytest.param("text", "text", id="of-another-type"),
        pytest.param(None, None, id="null"),
    ],
)
def test_spec_without_crossplane(spec: object, expected: object) -> None:
    """Crossplane's own part of the spec is not decoded, and everything else is."""
    req = life.request("kunde1", "ready")
    protobuf.write(req.observed.composite.resource, {"spec": spec})
    assert protobuf.decode(req).composite["spec"] == expected


@pytest.mark.parametrize("example", life.names())
@pytest.mark.parametrize("state", life.LIFE)
def test_all_that_is_read_is_picked(example: str, state: str) -> None:
    """The whole object tells the function no more than the parts of it that are decoded."""
    req = life.request(example, state)
    request = protobuf.decode(req)
    releases: dict[str, Any] = {}
    for key, seen in req.observed.resources.items():
        plain = protobuf.plain(seen.resource)
        if key in usages.KEYS:
            assert request.observed.usages[key] == parse.parse_usage(plain)
        else:
            releases[key] = parse.parse_release(plain, seen.connection_details)
            picked = getattr(request.observed, key)
            assert replace(picked, values=releases[key].values) == releases[key]
    whole = replace(
        request,
        composite=protobuf.plain(req.observed.composite.resource),
        observed=replace(request.observed, **releases),
    )
    assert compose(request) == compose(whole)


def test_all_that_is_read_of_a_stranger_is_picked() -> None:
    """Its name, and whose it is."""
    composite = {"kind": "VCluster", "metadata": {"name": "kunde1", "uid": "new"}}
    owner = {"kind": "VCluster", "name": "kunde1", "uid": "old", "controller": True}
    stranger = {
        "metadata": {
            "name": "kunde1",
            "namespace": "vcluster-system",
            "deletionTimestamp": "2026-01-01T00:00:00Z",
            "ownerReferences": [{"kind": "Other", "name": "x", "uid": "y"}, owner],
        }
    }
    picked = protobuf.picked(written(stranger), parse.FOREIGN_RELEASE)
    assert parse.foreign_releases([picked], composite) == parse.foreign_releases(
        [stranger], composite
    )
    assert parse.foreign_releases([picked], {"metadata": {"uid": "old"}}) == ()
