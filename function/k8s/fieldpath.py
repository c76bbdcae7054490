"""Safe access to untrusted nested values."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from function.k8s.content_cache import cached_by_content

Parts: TypeAlias = Mapping[str, "Parts | None"]
"""The fields to read of an object, by key; None stands for all below a key."""

LONGEST_WORDS = 1000

GREATEST = 2**53
"""Greatest whole number that a float holds exactly."""


def get(plain: object, *path: str) -> object:
    """Return the value at a path, or None."""
    for key in path:
        if not isinstance(plain, dict):
            return None
        plain = plain.get(key)
    return plain


def parts_of(plain: Mapping[str, object], parts: Parts) -> dict[str, object]:
    """Return the named fields of a map, as far as they exist."""
    return {
        key: parts_of(value, below) if below and isinstance(value, dict) else value
        for key, below in parts.items()
        if (value := plain.get(key, Missing)) is not Missing
    }


class Missing:
    """Marker of an absent value, where None is a value."""


def reach(plain: object, path: Iterable[str | int]) -> object:
    """Return the value at a path of keys and indexes, or `Missing`."""
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
    """Return text as it is, and anything else as an empty text."""
    return value if isinstance(value, str) else ""


def words(value: object) -> str:
    """Return the beginning of a text as one line, and anything else as an empty text.

    The length is bounded because a message in a condition may have a megabyte.
    """
    folded = " ".join(text(value)[: 4 * LONGEST_WORDS].split())
    return folded if len(folded) <= LONGEST_WORDS else f"{folded[: LONGEST_WORDS - 1]}…"


def matching(pattern: re.Pattern[str], value: object) -> str:
    """Return a text that matches a pattern as a whole, and anything else as an empty text."""
    return text(value) if pattern.fullmatch(text(value)) else ""


def whole(value: object) -> int | None:
    """Return a number from 0 on if every reader of JSON and protobuf knows it exactly, or None."""
    return value if type(value) is int and 0 <= value <= GREATEST else None


def document(content: str) -> object:
    """Return the value of a JSON document, or None if it is malformed."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def leaves(
    values: Mapping[str, object], above: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], object]]:
    """Yield path and value of each leaf; an empty map is one."""
    for key, value in values.items():
        path = (*above, key)
        if isinstance(value, dict) and value:
            yield from leaves(value, path)
        else:
            yield path, value


_JSON = json.JSONEncoder(sort_keys=True, separators=(",", ":"), check_circular=False)


MOST_DIGESTS = 512
"""Size of the cache: the values of a VCluster are the same in most of its calls."""


@cached_by_content(MOST_DIGESTS)
def digest(values: Mapping[str, object]) -> str:
    """Return a short hash of all values, independent of the order of keys."""
    return hashlib.sha256(_JSON.encode(values).encode()).hexdigest()[:16]


def has(values: Mapping[str, object], path: str) -> bool:
    """Return whether a dotted path exists, even with a null or empty value."""
    return holds(values, path.split("."))


def holds(values: Mapping[str, object], keys: Sequence[str]) -> bool:
    """Return whether a path of keys exists, even with a null or empty value."""
    *above, last = keys
    place = get(values, *above)
    return isinstance(place, dict) and last in place
