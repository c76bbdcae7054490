"""Keys of the official chart's values that not every version knows, or that need a licence.

The chart refuses any key that it does not know, and the open-source control plane ends at start
with some that it does.
"""

from collections.abc import Iterator, Mapping

from function import versions
from function.plain import at

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
    "controlPlane.backingStore.database.external.enabled",
    "controlPlane.backingStore.etcd.embedded.enabled",
    "controlPlane.coredns.embedded",
    "controlPlane.hostPathMapper.central",
    "deletion",
    "experimental.denyProxyRequests",
    "networking.resolveDNS",
    "platform",
    "policies.centralAdmission.mutatingWebhooks",
    "policies.centralAdmission.validatingWebhooks",
    "privateNodes.enabled",
    "sleep",
    "snapshots",
    "sync.fromHost.customResources",
    "sync.fromHost.deviceClasses.enabled",
    "sync.toHost.customResources",
    "sync.toHost.namespaces.enabled",
    "sync.toHost.pods.hybridScheduling.enabled",
    "sync.toHost.resourceClaimTemplates.enabled",
    "sync.toHost.resourceClaims.enabled",
)
"""Keys that need a licence, where they are neither empty nor false.

https://github.com/loft-sh/vcluster/blob/v0.36.1/config/config.go, `IsProFeatureEnabled`
"""

BLOCKS = frozenset({"deletion", "platform", "sleep", "snapshots"})
"""Keys that need one even if they are empty."""


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


def licensed(values: Mapping[str, object]) -> Iterator[str]:
    """Yield the keys that need a licence."""
    for path in LICENSED:
        if has(values, path) and (path in BLOCKS or at(values, *path.split("."))):
            yield path


def has(values: Mapping[str, object], path: str) -> bool:
    """Tell whether there is something at the path, even if it is null or empty."""
    above, _, last = path.rpartition(".")
    place = at(values, *above.split(".")) if above else values
    return isinstance(place, Mapping) and last in place
