"""Bounds on what people write, held before anything else looks at it.

They keep the cost of an answer, refusals included, in proportion to what one may write, and what is
composed shallow enough to be read again: protobuf decodes 100 nested messages, of which a map takes
three, and `metadata.managedFields` holds the path of every field once more, below six maps.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from function.api.errors import Problem

DEEPEST = 16
MOST_KEYS = 500
LONGEST_KEY = 512


@dataclass(frozen=True)
class Bounds:
    """Limits of an object."""

    most_bytes: int
    """Of a field."""
    most_keys: int
    """Keys of maps and entries of lists in a field, all together."""
    deepest: int
    """Maps and lists within each other in a field."""
    most_fields: int = 50
    most_bytes_together: int = 2**20


SPEC = Bounds(32 * 1024, MOST_KEYS, DEEPEST, most_bytes_together=128 * 1024)
INPUT = Bounds(512 * 1024, 20_000, DEEPEST + 2)


def problems(raw: object, root: str, bounds: Bounds) -> Iterator[Problem]:
    """Yield which fields of an object are out of bounds."""
    if not isinstance(raw, Mapping):
        return
    if len(raw) > bounds.most_fields:
        yield Problem(root, f"must have at most {bounds.most_fields} fields", REMEDY, ())
        return
    together = 0
    for key, value in raw.items():
        size, rule = _measure(value, bounds) if len(key) <= LONGEST_KEY else (0, _LONG_KEY)
        if not rule and together + size > bounds.most_bytes_together:
            size, rule = 0, f"makes {root} larger than {bounds.most_bytes_together // 1024} KiB"
        together += size
        if rule:
            yield Problem(f"{root}.{key}", rule, REMEDY, (key,))


REMEDY = "Remove what is not needed."
_LONG_KEY = f"must have keys of at most {LONGEST_KEY} characters"


def _measure(value: object, bounds: Bounds) -> tuple[int, str]:
    """Return how large a value is, and which bound it exceeds; then it is not looked at further."""
    size = keys = depth = 0
    level = [value]
    while level:
        depth += 1
        below: list[object] = []
        for found in level:
            if isinstance(found, str):
                size += _bytes(found)
            elif isinstance(found, (dict, list)):
                if depth > bounds.deepest:
                    return 0, f"must be nested at most {bounds.deepest} levels deep"
                keys += len(found)
                below += found.values() if isinstance(found, dict) else found
                if isinstance(found, dict):
                    size += _bytes("".join(found))
                    if max(map(len, found), default=0) > LONGEST_KEY:
                        return 0, _LONG_KEY
                if keys > bounds.most_keys:
                    return 0, f"must have at most {bounds.most_keys} keys and list entries"
            if size > bounds.most_bytes:
                return 0, f"must have at most {bounds.most_bytes // 1024} KiB"
        level = below
    return size, ""


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="replace"))
