"""A VCluster as far as time concerns it, as frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass

ANNOTATION = "caas.telekom.de/clock"
"""Annotation with the mark: the contract with function/api/clock_mark.py."""


@dataclass(frozen=True)
class Sleeper:
    """A VCluster: what its spec says of time, and what exists of it."""

    name: str
    namespace: str
    """Empty in scope Cluster."""
    uid: str
    version: str
    """resourceVersion."""
    is_terminating: bool = False
    is_protected: bool = False
    """True if `spec.deletionProtection` forbids the deletion."""
    calendar: str = ""
    awake_until: str = ""
    expire_at: str = ""
    expiry: Mapping[str, str] | None = None
    """`status.expiry`, which the function writes where the platform allows the end."""
    overdue_at: str = ""
    """`status.backup.overdueAt`, which the function writes while it is awake."""
    warn_from: str = ""
    """`status.access.warnFrom`: from then on a certificate ends soon."""
    mark: str | None = None
    """The current mark."""
    sleeps_by: str = ""
    """Calendar by which the mark lets it sleep."""
