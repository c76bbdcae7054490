"""The Release of the backups, and its connection detail, the report of the Jobs on the host."""

from collections.abc import Mapping
from typing import Any

from function.api.encryption import Age
from function.api.input import Input, OwnChart
from function.api.names import connection_secret
from function.decision import deletion
from function.decision.backup import ResolvedBackup
from function.decision.power import ROLLING_BACK
from function.decision.resolve import ResolvedSpec
from function.decision.rollback import DONE, RollbackDecision
from function.decision.rollback import NONE as NO_ROLLBACK
from function.desired.namespace import own_chart, program_image
from function.desired.release import Detail, build_release
from function.k8s.fieldpath import digest
from function.observed.backup import REPORT, RESTORING, Restore, is_silenced, report_of
from function.observed.rancher import SLEEPING
from function.observed.state import ObservedRelease

CHART: OwnChart = "vcluster-backup"


def desired(  # noqa: PLR0913  # the parts of the decision that it needs
    spec: ResolvedSpec,
    config: Input,
    observed: ObservedRelease | None,
    awaited: Restore | None,
    rollback: RollbackDecision = NO_ROLLBACK,
    *,
    is_asleep: bool,
) -> dict[str, Any] | None:
    """Return the Release of the backups, or None if there are to be none.

    Until the first report it makes no final backup: provider-helm repairs a first installation that
    failed by uninstalling it.

    A spec without backups ends them in two steps, because the deletion of the Release makes a final
    backup: it is deployed without, then left out. A restore that is under way is finished before.
    """
    if spec.backup:
        values = {
            **_values(spec, spec.backup, config),
            "power": _power(awaited, rollback, is_asleep=is_asleep),
            "restore": _restore(awaited),
            "rollback": _rollback(rollback),
        }
        if not _is_proven(observed):
            values["onDelete"] = "None"
        return _release(spec, config, observed, values)
    if observed is None or observed.terminating:
        return None
    if awaited:
        return _release(spec, config, observed, observed.values)
    if is_silenced(observed):
        return None
    done = _rollback(rollback) if rollback.phase == DONE else {}
    over = {"onDelete": "None", "restore": {}, "rollback": done}
    return _release(spec, config, observed, {**observed.values, **over})


def _is_proven(observed: ObservedRelease | None) -> bool:
    """Return whether the Release was installed once; a report lost later changes nothing."""
    return observed is not None and (
        observed.values.get("onDelete") == "Snapshot" or bool(report_of(observed).phase)
    )


def _release(
    spec: ResolvedSpec,
    config: Input,
    observed: ObservedRelease | None,
    values: Mapping[str, object],
) -> dict[str, Any]:
    names = spec.names
    return build_release(
        name=names.backup_release,
        namespace=names.home,
        target_namespace=names.platform_namespace,
        provider_config=spec.host.provider_config,
        chart=own_chart(CHART, config),
        values=values,
        rollback_limit=deletion.rollback_limit(observed, is_proven=_is_proven(observed)),
        details=[Detail(REPORT, "v1", "ConfigMap", names.backup_config_map, "data.report")],
        connection_secret=connection_secret(names.backup_release),
    )


def _values(
    spec: ResolvedSpec,
    backup: ResolvedBackup,
    config: Input,
) -> dict[str, Any]:
    """Return the values of the chart, but for what happens now.

    `inputs` stands for what a backup acts on, without the versions: an upgrade causes none.
    """
    names, target, age = spec.names, _target(backup), backup.s3.age
    place = _place(spec)
    return {
        "owner": {"name": names.namespace, "uid": spec.uid},
        "inputs": digest({"target": {**target, **_recipients(age)}, "vcluster": place}),
        "vcluster": {**place, "chart": spec.chart, "kubernetes": spec.kubernetes},
        "stateConfigMap": names.backup_config_map,
        "schedule": backup.schedule,
        "timeZone": backup.time_zone,
        "retention": {"count": backup.count, "days": backup.days},
        "onDelete": backup.on_delete,
        "onFailure": backup.on_failure,
        "timeout": backup.timeout,
        "deleteTimeout": backup.delete_timeout,
        "target": {**target, "age": _age(age)},
        **program_image(config),
    }


def _power(awaited: Restore | None, rollback: RollbackDecision, *, is_asleep: bool) -> str:
    if rollback.is_under_way:
        return ROLLING_BACK
    return SLEEPING if is_asleep else RESTORING if awaited else ""


def _restore(awaited: Restore | None) -> dict[str, object]:
    if awaited is None:
        return {}
    in_place = {"inPlace": True} if awaited.in_place else {}
    return {"prefix": awaited.prefix, "snapshot": awaited.snapshot, **in_place}


def _rollback(decision: RollbackDecision) -> dict[str, object]:
    requested = decision.requested
    if requested is None:
        return {}
    return {
        "snapshot": requested.snapshot,
        "loseNewer": requested.lose_newer,
        "request": requested.request,
        "done": requested.is_done,
    }


def _place(spec: ResolvedSpec) -> dict[str, object]:
    names = spec.names
    return {
        "namespace": names.namespace,
        "release": names.release,
        "availability": spec.availability,
    }


def _target(backup: ResolvedBackup) -> dict[str, object]:
    s3 = backup.s3
    return {
        "name": backup.target,
        "bucket": s3.bucket,
        "endpoint": s3.endpoint.rstrip("/"),
        "region": s3.region,
        "pathStyle": s3.pathStyle,
        "prefix": backup.prefix,
        "credentialsSecret": s3.secretRef.name,
        "caSecret": s3.caSecretRef.model_dump() if s3.caSecretRef else {},
        "encryption": s3.encryption.model_dump(),
    }


def _recipients(age: Age | None) -> dict[str, list[str]]:
    """Return the part of the encryption that a backup acts on: an identity is for restores."""
    return {"recipients": sorted({*age.recipients})} if age else {}


def _age(age: Age | None) -> dict[str, object]:
    identity = age.identitySecretRef if age else None
    secret = {"identitySecret": identity.model_dump() if identity else {}}
    return {**_recipients(age), **secret} if age else {}
