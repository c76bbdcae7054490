"""Comparison of versions of charts and of Kubernetes."""

import functools
import re
from collections.abc import Iterator, Mapping, Sequence

_VERSION = re.compile(r"v?[0-9]+\.[0-9]+(\.[0-9]+)*(-.*)?")


def is_comparable(version: str) -> bool:
    """Return whether a version can be compared; `latest` cannot."""
    return _VERSION.fullmatch(version) is not None


@functools.lru_cache(maxsize=1024)
def order(version: str) -> tuple[int, ...]:
    """Return the sort key of a version; a pre-release counts as its release."""
    return tuple(int(part) for part in version.removeprefix("v").split("-")[0].split("."))


def minor(version: str) -> str:
    """Return `1.35` of `v1.35.2`, `0.36` of `0.36.1`."""
    return ".".join(str(part) for part in order(version)[:2])


def newest_patch(versions: Sequence[str], version: str) -> str | None:
    """Return the listed full version, or the newest listed patch of a minor; None if unlisted."""
    matching = [v for v in versions if version in (v, minor(v))]
    return max(matching, key=order, default=None)


def minors_between(low: str, high: str) -> Iterator[str]:
    """Return the minors between those of `low` and `high`, ascending, without both."""
    (major, first), (_, last) = order(low)[:2], order(high)[:2]
    return (f"{major}.{number}" for number in range(first + 1, last))


def fits(chart: str, kubernetes: str, compatibility: Mapping[str, Sequence[str]]) -> bool:
    """Return whether a chart supports a Kubernetes version; an unlisted chart supports all."""
    supported = compatibility.get(minor(chart)) if is_comparable(chart) else None
    return supported is None or minor(kubernetes) in supported
