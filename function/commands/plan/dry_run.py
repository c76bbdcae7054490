"""What a change would do to virtual clusters, in which order, before anybody applies it.

The function itself answers: asked with what is observed, then with what would be observed once
that is done, until nothing changes any more. So a plan cannot say anything else than what happens.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from function.api.errors import InvalidError, Problem
from function.commands.plan import simulate
from function.commands.plan.diff import Difference, differences
from function.compose import compose
from function.k8s.fieldpath import get, mapping
from function.observed import namespace as observed_namespace
from function.observed import parse, rancher, stamp
from function.observed import vcluster as observed_vcluster
from function.observed.state import Condition, ObservedRelease, Request
from function.response import conditions
from function.response.response import Response

MOST_STEPS = 100
"""More than the longest upgrade; past it something goes round in circles."""

CREATE, CHANGE, DELETE = "create", "change", "delete"

_EFFECTS = {
    observed_namespace.KEY: (
        "quota, limits, network policies and rights of the namespace; nothing restarts"
    ),
    rancher.KEY: "the import into Rancher runs again; nothing restarts",
}
SINGLE = "the control plane restarts, its API is away meanwhile; pods go on"
HA = "the control planes restart one after the other, the API stays; pods go on"


_NO_SPEC = InvalidError(
    Problem("spec", "is required", "Write spec: {} for the platform's defaults.")
)
"""The answer of the API server, which Crossplane makes require a spec."""


@dataclass(frozen=True)
class Change:
    """What happens to a Release."""

    key: str
    release: str
    """Namespace and name."""
    action: str
    chart: tuple[str, str]
    """Chart version before and after; empty for none."""
    values: tuple[Difference, ...]
    effect: str
    """What it means for who uses the cluster."""


@dataclass(frozen=True)
class DryRun:
    """What would happen to a virtual cluster."""

    vcluster: str
    namespace: str
    """Namespace on the control plane; empty in scope Cluster."""
    accepted: Condition
    steps: tuple[tuple[Change, ...], ...] = ()
    """What changes together, one after the other, each when the one before is ready."""
    unmet: tuple[Condition, ...] = ()
    """What is not as it should be at the end, although all went well."""
    fatal: str = ""
    """Why nothing is touched."""

    @property
    def is_refused(self) -> bool:
        """Whether part of what is asked for, or all, is not granted."""
        return bool(self.fatal) or self.accepted.status == "False"


def plan(request: Request) -> DryRun:
    """Return what would happen to the virtual cluster of a request."""
    name = str(get(request.composite, "metadata", "name") or "")
    where = str(get(request.composite, "metadata", "namespace") or "")
    if "spec" not in request.composite:
        return DryRun(name, where, conditions.invalid(_NO_SPEC), fatal=str(_NO_SPEC))
    first = answer = compose(request)
    steps: list[tuple[Change, ...]] = []
    for _ in range(MOST_STEPS):
        if answer.fatal:
            return DryRun(name, where, answer.conditions[0], tuple(steps), fatal=answer.fatal)
        changes = tuple(_changes(request, answer))
        if changes:
            steps.append(changes)
        after = simulate.following(request, answer)
        if after == request:
            break
        request, answer = after, compose(after)
    accepted = first.conditions[0]
    unmet = tuple(
        condition
        for condition in answer.conditions
        if condition.status != "True" and condition.reason not in ("ChangeRefused", "Disabled")
    )
    return DryRun(name, where, accepted, tuple(steps), unmet)


def _changes(request: Request, answer: Response) -> Iterator[Change]:
    releases = parse.releases(request.observed)
    for key in parse.RELEASES:
        seen, composed = releases.get(key), answer.resources.get(key)
        if composed is not None:
            yield from _change(key, seen, composed.resource)
        elif seen is not None:
            yield _deletion(key, seen)


def _change(
    key: str, seen: ObservedRelease | None, resource: Mapping[str, object]
) -> Iterator[Change]:
    provider = mapping(get(resource, "spec", "forProvider"))
    chart = str(get(provider, "chart", "version") or "")
    name = f"{get(resource, 'metadata', 'namespace')}/{get(resource, 'metadata', 'name')}"
    if seen is None:
        yield Change(key, name, CREATE, ("", chart), (), "")
        return
    found = _with_reason(
        differences(seen.values, mapping(provider.get("values"))),
        has_other=seen.chart_version != chart,
    )
    if found or seen.chart_version != chart:
        yield Change(key, name, CHANGE, (seen.chart_version, chart), found, _effect(key, seen))


def _with_reason(found: tuple[Difference, ...], *, has_other: bool) -> tuple[Difference, ...]:
    """Leave out the stamp where the chart or other values differ, which say why it does."""
    others = tuple(each for each in found if each.path != ".".join(stamp.PATH))
    return others if others or has_other else found


def _effect(key: str, seen: ObservedRelease) -> str:
    if key in _EFFECTS:
        return _EFFECTS[key]
    return HA if observed_vcluster.ETCD_AVAILABLE in seen.connection_keys else SINGLE


def _deletion(key: str, seen: ObservedRelease) -> Change:
    effect = "the cluster leaves Rancher" if key == rancher.KEY else "what is in it is lost"
    return Change(
        key, f"{seen.namespace}/{seen.name}", DELETE, (seen.chart_version, ""), (), effect
    )
