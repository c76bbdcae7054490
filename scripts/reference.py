"""Write docs/reference.md: every field of spec, status and Input, from their schemas."""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]

INTRODUCTION = """\
<!-- Written by `make generate` from function/models. -->

# Reference

Every field of a spec is optional. Quantities are text or whole numbers (`500m`, `10Gi`).

Annotation `caas.telekom.de/retry: "<n>"` on a VCluster allows a failed upgrade n further attempts.
"""

_KINDS = {"object": "map", "string": "text", "integer": "number"}


def page(spec: Schema, status: Schema, config: Schema) -> str:
    """Return the page."""
    parts = [
        INTRODUCTION,
        "## VCluster: spec\n",
        _table(spec),
        "## VCluster: status\n",
        _table(status),
        "## Input\n",
        "Required fields are marked with `*`.\n",
        _table(config),
    ]
    return "\n".join(parts)


def _table(schema: Schema) -> str:
    rows = [f"| `{path}` | {kind} | {text} |" for path, kind, text in _rows(schema, "")]
    return "\n".join(["| field | type | meaning |", "|---|---|---|", *rows]) + "\n"


def _rows(schema: Schema, above: str) -> Iterator[tuple[str, str, str]]:
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        path = f"{above}.{name}" if above else name
        star = "*" if name in required else ""
        yield path + star, _kind(field), field.get("description", "").replace("|", "\\|")
        yield from _rows(_below(field), path + _brackets(field))


def _below(field: Schema) -> Schema:
    below: Schema = field.get("items") or field.get("additionalProperties") or field
    return below


def _brackets(field: Schema) -> str:
    if "items" in field:
        return "[]"
    return ".<name>" if "additionalProperties" in field else ""


def _kind(field: Schema) -> str:
    if field.get("x-kubernetes-int-or-string"):
        return "quantity"
    if "enum" in field:
        return ", ".join(str(value) for value in field["enum"])
    if "items" in field:
        return f"list of {_kind(field['items'])}"
    if "additionalProperties" in field:
        return f"map of {_kind(field['additionalProperties'])}"
    kind = str(field.get("type", "any"))
    return _KINDS.get(kind, kind)
