"""Responses: of a decision with its resources, and of an error."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from function.api import validate
from function.api.errors import InvalidError
from function.decision import adoption, power
from function.decision.decision import Decision
from function.decision.looks import Stage
from function.k8s.fieldpath import get, text
from function.observed import access, backup, namespace, parse, rancher, release, usages, vcluster
from function.observed.state import Condition, Observed, ObservedRelease, Request, Truth
from function.response import conditions, hold, pause, requirements, status, upgrade
from function.response.response import Composed, Response


class Report(NamedTuple):
    """Conditions as the user reads them."""

    conditions: tuple[Condition, ...]
    withheld: tuple[Condition, ...]
    blocked_by: str
    """The reason why the VCluster is not READY; empty if it is."""


def of_decision(
    decision: Decision,
    phases: Mapping[str, Condition],
    resources: Mapping[str, Composed],
    stages: Mapping[str, Stage],
    observed: Observed,
) -> Response:
    """Return the response that applies the resources, with all that the user reads."""
    config, composite = decision.platform, decision.composite
    progress = upgrade.progress(decision.upgrade, settled=decision.settled)
    report = _report(decision, phases, resources, progress, observed)
    is_ready = not report.blocked_by
    is_held = hold.is_due(report.conditions, decision, observed, ready=is_ready)
    seconds = pause.seconds(
        stages,
        parse.releases(observed),
        config.polling,
        is_ready=is_ready,
        is_circuit_open=conditions.is_circuit_open(composite.conditions),
    )
    return Response(
        resources=resources,
        status=status.status_of(decision, observed, report.blocked_by, progress),
        is_held=is_held,
        conditions=report.conditions,
        events=conditions.changes(report.conditions, composite.conditions),
        withheld=report.withheld,
        requirements=(
            *requirements.before_creation(
                decision.effective.names,
                observed,
                has_backup=decision.effective.backup is not None,
                has_access=decision.effective.access is not None,
            ),
            *requirements.connection_secrets(resources, is_watched=config.polling.watchesRequired),
        ),
        ready=is_ready,
        pause=min(seconds, pause.EVENT) if is_held else seconds,
    )


def of_error(error: InvalidError, request: Request) -> Response:
    """Return a FATAL response with all conditions: Crossplane drops those that are missing."""
    observed = request.observed
    phases = (
        namespace.condition(observed.namespace, observed.foreign_releases),
        vcluster.condition(observed.vcluster),
        rancher.condition(observed.rancher, None, enabled=True),
    )
    home = text(get(request.composite, "metadata", "namespace"))
    shown, withheld = conditions.for_reader(phases, home)
    before = validate.conditions(get(request.composite, "status", "conditions"))
    return Response(
        conditions=(
            conditions.invalid(error),
            *shown,
            *_as_before(before, backup.CONDITION, access.CONDITION, power.CONDITION),
        ),
        withheld=withheld,
        fatal=str(error),
    )


_KNOWN: Mapping[str, Truth] = {"True": "True", "False": "False"}


def _as_before(before: Mapping[str, tuple[str, str]], *types: str) -> Iterator[Condition]:
    """Yield the conditions that there were, as they were."""
    for typ in types:
        if typ in before:
            status, reason = before[typ]
            yield Condition(typ, _KNOWN.get(status, "Unknown"), reason)


def _report(
    decision: Decision,
    phases: Mapping[str, Condition],
    resources: Mapping[str, Composed],
    progress: upgrade.Progress | None,
    observed: Observed,
) -> Report:
    unreported = [_unreported(phase, resources.get(key)) for key, phase in phases.items()]
    shown, withheld = conditions.for_reader(unreported, decision.composite.namespace)
    room, control_plane, imported, *_ = shown
    needed = (room, control_plane)
    blocking = (*needed, imported) if decision.effective.rancher else needed
    note = adoption.MESSAGE if decision.effective.frozen is not None else ""
    return Report(
        conditions=(
            conditions.accepted(decision.refusals, note),
            *shown,
            *_up_to_date(decision, progress, control_plane, observed.vcluster),
            *((power.condition(decision.power, control_plane),) if decision.power.is_shown else ()),
        ),
        withheld=withheld,
        blocked_by=_sleep(decision.power, blocking)
        or conditions.blocked_by(blocking)
        or _waiting_usage(resources, observed),
    )


def _sleep(current: power.Power, blocking: Iterable[Condition]) -> str:
    """Return the sleep that explains why it is not READY, or an empty text."""
    return current.sentence if current.is_off and not power.has_failure(blocking) else ""


def _unreported(phase: Condition, composed: Composed | None) -> Condition:
    """Return the condition of a phase, also if this response creates its Release."""
    if phase.reason != release.NOT_CREATED or composed is None:
        return phase
    metadata = composed.resource["metadata"]
    return release.unreported(phase.type, metadata["namespace"], metadata["name"])


def _up_to_date(
    decision: Decision,
    progress: upgrade.Progress | None,
    control_plane: Condition,
    observed: ObservedRelease | None,
) -> tuple[Condition, ...]:
    """Return condition Upgraded of a virtual cluster that was deployed and is not frozen."""
    plan = decision.upgrade
    if plan is None or observed is None or not observed.deployed_version:
        return ()
    newest = decision.platform.vcluster.chart.versions[-1]
    is_manual = decision.composite.spec.upgrade.policy == "Manual"
    newer = newest if is_manual and newest != plan.now.chart else ""
    return (upgrade.condition(plan, progress, newer, control_plane, decision.power),)


def _waiting_usage(resources: Mapping[str, Composed], observed: Observed) -> str:
    ready = {key for key, usage in observed.usages.items() if usage.ready}
    waiting = sorted((resources.keys() & usages.KEYS) - ready)
    return f"Usage {', '.join(waiting)} is not ready yet." if waiting else ""
