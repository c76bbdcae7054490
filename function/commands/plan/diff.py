"""Differences between two nested values, path by path."""

from collections.abc import Mapping
from dataclasses import dataclass

from function.k8s.fieldpath import leaves

ABSENT = object()
"""Stands for a missing value, as opposed to null."""


@dataclass(frozen=True)
class Difference:
    """A value that is added, removed or changed."""

    path: str
    before: object = ABSENT
    after: object = ABSENT


def differences(
    before: Mapping[str, object], after: Mapping[str, object]
) -> tuple[Difference, ...]:
    """Return all differences in the order of their paths; a list counts as one value."""
    old, new = _by_path(before), _by_path(after)
    return tuple(
        Difference(path, old.get(path, ABSENT), new.get(path, ABSENT))
        for path in sorted(old.keys() | new.keys())
        if old.get(path, ABSENT) != new.get(path, ABSENT)
    )


def _by_path(values: Mapping[str, object]) -> dict[str, object]:
    return {".".join(path): value for path, value in leaves(values)}
