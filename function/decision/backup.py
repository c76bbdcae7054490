"""Resolve the backups of a spec with the Input: target, place in its bucket, defaults."""

from dataclasses import dataclass

from function.api import backup
from function.api.backup import BackupPlatform
from function.api.errors import InvalidError, Problem
from function.api.names import Names
from function.api.validate import Composite
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

    @property
    def place(self) -> dict[str, object]:
        """Target, server, bucket and path of the archives."""
        s3 = self.s3
        where = {"bucket": s3.bucket, "endpoint": s3.endpoint.rstrip("/"), "prefix": self.prefix}
        return {"target": self.target, **where}

    def in_place(self, snapshot: str) -> Restore:
        """Return the restore of a backup of this VCluster."""
        return Restore(self.prefix, snapshot, in_place=True)


def resolve(
    vcluster: Composite,
    config: BackupPlatform | None,
    names: Names,
    observed: ObservedRelease | None = None,
) -> ResolvedBackup | None:
    """Return the backups that a spec requests, or None.

    `observed` is the Release of the backups; a rollback ends in the target where it was prepared.
    Raise `InvalidError` for a target that the platform does not have.
    """
    spec = vcluster.spec.backup
    if spec is None:
        return None
    if config is None:
        raise _no_platform(has_backups=bool(observed_backup.target(observed)))
    target, uid = _target(vcluster, spec, config, observed), vcluster.uid
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


def _target(
    vcluster: Composite,
    spec: backup.Backup,
    config: BackupPlatform,
    observed: ObservedRelease | None,
) -> str:
    """Return the target: that of before once a rollback is prepared, until it ends.

    That of one whose Release was lost is in the status.
    """
    current = observed_backup.target(observed)
    is_begun = observed_backup.begun_rollback(observed) is not None
    is_kept = is_begun or _is_prepared(spec.rollback, observed)
    if has_lost(vcluster, observed):
        current, is_kept = vcluster.backup_target, True
    target = (is_kept and current) or spec.target or config.defaultTarget
    if target not in config.targets:
        raise _unknown(target, config, current)
    return target


def has_lost(vcluster: Composite, observed: ObservedRelease | None) -> bool:
    """Return whether the Release was lost that had begun the rollback in the status.

    Crossplane may read the status later than the Release, so what the report calls over is over.
    """
    before, report = vcluster.rollback, observed_backup.report_of(observed)
    if before.phase != "Restoring" or observed_backup.requested_rollback(observed):
        return False
    is_refused = report.rolling.phase == observed_backup.REFUSED
    over = {report.rolled_back.request, report.rolling.request if is_refused else ""} - {""}
    return before.request not in over


def _is_prepared(spec: backup.Rollback | None, observed: ObservedRelease | None) -> bool:
    """Return whether the rollback of the spec is the one that the report calls prepared."""
    current = observed_backup.requested_rollback(observed)
    if spec is None or current is None or current.is_done:
        return False
    is_same = (current.snapshot, current.lose_newer) == (spec.snapshot, spec.loseNewer)
    rolling = observed_backup.report_of(observed).rolling
    is_prepared = rolling.phase in observed_backup.PREPARED
    return is_same and is_prepared and rolling.request == current.request


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
