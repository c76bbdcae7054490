"""Limits of backups: the right to them, targets, frequency and retention."""

from collections.abc import Iterator

from function.api import xr
from function.api.backup import BackupPlatform
from function.api.errors import Problem
from function.decision.resolve import ResolvedSpec
from function.k8s import schedule

ASK = "Ask for less, or ask the platform team to raise the limit."


def problems(
    spec: xr.Spec, requested: ResolvedSpec, config: BackupPlatform | None, *, new: bool
) -> Iterator[Problem]:
    """Yield the problems of backups beyond the limits."""
    backup = spec.backup
    if backup is None or config is None:
        return
    limits = config.tenant
    if limits.backup == "Refused":
        yield Problem(
            "spec.backup",
            "cannot be set on this platform",
            "Leave it out, or ask the platform team to set backup.tenant.backup to Allowed.",
        )
        return
    allowed = {config.defaultTarget, *limits.targets}
    if backup.target and backup.target not in allowed:
        yield Problem(
            "spec.backup.target",
            "is not a target that the platform allows",
            f"Choose one of: {', '.join(sorted(allowed))}.",
        )
    if backup.schedule and schedule.fires_more_often(backup.schedule, limits.mostOften):
        yield Problem(
            "spec.backup.schedule",
            f"must not fire more often than {limits.mostOften.lower()}",
            "Name one minute, and one hour where it is daily.",
        )
    retention = backup.retention
    for field, amount, most in (
        ("count", retention.count, limits.maxCount),
        ("days", retention.days, limits.maxDays),
    ):
        if amount is not None and amount > most:
            yield Problem(f"spec.backup.retention.{field}", f"must be at most {most}", ASK)
    yield from _rollback(requested)
    # An adopted one is never new: its installed values count as what runs.
    if new or requested.names.adopted:
        yield from _restore(requested)


def _rollback(requested: ResolvedSpec) -> Iterator[Problem]:
    """Yield the problem of a rollback of one whose data may not be where the chart has it."""
    if requested.backup and requested.backup.rollback and requested.names.adopted:
        yield Problem(
            "spec.backup.rollback",
            "is not for an adopted virtual cluster, whose data may be elsewhere",
            "Leave it out, and restore the backup into a new one.",
        )


def _restore(requested: ResolvedSpec) -> Iterator[Problem]:
    """Yield the problem of a restore over data that exists."""
    restore = requested.backup and requested.backup.restore
    if restore and (requested.restore_from or requested.names.adopted):
        yield Problem(
            "spec.backup.restoreFrom",
            "is for a new virtual cluster, and this one takes over data that exists",
            "Leave it out, or leave out spec.storage.restoreFrom.",
        )
