"""The status of a `VCluster`."""

from pydantic import Field

from function.api.fields import Model


class KubeconfigSecretRef(Model):
    """The Secret on the host with the kubeconfig."""

    namespace: str = Field("", description="Namespace of the Secret.")
    name: str = Field("", description="Name of the Secret.")
    key: str = Field("", description="Key of the kubeconfig.")


class RancherStatus(Model):
    """The cluster in Rancher."""

    clusterName: str = Field("", description="Name in Rancher.")
    clusterId: str = Field("", description="Id of the management cluster.")
    url: str = Field("", description="Page of the cluster in Rancher.")
    phase: str = Field(
        "", description="Pending, Importing, Registered, Connected, Lost, Failed or Sleeping."
    )


class VersionsStatus(Model):
    """A chart version with a Kubernetes version."""

    chartVersion: str = Field("", description="Chart version.")
    kubernetesVersion: str = Field("", description="Kubernetes version.")


class UpgradeStatus(Model):
    """An unfinished upgrade."""

    from_: VersionsStatus = Field(
        VersionsStatus(), alias="from", description="Versions at its start."
    )
    to: VersionsStatus = Field(VersionsStatus(), description="Versions at its end.")
    step: int = Field(0, description="Number of the current step, from 1.")
    steps: int = Field(0, description="Number of all steps.")
    change: str = Field("", description="The current step: `chart 0.34.7 to 0.35.3`.")


class ExpiryStatus(Model):
    """The end of a VCluster, as the platform allows it."""

    at: str = Field("", description="`spec.expire.at`, from which on it is asleep.")
    warnFrom: str = Field("", description="Time from which on it is warned of, in UTC.")
    deleteAt: str = Field("", description="Time of the deletion, in UTC.")


class RollbackStatus(Model):
    """A rollback in place."""

    snapshot: str = Field("", description="Name of the backup.")
    phase: str = Field("", description="Preparing, Refused, Stopping, Restoring, or Done.")
    reason: str | None = Field(
        None, description="Reason of a wait, a refusal or a failure, as docs/backup.md has it."
    )
    request: str | None = Field(None, description="Identity of the request.")
    saved: str | None = Field(None, description="Name of the backup that was made before.")
    at: str | None = Field(None, description="Time of its end.")


class BackupStatus(Model):
    """The backups of a VCluster."""

    target: str | None = Field(None, description="Target of the platform.")
    last: str | None = Field(None, description="Time of the last backup that was verified.")
    size: str | None = Field(None, description="Size of that backup.")
    location: str | None = Field(
        None,
        description="Its place: `<UID of the VCluster>/<name of the backup>`, as in "
        "`spec.backup.restoreFrom`.",
    )
    count: int | None = Field(None, description="Number of backups in the target.")
    next: str | None = Field(None, description="Time of the next backup.")
    overdueAt: str | None = Field(
        None, description="Time from which on the backup is overdue; left out while it is asleep."
    )
    rollback: RollbackStatus | None = Field(
        None, description="The rollback that the spec names, or that is under way."
    )


class CertificatesStatus(Model):
    """Ends of the certificates of a virtual cluster."""

    ca: str | None = Field(None, description="End of its CA.")
    server: str | None = Field(None, description="End of the certificate of its API server.")
    client: str | None = Field(
        None, description="End of the certificate in the platform's kubeconfig."
    )


class AccessStatus(Model):
    """The login to a virtual cluster."""

    issuers: list[str] = Field([], description="Issuers whose people come in.")
    certificates: CertificatesStatus | None = Field(
        None, description="Ends of the certificates, as of the last look."
    )
    rotated: int | None = Field(
        None, description="Number of the last rotation of the certificates that is done."
    )
    warnFrom: str | None = Field(
        None, description="Time from which on the first end of a certificate is warned of."
    )


class Status(Model):
    """Outcome of the request.

    No field is required: while a request is refused, Crossplane writes conditions only.
    """

    observedGeneration: int | None = Field(
        None,
        description="`metadata.generation` of the spec that this status describes. While it is "
        "below that of the VCluster, READY may describe an earlier spec.",
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
        description="IP address or DNS name that the endpoint's name must resolve to, once the "
        "load balancer or the ingress controller has assigned one.",
    )
    kubeconfigSecretRef: KubeconfigSecretRef | None = Field(
        None, description="The Secret with the kubeconfig."
    )
    rancher: RancherStatus | None = Field(None, description="The cluster in Rancher.")
    upgrade: UpgradeStatus | None = Field(
        None, description="The unfinished upgrade; left out if there is none."
    )
    expiry: ExpiryStatus | None = Field(
        None, description="Its end; left out if there is none, or if it is refused."
    )
    backup: BackupStatus | None = Field(
        None, description="Its backups; left out if there are none."
    )
    access: AccessStatus | None = Field(
        None, description="Its login; left out without `spec.access`."
    )
    power: str | None = Field(
        None,
        description="Awake, FallingAsleep, Sleeping, WakingUp or RollingBack; left out if neither "
        "sleep nor a rollback was ever requested.",
    )
    blockedBy: str = Field("", description="Cause of the wait, as a sentence.")
