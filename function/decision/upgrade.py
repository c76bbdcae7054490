"""Upgrades: which step of chart or Kubernetes comes next.

One thing changes at a time: the chart by one version of the Input's list, or Kubernetes by one
minor, each only once the step before it runs, in an order in which every chart supports the
Kubernetes beside it. Never downwards.
https://www.vcluster.com/docs/vcluster/manage/upgrade/upgrade-version and
https://kubernetes.io/releases/version-skew-policy/.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from function.api.errors import Refusal
from function.api.input import VCluster as Offer
from function.api.validate import Versions
from function.api.value_layers import Layers
from function.api.xr import Upgrade as Policy
from function.decision import chart_keys
from function.k8s import versions

CHARTS = "input.vcluster.chart.versions"
TARGET = "spec.upgrade.chartVersion"
KUBERNETES = "spec.kubernetesVersion"


@dataclass(frozen=True)
class Situation:
    """What an upgrade starts from."""

    asked: Versions
    """What the Release asks for now."""
    settled: bool
    """Whether that runs, all of it."""
    instead: str | None = None
    """Chart version that is installed where Helm could not begin with the asked one, empty for
    none; None if Helm has begun."""
    begun: Versions | None = None
    """Where the upgrade that the status tells of began."""


@dataclass(frozen=True)
class Plan:
    """The steps from what runs to what is wanted, as far as they lead."""

    now: Versions
    following: Versions
    """What the Release shall ask for: the next step, or what it asks for until that is due."""
    way: tuple[Versions, ...] = ()
    """All of the upgrade that is under way, from where it began; what runs is on it."""
    refusals: tuple[Refusal, ...] = ()
    """Why the steps do not lead to all that is wanted."""

    @property
    def end(self) -> Versions:
        """Where the steps lead."""
        return self.way[-1] if self.way else self.now


@dataclass(frozen=True)
class Terms:
    """What the platform offers, and with which values a chart has to do."""

    offer: Offer
    layers: Layers
    """Values that people wrote, by the field that they stand in."""

    @property
    def charts(self) -> Sequence[str]:
        """The chart versions on offer, upwards."""
        return self.offer.chart.versions

    def fits(self, step: Versions) -> bool:
        """Tell whether the chart supports the Kubernetes beside it."""
        return versions.fits(step.chart, step.kubernetes, self.offer.kubernetes.compatibility)

    def unknown_keys(self, chart: str) -> tuple[str, ...]:
        """Return the keys of the values that the chart no longer knows."""
        return chart_keys.removed(self.layers, chart)

    def charts_up(self, now: str, wanted: str) -> list[str]:
        """Return what runs and every version on offer above it, up to the wanted one."""
        if not versions.is_comparable(now) or wanted not in self.charts:
            return [now]
        low, high = versions.order(now), versions.order(wanted)
        return [now, *(chart for chart in self.charts if low < versions.order(chart) <= high)]

    def rungs(self, now: str, wanted: str) -> list[str]:
        """Return what runs, the newest patch of every minor on the way, and the wanted version.

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


def plan(wanted: Versions, situation: Situation, policy: Policy, terms: Terms) -> Plan:
    """Return the steps to the wanted versions, and which of them is due.

    A version that is no longer on offer stays until a higher one is. Only what may repair the
    cluster does not wait until it is settled: another patch of its Kubernetes, and one of its
    chart that took the place of the one that it asks for.
    """
    chart, settled = situation.asked.chart, situation.settled
    if situation.instead is not None and chart not in terms.charts:
        chart, settled = situation.instead, False
    if not chart:
        return Plan(wanted, wanted)
    charts = terms.charts_up(chart, wanted.chart)
    rungs = terms.rungs(situation.asked.kubernetes, wanted.kubernetes)
    now = Versions(charts[0], rungs[0])
    steps = path(charts, rungs, terms, is_known=bool(situation.asked.kubernetes))
    end = steps[-1] if steps else now
    is_due = settled or (steps and _is_repair(now, steps[0], terms.charts))
    return Plan(
        now=now,
        following=steps[0] if steps and is_due else now,
        way=_whole(situation.begun, now, steps, wanted, terms),
        refusals=(
            *_stopped_chart(end, wanted.chart, charts, policy, terms),
            *_stopped_kubernetes(end, wanted.kubernetes, rungs),
        ),
    )


def path(
    charts: Sequence[str], rungs: Sequence[str], terms: Terms, *, is_known: bool
) -> tuple[Versions, ...]:
    """Return the longest way up, one step at a time, the chart before Kubernetes where both may.

    It begins with the first of both, and does not contain it. Where it is not known which
    Kubernetes runs, every chart may follow.
    """
    ahead: dict[tuple[int, int], tuple[Versions, ...]] = {}
    for i in reversed(range(len(charts))):
        for j in reversed(range(len(rungs))):
            best: tuple[Versions, ...] = ()
            for x, y in ((i + 1, j), (i, j + 1)):
                beyond = ahead.get((x, y))
                if beyond is None or len(beyond) < len(best):
                    continue
                step = Versions(charts[x], rungs[y])
                is_barred = x > i and terms.unknown_keys(step.chart)
                if not is_barred and (terms.fits(step) or not is_known):
                    best = (step, *beyond)
            ahead[i, j] = best
    return ahead[0, 0]


def _whole(
    begun: Versions | None,
    now: Versions,
    steps: tuple[Versions, ...],
    wanted: Versions,
    terms: Terms,
) -> tuple[Versions, ...]:
    """Return the way from where it began, or from what runs where that is not on one."""
    if begun:
        charts = terms.charts_up(begun.chart, wanted.chart)
        rungs = terms.rungs(begun.kubernetes, wanted.kubernetes)
        whole = (begun, *path(charts, rungs, terms, is_known=True))
        if now in whole and whole[whole.index(now) + 1 :] == steps:
            return whole
    return (now, *steps)


def _is_repair(now: Versions, step: Versions, listed: Sequence[str]) -> bool:
    if step.chart == now.chart:
        return versions.minor(step.kubernetes) == versions.minor(now.kubernetes)
    return now.chart not in listed and versions.minor(step.chart) == versions.minor(now.chart)


def _stopped_chart(
    end: Versions, wanted: str, charts: Sequence[str], policy: Policy, terms: Terms
) -> Iterator[Refusal]:
    """Yield why the steps end before the wanted chart, if they do."""
    if end.chart != charts[-1]:
        following = charts[charts.index(end.chart) + 1]
        gone = terms.unknown_keys(following)
        rule = f"chart {versions.minor(following)} does not support Kubernetes {end.kubernetes}"
        remedy = "Ask for a Kubernetes version that both charts support first."
        if gone:
            rule = f"chart {versions.minor(following)} no longer knows {', '.join(gone)}"
            remedy = "Remove it first."
        yield Refusal(CHARTS, end.chart, following, rule, remedy)
        return
    field = TARGET if policy.chartVersion else CHARTS
    if wanted not in (end.chart, *terms.charts):
        remedy = f"Choose one of: {', '.join(terms.charts)}."
        yield Refusal(field, end.chart, wanted, "the platform does not offer it", remedy)
    elif versions.is_comparable(end.chart) and versions.order(wanted) < versions.order(end.chart):
        remedy = "Name a version that is not lower."
        yield Refusal(field, end.chart, wanted, "a chart never goes down", remedy)


def _stopped_kubernetes(end: Versions, wanted: str, rungs: Sequence[str]) -> Iterator[Refusal]:
    """Yield why the steps end before the wanted Kubernetes, if they do."""
    if end.kubernetes == wanted:
        return
    if versions.order(wanted) < versions.order(end.kubernetes):
        rule = "Kubernetes never goes down"
        remedy = "Ask for a version that is not lower."
    elif end.kubernetes == rungs[-1]:
        missing = next(versions.minors_between(end.kubernetes, wanted))
        rule = f"Kubernetes goes up one minor at a time, and the platform offers no {missing}"
        remedy = "Ask the platform team for it, or for a lower version."
    else:
        following = rungs[rungs.index(end.kubernetes) + 1]
        rule = f"chart {versions.minor(end.chart)} does not support Kubernetes {following}"
        remedy = "Ask for a lower version, or the platform team for another chart."
    yield Refusal(KUBERNETES, end.kubernetes, wanted, rule, remedy)
