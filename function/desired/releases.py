"""The desired Releases, also those that the gate does not let through yet."""

from dataclasses import dataclass
from typing import Any

from function.decision.decision import Decision
from function.desired import access, backup, namespace, rancher, vcluster
from function.observed.backup import report_of
from function.observed.state import Observed


@dataclass(frozen=True)
class DesiredReleases:
    """The desired Releases, also those that the gate does not let through yet."""

    namespace: dict[str, Any]
    vcluster: dict[str, Any]
    rancher: dict[str, Any] | None
    backup: dict[str, Any] | None
    access: dict[str, Any] | None


def desired_releases(decision: Decision, observed: Observed, *, is_earned: bool) -> DesiredReleases:
    """Return the desired Releases of a decision.

    `is_earned`: the namespace belongs to this VCluster, see `deletion`.
    """
    effective, config = decision.effective, decision.platform
    imported = None
    if effective.rancher and config.rancher:
        imported = rancher.desired(
            effective,
            effective.rancher,
            config.rancher,
            config,
            observed.rancher,
            is_asleep=decision.power.is_off,
            rolled_back=report_of(observed.backup).rolled_back.request,
        )
    return DesiredReleases(
        namespace=namespace.desired(decision, observed, is_earned=is_earned),
        vcluster=vcluster.desired(
            decision.workload,
            config,
            decision.values,
            observed.vcluster,
            is_restored=bool(report_of(observed.backup).restored),
        ),
        rancher=imported,
        backup=backup.desired(
            effective,
            config,
            observed.backup,
            decision.restore.awaited,
            decision.rollback,
            is_asleep=decision.power.is_off,
        ),
        access=access.desired(effective, config, observed, is_asleep=decision.power.is_off),
    )
