"""Find one's way in plain nested values that may be anything."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

Parts: TypeAlias = Mapping[str, "Parts | None"]
"""What is read of an object: keys, and below each what is read there; None is everything."""

LONGEST_WORDS = 1000


def get(plain: object, *path: str) -> object:
    """Return what is at the path, or None."""
    for key in path:
        if not isinstance(plain, dict):
            return None
        plain = plain.get(key)
    return plain


class Missing:
    """Nothing, where None is something."""


def reach(plain: object, path: Iterable[str | int]) -> object:
    """Return what is at a path of keys and indexes, or `Missing`."""
    for step in path:
        if isinstance(plain, dict):
            plain = plain.get(step, Missing)
        elif isinstance(plain, list) and isinstance(step, int) and step < len(plain):
            plain = plain[step]
        else:
            return Missing
    return plain


def mapping(value: object) -> Mapping[str, object]:
    """Return a map as it is, and anything else as an empty one."""
    return value if isinstance(value, dict) else {}


def sequence(value: object) -> Sequence[object]:
    """Return a list as it is, and anything else as an empty one."""
    return value if isinstance(value, list) else ()


def text(value: object) -> str:
    """Return text as it is, and anything else as an empty one."""
    return value if isinstance(value, str) else ""


def words(value: object) -> str:
    """Return the beginning of a text for people, in one line, and anything else as an empty one.

    What a program quotes has any length: a condition of an object may have a megabyte.
    """
    folded = " ".join(text(value)[: 4 * LONGEST_WORDS].split())
    return folded if len(folded) <= LONGEST_WORDS else f"{folded[: LONGEST_WORDS - 1]}…"


def leaves(
    values: Mapping[str, object], above: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], object]]:
    """Yield path and value of everything that has nothing below it, empty maps included."""
    for key, value in values.items():
        path = (*above, key)
        if isinstance(value, dict) and value:
            yield from leaves(value, path)
        else:
            yield path, value


_JSON = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


def digest(values: Mapping[str, object]) -> str:
    """Return a short hash of all values, the same in whatever order their keys are."""
    return hashlib.sha256(_JSON.encode(values).encode()).hexdigest()[:16]


def has(values: Mapping[str, object], path: str) -> bool:
    """Tell whether there is something at the dotted path, even if it is null or empty."""
    return holds(values, path.split("."))


def holds(values: Mapping[str, object], keys: Sequence[str]) -> bool:
    """Tell whether there is something at the keys, even if it is null or empty."""
    *above, last = keys
    place = get(values, *above)
    return isinstance(place, dict) and last in place
