"""Upgrades: which step of chart or Kubernetes comes next.

One thing changes at a time: the chart by one version of the Input's list, or Kubernetes by one
minor, each only once the step before it runs, in an order in which every chart supports the
Kubernetes beside it. Never downwards.
https://www.vcluster.com/docs/vcluster/manage/upgrade/upgrade-version and
https://kubernetes.io/releases/version-skew-policy/.
"""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from function.api.errors import Refusal
from function.api.input import ChartOffer as Offer
from function.api.validate import VersionPair
from function.api.value_layers import Layers
from function.api.xr import Upgrade as Policy
from function.decision import chart_keys
from function.k8s import versions

CHARTS = "input.vcluster.chart.versions"
TARGET = "spec.upgrade.chartVersion"
KUBERNETES = "spec.kubernetesVersion"


@dataclass(frozen=True)
class UpgradeStart:
    """What an upgrade starts from."""

    requested: VersionPair
    """What the Release asks for now."""
    settled: bool
    """Whether that runs, all of it."""
    instead: str | None = None
    """Chart version that is installed where Helm could not begin with the asked one, empty for
    none; None if Helm has begun."""
    started_from: VersionPair | None = None
    """Where the upgrade that the status tells of began."""


@dataclass(frozen=True)
class UpgradePlan:
    """The steps from what runs to what is wanted, as far as they lead."""

    now: VersionPair
    following: VersionPair
    """What the Release shall ask for: the next step, or what it asks for until that is due."""
    steps: tuple[VersionPair, ...] = ()
    """All of the upgrade that is under way, from where it began; what runs is on it."""
    refusals: tuple[Refusal, ...] = ()
    """Why the steps do not lead to all that is wanted."""

    @property
    def end(self) -> VersionPair:
        """Where the steps lead."""
        return self.steps[-1] if self.steps else self.now


@dataclass(frozen=True)
class UpgradeOffer:
    """What the platform offers, and with which values a chart has to do."""

    offer: Offer
    layers: Layers
    """Values that people wrote, by the field that they stand in."""

    @property
    def charts(self) -> Sequence[str]:
        """The chart versions on offer, upwards."""
        return self.offer.chart.versions

    def fits(self, step: VersionPair) -> bool:
        """Tell whether the chart supports the Kubernetes beside it."""
        return versions.fits(step.chart, step.kubernetes, self.offer.kubernetes.compatibility)

    def unknown_keys(self, chart: str) -> tuple[str, ...]:
        """Return the keys of the values that the chart no longer knows."""
        return chart_keys.removed(self.layers, chart)

    def chart_steps(self, now: str, wanted: str) -> list[str]:
        """Return what runs and every version on offer above it, up to the wanted one."""
        if not versions.is_comparable(now) or wanted not in self.charts:
            return [now]
        low, high = versions.order(now), versions.order(wanted)
        return [now, *(chart for chart in self.charts if low < versions.order(chart) <= high)]

    def kubernetes_steps(self, now: str, wanted: str) -> list[str]:
        """Return what runs, the newest patch of every minor between, and the wanted version.

        They end where none of the next minor is on offer.
        """
        if not now or versions.order(wanted) <= versions.order(now):
            return [now or wanted]
        found = [now]
        for minor in versions.minors_between(now, wanted):
            patch = versions.newest_patch(self.offer.kubernetes.versions, minor)
            if patch is None:
                return found
            found.append(patch)
        return [*found, wanted]


def plan(
    wanted: VersionPair, start: UpgradeStart, policy: Policy, offer: UpgradeOffer
) -> UpgradePlan:
    """Return the steps to the wanted versions, and which of them is due.

    A version that is no longer on offer stays until a higher one is. Only what may repair the
    cluster does not wait until it is settled: another patch of its Kubernetes, and one of its
    chart that took the place of the one that it asks for.
    """
    chart, settled = start.requested.chart, start.settled
    if start.instead is not None and chart not in offer.charts:
        chart, settled = start.instead, False
    if not chart:
        return UpgradePlan(wanted, wanted)
    charts = offer.chart_steps(chart, wanted.chart)
    kubernetes = offer.kubernetes_steps(start.requested.kubernetes, wanted.kubernetes)
    now = VersionPair(charts[0], kubernetes[0])
    steps = longest_path(charts, kubernetes, offer, is_known=bool(start.requested.kubernetes))
    end = steps[-1] if steps else now
    is_due = settled or (steps and _is_repair(now, steps[0], offer.charts))
    return UpgradePlan(
        now=now,
        following=steps[0] if steps and is_due else now,
        steps=_whole(start.started_from, now, steps, wanted, offer),
        refusals=(
            *_stopped_chart(end, wanted.chart, charts, policy, offer),
            *_stopped_kubernetes(end, wanted.kubernetes, kubernetes),
        ),
    )


def longest_path(
    charts: Sequence[str], kubernetes: Sequence[str], offer: UpgradeOffer, *, is_known: bool
) -> tuple[VersionPair, ...]:
    """Return the most steps up, one version at a time, the chart first where both may follow.

    It begins with the first of both, which it does not contain. Where the running Kubernetes is
    not known (`is_known`), every chart may follow. Each step goes right or up in such a grid, past
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
    wanted: VersionPair,
    offer: UpgradeOffer,
) -> tuple[VersionPair, ...]:
    """Return the path from where the upgrade began, or from what runs where that is not on one."""
    if started_from:
        charts = offer.chart_steps(started_from.chart, wanted.chart)
        kubernetes = offer.kubernetes_steps(started_from.kubernetes, wanted.kubernetes)
        whole = (started_from, *longest_path(charts, kubernetes, offer, is_known=True))
        if now in whole and whole[whole.index(now) + 1 :] == steps:
            return whole
    return (now, *steps)


def _is_repair(now: VersionPair, step: VersionPair, listed: Sequence[str]) -> bool:
    if step.chart == now.chart:
        return versions.minor(step.kubernetes) == versions.minor(now.kubernetes)
    return now.chart not in listed and versions.minor(step.chart) == versions.minor(now.chart)


def _stopped_chart(
    end: VersionPair, wanted: str, charts: Sequence[str], policy: Policy, offer: UpgradeOffer
) -> Iterator[Refusal]:
    """Yield why the steps end before the wanted chart, if they do."""
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
    if wanted not in (end.chart, *offer.charts):
        remedy = f"Choose one of: {', '.join(offer.charts)}."
        yield Refusal(field, end.chart, wanted, "the platform does not offer it", remedy)
    elif versions.is_comparable(end.chart) and versions.order(wanted) < versions.order(end.chart):
        remedy = "Name a version that is not lower."
        yield Refusal(field, end.chart, wanted, "a chart never goes down", remedy)


def _stopped_kubernetes(
    end: VersionPair, wanted: str, kubernetes: Sequence[str]
) -> Iterator[Refusal]:
    """Yield why the steps end before the wanted Kubernetes, if they do."""
    if end.kubernetes == wanted:
        return
    if versions.order(wanted) < versions.order(end.kubernetes):
        rule = "Kubernetes never goes down"
        remedy = "Ask for a version that is not lower."
    elif end.kubernetes == kubernetes[-1]:
        missing = next(versions.minors_between(end.kubernetes, wanted))
        rule = f"Kubernetes goes up one minor at a time, and the platform offers no {missing}"
        remedy = "Ask the platform team for it, or for a lower version."
    else:
        following = kubernetes[kubernetes.index(end.kubernetes) + 1]
        rule = f"chart {versions.minor(end.chart)} does not support Kubernetes {following}"
        remedy = "Ask for a lower version, or the platform team for another chart."
    yield Refusal(KUBERNETES, end.kubernetes, wanted, rule, remedy)
