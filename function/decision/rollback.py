"""Decide on a rollback in place: what comes before it, and from when on it is finished first.

The Job of the preparation reports first, while all runs. Then the virtual cluster is stopped as for
sleep, and its data is replaced. From the moment the Release requests that, nothing in the spec ends
it, because half of the data is none.

A request has an identity: the generation of the spec that named it first, and its content. The
Release keeps it, and that it was done, for as long as the spec names the backup; the status is for
a Release that was lost. So no rollback is done twice for one request, or after it was refused.
"""

from dataclasses import dataclass
from typing import Literal

from function.api import backup
from function.api.errors import Refusal
from function.api.validate import Composite, RollbackBefore
from function.decision.backup import ResolvedBackup, has_lost
from function.decision.resolve import ResolvedSpec
from function.k8s.fieldpath import digest
from function.observed import backup as observed_backup
from function.observed import vcluster
from function.observed.backup import NO_ROLLING, REFUSED, RESUMED, Rolling
from function.observed.state import Observed, ObservedRelease

FIELD = "spec.backup.rollback"

DONE: Literal["Done"] = "Done"

Phase = Literal["", "Preparing", "Refused", "Stopping", "Restoring", "Done"]

_OF_THE_ARCHIVE = frozenset(
    {"ArchiveBroken", "ArchiveChanged", "ArchiveMissing", "ArchiveNewer", "ArchiveUnreadable"}
)
_OF_THE_IDENTITY = frozenset({"IdentityMissing", "IdentityWrong"})
_VOLUMES = "VolumesNewer"
_OF_WHAT_IS_NEWER = frozenset(
    {
        *("BucketFull", "SafetyBackupOld", "SnapshotFailed", "WaitingForControlPlane", "Writing"),
        _VOLUMES,
    }
)
_OTHER_BACKUP = "Name another backup, or take this field out."
_DECRYPT = (
    "Take this field out, and put it in again once the platform has the identity that decrypts the "
    "backup."
)
_AGAIN = "Take this field out, remove the cause and put it in again."
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
    composite: Composite, requested: ResolvedSpec, observed: Observed, named: str
) -> RollbackDecision:
    """Return the rollback that is under way, refused or done, or none.

    `named` is the backup that the spec names, even if the platform refuses that part of it: only
    the user takes a request back.
    """
    release = observed.backup
    begun = observed_backup.begun_rollback(release) or _resumed(composite, release)
    if begun:
        return RollbackDecision("Restoring", begun)
    if requested.names.adopted:
        return NONE
    backups = requested.backup
    if backups is None or backups.rollback is None:
        return _remembered(named, composite.rollback, release)
    rollback = _identified(backups, backups.rollback, composite, release)
    if rollback.is_done:
        return RollbackDecision("Done", rollback)
    return _undone(rollback, composite, observed)


def _undone(
    rollback: observed_backup.Rollback, composite: Composite, observed: Observed
) -> RollbackDecision:
    """Return how far a request is before it has begun."""
    release = observed.backup
    rolling = _report_of(rollback, composite.rollback, release)
    if rolling.phase == REFUSED:
        return RollbackDecision("Refused", rollback, (_refusal(rollback, rolling, composite),))
    if not _can_begin(observed):
        is_current = rollback == observed_backup.requested_rollback(release)
        return RollbackDecision("Preparing", rollback) if is_current else NONE
    # What has begun to be replaced does not run before it is whole.
    is_prepared = rolling.phase in observed_backup.PREPARED
    return RollbackDecision("Stopping" if is_prepared else "Preparing", rollback)


def _resumed(
    composite: Composite, release: ObservedRelease | None
) -> observed_backup.Rollback | None:
    """Return the rollback whose Release was lost after it began, or None.

    Its data may be half replaced, and the comparison with what is newer was made before.
    """
    if not has_lost(composite, release):
        return None
    request = f"{composite.generation or 0}{RESUMED}"
    return observed_backup.Rollback(composite.rollback.snapshot, lose_newer=True, request=request)


def _remembered(
    named: str, before: RollbackBefore, release: ObservedRelease | None
) -> RollbackDecision:
    """Return the rollback that the spec still names, done before the platform refused backups."""
    current = observed_backup.requested_rollback(release)
    if not named:
        return NONE
    if current and current.snapshot == named and _is_over(current, release):
        return RollbackDecision("Done", current._replace(is_done=True))
    if before.snapshot != named:
        return NONE
    known = observed_backup.Rollback(named, lose_newer=False, request=before.request)
    if before.phase == DONE:
        return RollbackDecision("Done", known._replace(is_done=True))
    return RollbackDecision("Refused", known) if before.phase == REFUSED else NONE


def _identified(
    backups: ResolvedBackup,
    spec: backup.Rollback,
    composite: Composite,
    release: ObservedRelease | None,
) -> observed_backup.Rollback:
    """Return the request with its identity: that of before, or one of the spec's generation.

    A request of the same backup from another place, or with another `loseNewer`, is another one;
    one that is done stays done.
    """
    current, before = observed_backup.requested_rollback(release), composite.rollback
    if current and current.snapshot == spec.snapshot and _is_over(current, release):
        return current._replace(is_done=True)
    content = f"-{digest({**backups.place, **spec.model_dump()})}"
    known = current.request if current else before.request
    request = known if known.endswith(content) else f"{composite.generation or 0}{content}"
    rollback = observed_backup.Rollback(spec.snapshot, spec.loseNewer, request)
    if current is None and (before.snapshot, before.phase) == (spec.snapshot, DONE):
        return rollback._replace(request=before.request or request, is_done=True)
    return rollback._replace(is_done=_is_over(rollback, release))


def _is_over(rollback: observed_backup.Rollback, release: ObservedRelease | None) -> bool:
    return rollback.is_done or observed_backup.has_rolled_back(release, rollback)


def _report_of(
    rollback: observed_backup.Rollback, before: RollbackBefore, release: ObservedRelease | None
) -> Rolling:
    """Return the report on a request; a refusal outlives its report in the status."""
    rolling = observed_backup.report_of(release).rolling
    if rolling.request == rollback.request and rolling.phase == REFUSED:
        return rolling
    if before.request == rollback.request and before.phase == REFUSED:
        rule = f"its preparation failed: {before.reason}"
        return Rolling(before.request, REFUSED, before.reason, rule)
    return rolling if rolling.request == rollback.request else NO_ROLLING


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
    """Return the remedy; `loseNewer` is one only where it leaves out what has failed."""
    if reason in _OF_THE_IDENTITY:
        return _DECRYPT
    if reason in _OF_THE_ARCHIVE:
        return _OTHER_BACKUP
    return _LOSE if reason in _OF_WHAT_IS_NEWER else _AGAIN
