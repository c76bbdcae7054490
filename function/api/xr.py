"""The `VCluster` that a tenant writes."""

from typing import Annotated, Literal

from pydantic import Field

from function.api.access import Access
from function.api.backup import Backup
from function.api.fields import (
    Availability,
    Bool,
    ChartVersion,
    DnsName,
    ExposeType,
    Form,
    HostSelector,
    Instant,
    Int,
    Key,
    KubernetesVersionOrMinor,
    Labels,
    Model,
    OnDelete,
    OpenCidr,
    Owner,
    PodSecurity,
    Power,
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
"""Fields of the spec that Crossplane adds to the API."""


class SpecStorage(Storage):
    """The volume of the control plane, and its handling on deletion."""

    onDelete: OnDelete = Field(
        "Delete",
        description="Handling of the data on deletion: `Retain` keeps volumes, objects and "
        "namespace, and stops the pods. A change restarts the control plane once, and takes effect "
        "when the VCluster is READY again.",
    )
    restoreFrom: Uid = Field(
        "",
        description="UID of an earlier VCluster of this name, whose data is taken over. Counts "
        "at creation only, together with `onDelete: Retain` where the data was retained.",
    )


class Expose(Model):
    """Exposure of the API server."""

    type: ExposeType = Field("ClusterIP", description="Kind of exposure.")
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
        description="Port of the host's nodes for type NodePort, which needs it: one of the "
        "platform's range that no other Service has.",
    )


class Isolation(Model):
    """Separation of the tenant's pods from others."""

    podSecurity: PodSecurity | None = Field(
        None,
        description="Pod security level of the tenant's pods; default the first that the "
        "platform allows. `restricted` and the Rancher import exclude each other.",
    )
    networkPolicy: Bool = Field(default=True, description="Network policies around the namespace.")
    egress: list[OpenCidr] = Field(
        [], max_length=50, description="Further ranges that the tenant's pods may reach."
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

    def with_defaults(self, allowed: list[SyncKind]) -> dict[SyncKind, bool]:
        """Return each kind, with True if it is synced."""
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
    """A user or group that may read the kubeconfig."""

    kind: Literal["User", "Group"] = Field(description="Kind of the subject on the host.")
    name: Annotated[
        str,
        Field(min_length=1, max_length=253, pattern=r"^[^\x00-\x1f\x7f]+$"),
        Form("a name without control characters, such as Platform Admins", "Platform Admins"),
    ] = Field(description="Name of the user or group on the host's API server.")


class RancherSpec(Model):
    """The import into Rancher."""

    enabled: Bool | None = Field(
        None, description="True if the cluster is imported; default the platform's."
    )
    clusterName: Annotated[Key, Field(min_length=2)] | None = Field(
        None,
        description="Name in Rancher; default the namespace's. Never changes.",
    )
    project: Key | None = Field(
        None, description="Rancher project of the namespace, a key of the Input's projects."
    )
    owners: list[Owner] = Field(
        [], max_length=50, description="Users and groups with a role on the cluster in Rancher."
    )
    labels: Labels = Field(
        {},
        max_length=50,
        description="Labels of the cluster in Rancher, for Fleet to choose clusters by. The "
        "platform's patterns limit keys and values.",
    )


class Upgrade(Model):
    """Upgrades of the control plane's chart."""

    policy: UpgradePolicy = Field(
        "Automatic",
        description="`Automatic` follows the platform's list of chart versions. `Manual` keeps "
        "the version, or moves to `chartVersion`.",
    )
    chartVersion: ChartVersion | None = Field(
        None,
        description="Chart version to stay at, or to move to, with policy `Manual`: one of "
        "the platform's, never below the one that runs.",
    )


class Sleep(Model):
    """Sleep by a Calendar."""

    calendar: Key = Field(
        description="Calendar while whose windows it is awake, one of `tenant.calendars`."
    )
    awakeUntil: Instant | None = Field(
        None,
        description="Awake until this time, whatever the Calendar says, such as "
        "`2026-12-24T18:00:00Z`.",
    )


class Expire(Model):
    """The end of a VCluster."""

    at: Instant = Field(
        description="Asleep from this time on, and deleted after the platform's `expiry.grace`. "
        "`deletionProtection` prevents the deletion."
    )


class Spec(Model):
    """The spec of a tenant. Every field has a default."""

    crossplane: object = Field(None, description="Belongs to Crossplane.", exclude=True)
    plan: Key | None = Field(None, description="Size; default the platform's default plan.")
    kubernetesVersion: KubernetesVersionOrMinor | None = Field(
        None,
        description="Kubernetes version, `1.35` or `1.35.2`. A minor takes the newest patch on "
        "creation and stays there. A higher one is reached one minor at a time.",
    )
    upgrade: Upgrade = Field(Upgrade(), description="Upgrades of the control plane's chart.")
    availability: Availability = Field(
        "Single", description="HA: three control planes and three etcd members. Never changes."
    )
    storage: SpecStorage = Field(
        SpecStorage(),
        description="Volume of the control plane. Size and class never change.",
    )
    expose: Expose = Field(Expose(), description="Exposure of the API server.")
    quota: Quota = Field(
        Quota(),
        description="Quota of the tenant; default the plan's.",
    )
    isolation: Isolation = Field(
        Isolation(),
        description="Separation of the tenant's pods from others.",
    )
    sync: Sync = Field(
        Sync(),
        description="Kinds that are synced with the host.",
    )
    nodePool: Key | None = Field(None, description="Nodes for the tenant's pods.")
    host: Key | None = Field(None, description="Host cluster; default the only one. Never changes.")
    hostSelector: HostSelector | None = Field(
        None,
        description="Chooses the host of a new VCluster by labels, instead of `host`; an "
        "existing one stays where it is.",
    )
    kubeconfigReaders: list[Reader] = Field(
        [],
        max_length=50,
        description="Users and groups that may read the kubeconfig Secret on the host.",
    )
    rancher: RancherSpec = Field(RancherSpec(), description="The import into Rancher.")
    backup: Backup | None = Field(
        None, description="Backups of the control plane; default none. `{}` takes all defaults."
    )
    access: Access | None = Field(
        None,
        description="Login; default by the certificate alone. `{}` shows the dates of the "
        "certificates.",
    )
    deletionProtection: Bool = Field(
        default=False, description="Refuses the deletion of this VCluster."
    )
    sleep: Sleep | None = Field(None, description="Sleep by a Calendar; default never.")
    expire: Expire | None = Field(None, description="The end of this VCluster; default never.")
    power: Power = Field(
        "Running",
        description="`Sleeping` stops the control plane and all pods, and keeps volumes, Services, "
        "Secrets and the quota. A new VCluster runs once before it sleeps.",
    )
    values: Values = Field(
        {},
        max_length=50,
        description="Chart values, at the paths that the platform allows: at most 32 KiB, 500 "
        "keys and 16 levels.",
    )
