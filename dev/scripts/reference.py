"""Write docs/reference.md: every field of spec, status and Input, and values of the chart."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from function.api.chart_value import Use
from function.api.decided_values import DECIDED_VALUES
from function.api.written_values import MULTILINE

Schema = dict[str, Any]
Path = tuple[str, ...]

INTRODUCTION = """\
<!-- Written by `make generate` from function/api. -->

# Reference

Every field of a spec is optional. Quantities are text or whole numbers (`500m`, `10Gi`).

Annotation `caas.telekom.de/retry: "<n>"` on a VCluster allows a failed upgrade n further attempts.
"""

VALUES = """\
`vcluster.values`, `vcluster.enforcedValues` and, where `tenant.values` allows it, `spec.values` set
[values of the chart](https://www.vcluster.com/docs/vcluster/configure/vcluster-yaml/). None of them
may have what a field decides, at these paths or below, for a new virtual cluster or for an existing
one. An Input that has it is invalid as a whole: `InvalidInput` in every VCluster, of which nothing
is touched until it is removed. The Input may set {free} nevertheless.
"""

JOINED = """\
Lists that are joined: your entries come after those of the function, which are always there.
"""

NEVER = """\
`tenant.values` may allow neither these paths nor what is above or below them, because they give
rights or programs on the host, reach what tenants have in common, or count for quota and readiness.
The same holds for what a field decides. Texts of `spec.values` have no control characters, the end
of a line included; several lines are for {multiline}.
"""

_KINDS = {"object": "map", "string": "text", "integer": "number"}


def page(
    spec: Schema, status: Schema, config: Schema, calendar: Schema, calendar_status: Schema
) -> str:
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
        "## Calendar: spec\n",
        _table(calendar),
        "## Calendar: status\n",
        _table(calendar_status),
        "## Values of the chart\n",
        *_values(),
    ]
    return "\n".join(parts)


def _values() -> Iterator[str]:
    """Yield the table of decided values, and the lists of the other rows."""
    decided = {row.keys: row.decided_by for row in DECIDED_VALUES if row.use is Use.DECIDED}
    shown = {keys: by for keys, by in decided.items() if not _is_said(keys, by, decided)}
    paths = {row.keys: row.path for row in DECIDED_VALUES}
    rows = sorted(f"| `{paths[keys]}` | {by} |" for keys, by in shown.items())
    free = (
        row.path
        for row in DECIDED_VALUES
        if row.use is Use.PLATFORM and any(row.keys[: len(keys)] == keys for keys in decided)
    )
    yield VALUES.format(free=_listed(free))
    yield "\n".join(["| value | decided by |", "|---|---|", *rows]) + "\n"
    yield JOINED
    yield _list(Use.JOINED)
    yield NEVER.format(multiline=_listed(".".join(path) for path in MULTILINE))
    yield _list(Use.NEVER_TENANT, Use.PLATFORM)


def _is_said(keys: Path, by: str, decided: Mapping[Path, str]) -> bool:
    """Return whether a row above says the same."""
    return any(decided.get(keys[:length]) == by for length in range(1, len(keys)))


def _listed(paths: Iterable[str]) -> str:
    return " and ".join(f"`{path}`" for path in paths)


def _list(*uses: Use) -> str:
    paths = {row.path for row in DECIDED_VALUES if row.use in uses}
    shown = [path for path in paths if not any(path.startswith(f"{one}.") for one in paths)]
    return "".join(f"- `{path}`\n" for path in sorted(shown))


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
