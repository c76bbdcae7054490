"""Resolve the backups of a spec with the Input: target, place in its bucket, defaults."""

from dataclasses import dataclass

from function.api import backup
from function.api.backup import BackupPlatform
from function.api.errors import InvalidError, Problem
from function.api.names import Names
from function.observed import backup as observed_backup
from function.observed.backup import Restore
from function.observed.state import ObservedRelease


@dataclass(frozen=True)
class ResolvedBackup:
    """The backups of a VCluster."""

    target: str
    """Name of the target."""
    s3: backup.S3
    prefix: str
    """Path of this VCluster's backups in the bucket."""
    schedule: str
    time_zone: str
    count: int
    days: int
    """Retention: a backup is removed once it is beyond both."""
    on_delete: str
    on_failure: str
    timeout: str
    delete_timeout: str
    restore: Restore | None
    """The backup that a new virtual cluster begins with."""
    rollback: backup.Rollback | None
    """The backup that it is rolled back to."""

    def in_place(self, snapshot: str) -> Restore:
        """Return the restore of a backup of this VCluster."""
        return Restore(self.prefix, snapshot, in_place=True)


def resolve(
    spec: backup.Backup | None,
    config: BackupPlatform | None,
    names: Names,
    uid: str,
    observed: ObservedRelease | None = None,
) -> ResolvedBackup | None:
    """Return the backups that a spec requests, or None.

    `observed` is the Release of the backups; a rollback ends in the target where it began. Raise
    `InvalidError` for a target that the platform does not have.
    """
    if spec is None:
        return None
    if config is None:
        raise _no_platform(has_backups=bool(observed_backup.target(observed)))
    target = _target(spec, config, observed)
    s3, limits, former = config.targets[target].s3, config.tenant, spec.restoreFrom
    retention = spec.retention
    return ResolvedBackup(
        target=target,
        s3=s3,
        prefix=_prefix(s3, names, names.xr, uid),
        schedule=spec.schedule or config.schedule,
        time_zone=spec.timeZone,
        count=retention.count or min(backup.DEFAULT_COUNT, limits.maxCount),
        days=retention.days or min(backup.DEFAULT_DAYS, limits.maxDays),
        on_delete=spec.onDelete,
        on_failure=spec.onFailure,
        timeout=config.timeout,
        delete_timeout=config.deleteTimeout,
        restore=Restore(
            _prefix(s3, names, former.name or names.xr, former.vcluster), former.snapshot
        )
        if former
        else None,
        rollback=spec.rollback,
    )


def _target(spec: backup.Backup, config: BackupPlatform, observed: ObservedRelease | None) -> str:
    """Return the target: that of before while a rollback reads from it."""
    current, restore = observed_backup.target(observed), observed_backup.requested_restore(observed)
    is_restoring = restore is not None and restore.in_place
    target = (current if is_restoring else spec.target) or config.defaultTarget
    if target not in config.targets:
        raise _unknown(target, config, current)
    return target


def _prefix(s3: backup.S3, names: Names, name: str, uid: str) -> str:
    """Return the path of a VCluster's backups: in scope Namespaced no other tenant's is below."""
    parts = (s3.prefix, names.tenant_namespace or "_", name, uid)
    return "/".join(filter(None, parts))


def _no_platform(*, has_backups: bool) -> InvalidError:
    if has_backups:
        problem = Problem(
            "input.backup",
            "is missing while this VCluster has backups",
            "Put it back, or remove spec.backup to end the backups.",
        )
        return InvalidError(problem, reason="InvalidInput")
    return InvalidError(
        Problem("spec.backup", "needs a target, and this platform has none", "Leave it out.")
    )


def _unknown(target: str, config: BackupPlatform, current_target: str) -> InvalidError:
    known = ", ".join(sorted({config.defaultTarget, *config.tenant.targets}))
    if target == current_target:
        problem = Problem(
            "input.backup.targets",
            f"has no {target}, where this VCluster has its backups",
            "Put it back for as long as VClusters use it.",
        )
        return InvalidError(problem, reason="InvalidInput")
    return InvalidError(
        Problem("spec.backup.target", "is not a target of the platform", f"Known: {known}.")
    )
