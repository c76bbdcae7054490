"""Backups: what a `VCluster` requests, and the targets and limits of the Input."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from function.api.encryption import Age, Encryption
from function.api.fields import (
    Bool,
    Duration,
    Form,
    HttpsServer,
    Int,
    Key,
    Model,
    ObjectName,
    SecretKey,
    TimeZone,
    between_seconds,
    has_host,
    https_port,
)
from function.k8s import schedule

DEFAULT_COUNT = 14
DEFAULT_DAYS = 30
"""Retention of a spec that names none, if the platform allows as much."""

LATEST = "latest"

Schedule = Annotated[
    str,
    Field(pattern=schedule.PATTERN, max_length=100),
    Form("five fields with one space between them, such as 0 2 * * *", "0 2 * * *"),
    AfterValidator(schedule.checked),
]
"""Times in five fields, as a CronJob takes them."""

FormerUid = Annotated[
    str,
    Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", max_length=36),
    Form(
        "a UID, metadata.uid of the earlier VCluster",
        "12345678-1234-1234-1234-123456789abc",
    ),
]

Snapshot = Annotated[
    str,
    Field(pattern=r"^(latest|[0-9]{8}T[0-9]{6}Z)$", max_length=16),
    Form("latest, or the name of a backup such as 20260101T020000Z", "latest"),
]
"""A backup by its name, which is its time."""


SnapshotName = Annotated[
    str,
    Field(pattern=r"^[0-9]{8}T[0-9]{6}Z$", max_length=16),
    Form("the name of a backup such as 20260101T020000Z", "20260101T020000Z"),
]
"""A backup by its name alone: the latest one would be that made right before."""


class Retention(Model):
    """Backups that stay in the target."""

    count: Int | None = Field(
        None,
        ge=1,
        le=10_000,
        description=f"Number of the newest backups that stay; default {DEFAULT_COUNT}, or the "
        "platform's most.",
    )
    days: Int | None = Field(
        None,
        ge=1,
        le=3650,
        description=f"Days for which a backup stays; default {DEFAULT_DAYS}, or the platform's "
        "most. A backup is removed once it is beyond both, and never the newest one.",
    )


class RestoreFrom(Model):
    """The backup that a new virtual cluster begins with."""

    vcluster: FormerUid = Field(description="UID of the VCluster that was backed up.")
    name: Key | None = Field(
        None,
        description="Name of that VCluster, in scope Namespaced of this namespace; default that "
        "of this one.",
    )
    snapshot: Snapshot = Field(
        LATEST, description="Name of the backup, `20260101T020000Z`, or `latest`."
    )


class Rollback(Model):
    """The backup that the virtual cluster is rolled back to, in place."""

    snapshot: SnapshotName = Field(
        description="Name of a backup of this VCluster in its target, `20260101T020000Z`."
    )
    loseNewer: Bool = Field(
        default=False,
        description="`true`: no backup is made before, and volume claims that the backup lacks are "
        "deleted with their data.",
    )


class Backup(Model):
    """Backups of the control plane: all objects, and no volumes of the tenant's pods."""

    schedule: Schedule | None = Field(
        None,
        description="Times in five fields, `0 2 * * *`: minute, hour, day of month, month, day of "
        "week. Default the platform's.",
    )
    timeZone: TimeZone = Field("Etc/UTC", description="Time zone of the schedule, `Europe/Berlin`.")
    retention: Retention = Field(Retention(), description="Backups that stay in the target.")
    target: Key | None = Field(
        None, description="Target of the platform; default its `backup.defaultTarget`."
    )
    onDelete: Literal["Snapshot", "None"] = Field(
        "Snapshot",
        description="`Snapshot`: a deletion waits for a final backup. `None`: it makes none.",
    )
    onFailure: Literal["Block", "Delete"] = Field(
        "Block",
        description="Handling of a final backup that fails: `Block` waits until it succeeds, "
        "`Delete` gives up after the platform's `backup.deleteTimeout`.",
    )
    restoreFrom: RestoreFrom | None = Field(
        None,
        description="Backup that a new VCluster begins with, in the same target. The control "
        "plane starts once it is restored. Never changes.",
    )
    rollback: Rollback | None = Field(
        None,
        description="Backup that replaces the data of the running virtual cluster, once. It means "
        "nothing once done; taken out and put in again it is done once more.",
    )


class SecretName(Model):
    """A Secret in the platform namespace of the host."""

    name: ObjectName = Field(description="Name of the Secret.")


def _reachable(url: str) -> str:
    if not has_host(url):
        msg = "must be https://, a name or address, and maybe a port of 1 to 65535"
        raise ValueError(msg)
    return url


class S3(Model):
    """A bucket of an S3 server."""

    bucket: Annotated[
        str,
        Field(pattern=r"^[a-z0-9][-.a-z0-9]{1,61}[a-z0-9]$", max_length=63),
        Form("the name of a bucket: lower case letters, digits, dashes and dots", "backups"),
    ] = Field(description="Name of the bucket.")
    endpoint: Annotated[HttpsServer, AfterValidator(_reachable)] = Field(
        description="URL of the server, `https://s3.example.org`. Its port is opened for control "
        "planes with backups."
    )
    region: Annotated[
        str,
        Field(pattern=r"^[-a-z0-9]+$", max_length=63),
        Form("a region such as eu-central-1", "eu-central-1"),
    ] = Field("us-east-1", description="Region of the bucket.")
    prefix: Annotated[
        str,
        Field(
            pattern=r"^([_A-Za-z0-9][-._A-Za-z0-9]*(/[_A-Za-z0-9][-._A-Za-z0-9]*)*)?$",
            max_length=200,
        ),
        Form("a path such as clusters/prod, without / at its ends", "clusters/prod"),
    ] = Field("", description="Path in the bucket before those of the VClusters.")
    pathStyle: Bool = Field(
        default=False, description="True if the bucket is a part of the URL's path, not its host."
    )
    secretRef: SecretName = Field(
        description="Secret in the platform namespace of the host with keys accessKeyId and "
        "secretAccessKey, and maybe sessionToken."
    )
    caSecretRef: SecretKey | None = Field(
        None, description="Private CA of the server; the system's trust store when left out."
    )
    encryption: Encryption = Field(
        Encryption(), description="Encryption of the backups by the server."
    )
    age: Age | None = Field(
        None, description="Encryption of the backups before they stay in the bucket; default none."
    )

    @property
    def port(self) -> int:
        """Port of the server."""
        return https_port(self.endpoint)


class BackupTarget(Model):
    """A place for backups."""

    s3: S3 = Field(description="A bucket of an S3 server.")


class HostBackup(Model):
    """Overrides of `backup` for the virtual clusters of a host."""

    defaultTarget: Key = Field(description="Target of a spec that names none.")


class BackupLimits(Model):
    """Limits of `spec.backup`."""

    backup: Literal["Refused", "Allowed"] = Field(
        "Refused", description="`Allowed`: a spec may set `spec.backup`."
    )
    targets: list[Key] = Field(
        [], max_length=50, description="Targets that a spec may name, beside the default one."
    )
    mostOften: schedule.Frequency = Field(
        "Hourly",
        description="The most often that a schedule may fire: `Minutely`, `Hourly` or `Daily`.",
    )
    maxCount: Int = Field(60, ge=1, le=10_000, description="Largest `retention.count`.")
    maxDays: Int = Field(90, ge=1, le=3650, description="Largest `retention.days`.")


class BackupPlatform(Model):
    """The platform's backups of virtual clusters."""

    defaultTarget: Key = Field(description="Target of a spec that names none.")
    targets: dict[Key, BackupTarget] = Field(
        min_length=1,
        max_length=50,
        description="Places for backups. A target stays while backups are made in it.",
    )
    schedule: Schedule = Field("0 2 * * *", description="Schedule of a spec that names none.")
    timeout: Annotated[Duration, between_seconds(60, 86_400)] = Field(
        "30m", description="Limit of one backup."
    )
    deleteTimeout: Annotated[Duration, between_seconds(60, 86_400)] = Field(
        "10m", description="Limit of the final backup, of `onFailure: Delete`."
    )
    tenant: BackupLimits = Field(BackupLimits(), description="Limits of `spec.backup`.")

    @model_validator(mode="after")
    def _targets_exist(self) -> "BackupPlatform":
        if self.defaultTarget not in self.targets:
            msg = "defaultTarget must be one of targets"
            raise ValueError(msg)
        if not {*self.tenant.targets} <= self.targets.keys():
            msg = "every entry of tenant.targets must be one of targets"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _default_is_allowed(self) -> "BackupPlatform":
        if schedule.fires_more_often(self.schedule, self.tenant.mostOften):
            msg = "schedule must not fire more often than tenant.mostOften"
            raise ValueError(msg)
        return self
