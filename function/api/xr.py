"""The `VCluster` that a customer writes, and the status that answers it."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from function.api.fields import (
    Availability,
    Bool,
    ChartVersion,
    DnsName,
    ExposeType,
    Form,
    HostSelector,
    Int,
    Key,
    KubernetesVersionOrMinor,
    Labels,
    Model,
    OnDelete,
    OpenCidr,
    Owner,
    PodSecurity,
    Quota,
    Storage,
    SyncKind,
    Uid,
    UpgradePolicy,
    Values,
)

API_VERSION = "caas.telekom.de/v1alpha1"
KIND = "VCluster"

NOT_IN_THE_API = ("crossplane",)
"""Fields of the spec that are Crossplane's: it adds them to the API itself."""


def _not_yet(available: str) -> AfterValidator:
    def check(value: str) -> str:
        if value != available:
            remedy = f"use {available}" if available else "leave it out"
            msg = f"is not available in this version: {remedy}"
            raise ValueError(msg)
        return value

    return AfterValidator(check)


class SpecStorage(Storage):
    """The volume of the control plane, and what becomes of it."""

    onDelete: OnDelete = Field(
        "Delete",
        description="What happens to the data on deletion: `Retain` keeps volumes, objects and "
        "namespace, and stops the pods. A change restarts the control plane once, and counts when "
        "the VCluster is READY again.",
    )
    restoreFrom: Uid = Field(
        "",
        description="UID of an earlier VCluster of this name, whose data is taken over. Counts "
        "at creation only, together with `onDelete: Retain` where the data was retained.",
    )


class Expose(Model):
    """How the API server is reached."""

    type: ExposeType = Field("ClusterIP", description="Kind of the way in.")
    hostname: DnsName = Field(
        "",
        max_length=253,
        description="Name under which the API server is reached from outside: "
        "`<namespace on the host>.<the platform's domain>`, which is the default, or a name "
        "below that. Not for type NodePort.",
    )
    port: Int | None = Field(
        None,
        ge=1,
        le=65535,
        description="Port of the host's nodes for type NodePort, which needs it: one of those that "
        "the platform gives, and that no other Service has.",
    )


class Isolation(Model):
    """What separates the customer's pods from others."""

    podSecurity: PodSecurity | None = Field(
        None,
        description="Pod security level of the customer's pods; default the first that the "
        "platform allows. `restricted` and the Rancher import exclude each other.",
    )
    networkPolicy: Bool = Field(default=True, description="Network policies around the namespace.")
    egress: list[OpenCidr] = Field(
        [], max_length=50, description="Further ranges that the customer's pods may reach."
    )


class Sync(Model):
    """Kinds that are synced between the virtual cluster and the host."""

    ingresses: Bool = Field(default=False, description="Ingresses, to the host.")
    networkPolicies: Bool = Field(default=False, description="NetworkPolicies, to the host.")
    podDisruptionBudgets: Bool = Field(
        default=False, description="PodDisruptionBudgets, to the host."
    )
    serviceAccounts: Bool = Field(default=False, description="ServiceAccounts, to the host.")
    storageClasses: Bool | None = Field(
        None, description="StorageClasses, from the host; default on where the platform allows it."
    )
    ingressClasses: Bool = Field(default=False, description="IngressClasses, from the host.")

    def wanted(self, allowed: list[SyncKind]) -> dict[SyncKind, bool]:
        """Return each kind with whether it is synced."""
        default = "storageClasses" in allowed
        return {
            "ingresses": self.ingresses,
            "networkPolicies": self.networkPolicies,
            "podDisruptionBudgets": self.podDisruptionBudgets,
            "serviceAccounts": self.serviceAccounts,
            "storageClasses": default if self.storageClasses is None else self.storageClasses,
            "ingressClasses": self.ingressClasses,
        }


class Reader(Model):
    """Who may read the kubeconfig."""

    kind: Literal["User", "Group"] = Field(description="Kind of the subject on the host.")
    name: Annotated[
        str,
        Field(min_length=1, max_length=253, pattern=r"^[^\x00-\x1f\x7f]+$"),
        Form("a name without control characters, such as Platform Admins", "Platform Admins"),
    ] = Field(description="Name of the user or group, as the host's API server knows it.")


class RancherSpec(Model):
    """The import into Rancher."""

    enabled: Bool | None = Field(
        None, description="Whether the cluster is imported; default as the platform says."
    )
    clusterName: Annotated[Key, Field(min_length=2)] | None = Field(
        None,
        description="Name in Rancher; default the namespace's. Never changes.",
    )
    project: Key | None = Field(
        None, description="Rancher project of the namespace, a key of the Input's projects."
    )
    owners: list[Owner] = Field(
        [], max_length=50, description="Who gets a role in the cluster in Rancher."
    )
    labels: Labels = Field(
        {},
        max_length=50,
        description="Labels of the cluster in Rancher, by which Fleet chooses clusters, as far as "
        "the platform's patterns allow.",
    )


class Upgrade(Model):
    """When the chart of the control plane is upgraded."""

    policy: UpgradePolicy = Field(
        "Automatic",
        description="`Automatic` follows the platform's list of chart versions. `Manual` stays "
        "where it is, or goes to `chartVersion`.",
    )
    chartVersion: ChartVersion | None = Field(
        None,
        description="Chart version to stay at, or to go to, with policy `Manual`: one of the "
        "platform's, never a lower one than runs.",
    )


class Spec(Model):
    """What a customer may ask for. Everything has a default."""

    crossplane: object = Field(None, description="Belongs to Crossplane.", exclude=True)
    plan: Key | None = Field(None, description="Size; default the platform's default plan.")
    kubernetesVersion: KubernetesVersionOrMinor | None = Field(
        None,
        description="Kubernetes version, `1.35` or `1.35.2`. A minor takes the newest patch on "
        "creation and stays there. A higher one is reached one minor at a time.",
    )
    upgrade: Upgrade = Field(
        Upgrade(), description="When the chart of the control plane is upgraded."
    )
    availability: Availability = Field(
        "Single", description="HA: three control planes and three etcd members. Never changes."
    )
    storage: SpecStorage = Field(
        SpecStorage(),
        description="Volume of the control plane. Size and class never change.",
    )
    expose: Expose = Field(Expose(), description="The way in from outside.")
    quota: Quota = Field(
        Quota(),
        description="What the customer may use; default the plan's.",
    )
    isolation: Isolation = Field(
        Isolation(),
        description="What separates the customer's pods from others.",
    )
    sync: Sync = Field(
        Sync(),
        description="Kinds that are synced with the host.",
    )
    nodePool: Key | None = Field(None, description="Nodes for the customer's pods.")
    host: Key | None = Field(None, description="Host cluster; default the only one. Never changes.")
    hostSelector: HostSelector | None = Field(
        None,
        description="Chooses the host of a new VCluster by labels, instead of `host`; what runs "
        "stays where it is.",
    )
    kubeconfigReaders: list[Reader] = Field(
        [], max_length=50, description="Who may read the kubeconfig Secret on the host."
    )
    rancher: RancherSpec = Field(RancherSpec(), description="The import into Rancher.")
    deletionProtection: Bool = Field(
        default=False, description="Refuses the deletion of this VCluster."
    )
    values: Values = Field(
        {},
        max_length=50,
        description="Chart values, at the paths that the platform allows: at most 32 KiB, 500 "
        "keys and 16 levels.",
    )


class KubeconfigSecretRef(Model):
    """Where the kubeconfig is, on the host."""

    namespace: str = Field("", description="Namespace of the Secret.")
    name: str = Field("", description="Name of the Secret.")
    key: str = Field("", description="Key of the kubeconfig.")


class RancherStatus(Model):
    """The cluster in Rancher."""

    clusterName: str = Field("", description="Name in Rancher.")
    clusterId: str = Field("", description="Id of the management cluster.")
    url: str = Field("", description="Page of the cluster in Rancher.")
    phase: str = Field("", description="Pending, Importing, Registered, Connected, Lost or Failed.")


class VersionsStatus(Model):
    """A chart version with a Kubernetes version."""

    chartVersion: str = Field("", description="Chart version.")
    kubernetesVersion: str = Field("", description="Kubernetes version.")


class UpgradeStatus(Model):
    """An upgrade that is not at its end."""

    from_: VersionsStatus = Field(
        VersionsStatus(), alias="from", description="What ran when it began."
    )
    to: VersionsStatus = Field(VersionsStatus(), description="What will run at its end.")
    step: int = Field(0, description="The step that is made or waited for, from 1.")
    steps: int = Field(0, description="How many steps it takes.")
    change: str = Field("", description="That step: `chart 0.34.7 to 0.35.3`.")


class Status(Model):
    """What became of the request.

    Nothing is required: while a request is refused Crossplane writes conditions only.
    """

    observedGeneration: int | None = Field(
        None,
        description="`metadata.generation` of the spec that this status is about. Until it is that "
        "of the VCluster, READY may be of the spec before.",
    )
    namespace: str = Field("", description="Namespace on the host.")
    release: str = Field("", description="Helm release of the virtual cluster.")
    host: str = Field("", description="Host cluster.")
    chartVersion: str = Field("", description="Chart version that runs.")
    kubernetesVersion: str = Field(
        "", max_length=128, description="Kubernetes version that runs: the tag of its image."
    )
    endpoint: str = Field("", description="URL of the API server.")
    address: str | None = Field(
        None,
        description="IP address or DNS name that the endpoint's name must lead to, once the load "
        "balancer or the ingress controller has given one.",
    )
    kubeconfigSecretRef: KubeconfigSecretRef | None = Field(
        None, description="Where the kubeconfig is."
    )
    rancher: RancherStatus | None = Field(None, description="The cluster in Rancher.")
    upgrade: UpgradeStatus | None = Field(
        None, description="The upgrade that is not at its end; left out if there is none."
    )
    blockedBy: str = Field("", description="What everything waits for, in words.")
