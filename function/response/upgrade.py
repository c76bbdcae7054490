"""How far an upgrade is: its condition, and what the status says of it.

Where it began is remembered in the status alone. Without that, after a restore, it counts from
what runs now.
"""

from dataclasses import dataclass

from function.api import xr
from function.api.validate import VersionPair
from function.decision.upgrade import UpgradePlan
from function.observed.exposure import PORT_REFUSED
from function.observed.release import FAILURES
from function.observed.state import Condition

CONDITION = "Upgraded"
"""Not UpToDate, which Crossplane keeps for itself and drops."""


@dataclass(frozen=True)
class Progress:
    """An upgrade that is not at its end."""

    begun: VersionPair
    end: VersionPair
    step: int
    """The step that is made or waited for, from 1."""
    steps: int
    change: str
    """That step, in words."""
    has_begun: bool
    """Whether the step is made; else what runs has to be ready first."""


def progress(plan: UpgradePlan | None, *, settled: bool) -> Progress | None:
    """Return how far the upgrade is, or None if there is none."""
    if plan is None:
        return None
    steps = plan.steps or (plan.now,)
    made = steps.index(plan.now)
    is_made = made > 0 and not settled
    step = made if is_made else made + 1
    if step >= len(steps):
        return None
    return Progress(
        begun=steps[0],
        end=steps[-1],
        step=step,
        steps=len(steps) - 1,
        change=_change(steps[step - 1], steps[step]),
        has_begun=is_made or plan.following == steps[step],
    )


def status(found: Progress | None) -> xr.UpgradeStatus | None:
    """Return what the status says of an upgrade, and remembers of it."""
    if found is None:
        return None
    return xr.UpgradeStatus(
        **{"from": _told(found.begun)},
        to=_told(found.end),
        step=found.step,
        steps=found.steps,
        change=found.change,
    )


def _told(found: VersionPair) -> xr.VersionsStatus:
    return xr.VersionsStatus(chartVersion=found.chart, kubernetesVersion=found.kubernetes)


def _change(before: VersionPair, after: VersionPair) -> str:
    if before.chart != after.chart:
        return f"chart {before.chart} to {after.chart}"
    return f"Kubernetes {before.kubernetes} to {after.kubernetes}"


def condition(
    plan: UpgradePlan, found: Progress | None, newer: str, control_plane: Condition
) -> Condition:
    """Return Upgraded: whether all runs that the platform and the spec ask for.

    `newer` is a chart version that the spec does without.
    """
    if found:
        told = f"Step {found.step} of {found.steps}: {found.change}."
        if not found.has_begun:
            words = f"{told} It begins when the control plane is ready."
            return Condition(CONDITION, "False", "WaitingForControlPlane", words)
        if control_plane.reason in (*FAILURES, PORT_REFUSED):
            return Condition(CONDITION, "False", "UpgradeFailed", f"{told} {control_plane.message}")
        return Condition(CONDITION, "False", "Upgrading", told)
    if plan.refusals:
        return Condition(CONDITION, "False", "Blocked", " | ".join(map(str, plan.refusals)))
    if newer:
        words = f"Chart {newer} is on offer; spec.upgrade holds this VCluster at {plan.now.chart}."
        return Condition(CONDITION, "False", "Held", words)
    return Condition(CONDITION, "True", "UpToDate")
