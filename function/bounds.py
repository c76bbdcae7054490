"""Bounds on what people write, held before anything else looks at it.

They keep the cost of an answer, refusals included, in proportion to what one may write, and what is
composed shallow enough to be read again: protobuf decodes 100 nested messages, of which a map takes
three, and `metadata.managedFields` holds the path of every field once more, below six maps.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from function.errors import Problem

DEEPEST = 16
MOST_KEYS = 1000
LONGEST_KEY = 512


@dataclass(frozen=True)
class Bounds:
    """Limits of each field of an object."""

    most_bytes: int
    most_keys: int
    """Keys of maps and entries of lists, all together."""
    deepest: int
    """Maps and lists within each other."""
    most_fields: int = 100
    """Fields of the object itself."""


SPEC = Bounds(most_bytes=32 * 1024, most_keys=MOST_KEYS, deepest=DEEPEST)
INPUT = Bounds(most_bytes=512 * 1024, most_keys=20_000, deepest=DEEPEST + 2)


def problems(raw: object, root: str, bounds: Bounds) -> Iterator[Problem]:
    """Yield which fields of an object are out of bounds."""
    if not isinstance(raw, Mapping):
        return
    if len(raw) > bounds.most_fields:
        rule = f"must have at most {bounds.most_fields} fields"
        yield Problem(root, rule, "Remove what is not needed.", ())
        return
    for key, value in raw.items():
        rule = _exceeded(value, bounds) if len(key) <= LONGEST_KEY else _LONG_KEY
        if rule:
            yield Problem(f"{root}.{key}", rule, "Remove what is not needed.", (key,))


_LONG_KEY = f"must have keys of at most {LONGEST_KEY} characters"


def _exceeded(value: object, bounds: Bounds) -> str:
    """Return which bound a value exceeds; it is not looked at any further."""
    size = keys = 0
    ahead: list[tuple[object, int]] = [(value, 1)]
    while ahead:
        found, depth = ahead.pop()
        if isinstance(found, str):
            size += len(found) if found.isascii() else len(found.encode(errors="replace"))
        elif isinstance(found, dict | list):
            keys += len(found)
            if depth > bounds.deepest:
                return f"must be nested at most {bounds.deepest} levels deep"
            if keys > bounds.most_keys:
                return f"must have at most {bounds.most_keys} keys and list entries"
            for key in found if isinstance(found, dict) else ():
                size += len(key)
                if len(key) > LONGEST_KEY:
                    return _LONG_KEY
            below = found.values() if isinstance(found, dict) else found
            ahead += [(each, depth + 1) for each in below]
        if size > bounds.most_bytes:
            return f"must have at most {bounds.most_bytes // 1024} KiB"
    return ""
