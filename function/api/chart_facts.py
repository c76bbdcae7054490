"""Facts of the official vcluster chart, each with its source.

A new chart version changes this file and its test. They stand in `api`, because the Input is
validated against the chart's defaults.
"""

from collections.abc import Mapping

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
"""The first chart with a key, from 0.31 on. Keys of private nodes and experiments change as well;
the chart checks those."""

LICENSED = (
    "controlPlane.advanced.kubeVip.enabled",
    "controlPlane.coredns.embedded",
    "experimental.proxy.customResources",
    "sync.toHost.pods.hybridScheduling.enabled",
)
"""Keys with which the open-source control plane exits at its start, if neither empty nor false.

They are the calls of `pro.NewFeatureError`, the same in charts 0.31 to 0.36. Those of embedded
etcd, an external database, synced namespaces and private nodes are missing, because
`decided_values` refuses these for any image. Further features of `IsProFeatureEnabled`, such as
`sleep`, stop only upstream's CLI. tests/integration/test_licensed_keys.py runs the real program.
https://github.com/loft-sh/vcluster/tree/v0.36.1/pkg/pro
"""

PATCHES = "patches"
"""Changes of synced objects. With any, no object of the kind is synced without a licence.

https://github.com/loft-sh/vcluster/blob/v0.36.1/pkg/pro/patches.go
"""

OLDEST_GATEWAY_CHART = (0, 34)
"""The first chart with a TLSRoute."""

COREDNS_REQUESTS: Mapping[str, str] = {"cpu": "20m", "memory": "64Mi"}
COREDNS_LIMITS: Mapping[str, str] = {"cpu": "1", "memory": "170Mi"}
"""Resources of CoreDNS, which runs in the virtual cluster and is synced to the host."""

CHART_VOLUME = "5Gi"
"""Size of a volume claim without one in the values."""
