"""The Input: the platform's configuration, in the pipeline step of the Composition.

Crossplane neither installs nor enforces its CRD, so the function validates it on every call.
"""

import functools
import itertools
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from function.api.access import AccessPlatform
from function.api.backup import BackupPlatform, HostBackup
from function.api.fields import (
    Bool,
    ChartRepository,
    ChartVersion,
    Cidr,
    Digest,
    DnsName,
    Duration,
    ExposeType,
    Form,
    HostSelector,
    HttpsServer,
    ImageReference,
    Int,
    Key,
    KubernetesMinor,
    KubernetesVersion,
    LabelKey,
    Labels,
    Model,
    ObjectName,
    OpenCidr,
    Owner,
    PodSecurity,
    Quantity,
    Quota,
    SecretKey,
    Storage,
    SyncKind,
    Values,
    between_seconds,
)
from function.api.names import LONGEST_ADOPTED_NAMESPACE, LONGEST_RELEASE, PATTERN, is_reserved
from function.api.network import HostDns, HostMetrics, HostNodePorts, PodDestinations, Port, Proxy
from function.api.written_values import never_allowed
from function.k8s import quantity, regex
from function.k8s.fieldpath import get
from function.k8s.image_reference import DOCKER, DOCKER_ALIAS, HOST, PATH, is_registry

API_VERSION = "vcluster.fn.caas.telekom.de/v1beta1"
KIND = "Input"

PLACEHOLDER = "{namespace}"
"""Placeholder in `rancher.clusterNamePattern` for the namespace of a VCluster."""

OwnChart = Literal["vcluster-namespace", "vcluster-rancher", "vcluster-backup", "vcluster-access"]
"""This project's own charts."""

LONGEST_LABEL = 63
"""Characters of a label's value."""

OLDEST_CHART = (0, 31)
"""The first chart with the PodDisruptionBudget that keeps two control planes up during a drain."""


def _supported(version: str) -> str:
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_CHART:
        msg = "charts older than 0.31.0 are not supported"
        raise ValueError(msg)
    return version


def _allowable(path: str) -> str:
    row = never_allowed(path)
    if row:
        why = f"is decided by {row.decided_by}" if row.decided_by else "no spec may set"
        msg = f"must not reach {row.path}, which {why}"
        raise ValueError(msg)
    return path


def _official(name: str) -> str:
    if name != "vcluster":
        msg = (
            "must be vcluster: where the name is not the one inside the chart, provider-helm "
            "upgrades at every look. What a mirror puts before the name belongs into repository"
        )
        raise ValueError(msg)
    return name


def _check_digests(repository: str, digests: Mapping[Any, str]) -> None:
    if digests and not repository.startswith("oci://"):
        msg = "digests need an oci:// repository: provider-helm takes them for no other"
        raise ValueError(msg)


def _regex(pattern: str) -> str:
    if not regex.is_valid(pattern.replace(PLACEHOLDER, "namespace")):
        msg = "must be a regular expression without look-around and back-references"
        raise ValueError(msg)
    return pattern


def _registry(host: str) -> str:
    if host == DOCKER_ALIAS:
        msg = f"must be written {DOCKER}"
        raise ValueError(msg)
    if not re.fullmatch(HOST, host) or not is_registry(host):
        msg = "must be the host[:port] of a registry, such as ghcr.io"
        raise ValueError(msg)
    return host


def _mirror(place: str) -> str:
    if not re.fullmatch(HOST + PATH, place) or not is_registry(place.partition("/")[0]):
        msg = (
            "must be host[:port][/path], such as mirror.example.org/ghcr, without scheme and "
            "without / at the end"
        )
        raise ValueError(msg)
    return place


RegistryHost = Annotated[str, Field(max_length=260), AfterValidator(_registry)]
"""A registry, as in a reference to an image."""

Mirror = Annotated[
    str,
    Field(max_length=500, json_schema_extra={"pattern": f"^{HOST}{PATH}$"}),
    AfterValidator(_mirror),
]
"""The mirror of a registry."""


class VClusterChart(Model):
    """Source of the official chart."""

    repository: ChartRepository = Field(
        "https://charts.loft.sh", description="Chart repository (https or oci)."
    )
    name: Annotated[ObjectName, AfterValidator(_official)] = Field(
        "vcluster", description="Name of the chart: no other than `vcluster`."
    )
    versions: list[Annotated[ChartVersion, AfterValidator(_supported)]] = Field(
        min_length=1,
        max_length=50,
        description="Chart versions in ascending order: the last is the target, those before "
        "it are the steps of an older VCluster.",
    )
    digests: dict[ChartVersion, Digest] = Field(
        {}, description="Digest per version; for OCI repositories."
    )
    pullSecret: ObjectName | None = Field(
        None,
        description="Secret in the platform namespace with the repository's credentials. Not in "
        "scope Namespaced.",
    )

    @model_validator(mode="after")
    def _digests_of_oci(self) -> "VClusterChart":
        _check_digests(self.repository, self.digests)
        return self

    @model_validator(mode="after")
    def _ascending(self) -> "VClusterChart":
        order = [[int(part) for part in v.split("-")[0].split(".")] for v in self.versions]
        if order != sorted(order) or len(set(self.versions)) != len(self.versions):
            msg = "versions must be in ascending order, each once"
            raise ValueError(msg)
        return self


class Kubernetes(Model):
    """The tenants' Kubernetes versions."""

    versions: list[KubernetesVersion] = Field(
        min_length=1, max_length=50, description="Full versions that a VCluster may run."
    )
    default: KubernetesVersion = Field(description="Version of a VCluster that names none.")
    compatibility: dict[
        Annotated[
            str,
            Field(pattern=r"^[0-9]+\.[0-9]+$"),
            Form("a chart's minor version like 0.36, without v", "0.36"),
        ],
        list[KubernetesMinor],
    ] = Field(
        {},
        description="Kubernetes minors that a chart minor supports; a chart that is not listed "
        "supports all.",
    )

    @model_validator(mode="after")
    def _default_is_listed(self) -> "Kubernetes":
        if self.default not in self.versions:
            msg = "default must be one of versions"
            raise ValueError(msg)
        return self


class ChartOffer(Model):
    """The official chart, its Kubernetes versions and its values."""

    chart: VClusterChart = Field(description="Source of the official chart.")
    kubernetes: Kubernetes = Field(description="The tenants' Kubernetes versions.")
    values: Values = Field({}, description="Chart values below the plan's and the spec's.")
    enforcedValues: Values = Field({}, description="Chart values that override all others.")


class Charts(Model):
    """Source of this project's own charts."""

    repository: ChartRepository = Field(description="Chart repository (https or oci).")
    version: ChartVersion = Field(description="Version of the charts.")
    digests: dict[OwnChart, Digest] = Field(
        {}, description="Digest per chart; for OCI repositories."
    )
    pullSecret: ObjectName | None = Field(
        None,
        description="Secret in the platform namespace with the repository's credentials. Not in "
        "scope Namespaced.",
    )

    @model_validator(mode="after")
    def _digests_of_oci(self) -> "Charts":
        _check_digests(self.repository, self.digests)
        return self


class Resources(Model):
    """Requests and limits of a container."""

    requests: dict[Literal["cpu", "memory"], Quantity] = Field(
        {}, description="Requests. A limit that is not written is never below."
    )
    limits: dict[Literal["cpu", "memory"], Quantity] = Field(
        {}, description="Limits. A request that is not written is never above."
    )


class AgentResources(Resources):
    """Requests and limits of Rancher's agent."""

    @model_validator(mode="after")
    def _ascending(self) -> "AgentResources":
        for resource in self.requests.keys() & self.limits.keys():
            if quantity.parse(self.requests[resource]) > quantity.parse(self.limits[resource]):
                msg = f"requests must not be above limits, as {resource} is"
                raise ValueError(msg)
        return self

    @functools.cached_property
    def filled(self) -> Resources:
        """The resources, with the request for a missing limit."""
        return Resources(requests=self.requests, limits={**self.requests, **self.limits})


ContainerResource = Literal["cpu", "memory", "ephemeral-storage"]
CONTAINER_RESOURCES: tuple[ContainerResource, ...] = ("cpu", "memory", "ephemeral-storage")
Amounts = dict[ContainerResource, Quantity]


class LimitRange(Model):
    """Defaults of a container that names no requests or limits, and its maximum.

    `default` and `defaultRequest` count for the resources that the quota or `max` limits.
    """

    default: Amounts = Field(
        {"cpu": "1", "memory": "512Mi", "ephemeral-storage": "1Gi"},
        description="Limits of a container that names none. For a resource that is left out here "
        "and in `max` it has no limit, and the quota counts requests only.",
    )
    defaultRequest: Amounts = Field(
        {"cpu": "50m", "memory": "64Mi", "ephemeral-storage": "128Mi"},
        description="Requests of a container that names neither requests nor limits.",
    )
    max: Amounts = Field(
        {},
        description="Largest limits of a container, the platform's own included. One that names "
        "none gets them where `default` has none.",
    )

    @model_validator(mode="after")
    def _ascending(self) -> "LimitRange":
        limits = {**self.max, **self.default}
        for lower, upper, rule in (
            (self.defaultRequest, limits, "defaultRequest must not be above default and max"),
            (self.default, self.max, "default must not be above max"),
        ):
            for resource in lower.keys() & upper.keys():
                if quantity.parse(lower[resource]) > quantity.parse(upper[resource]):
                    msg = f"{rule}, as {resource} is"
                    raise ValueError(msg)
        return self


class Plan(Model):
    """A size of virtual clusters."""

    resources: Resources = Field(Resources(), description="Resources of the control plane.")
    storage: Storage = Field(
        Storage(),
        description="Volume of the control plane; counts when a VCluster is created.",
    )
    quota: Quota = Field(
        Quota(),
        description="Quota of the tenant.",
    )
    limitRange: LimitRange = Field(
        LimitRange(),
        description="Defaults of a container that names no requests or limits, and its maximum. "
        "`default` and `defaultRequest` count for the resources that the quota or `max` limits.",
    )


Toleration = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9]([-./_A-Za-z0-9]*[A-Za-z0-9])?(=([A-Za-z0-9]([-._A-Za-z0-9]*"
        r"[A-Za-z0-9])?)?)?:(NoSchedule|PreferNoSchedule|NoExecute)$",
        max_length=400,
    ),
    Form("a taint such as dedicated=tenants:NoSchedule", "dedicated=tenants:NoSchedule"),
]
"""A tolerated taint, with a value or with any."""


class HostRancher(Model):
    """Overrides of `rancher` for the virtual clusters of a host."""

    url: HttpsServer | None = Field(None, description="Rancher's server URL.")
    formerUrls: list[HttpsServer] | None = Field(
        None, max_length=20, description="Earlier URLs of the same Rancher."
    )
    tokenSecret: SecretKey | None = Field(None, description="API token of the importer.")
    caSecret: SecretKey | None = Field(None, description="Private CA of Rancher.")
    egress: list[OpenCidr] | None = Field(
        None, max_length=50, description="Rancher's addresses, as seen from the host."
    )
    egressTo: PodDestinations | None = Field(
        None, description="Rancher's pods, where it runs on the host."
    )
    proxy: Proxy | None = Field(None, description="The proxy between this host and Rancher.")


class Host(Model):
    """A host cluster."""

    providerConfig: Annotated[ObjectName, Field(max_length=LONGEST_LABEL)] = Field(
        "default",
        description="ClusterProviderConfig of provider-helm for this host. Crossplane puts its "
        "name into a label.",
    )
    cidrs: list[Cidr] = Field(
        [],
        max_length=50,
        description="The host's own ranges (nodes, pods, Services): never reachable from "
        "tenants' pods, beside the private ranges.",
    )
    dns: HostDns = Field(HostDns(), description="The host's DNS servers.")
    apiPorts: list[Port] = Field(
        [443, 6443, 8443],
        min_length=1,
        max_length=10,
        description="Ports of the host's API server, open for control planes: those of the "
        "Service `kubernetes` and of its endpoints.",
    )
    metrics: HostMetrics = Field(
        HostMetrics(),
        description="The host's metrics server, open for control planes whose values have "
        "`integrations.metricsServer`.",
    )
    egressTo: PodDestinations = Field(
        [],
        description="Pods on the host that all tenants' pods may reach: services of the "
        "platform, and those that are replicated into virtual clusters.",
    )
    labels: Labels = Field({}, description="Labels for `spec.hostSelector`.")
    closed: Bool = Field(
        default=False,
        description="True if the host takes no new virtual clusters; existing ones stay.",
    )
    domain: DnsName | None = Field(
        None,
        max_length=189,
        description="Replaces `expose.domain`, which leads to one host only.",
    )
    nodePorts: HostNodePorts | None = Field(
        None, description="For `spec.expose.type` NodePort, which needs it."
    )
    rancher: HostRancher | None = Field(
        None, description="Overrides of `rancher` for the virtual clusters of this host."
    )
    backup: HostBackup | None = Field(
        None, description="Overrides of `backup` for the virtual clusters of this host."
    )


class Subject(Model):
    """A subject of a RoleBinding."""

    kind: Literal["User", "Group", "ServiceAccount"] = Field(description="Kind of the subject.")
    name: str = Field(min_length=1, max_length=253, description="Name of the subject.")
    namespace: ObjectName | None = Field(None, description="Namespace of a ServiceAccount.")

    @model_validator(mode="after")
    def _namespace_for_service_accounts(self) -> "Subject":
        if (self.kind == "ServiceAccount") != (self.namespace is not None):
            msg = "namespace is for a ServiceAccount, which needs it"
            raise ValueError(msg)
        return self


class NodePool(Model):
    """Nodes for virtual clusters."""

    model_config = ConfigDict(json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})

    labels: Labels = Field({}, description="Labels of the nodes.")
    tolerations: list[Toleration] = Field(
        [],
        max_length=20,
        description="Taints that all pods tolerate, as `kubectl taint` writes them: "
        "`dedicated=tenants:NoSchedule`, or without a value for any.",
    )
    controlPlane: Bool = Field(
        default=False,
        description="True if control plane and etcd run on these nodes too. A change restarts "
        "them.",
    )


def _node_pool(value: object) -> object:
    """Expand the short form of a node pool, a plain map of labels."""
    if not isinstance(value, Mapping):
        return value
    is_whole = any(
        isinstance(each, Mapping | list)
        or (key in NodePool.model_fields and not isinstance(each, str))
        for key, each in value.items()
    )
    return value if is_whole else {"labels": value}


AnyNodePool = Annotated[NodePool, BeforeValidator(_node_pool)]
"""A node pool, or its labels alone."""


class HostNamespace(Model):
    """The namespaces on the host that hold virtual clusters."""

    labels: Labels = Field({}, description="Labels of every such namespace.")
    annotations: dict[LabelKey, str] = Field({}, description="Annotations of every such namespace.")
    reserved: list[Key] = Field(
        [], max_length=500, description="Names that no VCluster may have, beside the built-in ones."
    )
    operators: list[Subject] = Field(
        [], max_length=50, description="Bound to ClusterRole vcluster-operator in the namespace."
    )


class ExposeIngress(Model):
    """Ingresses of virtual clusters; the ingress controller must pass TLS through."""

    className: ObjectName | None = Field(
        None, description="IngressClass; the host's default when left out."
    )
    annotations: dict[LabelKey, str] = Field(
        {},
        description="Annotations of every such Ingress, beside the chart's own for ingress-nginx, "
        "to make another controller pass TLS through.",
    )


class ParentRef(Model):
    """A Gateway, or one of its listeners, that takes the routes."""

    group: ObjectName | None = Field(None, description="API group; default the Gateway's.")
    kind: (
        Annotated[
            str,
            Field(pattern=r"^[A-Za-z0-9]+$", max_length=63),
            Form("a kind such as Gateway", "Gateway"),
        ]
        | None
    ) = Field(None, description="Kind; default Gateway.")
    namespace: ObjectName | None = Field(None, description="Namespace of the Gateway.")
    name: ObjectName = Field(description="Name of the Gateway.")
    sectionName: ObjectName | None = Field(None, description="Name of the listener.")
    port: Annotated[Int, Field(ge=1, le=65535)] | None = Field(
        None, description="Port of the listener."
    )


class ExposeGateway(Model):
    """TLSRoutes of virtual clusters; the listener must be of mode Passthrough."""

    apiVersion: Annotated[
        str,
        Field(pattern=r"^gateway\.networking\.k8s\.io/v1[a-z0-9]*$", max_length=100),
        Form("a version of gateway.networking.k8s.io", "gateway.networking.k8s.io/v1"),
    ] = Field(
        "gateway.networking.k8s.io/v1",
        description="Version of TLSRoute that the host serves.",
    )
    parentRefs: list[ParentRef] = Field(
        [], max_length=32, description="The Gateways that take the routes."
    )


class ExposeLoadBalancer(Model):
    """Services of type LoadBalancer of virtual clusters."""

    annotations: dict[LabelKey, str] = Field(
        {}, description="Annotations of every such Service, for the host's load balancer."
    )
    class_name: LabelKey | None = Field(
        None,
        alias="class",
        description="`loadBalancerClass` of every such Service; the host's default when left out. "
        "An existing Service keeps its class.",
    )
    sourceRanges: list[Cidr] = Field(
        [], max_length=50, description="Ranges that the load balancer lets in; all when left out."
    )
    externalTrafficPolicy: Literal["Cluster", "Local"] | None = Field(
        None, description="`externalTrafficPolicy` of every such Service; default Cluster."
    )


class Expose(Model):
    """Exposure of virtual clusters."""

    domain: DnsName = Field(
        "",
        max_length=189,
        description="Domain of the virtual clusters' names, `<namespace on the host>.<domain>`. "
        "For virtual clusters only: other names below it belong in `hostNamespace.reserved`. "
        "Empty: no exposure but NodePort. A change renames and restarts every virtual cluster "
        "below it.",
    )
    ingress: ExposeIngress = Field(ExposeIngress(), description="For `spec.expose.type` Ingress.")
    gateway: ExposeGateway = Field(ExposeGateway(), description="For `spec.expose.type` Gateway.")
    loadBalancer: ExposeLoadBalancer = Field(
        ExposeLoadBalancer(), description="For `spec.expose.type` LoadBalancer."
    )
    ingressFrom: list[Values] = Field(
        [],
        max_length=20,
        description="NetworkPolicyPeers of the ingress controller and load balancers, let in where "
        "ingresses are synced or LoadBalancers allowed.",
    )


TAKEN_LABELS = ("cattle.io", "caas.telekom.de/")
"""Parts of reserved label keys: Rancher's, hidden from Fleet, and this platform's."""


class RancherPlatform(Model):
    """The Rancher that virtual clusters are imported into."""

    url: HttpsServer = Field(
        description="Rancher's server URL, without credentials. Another Rancher is refused while "
        "clusters are imported into this one."
    )
    formerUrls: list[HttpsServer] = Field(
        [],
        max_length=20,
        description="Earlier URLs of the same Rancher: clusters that were imported under one of "
        "them stay as they are.",
    )
    tokenSecret: SecretKey = Field(description="API token of the importer.")
    caSecret: SecretKey | None = Field(
        None, description="Private CA of Rancher; the system's trust store when left out."
    )
    caChecksum: (
        Annotated[
            str,
            Field(pattern=r"^[0-9a-f]{64}$"),
            Form("64 hexadecimal digits in lower case", "0123..."),
        ]
        | None
    ) = Field(
        None,
        description="Replaces caSecret: sha256 of Rancher's own CA (CATTLE_CA_CHECKSUM).",
    )
    onRebuild: Literal["Recreate", "Redeploy", "Fail"] = Field(
        "Recreate",
        description="Action in Rancher when a virtual cluster was rebuilt under its name.",
    )
    enabled: Bool = Field(default=True, description="Default of `spec.rancher.enabled`.")
    clusterNamePattern: Annotated[str, AfterValidator(_regex)] = Field(
        "^[a-z0-9-]+$",
        max_length=200,
        description="Pattern for `spec.rancher.clusterName`. `{namespace}` in it stands for the "
        "namespace of the VCluster, in scope Cluster for its name; without it, no spec of scope "
        "Namespaced may name the cluster. Syntax: https://docs.rs/regex.",
    )
    projects: dict[
        Key,
        Annotated[
            str,
            Field(pattern=r"^[^:\s]+:[^:\s]+$"),
            Form("<cluster id>:<project id>, such as c-m-abc:p-xyz", "c-m-abc:p-xyz"),
        ],
    ] = Field(
        {},
        description="Rancher projects (`<cluster id>:<project id>`) that `spec.rancher.project` "
        "may name.",
    )
    projectNamespaces: dict[
        Key, Annotated[list[Key], Field(max_length=500, description="Namespaces.")]
    ] = Field(
        {},
        description="Namespaces of the control plane, per key of `projects`, whose VClusters may "
        "name that project; in scope Namespaced no others may.",
    )
    owners: list[Owner] = Field([], max_length=50, description="Bound in every cluster.")
    ownerRoles: list[str] = Field(
        ["cluster-owner", "cluster-member"],
        max_length=50,
        description="Roles that `spec.rancher.owners` may name.",
    )
    labels: Labels = Field(
        {},
        max_length=50,
        description="Labels of every cluster in Rancher, beside `caas.telekom.de/tenant`, `/plan` "
        "and `/host`.",
    )
    labelPatterns: dict[LabelKey, Annotated[str, Field(max_length=200), AfterValidator(_regex)]] = (
        Field(
            {},
            max_length=50,
            description="Labels that `spec.rancher.labels` may set, each with the pattern that its "
            "value must match.",
        )
    )
    agentResources: AgentResources = Field(
        AgentResources(),
        description="Requests and limits of Rancher's agent in every virtual cluster, added to "
        "the quota; default the plan's `limitRange`. A missing limit equals its request.",
    )
    timeout: Duration = Field("15m", description="Limit of one attempt to import.")
    egress: list[OpenCidr] = Field(
        [], max_length=50, description="Rancher's addresses, opened where the import is on."
    )
    egressTo: PodDestinations = Field(
        [], description="Rancher's pods where it runs on the host, opened where the import is on."
    )
    proxy: Proxy | None = Field(
        None,
        description="The proxy between the host and Rancher, for the import and for "
        "Rancher's agent. Its address belongs in `egress`.",
    )

    @model_validator(mode="after")
    def _one_trust(self) -> "RancherPlatform":
        if self.caSecret and self.caChecksum:
            msg = "name either caSecret or caChecksum"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _labels_are_free(self) -> "RancherPlatform":
        for key in (*self.labels, *self.labelPatterns):
            if any(part in key for part in TAKEN_LABELS):
                msg = f"labels and labelPatterns must not name keys of {' or '.join(TAKEN_LABELS)}"
                raise ValueError(msg)
        if self.labels.keys() & self.labelPatterns.keys():
            msg = "a key must not be in both labels and labelPatterns"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _projects_exist(self) -> "RancherPlatform":
        if not self.projectNamespaces.keys() <= self.projects.keys():
            msg = "every key of projectNamespaces must be one of projects"
            raise ValueError(msg)
        return self


DENIED_ANNOTATIONS = (
    # Devices and settings of container runtimes.
    "cdi.k8s.io/*",
    "io.katacontainers.*",
    "io.kubernetes.cri-o.*",
    # Networks, and addresses of choice.
    "cni.projectcalico.org/*",
    "ipam.cilium.io/*",
    "k8s.ovn.org/*",
    "k8s.v1.cni.cncf.io/*",
    "metallb.io/*",
    "metallb.universe.tf/*",
    "ovn.kubernetes.io/*",
    "v1.multus-cni.io/*",
    # Roles in a cloud.
    "azure.workload.identity/*",
    "eks.amazonaws.com/*",
    "iam.amazonaws.com/*",
    "iam.gke.io/*",
    # Secrets, and containers of others, by injection.
    "config.linkerd.io/*",
    "inject.istio.io/*",
    "linkerd.io/*",
    "sidecar.istio.io/*",
    "vault.hashicorp.com/*",
    "vault.security.banzaicloud.io/*",
    # Names in DNS, and text of an ingress controller's configuration.
    "external-dns.alpha.kubernetes.io/*",
    "nginx.ingress.kubernetes.io/auth-snippet",
    "nginx.ingress.kubernetes.io/configuration-snippet",
    "nginx.ingress.kubernetes.io/modsecurity-snippet",
    "nginx.ingress.kubernetes.io/server-snippet",
    "nginx.ingress.kubernetes.io/stream-snippet",
)
"""Annotations that give a pod, Service, claim, account or Ingress access to the host's own."""


class TenantStorage(Model):
    """Limits of storage: of `spec.storage`, and of the volumes inside."""

    size: Quantity | None = Field(None, description="Largest size; default the plan's.")
    storageClassNames: list[ObjectName] = Field(
        [], max_length=50, description="StorageClasses that a spec may name, beside the plan's."
    )
    volumeClassNames: list[ObjectName] = Field(
        [],
        max_length=50,
        description="StorageClasses that the volumes inside may have. Empty: all of the host.",
    )
    retain: Literal["Refused", "Allowed"] = Field(
        "Refused",
        description="`Allowed`: a spec may set `onDelete: Retain`. No quota holds for retained "
        "data: volumes cost until their namespace is removed.",
    )


class Tenant(Model):
    """Limits of every spec. Exceeding one is refused."""

    podSecurity: list[PodSecurity] = Field(
        ["baseline", "restricted"], min_length=1, description="Pod security levels."
    )
    networkPolicy: Literal["Enforced", "Choice"] = Field(
        "Enforced", description="`Choice`: a spec may switch the network policies off."
    )
    upgrade: Literal["Automatic", "Choice"] = Field(
        "Automatic",
        description="`Choice`: a spec may set `spec.upgrade.policy` Manual.",
    )
    power: Literal["Running", "Choice"] = Field(
        "Running", description="`Choice`: a spec may set `spec.power` Sleeping."
    )
    egress: list[OpenCidr] = Field([], max_length=50, description="Ranges that a spec may open.")
    quota: Quota = Field(
        Quota(),
        description="Largest quota; default the plan's.",
    )
    storage: TenantStorage = Field(TenantStorage(), description="Limits of `spec.storage`.")
    exposeTypes: list[ExposeType] = Field(
        ["ClusterIP"], min_length=1, description="Ways to expose the API server."
    )
    sync: list[SyncKind] = Field(["storageClasses"], description="Kinds that may be synced.")
    calendars: list[Key] = Field(
        [], max_length=50, description="Calendars that `spec.sleep` may name: docs/calendars.md."
    )
    expire: Literal["Refused", "Allowed"] = Field(
        "Refused", description="`Allowed`: a spec may set `spec.expire`."
    )
    deniedAnnotations: list[
        Annotated[
            str,
            Field(pattern=r"^[0-9A-Za-z][-0-9A-Za-z_./]*\*?$", max_length=317),
            Form("an annotation's key, with * at most at its end", "example.org/*"),
        ]
    ] = Field(
        [*DENIED_ANNOTATIONS],
        max_length=200,
        description="Annotations that pods, Services, volume claims, service accounts and "
        "Ingresses from inside may not have on the host; `*` at the end matches all with that "
        "prefix. A list of your own replaces this one.",
    )
    values: list[
        Annotated[
            str,
            Field(pattern=r"^[a-zA-Z0-9]+(\.[a-zA-Z0-9]+)*$", max_length=200),
            Form("a path of keys such as sync.toHost.ingresses", "sync.toHost.ingresses"),
            AfterValidator(_allowable),
        ]
    ] = Field(
        [],
        max_length=100,
        description="Paths of the chart's values that `spec.values` may set, with all below them. "
        "Not values that a field decides, or that reach the host: docs/security.md.",
    )


class Adopted(Model):
    """A virtual cluster that was installed by hand, and comes under a VCluster."""

    namespace: Annotated[Key, Field(max_length=LONGEST_ADOPTED_NAMESPACE)] = Field(
        description="Its namespace on the host. Never changes."
    )
    release: Annotated[
        str,
        Field(pattern=f"^{PATTERN.pattern}$", max_length=LONGEST_RELEASE),
        Form(
            "a name such as my-vcluster: lower case letters, digits and dashes",
            "my-vcluster",
        ),
    ] = Field(description="Its Helm release there. Never changes.")
    chart: Annotated[ChartVersion, AfterValidator(_supported)] = Field(
        description="Chart version that it was installed with; counts while there are `values`."
    )
    values: Values | None = Field(
        None,
        description="The values that it was installed with (`helm get values`), without secrets. "
        "While they are set, they apply instead of plan, spec and the rest of the Input, and "
        "nothing restarts. Without them it is a VCluster like any other, after one restart.",
    )


class SettledPolling(Model):
    """Looks at a Release of which nothing is awaited."""

    namespace: Annotated[Duration, between_seconds(10, 86400)] = Field(
        "10m", description="The namespace, of which nothing is read."
    )
    vcluster: Annotated[Duration, between_seconds(5, 3600)] = Field(
        "1m", description="The virtual cluster: a lost pod shows at the next look."
    )
    rancher: Annotated[Duration, between_seconds(5, 3600)] = Field(
        "1m", description="The import: a lost connection shows at the next look."
    )
    backup: Annotated[Duration, between_seconds(5, 3600)] = Field(
        "1m", description="The backups: a new one shows at the next look."
    )
    access: Annotated[Duration, between_seconds(5, 86400)] = Field(
        "10m", description="The login: the dates of certificates show at the next look."
    )


class Polling(Model):
    """Intervals of provider-helm's looks at a Release, and of Crossplane's at a VCluster."""

    awaited: Annotated[Duration, between_seconds(1, 60)] = Field(
        "2s", description="While a step is under way: an installation, a change, an import."
    )
    failing: Annotated[Duration, between_seconds(5, 3600)] = Field(
        "30s", description="While it takes a person, or the end of an outage."
    )
    settled: SettledPolling = Field(
        SettledPolling(), description="While nothing is awaited of the Release."
    )
    asleep: Annotated[Duration, between_seconds(10, 86400)] = Field(
        "4h",
        description="While it sleeps: who starts the pods on the host shows at the next look. "
        "Crossplane calls for it as seldom.",
    )
    watchesRequired: Bool = Field(
        default=False,
        description="Whether Crossplane watches required resources, as from version 2.4 on. The "
        "function then requires the connection Secrets: their changes show at once, and a READY "
        "VCluster is computed anew every 10 minutes instead of 2, and one that sleeps after five "
        "times `asleep`. Before, it doubles the calls.",
    )


class Expiry(Model):
    """The end of VClusters with `spec.expire`."""

    grace: Annotated[Duration, between_seconds(60, 31_536_000)] = Field(
        "168h", description="Time asleep, from `spec.expire.at` to the deletion."
    )
    warning: Annotated[Duration, between_seconds(60, 31_536_000)] = Field(
        "72h", description="Time before `spec.expire.at` from which on events warn, one a day."
    )


class Input(Model):
    """Configuration of function-vcluster."""

    apiVersion: Literal["vcluster.fn.caas.telekom.de/v1beta1"]
    kind: Literal["Input"]
    metadata: Values = Field({}, description="Ignored.")
    platformNamespace: Key = Field(
        "vcluster-system",
        description="Namespace on every host of the platform's own objects, and in scope Cluster "
        "of the Releases. Never changes once a VCluster exists.",
    )
    vcluster: ChartOffer = Field(description="The official chart.")
    charts: Charts = Field(description="This project's own charts.")
    image: ImageReference = Field(description="Image of the Jobs on the host.")
    registries: dict[RegistryHost, Mirror] = Field(
        {},
        description="Mirror (`host[:port][/path]`) per source registry: images of ghcr.io, "
        "docker.io, registry.k8s.io and mirror.gcr.io, and those that the values name, are pulled "
        "from there. A change restarts the control planes.",
    )
    pullSecret: ObjectName | None = Field(
        None, description="Image pull Secret in the platform namespace, copied to every namespace."
    )
    defaultPlan: Key = Field(description="Plan of a VCluster that names none.")
    plans: dict[Key, Plan] = Field(min_length=1, description="The sizes on offer.")
    hosts: dict[Key, Host] = Field(
        {"local": Host()},
        min_length=1,
        description="The host clusters. With several a spec names its host, or chooses one by "
        "its labels, unless there is a `defaultHostSelector`.",
    )
    defaultHostSelector: HostSelector | None = Field(
        None, description="Chooses the host of a new VCluster that does not choose itself."
    )
    nodePools: dict[Key, AnyNodePool] = Field(
        {}, description="Nodes per pool of `spec.nodePool`; a plain map stands for their labels."
    )
    hostNamespace: HostNamespace = Field(
        HostNamespace(),
        description="The namespaces on the host.",
    )
    expose: Expose = Field(Expose(), description="Exposure of virtual clusters.")
    rancher: RancherPlatform | None = Field(
        None, description="Leave out where there is no Rancher."
    )
    backup: BackupPlatform | None = Field(
        None, description="Leave out where the platform makes no backups."
    )
    access: AccessPlatform | None = Field(
        None,
        description="Login by issuers of the platform; leave out where there is none. New virtual "
        "clusters are ready for issuers from their beginning, existing ones restart once for their "
        "first.",
    )
    tenant: Tenant = Field(Tenant(), description="Limits of every spec.")
    expiry: Expiry = Field(Expiry(), description="The end of VClusters with `spec.expire`.")
    polling: Polling = Field(
        Polling(),
        description="How often Releases are looked at. provider-helm follows it from version 1.4 "
        "on, and its `--poll` before.",
    )
    adopted: dict[
        Annotated[
            str,
            Field(
                pattern=r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?/)?[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
                max_length=127,
            ),
            Form("the name of a VCluster, or <namespace>/<name>", "kunde1"),
        ],
        Adopted,
    ] = Field(
        {},
        description="Virtual clusters that were installed by hand, by the name of their VCluster, "
        "in scope Namespaced `<namespace>/<name>`.",
    )

    @model_validator(mode="after")
    def _default_plan_exists(self) -> "Input":
        if self.defaultPlan not in self.plans:
            msg = "defaultPlan must be one of plans"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _hosts_are_distinct(self) -> "Input":
        configs = [each.providerConfig for each in self.hosts.values()]
        if len({*configs}) != len(configs):
            msg = "hosts must each have a providerConfig of their own, which identifies the host"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _targets_of_hosts_exist(self) -> "Input":
        targets = self.backup.targets if self.backup else {}
        named = {host.backup.defaultTarget for host in self.hosts.values() if host.backup}
        if not named <= targets.keys():
            msg = "hosts must name one of backup.targets in backup.defaultTarget"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _adopted_namespaces_are_free(self) -> "Input":
        namespaces = [each.namespace for each in self.adopted.values()]
        if len({*namespaces}) != len(namespaces):
            msg = "adopted must not name a namespace twice"
            raise ValueError(msg)
        reserved = {self.platformNamespace, *self.hostNamespace.reserved}
        if any(is_reserved(namespace) or namespace in reserved for namespace in namespaces):
            msg = "adopted must not name a namespace that is reserved by the platform"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _one_way_to_mirror(self) -> "Input":
        layers = (self.vcluster.values, self.vcluster.enforcedValues)
        one_for_all = ("controlPlane", "advanced", "defaultImageRegistry")
        if self.registries and any(get(layer, *one_for_all) for layer in layers):
            msg = (
                "registries cannot be set together with controlPlane.advanced.defaultImageRegistry "
                "in the values, which takes the place of every registry"
            )
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _exposures_are_configured(self) -> "Input":
        outside = {*self.tenant.exposeTypes} - {"ClusterIP"}
        if outside - {"NodePort"} and not self.expose.domain:
            msg = "tenant.exposeTypes other than ClusterIP and NodePort need expose.domain"
            raise ValueError(msg)
        if "NodePort" in outside and not self._node_ports():
            msg = "tenant.exposeTypes with NodePort needs hosts.<name>.nodePorts"
            raise ValueError(msg)
        if "Gateway" in outside and not self.expose.gateway.parentRefs:
            msg = "tenant.exposeTypes with Gateway needs expose.gateway.parentRefs"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _node_ports_are_apart(self) -> "Input":
        for one, other in itertools.combinations(self._node_ports(), 2):
            if one.overlaps(other):
                msg = (
                    "hosts must not give the same nodePorts at one address: two virtual clusters "
                    "would have one endpoint"
                )
                raise ValueError(msg)
        return self

    def _node_ports(self) -> list[HostNodePorts]:
        return [host.nodePorts for host in self.hosts.values() if host.nodePorts]
