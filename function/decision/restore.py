"""Decide on the restore of a virtual cluster from a backup.

A new one's control plane has no replicas until the restore is reported as done, so it never starts
empty. One that has run is never held back again but for a rollback, whatever its spec or the report
say later: a restore would replace what was written since.
"""

from typing import NamedTuple

from function.api.errors import Refusal
from function.decision.power import Power
from function.decision.resolve import ResolvedSpec
from function.decision.rollback import RollbackDecision
from function.k8s.helm_values import Values, nested, overlaid
from function.observed import backup, vcluster
from function.observed.backup import Restore
from function.observed.current import REPLICAS
from function.observed.state import Observed

FIELD = "spec.backup.restoreFrom"
UNDER_WAY = "its data is being restored"
LATE = "a backup is restored before there is a virtual cluster"


class RestoreDecision(NamedTuple):
    """The restore that a control plane waits for, and the refusals of another one."""

    awaited: Restore | None = None
    refusals: tuple[Refusal, ...] = ()

    def applied(self, values: Values) -> Values:
        """Return values of the vcluster chart, without control planes during a restore.

        The members of etcd run: the restore writes into them.
        """
        return overlaid(values, nested(REPLICAS, 0)) if self.awaited else values


NONE = RestoreDecision()


def decide_restore(
    requested: ResolvedSpec, observed: Observed, rollback: RollbackDecision, power: Power
) -> RestoreDecision:
    """Return the restore that is awaited, or none."""
    if rollback.stops:
        return _in_place(requested, observed, rollback, power)
    restore = requested.backup.restore if requested.backup else None
    pending = backup.requested_restore(observed.backup)
    if pending and pending.in_place:
        pending = None
    first = pending or restore
    if first is None:
        return NONE
    if not _awaits(first, observed):
        return RestoreDecision(None, _late(restore, observed) if restore else ())
    if pending is None or (restore and restore.place == pending.place):
        return RestoreDecision(restore)
    if observed.vcluster is None:
        return RestoreDecision(restore)
    remedy = "Take it back, or delete the VCluster and create it anew."
    refusal = Refusal(FIELD, str(pending), str(restore or ""), UNDER_WAY, remedy)
    return RestoreDecision(pending, (refusal,))


def _in_place(
    requested: ResolvedSpec, observed: Observed, rollback: RollbackDecision, power: Power
) -> RestoreDecision:
    """Return the restore of a rollback, once nothing runs; one that has begun needs no spec."""
    if not power.is_stopped:
        return NONE
    if requested.backup is None:
        return RestoreDecision(backup.requested_restore(observed.backup))
    return RestoreDecision(requested.backup.in_place(rollback.snapshot))


def _awaits(restore: Restore, observed: Observed) -> bool:
    """Return whether a control plane waits for its data: it has never run."""
    if backup.has_restored(observed.backup, restore):
        return False
    control_plane = observed.vcluster
    return control_plane is None or (
        vcluster.is_off(control_plane) and not vcluster.was_healthy(control_plane)
    )


def _late(restore: Restore, observed: Observed) -> tuple[Refusal, ...]:
    """Return the refusal of a restore into a virtual cluster that exists.

    There is none while the report is unknown, which says what was restored.
    """
    report = backup.report_of(observed.backup)
    if observed.backup is not None and not report.phase:
        return ()
    if backup.has_restored(observed.backup, restore):
        return ()
    return (Refusal(FIELD, report.restored, str(restore), LATE, "Take this field back."),)
