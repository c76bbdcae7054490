"""The status: locations, running versions, and the condition that blocks READY."""

from typing import Any

from function.api.input import RancherPlatform
from function.api.status import (
    AccessStatus,
    BackupStatus,
    CertificatesStatus,
    KubeconfigSecretRef,
    RancherStatus,
    RollbackStatus,
    Status,
)
from function.api.validate import NO_ROLLBACK, RollbackBefore
from function.decision import exposure
from function.decision.access import ResolvedAccess
from function.decision.decision import Decision
from function.decision.expiry import expiry_status
from function.decision.resolve import RancherImport, ResolvedSpec
from function.decision.rollback import DONE, RollbackDecision
from function.k8s import quantity
from function.observed import access as observed_access
from function.observed import backup as observed_backup
from function.observed import exposure as observed_exposure
from function.observed import rancher as observed_rancher
from function.observed import release, vcluster
from function.observed.backup import REFUSED
from function.observed.state import Observed, ObservedRelease
from function.response import upgrade


def status_of(
    decision: Decision,
    observed: Observed,
    blocked_by: str,
    progress: upgrade.Progress | None,
) -> dict[str, Any]:
    """Return the status of the VCluster."""
    effective, config, power = decision.effective, decision.platform, decision.power
    names = effective.names
    current = Status(
        observedGeneration=effective.generation,
        namespace=names.namespace,
        release=names.release,
        host=effective.host.name,
        chartVersion=vcluster.running_chart(observed.vcluster),
        kubernetesVersion=vcluster.running_kubernetes(observed.vcluster),
        endpoint=exposure.endpoint(effective.exposure, names),
        address=observed_exposure.address(effective.exposure, observed.vcluster),
        kubeconfigSecretRef=KubeconfigSecretRef(
            namespace=names.namespace,
            name=_kubeconfig_secret(effective),
            key="config",
        ),
        rancher=rancher_status(
            observed.rancher, effective.rancher, config.rancher, is_asleep=power.is_off
        ),
        upgrade=upgrade.status(progress),
        expiry=expiry_status(decision.composite.spec.expire, config.expiry),
        backup=backup_status(decision, observed.backup),
        access=access_status(effective.access, observed.access),
        power=power.phase if power.is_shown else None,
        blockedBy=blocked_by,
    )
    return current.model_dump(exclude_none=True, by_alias=True)


def backup_status(decision: Decision, observed: ObservedRelease | None) -> BackupStatus | None:
    """Return `status.backup`, or None without backups and without a rollback to remember.

    Asleep no backup is due, so none is overdue: the clock reads that time here.
    """
    backup, before = decision.effective.backup, decision.composite
    report, is_awake = observed_backup.report_of(observed), decision.power.phase == "Awake"
    rollback = _rollback_status(decision.rollback, before.rollback, report)
    if backup is None:
        target = observed_backup.target(observed) or before.backup_target or None
        return BackupStatus(target=target, rollback=rollback) if rollback else None
    return BackupStatus(
        target=backup.target,
        last=report.last or None,
        size=quantity.of_bytes(report.size) if report.size is not None else None,
        location=report.location or None,
        count=report.count,
        next=(report.next or None) if is_awake else None,
        overdueAt=(report.overdue_at or None) if is_awake else None,
        rollback=rollback,
    )


def _rollback_status(
    rollback: RollbackDecision, before: RollbackBefore, report: observed_backup.Report
) -> RollbackStatus | None:
    """Return `status.backup.rollback`, or None if the spec names none.

    What a report does not say, because it was lost, stays as it was.
    """
    requested = rollback.requested
    if requested is None:
        return None
    done, rolling = report.rolled_back, report.rolling
    is_over = rollback.phase == DONE
    part = done if is_over else rolling
    is_contradicted = rollback.phase == REFUSED and rolling.phase != REFUSED
    is_current = part.request == requested.request and not is_contradicted
    is_same = before.request == requested.request
    memory = before if is_same and before.phase == rollback.phase else NO_ROLLBACK
    reason = rolling.reason if is_current else memory.reason
    return RollbackStatus(
        snapshot=requested.snapshot,
        phase=rollback.phase,
        reason=None if is_over else reason or None,
        request=requested.request or None,
        saved=(part.saved if is_current else memory.saved) or None,
        at=((done.at if is_current else memory.at) or None) if is_over else None,
    )


def _kubeconfig_secret(effective: ResolvedSpec) -> str:
    """Return the Secret with the kubeconfig; without issuers only the certificate's works."""
    if effective.has_issuers:
        return exposure.readable_secret(effective)
    return exposure.kubeconfig_secret(effective.exposure, effective.names)


def access_status(
    access: ResolvedAccess | None, observed: ObservedRelease | None
) -> AccessStatus | None:
    """Return `status.access`, or None without a login."""
    if access is None:
        return None
    report = observed_access.report_of(observed)
    return AccessStatus(
        issuers=[each.name for each in access.issuers],
        certificates=CertificatesStatus(**report.expiry) if report.expiry else None,
        rotated=report.rotated or None,
        warnFrom=report.warn_from or None,
    )


def rancher_status(
    observed: ObservedRelease | None,
    rancher: RancherImport | None,
    platform: RancherPlatform | None,
    *,
    is_asleep: bool = False,
) -> RancherStatus | None:
    """Return `status.rancher`, or None where the cluster is not in Rancher."""
    if rancher is None or platform is None:
        return None
    state = observed_rancher.state_of(observed)
    cluster_id = state.get("clusterId", "")
    phase = state.get("phase", "" if release.is_deployed(observed) else "Pending")
    page = f"{platform.url.rstrip('/')}/dashboard/c/{cluster_id}"
    return RancherStatus(
        clusterName=state.get("clusterName") or rancher.cluster_name,
        clusterId=cluster_id,
        url=page if cluster_id else "",
        phase=observed_rancher.SLEEPING if is_asleep else phase,
    )
