"""The progress of an upgrade: its condition, and its part of the status.

Only the status holds the start of an upgrade. If it is lost, as after a restore of the control
plane, steps count from the versions that run.
"""

from dataclasses import dataclass

from function.api.status import UpgradeStatus, VersionsStatus
from function.api.validate import VersionPair
from function.decision.power import AWAKE, Power
from function.decision.upgrade import UpgradePlan
from function.observed.exposure import PORT_REFUSED
from function.observed.release import FAILURES
from function.observed.state import Condition

CONDITION = "Upgraded"
"""Not UpToDate: Crossplane reserves that type and drops it."""


@dataclass(frozen=True)
class Progress:
    """An unfinished upgrade."""

    begun: VersionPair
    end: VersionPair
    step: int
    """Number of the current or next step, from 1."""
    steps: int
    change: str
    """The versions before and after that step."""
    has_begun: bool
    """True if the step is in progress; otherwise the control plane has to be ready first."""


def progress(plan: UpgradePlan | None, *, settled: bool) -> Progress | None:
    """Return the progress of the upgrade, or None without one."""
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


def status(progress: Progress | None) -> UpgradeStatus | None:
    """Return the status of an upgrade, which also holds its start."""
    if progress is None:
        return None
    return UpgradeStatus(
        **{"from": _versions(progress.begun)},
        to=_versions(progress.end),
        step=progress.step,
        steps=progress.steps,
        change=progress.change,
    )


def _versions(pair: VersionPair) -> VersionsStatus:
    return VersionsStatus(chartVersion=pair.chart, kubernetesVersion=pair.kubernetes)


def _change(before: VersionPair, after: VersionPair) -> str:
    if before.chart != after.chart:
        return f"chart {before.chart} to {after.chart}"
    return f"Kubernetes {before.kubernetes} to {after.kubernetes}"


def condition(
    plan: UpgradePlan,
    progress: Progress | None,
    newer: str,
    control_plane: Condition,
    power: Power = AWAKE,
) -> Condition:
    """Return Upgraded: True once the versions of platform and spec run.

    `newer` is a chart version that the spec holds back.
    """
    if progress:
        return _unfinished(progress, control_plane, power)
    if plan.refusals:
        return Condition(CONDITION, "False", "Blocked", " | ".join(map(str, plan.refusals)))
    if newer:
        message = (
            f"Chart {newer} is on offer; spec.upgrade holds this VCluster at {plan.now.chart}."
        )
        return Condition(CONDITION, "False", "Held", message)
    return Condition(CONDITION, "True", "UpToDate")


def _unfinished(progress: Progress, control_plane: Condition, power: Power) -> Condition:
    """Return Upgraded during an upgrade: whether the step is in progress, and what it waits for."""
    step = f"Step {progress.step} of {progress.steps}: {progress.change}."
    if progress.has_begun and control_plane.reason in (*FAILURES, PORT_REFUSED):
        return Condition(CONDITION, "False", "UpgradeFailed", f"{step} {control_plane.message}")
    if power.is_off:
        message = f"{step} It is taken on waking: {power.sentence}."
        return Condition(CONDITION, "False", power.phase, message)
    if not progress.has_begun:
        message = f"{step} It begins when the control plane is ready."
        return Condition(CONDITION, "False", "WaitingForControlPlane", message)
    return Condition(CONDITION, "False", "Upgrading", step)
