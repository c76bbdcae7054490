"""Compose the response to a request: composed resources, conditions and status.

Crossplane calls the function again on every change, so nothing here waits, retries or keeps state:
the same request gives the same response.

Gates hold back creation only. Crossplane deletes every resource that is missing in the desired
state, so all observed resources stay desired, or the response is FATAL. The spec itself chooses
the exceptions: `deletionProtection: false`, `rancher.enabled: false`, which takes the cluster out
of Rancher, and a spec without `backup` or `access`, which ends the backups or the login.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any

from function.api import validate, xr
from function.api.errors import InvalidError
from function.api.input import Polling
from function.decision import deletion, looks, power
from function.decision.decision import Decision, decide
from function.decision.looks import Stage
from function.decision.rancher import is_import_due
from function.decision.resolve import ResolvedSpec
from function.desired import release as desired_release
from function.desired import usages
from function.desired.chart_values import build_chart_values
from function.desired.releases import DesiredReleases, desired_releases
from function.observed import access as observed_access
from function.observed import backup as observed_backup
from function.observed import namespace, ownership, parse, release
from function.observed import rancher as observed_rancher
from function.observed import usages as observed_usages
from function.observed import vcluster as observed_vcluster
from function.observed.state import Condition, Observed, ObservedRelease, Request
from function.response import responses
from function.response.response import Composed, Response

OBSERVED = "caas.telekom.de/observed"
"""Annotation of existing resources: policy `vcluster-observed` of install/control-plane.yaml
refuses to create an object with it."""


def compose(request: Request) -> Response:
    """Return the response to a request; FATAL, with the error, if nothing may be touched."""
    try:
        ownership.refuse_taken_keys(request.taken)
        decision = decide(request, validate.platform_input(request.input), build_chart_values)
        return _answer(decision, request.observed)
    except InvalidError as error:
        return responses.of_error(error, request)


def _answer(decision: Decision, observed: Observed) -> Response:
    """Return the response to a decision: all Releases are rendered, those that are due let through.

    A Release may delete on the host once the namespace has proven to be this VCluster's.
    """
    room = namespace.condition(observed.namespace, observed.foreign_releases)
    tenure = deletion.tenure(observed.namespace, room, decision.composite.uid)
    desired = desired_releases(decision, observed, is_earned=tenure.is_earned)
    room = _while_created(room, tenure, observed)
    phases = {namespace.KEY: room, **_phases(decision, desired, observed)}
    releases = _releases(decision.effective, desired, phases, observed, tenure)
    due = {**releases, **_usages(decision.effective, observed, releases.keys())}
    stages = looks.stages(
        phases,
        parse.releases(observed),
        due,
        decision.power,
        is_rolling_back=decision.rollback.is_under_way,
    )
    response = responses.of_decision(decision, phases, due, stages, observed)
    intervals = _intervals(stages, decision.platform.polling, observed, is_held=response.is_held)
    return replace(response, resources=_annotated(due, intervals, observed))


def _while_created(room: Condition, tenure: deletion.Tenure, observed: Observed) -> Condition:
    """Return NamespaceReady; a new namespace stays ready while it gets the right to delete.

    That right changes the Release and nothing on the host. The condition would alternate, because
    Crossplane reads its own writes with a delay.
    """
    if room.reason != release.UPDATING or release.is_deployed(observed.vcluster):
        return room
    return namespace.condition(
        observed.namespace, observed.foreign_releases, is_unaffected=tenure.is_earned
    )


def _phases(
    decision: Decision, desired: DesiredReleases, observed: Observed
) -> dict[str, Condition]:
    """Return the conditions of the control plane, the import into Rancher, and any backups."""
    control_plane = observed_vcluster.condition(observed.vcluster)
    if (
        observed.vcluster
        and control_plane.status == "True"
        and (
            decision.awaits_quota
            or not release.is_up_to_date(observed.vcluster, desired.vcluster["spec"]["forProvider"])
        )
    ):
        control_plane = observed_vcluster.UPDATING
    if decision.restore.awaited:
        control_plane = observed_backup.restoring(control_plane, observed.backup)
    inputs = desired_release.inputs(desired.rancher) if desired.rancher else None
    imported = observed_rancher.condition(
        observed.rancher,
        inputs,
        enabled=desired.rancher is not None,
        can_begin=control_plane.status == "True",
    )
    return {
        observed_vcluster.KEY: power.paused(control_plane, decision.power),
        observed_rancher.KEY: power.paused(imported, decision.power),
        **_backed_up(decision, desired, observed),
        **_accessible(decision, desired, observed),
    }


def _accessible(
    decision: Decision, desired: DesiredReleases, observed: Observed
) -> dict[str, Condition]:
    """Return the condition of the login, if there is any. It does not block READY."""
    effective = decision.effective
    if desired.access is None and effective.access is None:
        return {}
    inputs = desired_release.inputs(desired.access) if desired.access else None
    condition = observed_access.condition(
        observed.access,
        inputs,
        is_ending=effective.access is None,
        is_deprecated=effective.has_issuers and effective.certificate == "Readers",
        passed=decision.composite.clock.passed,
    )
    return {observed_access.KEY: condition}


def _backed_up(
    decision: Decision, desired: DesiredReleases, observed: Observed
) -> dict[str, Condition]:
    """Return the condition of the backups, if there are any. It does not block READY."""
    if desired.backup is None or not decision.effective.backup:
        return {}
    is_awake = decision.power.phase == "Awake"
    condition = observed_backup.condition(
        observed.backup,
        desired_release.inputs(desired.backup),
        passed=decision.composite.clock.passed if is_awake else (),
    )
    return {observed_backup.KEY: condition}


def _releases(
    effective: ResolvedSpec,
    desired: DesiredReleases,
    phases: Mapping[str, Condition],
    observed: Observed,
    tenure: deletion.Tenure,
) -> dict[str, Composed]:
    """Return the Releases that are due, in the order of their creation."""
    due: dict[str, tuple[dict[str, Any], ObservedRelease | None]] = {}

    if observed.releases or not observed.foreign_releases:
        due[namespace.KEY] = desired.namespace, observed.namespace

    has_room = phases[namespace.KEY].status == "True"
    if has_room or observed.vcluster:
        due[observed_vcluster.KEY] = desired.vcluster, observed.vcluster

    is_importable = has_room and is_import_due(effective, observed)
    if desired.rancher and (is_importable or observed.rancher):
        due[observed_rancher.KEY] = desired.rancher, observed.rancher

    composed = {
        key: Composed(tenure.allow(manifest, existing), ready=phases[key].status == "True")
        for key, (manifest, existing) in due.items()
    }
    if desired.backup and (has_room or observed.backup):
        manifest = tenure.allow(desired.backup, observed.backup)
        composed[observed_backup.KEY] = Composed(manifest, ready=True)
    if desired.access:
        manifest = tenure.allow(desired.access, observed.access)
        composed[observed_access.KEY] = Composed(manifest, ready=True)
    return composed


def _usages(
    effective: ResolvedSpec, observed: Observed, due: AbstractSet[str]
) -> dict[str, Composed]:
    """Return the Usages that are due: both Releases of each exist, or it exists.

    A Usage is composed together with the Release that uses the other, because each further change
    of the composed resources costs a call of the function, and events that Crossplane counts. READY
    waits for it in the status. For Crossplane it is ready, because it would write each change into
    its own condition.
    """
    names = effective.names
    manifests: dict[str, dict[str, Any]] = {}
    releases = due | parse.releases(observed).keys()
    key = observed_usages.NAMESPACE_BY_VCLUSTER
    if releases >= {namespace.KEY, observed_vcluster.KEY} or key in observed.usages:
        manifests[key] = usages.namespace_by_vcluster(names)

    key = observed_usages.VCLUSTER_BY_RANCHER
    is_used = releases >= {observed_vcluster.KEY, observed_rancher.KEY}
    has_left = effective.leaves_rancher and observed_rancher.KEY not in releases
    if is_used or (key in observed.usages and not has_left):
        manifests[key] = usages.vcluster_by_rancher(names)

    key = observed_usages.VCLUSTER_BY_BACKUP
    is_used = releases >= {observed_vcluster.KEY, observed_backup.KEY}
    has_left = effective.backup is None and observed_backup.KEY not in releases
    if is_used or (key in observed.usages and not has_left):
        manifests[key] = usages.vcluster_by_backup(names)

    if effective.deletion_protection:
        manifests[observed_usages.DELETION_PROTECTION] = usages.deletion_protection(
            names, xr.API_VERSION, xr.KIND
        )

    return {key: Composed(manifest, ready=True) for key, manifest in manifests.items()}


def _intervals(
    stages: Mapping[str, Stage], polling: Polling, observed: Observed, *, is_held: bool
) -> dict[str, str]:
    """Return the intervals of the looks; if they are held, those that exist stay."""
    intervals = {key: looks.interval(key, stage, polling) for key, stage in stages.items()}
    before = parse.releases(observed) if is_held else {}
    return {**intervals, **{key: each.interval for key, each in before.items() if each.interval}}


def _annotated(
    due: Mapping[str, Composed], intervals: Mapping[str, str], observed: Observed
) -> dict[str, Composed]:
    """Return the resources with annotations for Crossplane and provider-helm.

    Existing ones are marked, so that Crossplane cannot create them a second time: it applies a
    response some time after it observed. A deletion may have removed a resource in between, and a
    second one would never be deleted. Releases have the interval of their looks.
    """
    existing = parse.releases(observed).keys() | observed.usages.keys()
    resources = {}
    for key, composed in due.items():
        annotations = {OBSERVED: "true"} if key in existing else {}
        if key in intervals:
            annotations[release.INTERVAL] = intervals[key]
        resources[key] = _with_annotations(composed, annotations) if annotations else composed
    return resources


def _with_annotations(composed: Composed, annotations: Mapping[str, str]) -> Composed:
    metadata = composed.resource["metadata"]
    together = {**metadata.get("annotations", {}), **annotations}
    resource = {**composed.resource, "metadata": {**metadata, "annotations": together}}
    return Composed(resource, composed.ready)
