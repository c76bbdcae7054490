"""Versions of chart and Kubernetes, compared."""

import re

Key = tuple[tuple[int, ...], bool, str]


def is_newer(version: str, other: str) -> bool:
    """Return whether a version is newer than another."""
    return _key(version) > _key(other)


def _key(version: str) -> Key:
    """Return a key to order by: a version before its release is older than that."""
    core, _, before = version.removeprefix("v").partition("+")[0].partition("-")
    numbers = tuple(int(number) for number in re.findall(r"\d+", core))
    return numbers, not before, re.sub(r"\d+", lambda one: one[0].zfill(6), before)
