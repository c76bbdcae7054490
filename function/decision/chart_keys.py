"""Keys of the official chart's values that depend on its version or need a licence.

The chart refuses unknown keys. With some known ones the open-source control plane exits at its
start, or does not sync.
"""

from collections.abc import Iterator, Mapping

from function.api.chart_facts import ADDED, LICENSED, PATCHES, REMOVED
from function.api.value_layers import Layers
from function.k8s import versions
from function.k8s.fieldpath import get, has

OPEN_SOURCE_SUFFIX = "-oss"
"""Suffix of the open-source image of the control plane."""


def removed(layers: Layers, chart: str) -> tuple[str, ...]:
    """Return the keys of the layers that are removed in this chart."""
    if not versions.is_comparable(chart):
        return ()
    version = versions.order(chart)[:2]
    return tuple(
        f"{field}.{path}"
        for field, values in layers.items()
        for path, first in REMOVED.items()
        if version >= first and has(values, path)
    )


def unknown_yet(values: Mapping[str, object], chart: str) -> Iterator[tuple[str, str]]:
    """Yield the keys that this chart does not know yet, with the first version that does."""
    if not versions.is_comparable(chart):
        return
    version = versions.order(chart)[:2]
    for path, first in ADDED.items():
        if version < first and has(values, path):
            yield path, ".".join(str(part) for part in first)


def licensed(values: Mapping[str, object]) -> Iterator[tuple[str, ...]]:
    """Yield the keys that keep the control plane from starting without a licence."""
    for path in LICENSED:
        keys = tuple(path.split("."))
        if get(values, *keys):
            yield keys


def patched(values: Mapping[str, object]) -> Iterator[tuple[str, ...]]:
    """Yield the keys of patches, which stop the sync of their kind without a licence."""
    for direction in ("toHost", "fromHost"):
        above = ("sync", direction)
        yield from _patches(get(values, *above), above)


def _patches(place: object, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if not isinstance(place, Mapping):
        return
    for key, value in place.items():
        if key == PATCHES and value:
            yield (*above, key)
        else:
            yield from _patches(value, (*above, key))
