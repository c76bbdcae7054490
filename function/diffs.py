"""What differs between two nested values, path by path."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

ABSENT = object()
"""Stands for a value that is not there; null is one that is."""


@dataclass(frozen=True)
class Difference:
    """A value that is added, taken away or changed."""

    path: str
    before: object = ABSENT
    after: object = ABSENT


def differences(
    before: Mapping[str, object], after: Mapping[str, object]
) -> tuple[Difference, ...]:
    """Return all differences in the order of their paths; a list counts as one value."""
    old, new = dict(_leaves(before)), dict(_leaves(after))
    return tuple(
        Difference(path, old.get(path, ABSENT), new.get(path, ABSENT))
        for path in sorted(old.keys() | new.keys())
        if old.get(path, ABSENT) != new.get(path, ABSENT)
    )


def _leaves(values: Mapping[str, object], above: str = "") -> Iterator[tuple[str, object]]:
    for key, value in values.items():
        path = f"{above}.{key}" if above else key
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, path)
        else:
            yield path, value
