"""Actions of snapshot and restore, each one request or a few; the plan chooses, the loop acts."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Superseded:
    """End of this run, because one that began after it continues with its request."""


@dataclass(frozen=True)
class Idle:
    """End of this run without a snapshot, and without a change of what is reported."""

    reason: str


@dataclass(frozen=True)
class Wait:
    """A pause before the next look, with the reason for users."""

    reason: str
    message: str


@dataclass(frozen=True)
class Await:
    """A pause before the next look, because there is nothing to back up yet."""

    reason: str


@dataclass(frozen=True)
class LookIntoBucket:
    """List of the archives in the bucket, which shows that the target can be reached."""


@dataclass(frozen=True)
class RequestSnapshot:
    """Creation of the request: the Secret first, then the ConfigMap."""

    name: str


@dataclass(frozen=True)
class RemoveSecret:
    """Removal of the credentials from the virtual cluster's namespace."""


@dataclass(frozen=True)
class RemoveRequest:
    """Removal of Secret and ConfigMap of a request, and of the finalizer."""

    name: str = ""
    """Name of its archive, which no later one may have: the control plane may still write it."""


@dataclass(frozen=True)
class GiveUpRequest:
    """Removal of a request of this run that came to nothing, before another one is made."""

    name: str
    reason: str
    message: str


@dataclass(frozen=True)
class Verify:
    """Read of an archive to its end, and the write of its .json."""

    name: str


@dataclass(frozen=True)
class RemovePlain:
    """Removal of plain archives where the target has recipients for encrypted ones."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class Prune:
    """Removal of archives from the bucket."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """Report of a completed snapshot, after which its request is removed."""

    name: str
    count: int


Action = (
    Superseded
    | Idle
    | Wait
    | Await
    | LookIntoBucket
    | RequestSnapshot
    | RemoveSecret
    | RemoveRequest
    | GiveUpRequest
    | Verify
    | RemovePlain
    | Prune
    | Report
)
