"""Bounds of the spec and the Input, checked before anything else.

They limit the cost of a response, refusals included, and the depth of composed resources: protobuf
decodes 100 nested messages, a map takes three of them, and `metadata.managedFields` repeats the
path of every field below six maps.
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
    """Bytes of a field."""
    most_keys: int
    """Keys of maps and entries of lists in a field, added up."""
    deepest: int
    """Nesting of maps and lists in a field."""
    most_fields: int = 50
    most_bytes_together: int = 2**20


SPEC = Bounds(32 * 1024, MOST_KEYS, DEEPEST, most_bytes_together=128 * 1024)
INPUT = Bounds(512 * 1024, 20_000, DEEPEST + 2)


def problems(raw: object, root: str, bounds: Bounds) -> Iterator[Problem]:
    """Yield a problem for each field that exceeds a bound."""
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
    """Return the size of a value, and the first bound that it exceeds."""
    size = keys = depth = 0
    level = [value]
    while level:
        depth += 1
        below: list[object] = []
        for each in level:
            if isinstance(each, str):
                size += _bytes(each)
            elif isinstance(each, (dict, list)):
                if depth > bounds.deepest:
                    return 0, f"must be nested at most {bounds.deepest} levels deep"
                keys += len(each)
                below += each.values() if isinstance(each, dict) else each
                if isinstance(each, dict):
                    size += _bytes("".join(each))
                    if max(map(len, each), default=0) > LONGEST_KEY:
                        return 0, _LONG_KEY
                if keys > bounds.most_keys:
                    return 0, f"must have at most {bounds.most_keys} keys and list entries"
            if size > bounds.most_bytes:
                return 0, f"must have at most {bounds.most_bytes // 1024} KiB"
        level = below
    return size, ""


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="replace"))
