"""Between protobuf's Struct and plain values.

A steady request is mostly what nobody reads, managedFields above all, and each field that becomes
a Python object costs most of a microsecond. So an object is decoded by a picture of what is read
of it. These are the loops in which a call spends half of its time, and they are written for that.
"""

from typing import Any

from google.protobuf import struct_pb2

from function.plain import Parts


def picked(struct: struct_pb2.Struct, parts: Parts) -> dict[str, object]:
    """Return of a Struct what its parts name, as far as it is there."""
    fields = struct.fields
    return {
        key: _plain(fields[key]) if below is None else _part(fields[key], below)
        for key, below in parts.items()
        if key in fields
    }


def _part(value: struct_pb2.Value, parts: Parts) -> object:
    """Return of a value what the parts name: of a list of each entry, of anything else all."""
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return picked(value.struct_value, parts)
    if kind == "list_value":
        return [_part(entry, parts) for entry in value.list_value.values]
    return _plain(value)


def plain(struct: struct_pb2.Struct) -> dict[str, object]:
    """Return a map in the order of its keys, because protobuf's own differs between processes."""
    fields = struct.fields
    return {key: _plain(fields[key]) for key in sorted(fields)}


def _plain(value: struct_pb2.Value) -> object:
    """Return a plain value; protobuf knows only floats, so whole numbers become integers again."""
    # Most are texts, and to read one takes half as long as to ask what a value is.
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
    """Write a map into a Struct: what `Struct.update` does, in half the time.

    Raises TypeError for what is no plain value.
    """
    fields = struct.fields
    for key, value in values.items():
        if isinstance(value, str):
            fields[key].string_value = value
        elif isinstance(value, dict) and value:
            write(fields[key].struct_value, value)
        elif isinstance(value, bool):
            fields[key].bool_value = value
        else:
            _write(fields[key], value)


def _write(field: struct_pb2.Value, value: object) -> None:
    if isinstance(value, str):
        field.string_value = value
    elif isinstance(value, dict):
        field.struct_value.SetInParent()
        write(field.struct_value, value)
    elif isinstance(value, bool):
        field.bool_value = value
    elif isinstance(value, int | float):
        field.number_value = value
    elif value is None:
        field.null_value = struct_pb2.NULL_VALUE
    elif isinstance(value, list | tuple):
        field.list_value.SetInParent()
        for entry in value:
            _write(field.list_value.values.add(), entry)
    else:
        msg = f"a {type(value).__name__} is no plain value"
        raise TypeError(msg)
