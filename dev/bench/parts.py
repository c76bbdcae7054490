"""Measure the parts of a call in one process, and the cheapest possible decoding beside them.

The floor of decoding is a program without loops or decisions, written for this very request: it
reads the same fields from protobuf's objects and builds the same maps and lists. What decoding
takes more than that is for finding out what a request has.
"""

from __future__ import annotations

import functools
import time
from typing import TYPE_CHECKING, Any

from crossplane.function.proto.v1 import run_function_pb2 as fnv1

from dev.bench import requests
from function import protobuf
from function.api.xr import NOT_IN_THE_API
from function.compose import compose
from function.observed import parse, usages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from google.protobuf import struct_pb2

    from function.k8s.fieldpath import Parts

CALLS = 5
ROUNDS = 400
PART_OF = "  "
"""Beginning of the name of a row whose time another row contains."""


class Reader:
    """The source of a program that reads the fields of one request."""

    def __init__(self) -> None:
        """Begin without a line."""
        self.lines: list[str] = []

    def struct(self, struct: struct_pb2.Struct, place: str, parts: Parts | None) -> str:
        """Return the expression of a map; `place` is that of the message."""
        fields = self._bound(f"{place}.fields")
        keys = sorted(struct.fields) if parts is None else parts
        inner = []
        for key in (key for key in keys if key in struct.fields):
            below = None if parts is None else parts[key]
            inner.append(f"{key!r}: {self._value(struct.fields[key], f'{fields}[{key!r}]', below)}")
        return f"{{{', '.join(inner)}}}"

    def _value(self, value: struct_pb2.Value, place: str, parts: Parts | None) -> str:
        kind = value.WhichOneof("kind")
        if kind == "struct_value":
            return self.struct(value.struct_value, f"{place}.struct_value", parts)
        if kind == "list_value":
            entries = self._bound(f"{place}.list_value.values")
            values = enumerate(value.list_value.values)
            return f"[{', '.join(self._value(one, f'{entries}[{i}]', parts) for i, one in values)}]"
        if kind == "number_value" and value.number_value.is_integer():
            return f"int({place}.number_value)"
        return "None" if kind == "null_value" else f"{place}.{kind}"

    def _bound(self, place: str) -> str:
        name = f"x{len(self.lines)}"
        self.lines.append(f"{name} = {place}")
        return name


def read(req: fnv1.RunFunctionRequest) -> list[dict[str, object]]:
    """Return what decoding reads of VCluster, Releases and Usages, as plain values."""
    vcluster, resources = req.observed.composite.resource, req.observed.resources
    spec = protobuf.plain(vcluster.fields["spec"].struct_value, NOT_IN_THE_API)
    return [
        protobuf.picked(vcluster, protobuf.COMPOSITE),
        spec,
        *(protobuf.picked(resources[key].resource, parts) for key, parts in _parts(req)),
    ]


def straight(
    req: fnv1.RunFunctionRequest,
) -> Callable[[fnv1.RunFunctionRequest], list[dict[str, object]]]:
    """Return the program that reads the same as `read`, of this very request alone."""
    reader = Reader()
    vcluster = req.observed.composite.resource
    spec = vcluster.fields["spec"].struct_value
    own: Parts = {key: None for key in sorted(spec.fields) if key not in NOT_IN_THE_API}
    place = "req.observed.composite.resource"
    expressions = [
        reader.struct(vcluster, place, protobuf.COMPOSITE),
        reader.struct(spec, f"{place}.fields['spec'].struct_value", own),
        *(
            reader.struct(
                req.observed.resources[key].resource, f"resources[{key!r}].resource", parts
            )
            for key, parts in _parts(req)
        ),
    ]
    lines = ["resources = req.observed.resources", *reader.lines]
    lines.append(f"return [{', '.join(expressions)}]")
    source = "def program(req):\n" + "".join(f"    {line}\n" for line in lines)
    space: dict[str, Any] = {}
    exec(source, space)  # noqa: S102  # the source is ours, and has no value of the request
    program: Callable[[fnv1.RunFunctionRequest], list[dict[str, object]]] = space["program"]
    return program


def _parts(req: fnv1.RunFunctionRequest) -> Iterator[tuple[str, Parts]]:
    parts = {**parse.RELEASE, **dict.fromkeys(usages.KEYS, parse.USAGE)}
    return ((key, parts[key]) for key in parts if key in req.observed.resources)


def table(calls: int = CALLS, rounds: int = ROUNDS) -> list[tuple[str, float]]:
    """Return the parts of a call that changes something, in milliseconds: the best of all rounds.

    They take turns, so that other load of the machine affects all.
    """
    data = requests.changed().SerializeToString()
    req = fnv1.RunFunctionRequest.FromString(data)
    request = protobuf.decode(req)
    answer = compose(request)
    rsp = protobuf.encode(req, answer)
    program = straight(req)
    parts: dict[str, Callable[[], object]] = {
        "parse the request": functools.partial(fnv1.RunFunctionRequest.FromString, data),
        "decode": functools.partial(protobuf.decode, req),
        f"{PART_OF}read the fields": functools.partial(read, req),
        f"{PART_OF}the floor of that": functools.partial(program, req),
        "compose": functools.partial(compose, request),
        "encode": functools.partial(protobuf.encode, req, answer),
        "serialize the response": functools.partial(protobuf.serialize, rsp),
    }
    best = dict.fromkeys(parts, float("inf"))
    for _ in range(rounds):
        for name, part in parts.items():
            best[name] = min(best[name], _milliseconds(part, calls))
    return [*best.items()]


def _milliseconds(part: Callable[[], object], calls: int) -> float:
    started = time.perf_counter()
    for _ in range(calls):
        part()
    return (time.perf_counter() - started) * 1000 / calls


def main() -> None:
    """Print the table."""
    rows = table()
    whole = sum(each for name, each in rows if not name.startswith(PART_OF))
    for name, each in [*rows, ("all", whole)]:
        print(f"{name:24}{each:6.2f} ms")


if __name__ == "__main__":
    main()
