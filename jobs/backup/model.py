"""The frozen values that the plans of snapshot and restore are made of."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Purpose = Literal["Scheduled", "Final"]
Availability = Literal["Single", "HA"]

NAME_FORMAT = "%Y%m%dT%H%M%SZ"
"""The form of an archive's name: the time of its request."""

ARCHIVE, ENCRYPTED, METADATA = ".tar.gz", ".tar.gz.age", ".json"
"""Endings of the objects of an archive, which counts as one by its content, plain or encrypted, and
its description. An encrypted one has a word before its ending, because each encryption differs:
none replaces the one that another run has described."""


ROLLBACK = "rollback"
"""Part of a report with the rollback that is requested."""

REFUSED = "Refused"
"""Phase of a rollback that ends without any change."""

ROLLED_BACK = "rolledBack"
"""Part of a report with the last rollback that was done."""


@dataclass(frozen=True)
class VirtualCluster:
    """The virtual cluster that is backed up or restored."""

    name: str
    """Name of the VCluster."""
    uid: str
    """UID of the VCluster."""
    namespace: str
    release: str
    chart: str
    kubernetes: str
    availability: Availability


@dataclass(frozen=True)
class Target:
    """A place for archives, without the credentials for it."""

    name: str
    bucket: str
    endpoint: str
    region: str
    path_style: bool
    prefix: str
    """Prefix of this VCluster's archives, without a slash at its end."""
    algorithm: str
    """Algorithm of the server-side encryption, "" for none."""
    kms_key_id: str = ""
    recipients: tuple[str, ...] = ()
    """Public keys of age for which archives are encrypted; none for plain ones."""

    def key(self, name: str, ending: str = "") -> str:
        """Return the key of an object of an archive."""
        return f"{self.prefix}/{name}{ending}"

    @property
    def copy_key(self) -> str:
        """Return the key of the copy that a restoration reads, which is no archive."""
        return f"{self.prefix}/restore{ARCHIVE}"

    def url(self, name: str) -> str:
        """Return the URL of an archive in a request, as the control plane writes it."""
        return f"s3://{self.bucket}/{self.key(name, ARCHIVE)}"


@dataclass(frozen=True)
class Credentials:
    """The credentials of a target."""

    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)
    ca: str = ""
    """Certificates of the private CA in PEM, "" for the CAs of the system."""
    identities: str = field(default="", repr=False)
    """Content of a file with identities of age, only where archives are restored."""

    def redact(self, text: str) -> str:
        """Return a text without the credentials."""
        for secret in (self.secret_access_key, self.session_token, self.access_key_id):
            if secret:
                text = text.replace(secret, "[redacted]")
        return text


@dataclass(frozen=True)
class Retention:
    """The archives that stay: the newest ones by count, and those that are young enough."""

    count: int
    days: int


@dataclass(frozen=True)
class Archive:
    """The objects of an archive in the bucket."""

    name: str
    has_plain: bool = False
    has_encrypted: bool = False
    has_metadata: bool = False

    @property
    def counts(self) -> bool:
        """Return whether the archive is one that can be restored."""
        return (self.has_plain or self.has_encrypted) and self.has_metadata


Archives = Mapping[str, Archive]
"""Archives of a VCluster by name."""


@dataclass(frozen=True)
class Metadata:
    """The content of an archive's .json."""

    vcluster: str
    uid: str
    chart: str
    kubernetes: str
    availability: str
    time: str
    size: int
    sha256: str
    """Size and sum of the object as it is in the bucket."""
    encryption: Literal["", "age"] = ""
    object: str = ""
    """Name of the encrypted object beside the .json."""
    recipients: tuple[str, ...] = ()
    """Public keys of age, any of whose identities decrypts the archive."""


@dataclass(frozen=True)
class Request:
    """A request for a snapshot, as it stands in the virtual cluster's namespace."""

    url: str
    phase: str
    error: str
    inputs: str
    """Digest of the inputs of the run that made it."""
    purpose: str
    archive: str
    """Name of the archive that it was made for; its URL may be that of an earlier request."""
    is_ending: bool = False


@dataclass(frozen=True)
class Goal:
    """The snapshot to take."""

    run: str
    """Identity of this run; of several the one that began last continues."""
    vcluster: VirtualCluster
    target: Target
    inputs: str
    purpose: Purpose
    retention: Retention
    timeout: dt.timedelta
    """Age from which a request of another run is given up."""
    protected: str = ""
    """Name of an archive that stays beyond the retention, because a rollback needs it."""
    since: dt.datetime | None = None
    """Instant before which no request has been made that may end as this goal's, None for any."""
    is_first: bool = False
    """True for the run that shows that the target works: it waits for the control plane."""


@dataclass(frozen=True)
class Sight:
    """All that the next action of a snapshot depends on, no larger than it needs."""

    now: dt.datetime
    runner: str
    """Identity of the run that began last."""
    is_restored: bool = True
    """False while there is something to restore before."""
    replicas: int | None = None
    """Desired replicas of the control plane, None without a workload."""
    request: Request | None = None
    has_secret: bool = False
    archives: Archives | None = None
    """Archives of the bucket, None if it was not looked at."""
    reported: str = ""
    """Name of the archive that the report calls the last one."""
    failed: str = ""
    """The latest name of an archive whose request this run has removed."""
    pruned: bool = False
    """True once superfluous archives were removed, as far as the bucket permits it."""


def name_of(instant: dt.datetime) -> str:
    """Return the name of an archive that is asked for at an instant."""
    return instant.astimezone(dt.UTC).strftime(NAME_FORMAT)


def time_of(name: str) -> dt.datetime | None:
    """Return the instant in the name of an archive, None for another name."""
    try:
        return dt.datetime.strptime(name, NAME_FORMAT).replace(tzinfo=dt.UTC)
    except ValueError:
        return None


def text_of(instant: dt.datetime) -> str:
    """Return an instant as reports have it."""
    return instant.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
