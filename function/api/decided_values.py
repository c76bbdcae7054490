"""Table of the chart values that the function decides, reads, or withholds from tenants.

Every path that the function writes or reads has a row: its rule for values in `vcluster.values`,
`enforcedValues` and `spec.values`, for a new virtual cluster and for an existing one.
`written_values` applies the table.
"""

from collections.abc import Callable, Mapping

from function.api.chart_value import ChartValue, ImmutableValue, Use, always, same
from function.k8s import quantity
from function.k8s.fieldpath import get

STORE = "another backing store would start an empty cluster"
VOLUME = "it is fixed in the StatefulSet, which Kubernetes refuses to change"
FIXED = "it cannot be changed in a running virtual cluster"
OWNER = "all objects of the tenant on the host belong to this Service, and would be deleted with it"
QUORUM = "etcd would lose its quorum"
SERVICE = "Kubernetes refuses to change it in a Service of type LoadBalancer"

AVAILABILITY = "spec.availability"
EXPOSE = "spec.expose.type"
KUBERNETES = "spec.kubernetesVersion"
STORAGE = "spec.storage"
SIZE = "spec.storage.size, or the plan"
STORAGE_CLASS = "spec.storage.storageClassName, or the plan"
ON_DELETE = "spec.storage.onDelete"
KUBECONFIG = "spec.expose and the name of the VCluster"
LOAD_BALANCER = "input.expose.loadBalancer"
FUNCTION = "the function itself"
HOST_POLICIES = "the policies of install/host.yaml, which refuse what it would make on the host"
HOST_PODS = "the function, whose virtual clusters are pods in one namespace of the host"

_WORKLOAD = "controlPlane.statefulSet"
_STORES = "controlPlane.backingStore"
_ETCD = f"{_STORES}.etcd.deploy"
_ETCD_WORKLOAD = f"{_ETCD}.statefulSet"
_CLAIM = "persistence.volumeClaim"
_DISTRO = "controlPlane.distro"
_SERVICE = "controlPlane.service"


def _size(value: object, _: Mapping[str, object]) -> object:
    """Return a size as a number: `5120Mi` equals `5Gi`."""
    try:
        return quantity.parse(str(value))
    except ValueError:
        return value


def _has_volume(value: object, values: Mapping[str, object]) -> object:
    """Return whether the control plane has a volume of its own, and thus is a StatefulSet.

    https://github.com/loft-sh/vcluster/blob/v0.36.1/chart/templates/_persistence.tpl
    """
    if value == "auto":
        return get(values, *f"{_ETCD}.enabled".split(".")) is not True
    return value in (True, "true")


def _is_load_balancer(values: Mapping[str, object]) -> bool:
    return get(values, *f"{_SERVICE}.spec.type".split(".")) == "LoadBalancer"


def _runs(values: Mapping[str, object]) -> bool:
    """Return whether the control plane has replicas: asleep it has none."""
    return get(values, *f"{_WORKLOAD}.highAvailability.replicas".split(".")) != 0


def _decided(by: str, *paths: str, instead: str = "") -> tuple[ChartValue, ...]:
    return tuple(
        ChartValue(path=path, use=Use.DECIDED, decided_by=by, instead=instead) for path in paths
    )


def _default(
    by: str, why: str, *paths: str, default: object = False, is_secret: bool = False
) -> tuple[ChartValue, ...]:
    """Return rows of values that have the chart's default in every VCluster."""
    return tuple(
        ImmutableValue(
            path=path,
            use=Use.DECIDED,
            decided_by=by,
            why=why,
            default=default,
            is_secret=is_secret,
            is_always_default=True,
        )
        for path in paths
    )


def _immutable(  # noqa: PLR0913  # a row has these parts
    by: str,
    why: str,
    path: str,
    *,
    default: object,
    meaning: Callable[[object, Mapping[str, object]], object] = same,
    counts: Callable[[Mapping[str, object]], bool] = always,
) -> ImmutableValue:
    return ImmutableValue(
        path=path,
        use=Use.DECIDED,
        decided_by=by,
        why=why,
        default=default,
        meaning=meaning,
        counts=counts,
    )


def _platform(*paths: str) -> tuple[ChartValue, ...]:
    return tuple(ChartValue(path=path, use=Use.PLATFORM) for path in paths)


def _joined(path: str, *identity: str, is_joined_alone: bool = True) -> ChartValue:
    return ChartValue(path=path, use=Use.JOINED, identity=identity, is_joined_alone=is_joined_alone)


_SYNCED = ("configMaps", "persistentVolumeClaims", "pods", "secrets", "services")
_NEVER_SYNCED_BY_TENANTS = (
    "customResources",
    "endpointSlices",
    "endpoints",
    "gatewayApi",
    "ingresses",
    "namespaces",
    "networkPolicies",
    "persistentVolumes",
    "podDisruptionBudgets",
    "priorityClasses",
    "resourceClaimTemplates",
    "resourceClaims",
    "serviceAccounts",
    "storageClasses",
    "volumeSnapshotContents",
    "volumeSnapshots",
)

_STORE_ROWS = (
    *_decided(
        AVAILABILITY,
        f"{_STORES}.etcd.embedded",
        f"{_STORES}.etcd.external",
        f"{_STORES}.database",
        f"{_ETCD}.service",
        "controlPlane.advanced.podDisruptionBudget",
    ),
    *_default(
        AVAILABILITY,
        STORE,
        f"{_STORES}.etcd.embedded.enabled",
        f"{_STORES}.etcd.external.enabled",
        f"{_STORES}.database.external.enabled",
    ),
    *_default(
        AVAILABILITY,
        STORE,
        f"{_STORES}.etcd.external.endpoint",
        f"{_STORES}.database.external.connector",
        default="",
    ),
    *_default(
        AVAILABILITY,
        STORE,
        f"{_STORES}.database.external.dataSource",
        f"{_STORES}.database.embedded.dataSource",
        default="",
        is_secret=True,
    ),
    *_default(AVAILABILITY, STORE, f"{_ETCD_WORKLOAD}.enabled", default=True),
    *_default(AVAILABILITY, VOLUME, f"{_ETCD_WORKLOAD}.{_CLAIM}.enabled", default=True),
    _immutable(AVAILABILITY, STORE, f"{_ETCD}.enabled", default=False),
    *(
        _immutable(
            AVAILABILITY, why, f"{workload}.highAvailability.replicas", default=1, counts=_runs
        )
        for workload, why in ((_ETCD_WORKLOAD, QUORUM), (_WORKLOAD, FIXED))
    ),
    _immutable(
        AVAILABILITY, STORE, f"{_WORKLOAD}.{_CLAIM}.enabled", default="auto", meaning=_has_volume
    ),
)

_WORKLOAD_ROWS = tuple(
    row
    for workload in (_WORKLOAD, _ETCD_WORKLOAD)
    for row in (
        *_default(STORAGE, VOLUME, f"{workload}.{_CLAIM}.accessModes", default=["ReadWriteOnce"]),
        *_default(STORAGE, VOLUME, f"{workload}.persistence.volumeClaimTemplates", default=[]),
        *_default(
            AVAILABILITY, VOLUME, f"{workload}.scheduling.podManagementPolicy", default="Parallel"
        ),
        _immutable(SIZE, VOLUME, f"{workload}.{_CLAIM}.size", default="5Gi", meaning=_size),
        _immutable(STORAGE_CLASS, VOLUME, f"{workload}.{_CLAIM}.storageClass", default=""),
        *_decided(ON_DELETE, f"{workload}.{_CLAIM}.retentionPolicy"),
        *_platform(
            f"{workload}.image", f"{workload}.resources", f"{workload}.scheduling.nodeSelector"
        ),
        _joined(f"{workload}.scheduling.tolerations"),
        _joined(
            f"{workload}.scheduling.topologySpreadConstraints", "topologyKey", "whenUnsatisfiable"
        ),
    )
)

_PROGRAM_ROWS = (
    *_decided("input.vcluster.chart.versions", f"{_WORKLOAD}.image.tag"),
    *_decided(
        FUNCTION,
        f"{_WORKLOAD}.annotations[caas.telekom.de/installed]",
        f"{_WORKLOAD}.annotations[caas.telekom.de/values]",
    ),
    *_default(STORAGE, VOLUME, f"{_WORKLOAD}.persistence.dataVolume", default=[]),
    *_decided(
        KUBERNETES,
        f"{_DISTRO}.k8s.enabled",
        f"{_DISTRO}.k8s.version",
        f"{_DISTRO}.k8s.image.tag",
        f"{_DISTRO}.k3s",
    ),
    *_default(KUBERNETES, FIXED, f"{_DISTRO}.k3s.enabled"),
    *_decided(HOST_PODS, "controlPlane.endpoint", "controlPlane.standalone", "privateNodes"),
    *_default(HOST_PODS, FIXED, "controlPlane.standalone.enabled", "privateNodes.enabled"),
    *_platform(
        f"{_DISTRO}.k8s.image",
        f"{_WORKLOAD}.initContainers",
        f"{_WORKLOAD}.sidecarContainers",
        f"{_WORKLOAD}.probes.startupProbe",
        "controlPlane.advanced.defaultImageRegistry",
        "controlPlane.coredns.deployment.image",
        "controlPlane.coredns.deployment.replicas",
        "controlPlane.coredns.deployment.resources",
        "integrations.metricsServer.enabled",
        "plugin",
        "plugins",
        "telemetry",
    ),
    _joined(f"{_DISTRO}.k8s.controllerManager.extraArgs"),
    _joined(f"{_DISTRO}.k8s.apiServer.extraArgs", is_joined_alone=False),
    _joined(f"{_WORKLOAD}.persistence.addVolumes", "name", is_joined_alone=False),
    _joined(f"{_WORKLOAD}.persistence.addVolumeMounts", "mountPath", is_joined_alone=False),
    _joined("controlPlane.advanced.serviceAccount.imagePullSecrets", "name"),
    _joined("controlPlane.advanced.workloadServiceAccount.imagePullSecrets", "name"),
)

_EXPOSURE_ROWS = (
    _joined("controlPlane.proxy.extraSANs"),
    _joined("exportKubeConfig.additionalSecrets", "name", "namespace"),
    *_decided(FUNCTION, "controlPlane.proxy.port"),
    *_decided(
        KUBECONFIG,
        "exportKubeConfig.context",
        "exportKubeConfig.insecure",
        "exportKubeConfig.server",
    ),
    *_decided(
        KUBECONFIG,
        "exportKubeConfig.secret",
        instead="List it in exportKubeConfig.additionalSecrets.",
    ),
    *_default(FUNCTION, OWNER, f"{_SERVICE}.enabled", default=True),
    *_decided(
        EXPOSE,
        f"{_SERVICE}.kubeletNodePort",
        f"{_SERVICE}.spec",
        f"{_SERVICE}.spec.type",
        "controlPlane.ingress.enabled",
        "controlPlane.tlsRoute.enabled",
    ),
    ImmutableValue(
        path=f"{_SERVICE}.spec.loadBalancerClass",
        use=Use.DECIDED,
        decided_by=f"{LOAD_BALANCER}.class",
        why=SERVICE,
        default="",
        counts=_is_load_balancer,
    ),
    *_decided(f"{LOAD_BALANCER}.sourceRanges", f"{_SERVICE}.spec.loadBalancerSourceRanges"),
    *_decided(f"{LOAD_BALANCER}.externalTrafficPolicy", f"{_SERVICE}.spec.externalTrafficPolicy"),
    *_decided(ON_DELETE, f"{_SERVICE}.annotations[helm.sh/resource-policy]"),
    *_platform(
        f"{_SERVICE}.annotations", f"{_SERVICE}.spec.ipFamilies", f"{_SERVICE}.spec.ipFamilyPolicy"
    ),
    *_decided("spec.expose.port", f"{_SERVICE}.httpsNodePort"),
    *_decided("spec.expose.hostname", "controlPlane.ingress.host", "controlPlane.tlsRoute.host"),
    *_decided("input.expose.ingress.annotations", "controlPlane.ingress.annotations"),
    *_decided("input.expose.ingress.className", "controlPlane.ingress.spec.ingressClassName"),
    *_decided("input.expose.gateway.apiVersion", "controlPlane.tlsRoute.apiVersion"),
    *_decided("input.expose.gateway.parentRefs", "controlPlane.tlsRoute.parentRefs"),
)

_INSIDE_ROWS = (
    *_decided("spec.quota, or the plan", "policies.resourceQuota", "policies.limitRange"),
    *_decided("spec.isolation.networkPolicy", "policies.networkPolicy"),
    *_decided("spec.isolation.podSecurity", "policies.podSecurityStandard"),
    *_decided("spec.nodePool", "sync.fromHost.nodes.selector"),
    _joined("sync.toHost.pods.enforceTolerations"),
    *_decided("spec.sync.ingresses", "sync.toHost.ingresses.enabled"),
    *_decided("spec.sync.ingressClasses", "sync.fromHost.ingressClasses.enabled"),
    *_decided("spec.sync.networkPolicies", "sync.toHost.networkPolicies.enabled"),
    *_decided("spec.sync.podDisruptionBudgets", "sync.toHost.podDisruptionBudgets.enabled"),
    *_decided("spec.sync.serviceAccounts", "sync.toHost.serviceAccounts.enabled"),
    *_decided(
        "spec.sync.storageClasses",
        "sync.fromHost.storageClasses.enabled",
        "sync.toHost.storageClasses.enabled",
    ),
    *_decided(HOST_POLICIES, "sync.toHost.endpoints.enabled", "sync.toHost.endpointSlices.enabled"),
    _joined("rbac.role.extraRules"),
    # It would bind pods itself, by their nodeName.
    *_default(
        HOST_POLICIES,
        FIXED,
        "controlPlane.advanced.virtualScheduler.enabled",
        f"{_DISTRO}.k8s.scheduler.enabled",
    ),
    *_default(HOST_PODS, FIXED, "sync.toHost.namespaces.enabled"),
    ImmutableValue(
        path="networking.advanced.clusterDomain",
        use=Use.PLATFORM,
        why=FIXED,
        default="cluster.local",
        is_always_default=True,
    ),
    *_platform(
        "networking.advanced.proxyKubelets",
        "sync.toHost.pods.rewriteHosts.initContainer.image",
        "sync.toHost.pods.useSecretsForSATokens",
    ),
)

_TENANT_ROWS = tuple(
    ChartValue(path=path, use=Use.NEVER_TENANT)
    for path in (
        # Rights, programs and objects on the host.
        *("rbac", "experimental", "deploy", "integrations", "platform", "external", "pro"),
        *("global", "snapshots", _WORKLOAD, _DISTRO, _STORES, "controlPlane.advanced"),
        *("controlPlane.hostPathMapper", "controlPlane.serviceMonitor"),
        # Decided by fields of the spec and of the Input.
        *(_SERVICE, "controlPlane.ingress", "controlPlane.tlsRoute", "exportKubeConfig"),
        "policies",
        # Shared by the host, or by all of its tenants.
        *("sync.fromHost", "networking.replicateServices", "networking.resolveDNS"),
        *(f"sync.toHost.{kind}" for kind in _NEVER_SYNCED_BY_TENANTS),
        *(f"sync.toHost.{kind}.patches" for kind in _SYNCED),
        *(f"sync.toHost.pods.{key}" for key in ("hybridScheduling", "priorityClassName")),
        "sync.toHost.pods.runtimeClassName",
    )
)

DECIDED_VALUES: tuple[ChartValue, ...] = (
    *_STORE_ROWS,
    *_WORKLOAD_ROWS,
    *_PROGRAM_ROWS,
    *_EXPOSURE_ROWS,
    *_INSIDE_ROWS,
    *_TENANT_ROWS,
)
"""All rows; of several above a value, the one with the longest path counts."""
