"""Structural schemas from the models."""

import re
from typing import Any

from pydantic import BaseModel

from function.api import xr

Schema = dict[str, Any]

_SCHEMA_KEYS = (
    "type",
    "enum",
    "pattern",
    "format",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "required",
    "x-kubernetes-preserve-unknown-fields",
)
"""Keys that a structural schema has in common with JSON Schema."""


def structural(model: type[BaseModel]) -> Schema:
    """Return a model's structural schema.

    https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
    """
    schema = model.model_json_schema()
    return _convert(schema, schema.get("$defs", {}))


def _convert(schema: Schema, definitions: dict[str, Schema]) -> Schema:
    schema = _resolve(schema, definitions)
    converted = {key: schema[key] for key in _SCHEMA_KEYS if key in schema}
    description = _described(schema)
    if description:
        converted["description"] = description
    if schema.get("quantity"):
        converted.pop("type")
        converted["x-kubernetes-int-or-string"] = True
    if "const" in schema:
        converted["enum"] = [schema["const"]]
    if "items" in schema:
        converted["items"] = _convert(schema["items"], definitions)
    if "properties" in schema:
        converted["properties"] = {
            name: _convert(below, definitions)
            for name, below in schema["properties"].items()
            if name not in xr.NOT_IN_THE_API
        }
    elif schema.get("type") == "object":
        converted |= _map(schema, definitions)
    return converted


def _resolve(schema: Schema, definitions: dict[str, Schema]) -> Schema:
    """Follow references and take the value's branch of "a value or null"."""
    for branch in schema.get("anyOf", ()):
        if branch.get("type") != "null":
            schema = {**branch, **{k: v for k, v in schema.items() if k != "anyOf"}}
    if "$ref" in schema:
        target = definitions[schema["$ref"].rpartition("/")[2]]
        own = {key: value for key, value in schema.items() if key != "$ref"}
        schema = _resolve({**target, **own}, definitions)
    return schema


def _map(schema: Schema, definitions: dict[str, Schema]) -> Schema:
    """Return the schema of a map with free keys; structural schemas cannot limit the keys."""
    values = schema.get("additionalProperties") or next(
        iter(schema.get("patternProperties", {}).values()), True
    )
    if values is True or not values:
        return {"x-kubernetes-preserve-unknown-fields": True}
    return {"additionalProperties": _convert(values, definitions)}


def _described(schema: Schema) -> str:
    text = " ".join(schema.get("description", "").split())
    default = schema.get("default")
    if isinstance(default, bool):
        default = str(default).lower()
    if default in (None, "") or isinstance(default, dict | list):
        return text
    return re.sub(r"\.?$", f". Default: {default}.", text, count=1)
