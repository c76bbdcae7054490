"""The request for a rollback in place, as the spec names it."""

from dataclasses import dataclass

from jobs.backup.model import VirtualCluster
from jobs.backup.restore_plan import Source


@dataclass(frozen=True)
class Rollback:
    """The rollback to prepare."""

    vcluster: VirtualCluster
    source: Source
    loses_newer: bool
    """True if nothing is saved before, and volumes may be deleted that the archive lacks."""

    @property
    def request(self) -> str:
        """Identity of the request."""
        return self.source.request

    @property
    def snapshot(self) -> str:
        """Name of the archive."""
        return self.source.snapshot
