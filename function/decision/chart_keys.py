"""Keys of the official chart's values that not every version knows, or that need a licence.

The chart refuses any key that it does not know. With some that it does the open-source control
plane ends at its start, or does not sync.
"""

from collections.abc import Iterator, Mapping, Sequence

from function.k8s import versions
from function.k8s.fieldpath import at

Layers = Mapping[str, Mapping[str, object]]
"""Values that people wrote, by the field that they stand in."""

OPEN_SOURCE = "-oss"
"""End of the name of the control plane's image that takes no licence."""

REMOVED: Mapping[str, tuple[int, int]] = {
    "external": (0, 32),
    "sleepMode": (0, 32),
    "controlPlane.distro.k3s": (0, 33),
    "deploy.volumeSnapshotController": (0, 36),
    "rbac.enableVolumeSnapshotRules": (0, 36),
    "snapshots.auto.volumes": (0, 36),
    "sync.fromHost.volumeSnapshotClasses": (0, 36),
    "sync.toHost.volumeSnapshotContents": (0, 36),
    "sync.toHost.volumeSnapshots": (0, 36),
}
"""The first chart that refuses a key, from 0.31 on: by its schema, or by `_validate.tpl`.

https://github.com/loft-sh/vcluster/blob/v0.36.1/chart/templates/_validate.tpl
"""

ADDED: Mapping[str, tuple[int, int]] = {
    "controlPlane.statefulSet.hostAliases": (0, 32),
    "deletion": (0, 32),
    "platform": (0, 32),
    "sleep": (0, 32),
    "snapshots": (0, 32),
    "sync.fromHost.deviceClasses": (0, 32),
    "sync.toHost.resourceClaimTemplates": (0, 32),
    "sync.toHost.resourceClaims": (0, 32),
    "controlPlane.statefulSet.runtimeClassName": (0, 34),
    "controlPlane.tlsRoute": (0, 34),
    "deploy.argoCD": (0, 35),
    "integrations.argoCD": (0, 35),
    "sync.fromHost.gatewayClasses": (0, 35),
    "sync.fromHost.gateways": (0, 35),
    "sync.toHost.gatewayApi": (0, 35),
}
"""The first chart that knows a key, from 0.31 on. Inside private nodes and experiments keys come
and go as well; those are left to the chart."""

LICENSED = (
    "controlPlane.advanced.kubeVip.enabled",
    "controlPlane.coredns.embedded",
    "experimental.proxy.customResources",
    "sync.toHost.pods.hybridScheduling.enabled",
)
"""Keys with which the open-source control plane ends at its start, if neither empty nor false.

They are the calls of `pro.NewFeatureError`, the same in charts 0.31 to 0.36. Those of embedded
etcd, an external database, synced namespaces and private nodes are missing here, because
`decided_values` refuses these for any image. What `IsProFeatureEnabled` has beyond, such as
`sleep`, stops only upstream's CLI. tests/integration/test_licensed_keys.py asks the real program.
https://github.com/loft-sh/vcluster/tree/v0.36.1/pkg/pro
"""

PATCHES = "patches"
"""Changes to what is synced. With any, nothing of its kind is synced without a licence.

https://github.com/loft-sh/vcluster/blob/v0.36.1/pkg/pro/patches.go
"""


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
        if at(values, *keys):
            yield keys


def patched(values: Mapping[str, object]) -> Iterator[tuple[str, ...]]:
    """Yield the lists of patches, without a licence for which nothing of their kind is synced."""
    for direction in ("toHost", "fromHost"):
        above = ("sync", direction)
        yield from _patches(at(values, *above), above)


def _patches(place: object, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if not isinstance(place, Mapping):
        return
    for key, value in place.items():
        if key == PATCHES and value:
            yield (*above, key)
        else:
            yield from _patches(value, (*above, key))


def has(values: Mapping[str, object], path: str) -> bool:
    """Tell whether there is something at the dotted path, even if it is null or empty."""
    return holds(values, path.split("."))


def holds(values: Mapping[str, object], keys: Sequence[str]) -> bool:
    """Tell whether there is something at the keys, even if it is null or empty."""
    *above, last = keys
    place = at(values, *above)
    return isinstance(place, dict) and last in place
