"""The dry run of a change to virtual clusters, step by step.

It composes from the observed state, then from the state that would follow, until nothing changes
any more. The function itself composes each step, so a plan cannot differ from reality.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from function.api.errors import InvalidError, Problem
from function.commands.plan import simulate
from function.commands.plan.diff import Difference, differences
from function.compose import compose
from function.decision.power import ROLLING_BACK
from function.k8s.fieldpath import get, mapping
from function.observed import access, backup, parse, rancher, stamp
from function.observed import namespace as observed_namespace
from function.observed import vcluster as observed_vcluster
from function.observed.current import REPLICAS
from function.observed.state import Condition, ObservedRelease, Request
from function.response import conditions
from function.response.response import Response

MOST_STEPS = 100
"""Upper bound; beyond it the plan does not converge."""

CREATE, CHANGE, DELETE = "create", "change", "delete"

_EFFECTS = {
    observed_namespace.KEY: (
        "quota, limits, network policies and rights of the namespace; nothing restarts"
    ),
    rancher.KEY: "the import into Rancher runs again; nothing restarts",
    access.KEY: "the rights of people inside and their kubeconfig follow; nothing restarts",
}
SINGLE = "the control plane restarts, its API is away meanwhile; pods go on"
HA = "the control planes restart one after the other, the API stays; pods go on"


STOP = (
    "falls asleep: the API and all pods stop; what runs without a controller, Jobs that are under "
    "way and the contents of emptyDir are lost; volumes, Services and Secrets stay"
)
REMOVAL = "the pods that are left on the host are removed"
BACKUPS = "the next backup is made by the new settings; nothing restarts"
NEW_TARGET = (
    "a first backup is made in the new place; those in the former one stay there, and none is "
    "removed there any more"
)
NEW_RECIPIENTS = (
    "a first backup is made for the new recipients; those of before stay as they are until the "
    "retention removes them"
)
PAUSED = "no backup is made while it is asleep"
RESUMED = "backups are made from then on"
FINAL = "from then on a deletion makes a final backup"
SILENCED = "from then on a deletion makes no final backup"
ROLLED_BACK = "the rollback is done; backups are made from then on"
RESTORED = "the control plane starts, with the data of the backup"
RESTORING = (
    "the control plane waits for its data: it is applied, and takes effect once that is there"
)
ROTATION = (
    "CA and certificates are made anew and the control plane restarts; all earlier kubeconfigs "
    "with a certificate end"
)
ISSUERS = (
    "the API server reads its issuers anew within a minute: who was taken out gets 401; nothing "
    "restarts"
)
RANCHER_STAYS = "the cluster stays in Rancher; nothing restarts"
START = "wakes up: the control plane starts, and what has a controller starts again"
ASLEEP = "asleep: it is applied, and takes effect on waking"

_REMOVALS = {
    rancher.KEY: "the cluster leaves Rancher",
    backup.KEY: "no more backups are made; those in the target stay there",
    access.KEY: "no rights of people are left inside",
}

_FILE = ("authentication", "config")

_EXPECTED = ("ChangeRefused", "Disabled", "Sleeping")
"""Reasons of conditions that are not True, and no cause of a wait."""

_NO_SPEC = InvalidError(
    Problem("spec", "is required", "Write spec: {} for the platform's defaults.")
)
"""The error of the API server, whose schema requires a spec."""


@dataclass(frozen=True)
class Change:
    """A change of a Release."""

    key: str
    release: str
    """Namespace and name."""
    action: str
    chart: tuple[str, str]
    """Chart version before and after; empty for none."""
    values: tuple[Difference, ...]
    effect: str
    """Effect on the users of the virtual cluster."""


@dataclass(frozen=True)
class DryRun:
    """The predicted changes of a virtual cluster."""

    vcluster: str
    namespace: str
    """Namespace on the control plane; empty in scope Cluster."""
    accepted: Condition
    steps: tuple[tuple[Change, ...], ...] = ()
    """Groups of changes, each applied once the group before is ready."""
    unmet: tuple[Condition, ...] = ()
    """Conditions that are not True at the end, although all steps succeed."""
    fatal: str = ""
    """Reason why nothing is changed; empty if there is none."""

    @property
    def is_refused(self) -> bool:
        """True if the spec is refused in whole or in part."""
        return bool(self.fatal) or self.accepted.status == "False"


def plan(request: Request) -> DryRun:
    """Return the predicted changes of the virtual cluster of a request."""
    name = str(get(request.composite, "metadata", "name") or "")
    where = str(get(request.composite, "metadata", "namespace") or "")
    if "spec" not in request.composite:
        return DryRun(name, where, conditions.invalid(_NO_SPEC), fatal=str(_NO_SPEC))
    taken = [*steps(request)]
    (_, first), (_, last) = taken[0], taken[-1]
    changes = (tuple(_changes(*each)) for each in taken if not each[1].fatal)
    groups = tuple(filter(None, changes))
    if last.fatal:
        return DryRun(name, where, last.conditions[0], groups, fatal=last.fatal)
    unmet = tuple(
        condition
        for condition in last.conditions
        if condition.status != "True" and condition.reason not in _EXPECTED
    )
    return DryRun(name, where, first.conditions[0], groups, unmet)


def steps(request: Request) -> Iterator[tuple[Request, Response]]:
    """Yield each request and its response, until nothing changes any more."""
    for _ in range(MOST_STEPS):
        answer = compose(request)
        yield request, answer
        if answer.fatal:
            return
        after = simulate.following(request, answer)
        if after == request:
            return
        request = after


def _changes(request: Request, answer: Response) -> Iterator[Change]:
    releases = parse.releases(request.observed)
    for key in parse.RELEASES:
        before, composed = releases.get(key), answer.resources.get(key)
        if composed is not None:
            yield from _change(key, before, composed.resource)
        elif before is not None:
            yield _deletion(key, before)


def _change(
    key: str, before: ObservedRelease | None, resource: Mapping[str, object]
) -> Iterator[Change]:
    provider = mapping(get(resource, "spec", "forProvider"))
    chart = str(get(provider, "chart", "version") or "")
    name = f"{get(resource, 'metadata', 'namespace')}/{get(resource, 'metadata', 'name')}"
    if before is None:
        yield Change(key, name, CREATE, ("", chart), (), "")
        return
    changed = _with_reason(
        differences(before.values, mapping(provider.get("values"))),
        has_other=before.chart_version != chart,
    )
    if changed or before.chart_version != chart:
        effect = _effect(key, before, mapping(provider.get("values")))
        yield Change(key, name, CHANGE, (before.chart_version, chart), changed, effect)


def _with_reason(changed: tuple[Difference, ...], *, has_other: bool) -> tuple[Difference, ...]:
    """Leave out the stamp if the chart or other values differ, which explain its change."""
    others = tuple(each for each in changed if each.path != ".".join(stamp.PATH))
    return others if others or has_other else changed


def _effect(key: str, before: ObservedRelease, values: Mapping[str, object]) -> str:
    if key == rancher.KEY and values.get("inputs") == before.values.get("inputs"):
        return RANCHER_STAYS
    if key == backup.KEY:
        return _effect_on_backups(before, values)
    if key == observed_vcluster.KEY:
        return _effect_on_control_plane(before, values)
    return _special_effect(key, before, values) or _EFFECTS[key]


def _special_effect(key: str, before: ObservedRelease, values: Mapping[str, object]) -> str:
    """Return the effect of a change that is more than the usual one, or an empty text."""
    if key == observed_namespace.KEY:
        if get(values, "nap") not in (None, before.values.get("nap")):
            return REMOVAL
        if get(values, *_FILE) != get(before.values, *_FILE):
            return ISSUERS
    if key == access.KEY and values.get("rotate") != before.values.get("rotate"):
        return ROTATION
    return ""


def _effect_on_control_plane(before: ObservedRelease, values: Mapping[str, object]) -> str:
    was_off, is_off = (
        observed_vcluster.is_off(before),
        get(values, *REPLICAS) == 0,
    )
    if was_off and not observed_vcluster.was_healthy(before):
        return RESTORING if is_off else RESTORED
    if was_off or is_off:
        return START if not is_off else ASLEEP if was_off else STOP
    return HA if observed_vcluster.is_highly_available(before) else SINGLE


def _effect_on_backups(before: ObservedRelease, values: Mapping[str, object]) -> str:
    if values.get("inputs") != before.values.get("inputs"):
        return NEW_TARGET if _place(values) != _place(before.values) else NEW_RECIPIENTS
    if values.get("onDelete") != before.values.get("onDelete"):
        return SILENCED if values.get("onDelete") == "None" else FINAL
    rollback = mapping(values.get("rollback"))
    if values.get("power") == ROLLING_BACK:
        return _effect_of_rollback(rollback, is_stopped=bool(values.get("restore")))
    if before.values.get("power") == ROLLING_BACK and rollback.get("done"):
        return ROLLED_BACK
    if values.get("power") != before.values.get("power"):
        return PAUSED if values.get("power") else RESUMED
    return BACKUPS


def _place(values: Mapping[str, object]) -> dict[str, object]:
    """Return the target of backups without the encryption of what is in it."""
    return {key: part for key, part in mapping(values.get("target")).items() if key != "age"}


def _effect_of_rollback(rollback: Mapping[str, object], *, is_stopped: bool) -> str:
    """Return the effect of a rollback on what is in the virtual cluster."""
    snapshot, is_lost = rollback.get("snapshot"), rollback.get("loseNewer")
    if is_stopped:
        newer = "is lost" if is_lost else "is in the backup made before only"
        return f"all objects become those of backup {snapshot}; what is newer {newer}"
    if is_lost:
        return f"backup {snapshot} is read; none is made before, and newer volumes are not held"
    return (
        f"backup {snapshot} is read, and one is made of what is there; refused where the data of "
        "newer volumes would be lost"
    )


def _deletion(key: str, before: ObservedRelease) -> Change:
    effect = _REMOVALS.get(key, "what is in it is lost")
    return Change(
        key, f"{before.namespace}/{before.name}", DELETE, (before.chart_version, ""), (), effect
    )
