"""Cut values nested too deep for protobuf from a serialized message.

Protobuf decodes 100 levels of nested messages, and a map of JSON uses three. A single deeper object
makes the whole request undecodable, `metadata.managedFields` even earlier, and its VCluster could
not be repaired. No field that the function reads lies that deep.
https://protobuf.dev/programming-guides/encoding/
"""

import struct
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from google.protobuf import struct_pb2
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

LEVELS = 24
"""Levels of nested values that remain of an object."""

MAP_VALUE = 2
"""Field of the value in an entry of a map."""

Places: TypeAlias = Mapping[int, "Places"]
"""Fields of a message that lead to Structs, each with such fields of its own."""

_VALUE: dict[int, Places] = {}
STRUCT: Places = {struct_pb2.Struct.FIELDS_FIELD_NUMBER: {MAP_VALUE: _VALUE}}
"""Fields of a Struct that hold values."""
_VALUE[struct_pb2.Value.STRUCT_VALUE_FIELD_NUMBER] = STRUCT
_VALUE[struct_pb2.Value.LIST_VALUE_FIELD_NUMBER] = {
    struct_pb2.ListValue.VALUES_FIELD_NUMBER: _VALUE
}

_VARINT, _FIXED64, _FIXED32 = 0, 1, 5
_FORMATS = {_FIXED64: "<Q", _FIXED32: "<I"}
_BITS, _MORE = 0x7F, 0x80


def shallow(message: bytes, places: Places, levels: int = LEVELS) -> bytes:
    """Return the message with its Structs cut. Raises DecodeError for anything else."""
    left = levels - 1 if places is _VALUE else levels
    written = bytearray()
    for number, kind, data in _fields(message):
        if isinstance(data, bytes) and number in places:
            written += _field(number, kind, shallow(data, places[number], left) if left else b"")
        else:
            written += _field(number, kind, data)
    return bytes(written)


def _fields(message: bytes) -> Iterator[tuple[int, int, object]]:
    """Yield number, wire type and raw content of each field."""
    fields = UnknownFieldSet(Empty.FromString(message))
    for index in range(len(fields)):
        field = fields[index]
        yield field.field_number, field.wire_type, field.data


def _field(number: int, kind: int, data: object) -> bytes:
    tag = _varint(number << 3 | kind)
    if isinstance(data, bytes):
        return tag + _varint(len(data)) + data
    if not isinstance(data, int):
        msg = "no field of Crossplane's messages is a group"
        raise DecodeError(msg)
    return tag + (_varint(data) if kind == _VARINT else struct.pack(_FORMATS[kind], data))


def _varint(number: int) -> bytes:
    written = bytearray()
    while number > _BITS:
        written.append(number & _BITS | _MORE)
        number >>= 7
    written.append(number)
    return bytes(written)
