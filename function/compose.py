"""Compose one virtual cluster: what exists, in what order, and when.

Crossplane calls a function again on every change, so nothing here waits, retries or remembers:
the same observation gives the same answer.

Creation is gated, existence never is: what is left out of the desired state is deleted, so
whatever was observed stays desired, or the answer is fatal and Crossplane touches nothing. The
two exceptions are the customer's own words: `deletionProtection: false`, and
`rancher.enabled: false`, which takes the cluster out of Rancher.
"""

from collections.abc import Mapping
from typing import Any

from function.api import validate, xr
from function.api.errors import InvalidError, Refusal, Replacement
from function.api.input import Input
from function.api.validate import VCluster
from function.decision import admission, adoption, decision, deletion, immutable_fields
from function.decision import rancher as decision_rancher
from function.decision.admission import Admission
from function.decision.decision import Granted
from function.decision.resolve import Wanted
from function.desired import rancher, usages, vcluster
from function.desired.releases import Desired, desired_releases
from function.k8s.fieldpath import at, text
from function.observed import namespace, ownership, parse, release
from function.observed import rancher as observed_rancher
from function.observed import usages as observed_usages
from function.observed import vcluster as observed_vcluster
from function.observed.state import Condition, Observed, ObservedRelease, Request
from function.response import conditions, requirements, status, upgrade
from function.response.response import Answer, Composed

OBSERVED = "caas.telekom.de/observed"
"""Annotation of what exists: policy `vcluster-observed` of install/control-plane.yaml refuses to
create an object that bears it."""


def compose(request: Request) -> Answer:
    """Answer a call: everything the virtual cluster needs now, or why nothing may be touched."""
    try:
        ownership.refuse_taken_keys(request.taken)
        config = validate.platform_input(request.input)
        found = admission.admit(request, config)
        granted = _grant(found, request.observed)
        if granted.wanted.rancher and found.config.rancher:
            decision_rancher.refuse_another(request.observed.rancher, found.config.rancher)
        ownership.refuse_foreign_releases(granted.wanted.names, request.observed)
        return _answer(granted, found, request.observed)
    except InvalidError as error:
        return _refuse(error, request)


def _answer(found: Granted, admitted: Admission, observed: Observed) -> Answer:
    granted, config, requested = found.wanted, admitted.config, admitted.requested
    room = namespace.condition(observed.namespace, observed.strangers)
    tenure = deletion.tenure(observed.namespace, room, requested.uid)
    desired = desired_releases(found, config, observed, is_earned=tenure.is_earned)
    phases = (room, *_phases(desired, observed))
    resources = _resources(granted, desired, phases, observed, tenure)
    begun = [
        _begun(phase, resources.get(key)) for phase, key in zip(phases, parse.RELEASES, strict=True)
    ]
    told, withheld = conditions.for_reader(begun, requested.namespace)
    note = adoption.MESSAGE if granted.frozen is not None else ""
    progress = upgrade.progress(found.plan, settled=found.settled) if found.plan else None
    refusals: list[Refusal | Replacement] = [*admitted.refusals, *found.refusals]
    all_conditions = (
        conditions.accepted([*refusals, *desired.refusals], note),
        *told,
        *_up_to_date(found, progress, requested, config, told[1]),
    )
    used = told if desired.rancher else told[:2]
    blocked_by = conditions.blocked_by(used) or _waiting_usage(resources)
    return Answer(
        resources=resources,
        status=status.status(granted, config, observed, blocked_by, progress),
        conditions=all_conditions,
        events=conditions.changes(all_conditions, requested.conditions),
        withheld=withheld,
        requirements=requirements.wanted_before(granted.names, observed),
        ready=not blocked_by,
        is_unheard=conditions.is_unheard(requested.conditions),
    )


def _up_to_date(
    found: Granted,
    progress: upgrade.Progress | None,
    requested: VCluster,
    config: Input,
    control_plane: Condition,
) -> tuple[Condition, ...]:
    """Return how the versions are, of a virtual cluster that exists and is not frozen."""
    if found.plan is None:
        return ()
    newest = config.vcluster.chart.versions[-1]
    is_held = requested.spec.upgrade.policy == "Manual" and newest != found.plan.now.chart
    newer = newest if is_held else ""
    return (upgrade.condition(found.plan, progress, newer, control_plane),)


def _phases(desired: Desired, observed: Observed) -> tuple[Condition, Condition]:
    """Return how far the control plane and the import are."""
    control_plane = observed_vcluster.condition(observed.vcluster)
    if (
        observed.vcluster
        and control_plane.status == "True"
        and (
            desired.awaits_quota or not vcluster.is_up_to_date(observed.vcluster, desired.vcluster)
        )
    ):
        control_plane = observed_vcluster.UPDATING
    inputs = rancher.desired_inputs(desired.rancher) if desired.rancher else None
    return (
        control_plane,
        observed_rancher.condition(observed.rancher, inputs, enabled=desired.rancher is not None),
    )


def _begun(phase: Condition, composed: Composed | None) -> Condition:
    """Return the condition of a phase whose Release is created by this very answer."""
    if phase.reason != release.NOT_CREATED or composed is None:
        return phase
    metadata = composed.resource["metadata"]
    return release.begun(phase.type, metadata["namespace"], metadata["name"])


def _resources(
    granted: Wanted,
    desired: Desired,
    phases: tuple[Condition, Condition, Condition],
    observed: Observed,
    tenure: deletion.Tenure,
) -> dict[str, Composed]:
    """Return what shall exist now, in the order in which it comes up."""
    namespace_ready, vcluster_ready, rancher_ready = (phase.status == "True" for phase in phases)
    names = granted.names
    resources: dict[str, Composed] = {}

    if observed.releases or not observed.strangers:
        manifest = tenure.allow(desired.namespace, observed.namespace)
        resources[namespace.KEY] = Composed(manifest, ready=namespace_ready)

    if namespace_ready or observed.vcluster:
        manifest = tenure.allow(desired.vcluster, observed.vcluster)
        resources[observed_vcluster.KEY] = Composed(manifest, ready=vcluster_ready)

    if desired.rancher and (release.is_deployed(observed.vcluster) or observed.rancher):
        manifest = tenure.allow(desired.rancher, observed.rancher)
        resources[observed_rancher.KEY] = Composed(manifest, ready=rancher_ready)

    if _is_used(
        observed_usages.NAMESPACE_BY_VCLUSTER, observed.namespace, observed.vcluster, observed
    ):
        usage = usages.namespace_by_vcluster(names)
        resources[observed_usages.NAMESPACE_BY_VCLUSTER] = _usage(
            observed_usages.NAMESPACE_BY_VCLUSTER, usage, observed
        )

    has_left = granted.leaves_rancher and observed.rancher is None
    if not has_left and _is_used(
        observed_usages.VCLUSTER_BY_RANCHER, observed.vcluster, observed.rancher, observed
    ):
        usage = usages.vcluster_by_rancher(names)
        resources[observed_usages.VCLUSTER_BY_RANCHER] = _usage(
            observed_usages.VCLUSTER_BY_RANCHER, usage, observed
        )

    if granted.deletion_protection:
        usage = usages.deletion_protection(names, xr.API_VERSION, xr.KIND)
        resources[observed_usages.DELETION_PROTECTION] = _usage(
            observed_usages.DELETION_PROTECTION, usage, observed
        )

    return marked(resources, observed)


def _is_used(
    key: str, of: ObservedRelease | None, by: ObservedRelease | None, observed: Observed
) -> bool:
    """Tell whether a Usage is due: both ends exist, or it exists itself."""
    return (of is not None and by is not None) or key in observed.usages


def _usage(key: str, resource: dict[str, Any], observed: Observed) -> Composed:
    seen = observed.usages.get(key)
    return Composed(resource, ready=seen is not None and seen.ready)


def _waiting_usage(resources: Mapping[str, Composed]) -> str:
    waiting = sorted(key for key, composed in resources.items() if not composed.ready)
    return f"Usage {', '.join(waiting)} is not ready yet." if waiting else ""


def _grant(admitted: Admission, observed: Observed) -> Granted:
    requested, config = admitted.requested, admitted.config
    asked, now = admitted.asked, admitted.now
    if now is None:
        return Granted(
            asked, immutable_fields.moves(asked, requested.spec) if observed.releases else ()
        )
    if asked.frozen is not None:
        return Granted(*adoption.keep(asked, now, requested.spec, config))
    settled = observed_vcluster.is_settled(observed.vcluster)
    instead = release.installed_instead(observed.vcluster)
    return decision.grant(asked, now, requested, config, settled=settled, instead=instead)


def _refuse(error: InvalidError, request: Request) -> Answer:
    """Answer fatally. Crossplane keeps only the conditions that come along, so all of them do."""
    observed = request.observed
    phases = (
        namespace.condition(observed.namespace, observed.strangers),
        observed_vcluster.condition(observed.vcluster),
        observed_rancher.condition(observed.rancher, None, enabled=True),
    )
    home = text(at(request.composite, "metadata", "namespace"))
    told, withheld = conditions.for_reader(phases, home)
    return Answer(
        conditions=(conditions.invalid(error), *told), withheld=withheld, fatal=str(error)
    )


def marked(resources: Mapping[str, Composed], observed: Observed) -> dict[str, Composed]:
    """Mark the resources that exist, so that Crossplane cannot create them a second time.

    It applies an answer some time after it observed: in between, a deletion may have begun and
    removed a resource, which nobody would delete once more.
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
