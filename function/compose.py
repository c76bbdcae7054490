"""Compose the response to a request: composed resources, conditions and status.

Crossplane calls the function again on every change, so nothing here waits, retries or keeps state:
the same request gives the same response.

Gates hold back creation only. Crossplane deletes every resource that is missing in the desired
state, so all observed resources stay desired, or the response is FATAL. The spec itself chooses
the two exceptions: `deletionProtection: false`, and `rancher.enabled: false`, which takes the
cluster out of Rancher.
"""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from function.api import validate, xr
from function.api.errors import InvalidError
from function.api.input import Polling
from function.decision import adoption, deletion, looks
from function.decision.decision import Decision, decide
from function.decision.rancher import is_import_due
from function.decision.resolve import ResolvedSpec
from function.desired import rancher, usages
from function.desired.chart_values import build_chart_values
from function.desired.releases import DesiredReleases, desired_releases
from function.k8s.fieldpath import get, text
from function.observed import namespace, ownership, parse, release
from function.observed import rancher as observed_rancher
from function.observed import usages as observed_usages
from function.observed import vcluster as observed_vcluster
from function.observed.state import Condition, Observed, Request
from function.response import conditions, pause, requirements, status, upgrade
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
        return _refuse(error, request)


def _answer(decision: Decision, observed: Observed) -> Response:
    effective, config, composite = decision.effective, decision.platform, decision.composite
    room = namespace.condition(observed.namespace, observed.foreign_releases)
    tenure = deletion.tenure(observed.namespace, room, composite.uid)
    desired = desired_releases(decision, observed, is_earned=tenure.is_earned)
    phases = (_while_created(room, tenure, observed), *_phases(decision, desired, observed))
    resources = _resources(effective, desired, phases, observed, tenure)
    stages = _stages(resources, phases, observed)
    resources |= {
        key: _looked_at(resources[key], key, stage, config.polling) for key, stage in stages.items()
    }
    unreported = [
        _unreported(phase, resources.get(key))
        for phase, key in zip(phases, parse.RELEASES, strict=True)
    ]
    shown, withheld = conditions.for_reader(unreported, composite.namespace)
    note = adoption.MESSAGE if effective.frozen is not None else ""
    progress = upgrade.progress(decision.upgrade, settled=decision.settled)
    all_conditions = (
        conditions.accepted(decision.refusals, note),
        *shown,
        *_up_to_date(decision, progress, shown[1]),
    )
    relevant = shown if desired.rancher else shown[:2]
    is_watched = config.polling.watchesRequired
    blocked_by = conditions.blocked_by(relevant) or _waiting_usage(resources)
    return Response(
        resources=resources,
        status=status.status_of(effective, config, observed, blocked_by, progress),
        conditions=all_conditions,
        events=conditions.changes(all_conditions, composite.conditions),
        withheld=withheld,
        requirements=(
            *requirements.before_creation(effective.names, observed),
            *requirements.connection_secrets(resources, is_watched=is_watched),
        ),
        ready=not blocked_by,
        pause=pause.seconds(
            stages,
            parse.releases(observed),
            ready=not blocked_by,
            is_watched=is_watched,
            is_circuit_open=conditions.is_circuit_open(composite.conditions),
        ),
    )


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


def _looked_at(composed: Composed, key: str, stage: looks.Stage, polling: Polling) -> Composed:
    """Return a Release with the interval of its stage."""
    return Composed(looks.annotated(composed.resource, key, stage, polling), composed.ready)


def _stages(
    resources: Mapping[str, Composed],
    phases: tuple[Condition, Condition, Condition],
    observed: Observed,
) -> dict[str, looks.Stage]:
    """Return the stage of each composed Release."""
    releases = parse.releases(observed)
    stages = {
        key: looks.stage(key, phase, releases.get(key))
        for key, phase in zip(parse.RELEASES, phases, strict=True)
        if key in resources
    }
    return looks.waiting(stages)


def _up_to_date(
    decision: Decision, progress: upgrade.Progress | None, control_plane: Condition
) -> tuple[Condition, ...]:
    """Return condition Upgraded of a virtual cluster that exists and is not frozen."""
    plan = decision.upgrade
    if plan is None:
        return ()
    newest = decision.platform.vcluster.chart.versions[-1]
    is_manual = decision.composite.spec.upgrade.policy == "Manual"
    newer = newest if is_manual and newest != plan.now.chart else ""
    return (upgrade.condition(plan, progress, newer, control_plane),)


def _phases(
    decision: Decision, desired: DesiredReleases, observed: Observed
) -> tuple[Condition, Condition]:
    """Return the conditions of the control plane and the import into Rancher."""
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
    inputs = rancher.desired_inputs(desired.rancher) if desired.rancher else None
    return (
        control_plane,
        observed_rancher.condition(observed.rancher, inputs, enabled=desired.rancher is not None),
    )


def _unreported(phase: Condition, composed: Composed | None) -> Condition:
    """Return the condition of a phase, also if this response creates its Release."""
    if phase.reason != release.NOT_CREATED or composed is None:
        return phase
    metadata = composed.resource["metadata"]
    return release.unreported(phase.type, metadata["namespace"], metadata["name"])


def _resources(
    effective: ResolvedSpec,
    desired: DesiredReleases,
    phases: tuple[Condition, Condition, Condition],
    observed: Observed,
    tenure: deletion.Tenure,
) -> dict[str, Composed]:
    """Return the desired resources in the order of their creation."""
    namespace_ready, vcluster_ready, rancher_ready = (phase.status == "True" for phase in phases)
    resources: dict[str, Composed] = {}

    if observed.releases or not observed.foreign_releases:
        manifest = tenure.allow(desired.namespace, observed.namespace)
        resources[namespace.KEY] = Composed(manifest, ready=namespace_ready)

    if namespace_ready or observed.vcluster:
        manifest = tenure.allow(desired.vcluster, observed.vcluster)
        resources[observed_vcluster.KEY] = Composed(manifest, ready=vcluster_ready)

    is_importable = namespace_ready and is_import_due(effective, observed)
    if desired.rancher and (is_importable or observed.rancher):
        manifest = tenure.allow(desired.rancher, observed.rancher)
        resources[observed_rancher.KEY] = Composed(manifest, ready=rancher_ready)

    for key, manifest in _usages(effective, observed, resources.keys()):
        usage = observed.usages.get(key)
        resources[key] = Composed(manifest, ready=usage is not None and usage.ready)

    return marked(resources, observed)


def _usages(
    effective: ResolvedSpec, observed: Observed, composed: AbstractSet[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield key and manifest of each Usage that is due: both its Releases exist, or it exists.

    It is composed together with the Release that uses the other, because each further change of the
    composed resources costs a call of the function, and events that Crossplane counts.
    """
    names = effective.names
    releases = composed | parse.releases(observed).keys()
    key = observed_usages.NAMESPACE_BY_VCLUSTER
    if releases >= {namespace.KEY, observed_vcluster.KEY} or key in observed.usages:
        yield key, usages.namespace_by_vcluster(names)

    key = observed_usages.VCLUSTER_BY_RANCHER
    is_used = releases >= {observed_vcluster.KEY, observed_rancher.KEY}
    has_left = effective.leaves_rancher and observed_rancher.KEY not in releases
    if is_used or (key in observed.usages and not has_left):
        yield key, usages.vcluster_by_rancher(names)

    if effective.deletion_protection:
        manifest = usages.deletion_protection(names, xr.API_VERSION, xr.KIND)
        yield observed_usages.DELETION_PROTECTION, manifest


def _waiting_usage(resources: Mapping[str, Composed]) -> str:
    waiting = sorted(key for key, composed in resources.items() if not composed.ready)
    return f"Usage {', '.join(waiting)} is not ready yet." if waiting else ""


def _refuse(error: InvalidError, request: Request) -> Response:
    """Return a FATAL response with all conditions: Crossplane drops those that are missing."""
    observed = request.observed
    phases = (
        namespace.condition(observed.namespace, observed.foreign_releases),
        observed_vcluster.condition(observed.vcluster),
        observed_rancher.condition(observed.rancher, None, enabled=True),
    )
    home = text(get(request.composite, "metadata", "namespace"))
    shown, withheld = conditions.for_reader(phases, home)
    return Response(
        conditions=(conditions.invalid(error), *shown), withheld=withheld, fatal=str(error)
    )


def marked(resources: Mapping[str, Composed], observed: Observed) -> dict[str, Composed]:
    """Mark existing resources, so that Crossplane cannot create them a second time.

    Crossplane applies a response some time after it observed. A deletion may have removed a
    resource in between, and a second one would never be deleted.
    """
    existing = parse.releases(observed).keys() | observed.usages.keys()
    return {
        key: _marked(composed) if key in existing else composed
        for key, composed in resources.items()
    }


def _marked(composed: Composed) -> Composed:
    metadata = composed.resource["metadata"]
    annotations = {**metadata.get("annotations", {}), OBSERVED: "true"}
    resource = {**composed.resource, "metadata": {**metadata, "annotations": annotations}}
    return Composed(resource, composed.ready)
