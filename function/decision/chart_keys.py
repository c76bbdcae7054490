"""Keys of the official chart's values that not every version knows, or that need a licence.

The chart refuses any key that it does not know. With some that it does the open-source control
plane ends at its start, or does not sync.
"""

from collections.abc import Iterator, Mapping

from function.api.chart_facts import ADDED, LICENSED, PATCHES, REMOVED
from function.api.value_layers import Layers
from function.k8s import versions
from function.k8s.fieldpath import get, has

OPEN_SOURCE = "-oss"
"""End of the name of the control plane's image that takes no licence."""


def removed(layers: Layers, chart: str) -> tuple[str, ...]:
    """Return the keys of the layers that the chart refuses because they were removed."""
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
    """Yield the keys that the chart does not know yet, and the first chart that does."""
    if not versions.is_comparable(chart):
        return
    version = versions.order(chart)[:2]
    for path, first in ADDED.items():
        if version < first and has(values, path):
            yield path, ".".join(str(part) for part in first)


def licensed(values: Mapping[str, object]) -> Iterator[tuple[str, ...]]:
    """Yield the keys with which the control plane does not start without a licence."""
    for path in LICENSED:
        keys = tuple(path.split("."))
        if get(values, *keys):
            yield keys


def patched(values: Mapping[str, object]) -> Iterator[tuple[str, ...]]:
    """Yield the lists of patches, without a licence for which nothing of their kind is synced."""
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
