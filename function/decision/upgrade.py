"""Plan the steps of an upgrade of chart and Kubernetes.

A step upgrades the chart by one version of the Input's list, or Kubernetes by one minor, once the
step before it is settled. In each step the chart supports the Kubernetes version. There is no
downgrade. See
https://www.vcluster.com/docs/vcluster/manage/upgrade/upgrade-version and
https://kubernetes.io/releases/version-skew-policy/.
"""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from function.api.errors import Refusal
from function.api.input import ChartOffer
from function.api.validate import VersionPair
from function.api.value_layers import Layers
from function.api.xr import Upgrade
from function.decision import chart_keys
from function.k8s import versions

CHARTS = "input.vcluster.chart.versions"
TARGET = "spec.upgrade.chartVersion"
KUBERNETES = "spec.kubernetesVersion"


@dataclass(frozen=True)
class UpgradeStart:
    """Versions at which an upgrade starts."""

    requested: VersionPair
    """Versions in the observed Release."""
    settled: bool
    """True if every pod runs them."""
    instead: str | None = None
    """Installed chart version if Helm could not begin with that of the Release, empty for none;
    None if Helm has begun."""
    started_from: VersionPair | None = None
    """Start of the upgrade in the status."""
    asleep: bool = False
    """True if nothing is to run, so that every step waits."""


@dataclass(frozen=True)
class UpgradePlan:
    """Steps from the current versions towards the requested ones."""

    now: VersionPair
    following: VersionPair
    """Versions of the desired Release: the next step if it is due, else the current ones."""
    steps: tuple[VersionPair, ...] = ()
    """All steps of the upgrade from its start; the current versions are among them."""
    refusals: tuple[Refusal, ...] = ()
    """Refusals of requested versions that the steps do not reach."""

    @property
    def end(self) -> VersionPair:
        """Versions of the last step."""
        return self.steps[-1] if self.steps else self.now


@dataclass(frozen=True)
class UpgradeOffer:
    """Versions that the platform offers, and the values that a chart must know."""

    offer: ChartOffer
    layers: Layers
    """Values of the Input and the spec, by their field."""

    @property
    def charts(self) -> Sequence[str]:
        """The offered chart versions, in ascending order."""
        return self.offer.chart.versions

    def fits(self, step: VersionPair) -> bool:
        """Return whether the chart of a step supports its Kubernetes version."""
        return versions.fits(step.chart, step.kubernetes, self.offer.kubernetes.compatibility)

    def unknown_keys(self, chart: str) -> tuple[str, ...]:
        """Return the keys of the values that the chart no longer knows."""
        return chart_keys.removed(self.layers, chart)

    def chart_steps(self, now: str, target: str) -> list[str]:
        """Return the current version and the offered ones above it, up to the requested one."""
        if not versions.is_comparable(now) or target not in self.charts:
            return [now]
        low, high = versions.order(now), versions.order(target)
        return [now, *(chart for chart in self.charts if low < versions.order(chart) <= high)]

    def kubernetes_steps(self, now: str, target: str) -> list[str]:
        """Return the current version, the newest patch of each minor between, the requested one.

        The steps end before a minor without an offered patch.
        """
        if not now or versions.order(target) <= versions.order(now):
            return [now or target]
        steps = [now]
        for minor in versions.minors_between(now, target):
            patch = versions.newest_patch(self.offer.kubernetes.versions, minor)
            if patch is None:
                return steps
            steps.append(patch)
        return [*steps, target]


def plan(
    target: VersionPair, start: UpgradeStart, policy: Upgrade, offer: UpgradeOffer
) -> UpgradePlan:
    """Return the upgrade plan to the requested versions.

    A version that is no longer offered stays until a higher one is offered. A step is due once the
    cluster is settled, or if it may repair the cluster: another patch of its Kubernetes, or of a
    chart version that is no longer offered. Asleep none is due: no pod would show that it succeeds.
    """
    chart, settled = start.requested.chart, start.settled
    if start.instead is not None and chart not in offer.charts:
        chart, settled = start.instead, False
    if not chart:
        return UpgradePlan(target, target)
    charts = offer.chart_steps(chart, target.chart)
    kubernetes = offer.kubernetes_steps(start.requested.kubernetes, target.kubernetes)
    now = VersionPair(charts[0], kubernetes[0])
    steps = longest_path(charts, kubernetes, offer, is_known=bool(start.requested.kubernetes))
    end = steps[-1] if steps else now
    is_due = not start.asleep and (settled or (steps and _is_repair(now, steps[0], offer.charts)))
    return UpgradePlan(
        now=now,
        following=steps[0] if steps and is_due else now,
        steps=_whole(start.started_from, now, steps, target, offer),
        refusals=(
            *_stopped_chart(end, target.chart, charts, policy, offer),
            *_stopped_kubernetes(end, target.kubernetes, kubernetes),
        ),
    )


def longest_path(
    charts: Sequence[str], kubernetes: Sequence[str], offer: UpgradeOffer, *, is_known: bool
) -> tuple[VersionPair, ...]:
    """Return the longest path of steps, one version at a time, the chart first if both may follow.

    It starts at the first of both, which it does not contain. While the running Kubernetes is
    unknown (`is_known`), every chart may follow. Each step moves right or up in the grid, around
    pairs (x) that the chart does not support:

        1.36    x       x     -> o
        1.35    x     -> o -> -> o
        1.34   now -> -> o       x
               0.34     0.35    0.36
    """

    @functools.cache
    def path_from(chart: int, minor: int) -> tuple[VersionPair, ...]:
        following = ((chart + 1, minor), (chart, minor + 1))
        paths = (
            (VersionPair(charts[x], kubernetes[y]), *path_from(x, y))
            for x, y in following
            if x < len(charts) and y < len(kubernetes) and may_follow(x, y, is_chart=x > chart)
        )
        return max(paths, key=len, default=())

    def may_follow(chart: int, minor: int, *, is_chart: bool) -> bool:
        if is_chart and offer.unknown_keys(charts[chart]):
            return False
        return not is_known or offer.fits(VersionPair(charts[chart], kubernetes[minor]))

    return path_from(0, 0)


def _whole(
    started_from: VersionPair | None,
    now: VersionPair,
    steps: tuple[VersionPair, ...],
    target: VersionPair,
    offer: UpgradeOffer,
) -> tuple[VersionPair, ...]:
    """Return all steps from the start of the upgrade, or from the current versions without one."""
    if started_from:
        charts = offer.chart_steps(started_from.chart, target.chart)
        kubernetes = offer.kubernetes_steps(started_from.kubernetes, target.kubernetes)
        whole = (started_from, *longest_path(charts, kubernetes, offer, is_known=True))
        if now in whole and whole[whole.index(now) + 1 :] == steps:
            return whole
    return (now, *steps)


def _is_repair(now: VersionPair, step: VersionPair, listed: Sequence[str]) -> bool:
    if step.chart == now.chart:
        return versions.minor(step.kubernetes) == versions.minor(now.kubernetes)
    return now.chart not in listed and versions.minor(step.chart) == versions.minor(now.chart)


def _stopped_chart(
    end: VersionPair, target: str, charts: Sequence[str], policy: Upgrade, offer: UpgradeOffer
) -> Iterator[Refusal]:
    """Yield the refusal of a requested chart version that the steps do not reach."""
    if end.chart != charts[-1]:
        following = charts[charts.index(end.chart) + 1]
        gone = offer.unknown_keys(following)
        rule = f"chart {versions.minor(following)} does not support Kubernetes {end.kubernetes}"
        remedy = "Ask for a Kubernetes version that both charts support first."
        if gone:
            rule = f"chart {versions.minor(following)} no longer knows {', '.join(gone)}"
            remedy = "Remove it first."
        yield Refusal(CHARTS, end.chart, following, rule, remedy)
        return
    field = TARGET if policy.chartVersion else CHARTS
    if target not in (end.chart, *offer.charts):
        remedy = f"Choose one of: {', '.join(offer.charts)}."
        yield Refusal(field, end.chart, target, "the platform does not offer it", remedy)
    elif versions.is_comparable(end.chart) and versions.order(target) < versions.order(end.chart):
        remedy = "Name a version that is not lower."
        yield Refusal(field, end.chart, target, "a chart is never downgraded", remedy)


def _stopped_kubernetes(
    end: VersionPair, target: str, kubernetes: Sequence[str]
) -> Iterator[Refusal]:
    """Yield the refusal of a requested Kubernetes version that the steps do not reach."""
    if end.kubernetes == target:
        return
    if versions.order(target) < versions.order(end.kubernetes):
        rule = "Kubernetes is never downgraded"
        remedy = "Ask for a version that is not lower."
    elif end.kubernetes == kubernetes[-1]:
        missing = next(versions.minors_between(end.kubernetes, target))
        rule = f"Kubernetes is upgraded one minor at a time, and the platform offers no {missing}"
        remedy = "Ask the platform team for it, or for a lower version."
    else:
        following = kubernetes[kubernetes.index(end.kubernetes) + 1]
        rule = f"chart {versions.minor(end.chart)} does not support Kubernetes {following}"
        remedy = "Ask for a lower version, or the platform team for another chart."
    yield Refusal(KUBERNETES, end.kubernetes, target, rule, remedy)
