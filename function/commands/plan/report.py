"""The output of a plan, as text and as JSON.

Free text in values may be secret. By default the output shows only numbers, booleans, and values
at paths that this function fills itself.
"""

import json
from collections.abc import Iterator, Sequence

from function.commands.plan.diff import ABSENT, Difference
from function.commands.plan.dry_run import CHANGE, CREATE, Change, DryRun
from function.observed import vcluster

HIDDEN = "(not shown)"

OPEN = (
    "controlPlane.backingStore.etcd.deploy.",
    "controlPlane.coredns.deployment.",
    "controlPlane.distro.",
    "controlPlane.ingress.host",
    "controlPlane.service.spec.type",
    "controlPlane.statefulSet.highAvailability.",
    "controlPlane.statefulSet.image.",
    "controlPlane.statefulSet.persistence.",
    "controlPlane.statefulSet.resources.",
    "controlPlane.tlsRoute.host",
    "exportKubeConfig.context",
    "exportKubeConfig.server",
    "networking.advanced.clusterDomain",
    "policies.podSecurityStandard",
    "sync.fromHost.nodes.selector.",
)
"""Paths without secrets in the official chart's values; our own charts have no secret values."""


def text(plans: Sequence[DryRun], *, show: bool) -> Iterator[str]:
    """Yield the plans as lines of text; `show` shows all values."""
    for plan in plans:
        yield from _lines(plan, show=show)
    changed = sum(bool(plan.steps) for plan in plans)
    refused = sum(plan.is_refused for plan in plans)
    yield f"Of {len(plans)} VClusters {changed} change, and {refused} have something refused."


def as_json(plans: Sequence[DryRun], *, show: bool) -> str:
    """Return the plans as JSON: docs/plan.md describes the fields."""
    return json.dumps([_plain(plan, show=show) for plan in plans], indent=2)


def _name(plan: DryRun) -> str:
    return f"{plan.namespace}/{plan.vcluster}" if plan.namespace else plan.vcluster


def _lines(plan: DryRun, *, show: bool) -> Iterator[str]:
    if plan.fatal:
        yield f"{_name(plan)}: nothing is touched"
        yield f"  ! {plan.fatal}"
    elif not plan.steps:
        yield f"{_name(plan)}: nothing changes"
    else:
        yield f"{_name(plan)}:"
    if not plan.fatal and plan.accepted.status == "False":
        yield from (f"  ! {refusal}" for refusal in plan.accepted.message.split(" | "))
    for number, step in enumerate(plan.steps, 1):
        for change in step:
            mark = f"{number}." if change is step[0] else "  "
            yield f"  {mark} {_headline(change)}"
            if change.effect:
                yield f"     {change.effect}"
            yield from (f"     {_difference(change, each, show=show)}" for each in change.values)
    for condition in plan.unmet:
        yield f"  at the end {condition.type} is {condition.status} ({condition.reason})"
        if condition.message:
            yield f"     {condition.message}"


def _headline(change: Change) -> str:
    before, after = change.chart
    if change.action == CREATE:
        return f"create Release {change.release}, chart {after}"
    if change.action != CHANGE:
        return f"DELETE Release {change.release}"
    chart = f", chart {before} -> {after}" if before != after else ""
    return f"change Release {change.release}{chart}"


def _difference(change: Change, difference: Difference, *, show: bool) -> str:
    def shown(value: object) -> str:
        return json.dumps(value) if _is_shown(change, difference.path, value, show=show) else HIDDEN

    if difference.before is ABSENT:
        return f"+ {difference.path}: {shown(difference.after)}"
    if difference.after is ABSENT:
        return f"- {difference.path}: {shown(difference.before)}"
    return f"~ {difference.path}: {shown(difference.before)} -> {shown(difference.after)}"


def _is_shown(change: Change, path: str, value: object, *, show: bool) -> bool:
    is_open = change.key != vcluster.KEY or f"{path}.".startswith(OPEN)
    return show or is_open or value is None or isinstance(value, bool | int | float)


def _plain(plan: DryRun, *, show: bool) -> dict[str, object]:
    return {
        "vcluster": plan.vcluster,
        "namespace": plan.namespace,
        "fatal": plan.fatal,
        "accepted": {
            "status": plan.accepted.status,
            "reason": plan.accepted.reason,
            "message": plan.accepted.message,
        },
        "steps": [[_plain_change(change, show=show) for change in step] for step in plan.steps],
        "unmet": [
            {"type": c.type, "status": c.status, "reason": c.reason, "message": c.message}
            for c in plan.unmet
        ],
    }


def _plain_change(change: Change, *, show: bool) -> dict[str, object]:
    before, after = change.chart
    return {
        "release": change.release,
        "action": change.action,
        "chart": {"before": before, "after": after},
        "effect": change.effect,
        "values": [
            {
                "path": difference.path,
                **{
                    word: value if _is_shown(change, difference.path, value, show=show) else HIDDEN
                    for word, value in (("before", difference.before), ("after", difference.after))
                    if value is not ABSENT
                },
            }
            for difference in change.values
        ],
    }
