"""Check the chart values of Input and spec by the table of decided values."""

import unicodedata
from collections.abc import Iterator, Mapping

from function.api.chart_value import ChartValue, ImmutableValue, Use
from function.api.decided_values import DECIDED_VALUES
from function.api.errors import Problem
from function.k8s.fieldpath import leaves

JOINED = tuple(row for row in DECIDED_VALUES if row.use is Use.JOINED)
JOINED_ALONE = tuple(row for row in JOINED if row.is_joined_alone)
"""Rows of lists that are joined also where the function has no entry."""
IMMUTABLE = tuple(row for row in DECIDED_VALUES if isinstance(row, ImmutableValue))

MULTILINE = (
    ("controlPlane", "coredns", "overwriteConfig"),
    ("controlPlane", "coredns", "overwriteManifests"),
)
"""Values of tenants that may have several lines: the chart encodes them in a Secret."""

_SPARED = str.maketrans("", "", "\n\t")

_ROWS = {row.keys: row for row in DECIDED_VALUES}

_ABOVE = frozenset(
    row.keys[:length]
    for row in DECIDED_VALUES
    if row.use in (Use.DECIDED, Use.JOINED)
    for length in range(1, len(row.keys))
)
"""Paths above a value that the function writes at least in part."""

_CONTROL = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode's categories of control characters, halves of characters, and ends of lines."""


def row(path: tuple[str, ...]) -> ChartValue | None:
    """Return the row for a path of the chart's values, or None."""
    lengths = range(len(path), 0, -1)
    return next((_ROWS[path[:length]] for length in lengths if path[:length] in _ROWS), None)


def is_decided(path: tuple[str, ...]) -> bool:
    """Return whether the function alone writes a path."""
    closest = row(path)
    return closest is not None and closest.use is Use.DECIDED


def problems(field: str, values: Mapping[str, object]) -> Iterator[Problem]:
    """Yield a problem for each value of a field that the function decides."""
    for path, value in leaves(values):
        conflict = problem(field, path, value)
        if conflict:
            yield conflict


def problem(field: str, path: tuple[str, ...], value: object) -> Problem | None:
    """Return the problem of a leaf that must not be written, or None."""
    closest = row(path)
    remedy = "Remove it."
    if path in _ABOVE and value != {}:
        rule = "must be a map, because the function writes values below it"
    elif closest and closest.use is Use.DECIDED:
        rule = f"is decided by {closest.decided_by}"
        remedy = f"Remove it. {closest.instead}".rstrip()
    elif (
        closest
        and closest.use is Use.JOINED
        and (path != closest.keys or not isinstance(value, list))
    ):
        rule = "must be a list, whose entries come beside the function's own"
        remedy = "Write entries that begin with '-', or remove it."
    else:
        return None
    return Problem(".".join((field, *path)), rule, remedy)


def never_allowed(path: str) -> ChartValue | None:
    """Return the row that forbids the Input to allow a path to specs, or None."""
    keys = tuple(path.split("."))
    rows = [each for each in DECIDED_VALUES if each.use is not Use.JOINED]
    above = [each for each in rows if keys[: len(each.keys)] == each.keys]
    below = [each for each in rows if each.keys[: len(keys)] == keys]
    return max(above, key=lambda each: len(each.keys)) if above else next(iter(below), None)


def is_safe(path: tuple[str, ...], value: object) -> bool:
    """Return whether value and path are free of characters that could end a line.

    The chart writes some texts into its manifests unquoted: a second line could be another object.
    """
    if path in MULTILINE and isinstance(value, str):
        return _is_one_line(value.translate(_SPARED))
    return all(_is_one_line(key) for key in path) and all(_is_one_line(t) for t in _texts(value))


def _is_one_line(text: str) -> bool:
    return all(unicodedata.category(character) not in _CONTROL for character in text)


def _texts(value: object) -> Iterator[str]:
    """Yield all texts of a value, the keys of its maps included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from value
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
