"""Decide on a rollback in place: what comes before it, and from when on it is finished first.

The Job of the preparation reports first, while all runs. Then the virtual cluster is stopped as for
sleep, and its data is replaced. From the moment the Release requests that, nothing in the spec ends
it, because half of the data is none.

A request has an identity, the generation of the spec that named it first. The Release keeps it, and
that it was done, for as long as the spec names the backup; the status is for a Release that was
lost. So no rollback is done twice for one request.
"""

from dataclasses import dataclass
from typing import Literal

from function.api import backup
from function.api.errors import Refusal
from function.api.validate import Composite
from function.decision.resolve import ResolvedSpec
from function.observed import backup as observed_backup
from function.observed import vcluster
from function.observed.backup import Rolling
from function.observed.state import Observed

FIELD = "spec.backup.rollback"

Phase = Literal["", "Preparing", "Refused", "Stopping", "Restoring", "Done"]

_REPORTED: dict[str, Phase] = {
    "Prepared": "Stopping",
    "Refused": "Refused",
    "Restoring": "Stopping",
    "RestoreFailed": "Stopping",
}
"""Phases by those of the report. What has begun to be replaced does not run before it is whole."""

_OF_THE_ARCHIVE = frozenset(
    {"ArchiveBroken", "ArchiveChanged", "ArchiveMissing", "ArchiveNewer", "ArchiveUnreadable"}
)
_OF_THE_IDENTITY = frozenset({"IdentityMissing", "IdentityWrong"})
_VOLUMES = "VolumesNewer"
_OTHER_BACKUP = "Name another backup, or take this field out."
_DECRYPT = (
    "Take this field out, and put it in again once the platform has the identity that decrypts the "
    "backup."
)
_LOSE = (
    "Take this field out, remove the cause and put it in again, or set loseNewer: true, by which "
    "newer data is lost."
)


@dataclass(frozen=True)
class RollbackDecision:
    """The rollback that the Release requests, and how far it is."""

    phase: Phase = ""
    requested: observed_backup.Rollback | None = None
    refusals: tuple[Refusal, ...] = ()

    @property
    def snapshot(self) -> str:
        """Name of the backup; empty without a rollback."""
        return self.requested.snapshot if self.requested else ""

    @property
    def is_under_way(self) -> bool:
        """True from the preparation to the end."""
        return self.phase in ("Preparing", "Stopping", "Restoring")

    @property
    def stops(self) -> bool:
        """True if nothing is to run."""
        return self.phase in ("Stopping", "Restoring")

    @property
    def needs_control_plane(self) -> bool:
        """True while a backup is made of what is there."""
        return self.phase == "Preparing" and not (self.requested and self.requested.lose_newer)


NONE = RollbackDecision()


def decide_rollback(
    composite: Composite, requested: ResolvedSpec, observed: Observed
) -> RollbackDecision:
    """Return the rollback that is under way, refused or done, or none."""
    release = observed.backup
    current = observed_backup.requested_rollback(release)
    restore = observed_backup.requested_restore(release)
    is_begun = restore is not None and restore.in_place
    if current and is_begun and not observed_backup.has_rolled_back(release, current):
        return RollbackDecision("Restoring", current)
    spec = requested.backup.rollback if requested.backup else None
    if spec is None or requested.names.adopted:
        return NONE
    rollback = _identified(spec, current, composite)
    if _is_done(rollback, current, composite, observed):
        return RollbackDecision("Done", rollback._replace(is_done=True))
    if not _can_begin(observed):
        return NONE
    rolling = observed_backup.report_of(release).rolling
    if rolling.request != rollback.request:
        return RollbackDecision("Preparing", rollback)
    phase = _REPORTED.get(rolling.phase, "Preparing")
    refusals = (_refusal(rollback, rolling, composite),) if phase == "Refused" else ()
    return RollbackDecision(phase, rollback, refusals)


def _identified(
    spec: backup.Rollback, current: observed_backup.Rollback | None, composite: Composite
) -> observed_backup.Rollback:
    """Return the request with its identity: that of before, or the spec's generation."""
    is_same = current is not None and current.snapshot == spec.snapshot
    if current and is_same and (current.is_done or current.lose_newer == spec.loseNewer):
        return current
    return observed_backup.Rollback(spec.snapshot, spec.loseNewer, str(composite.generation or 0))


def _is_done(
    rollback: observed_backup.Rollback,
    current: observed_backup.Rollback | None,
    composite: Composite,
    observed: Observed,
) -> bool:
    if rollback.is_done or observed_backup.has_rolled_back(observed.backup, rollback):
        return True
    return current is None and composite.rolled_back == rollback.snapshot


def _can_begin(observed: Observed) -> bool:
    """Return whether there is a virtual cluster that has run, and a report on its backups."""
    report = observed_backup.report_of(observed.backup)
    return bool(report.phase) and vcluster.was_healthy(observed.vcluster)


def _refusal(rollback: observed_backup.Rollback, rolling: Rolling, composite: Composite) -> Refusal:
    """Return the refusal that the Job has reported.

    In scope Namespaced tenants read it, and other messages than on volumes may name the host's.
    """
    is_foreign = composite.namespace and rolling.reason != _VOLUMES
    rule = f"its preparation failed: {rolling.reason}" if is_foreign else rolling.message
    return Refusal(FIELD, "", rollback.snapshot, rule.rstrip("."), _remedy(rolling.reason))


def _remedy(reason: str) -> str:
    """Return the remedy; `loseNewer` is none for an archive that cannot be read."""
    if reason in _OF_THE_IDENTITY:
        return _DECRYPT
    return _OTHER_BACKUP if reason in _OF_THE_ARCHIVE else _LOSE
