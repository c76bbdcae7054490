"""Find one's way in plain nested values that may be anything."""

from collections.abc import Mapping


def at(plain: object, *path: str) -> object:
    """Return what is at the path, or None."""
    for key in path:
        plain = plain.get(key) if isinstance(plain, Mapping) else None
    return plain


def mapping(value: object) -> Mapping[str, object]:
    """Return a map as it is, and anything else as an empty one."""
    return value if isinstance(value, Mapping) else {}
