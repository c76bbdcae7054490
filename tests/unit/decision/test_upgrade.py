"""Upgrades: one thing at a time, in an order that every step supports, upwards and to the end."""

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from function.api.errors import Refusal
from function.api.input import ChartOffer
from function.api.validate import VersionPair
from function.api.xr import Upgrade
from function.decision import upgrade
from function.decision.upgrade import UpgradeOffer, UpgradePlan, UpgradeStart
from function.k8s import versions
from tests.support.factories import config

CHARTS = ["0.34.7", "0.35.3", "0.36.1"]
LISTED = ["1.34.3", "1.35.0", "1.35.4", "1.36.0"]
TABLE = {
    "0.34": ["1.33", "1.34", "1.35"],
    "0.35": ["1.34", "1.35", "1.36"],
    "0.36": ["1.35", "1.36"],
}
DOWN = "Kubernetes is never downgraded", "Ask for a version that is not lower."


def offer(**changes: Any) -> ChartOffer:
    """Return what a platform offers."""
    plain = {
        "vcluster.chart.versions": CHARTS,
        "vcluster.kubernetes.versions": LISTED,
        "vcluster.kubernetes.compatibility": TABLE,
    }
    return config({**plain, **changes}).vcluster


def plan(
    now: tuple[str, str],
    wanted: tuple[str, str] = ("0.36.1", "1.36.0"),
    *,
    settled: bool = True,
    values: dict[str, Any] | None = None,
    **rest: Any,
) -> UpgradePlan:
    """Return the plan from one pair of versions to another."""
    terms = UpgradeOffer(rest.pop("offer", offer()), {"input.vcluster.values": values or {}})
    policy = Upgrade.model_validate(rest.pop("policy", {}))
    return upgrade.plan(
        VersionPair(*wanted), UpgradeStart(VersionPair(*now), settled, **rest), policy, terms
    )


def way(found: UpgradePlan) -> list[tuple[str, str]]:
    """Return the steps after what runs."""
    steps = found.steps[found.steps.index(found.now) + 1 :]
    return [(step.chart, step.kubernetes) for step in steps]


@pytest.mark.parametrize(
    ("now", "wanted", "expected"),
    [
        pytest.param(("0.36.1", "1.36.0"), ("0.36.1", "1.36.0"), [], id="arrived"),
        pytest.param(
            ("0.34.7", "1.35.0"),
            ("0.36.1", "1.35.0"),
            [("0.35.3", "1.35.0"), ("0.36.1", "1.35.0")],
            id="two-charts",
        ),
        pytest.param(
            ("0.34.7", "1.34.3"),
            ("0.36.1", "1.36.0"),
            [
                ("0.35.3", "1.34.3"),
                ("0.35.3", "1.35.4"),
                ("0.36.1", "1.35.4"),
                ("0.36.1", "1.36.0"),
            ],
            id="in-turn-because-the-last-chart-does-not-support-what-runs",
        ),
        pytest.param(
            ("0.34.7", "1.33.1"),
            ("0.36.1", "1.35.0"),
            [
                ("0.34.7", "1.34.3"),
                ("0.35.3", "1.34.3"),
                ("0.35.3", "1.35.0"),
                ("0.36.1", "1.35.0"),
            ],
            id="kubernetes-first-because-the-next-chart-does-not-support-it",
        ),
        pytest.param(
            ("0.36.1", "1.35.0"), ("0.36.1", "1.35.4"), [("0.36.1", "1.35.4")], id="a-patch"
        ),
        pytest.param(
            ("0.33.4", "1.35.0"),
            ("0.34.7", "1.35.0"),
            [("0.34.7", "1.35.0")],
            id="older-than-the-list-and-held-at-its-first",
        ),
        pytest.param(
            ("0.0.0-latest", ""),
            ("0.36.1", "1.36.0"),
            [("0.34.7", "1.36.0"), ("0.35.3", "1.36.0"), ("0.36.1", "1.36.0")],
            id="nobody-knows-which-kubernetes",
        ),
    ],
)
def test_the_way(
    now: tuple[str, str], wanted: tuple[str, str], expected: list[tuple[str, str]]
) -> None:
    """The customer's cluster goes through these, and nothing is refused."""
    found = plan(now, wanted)
    assert way(found) == expected
    assert found.refusals == ()
    following = (found.following.chart, found.following.kubernetes)
    assert following == (expected[0] if expected else wanted)


@pytest.mark.parametrize(
    ("now", "wanted", "rest", "end", "refusals"),
    [
        pytest.param(
            ("0.36.1", "1.35.0"),
            ("0.36.1", "1.34.3"),
            {},
            ("0.36.1", "1.35.0"),
            [Refusal("spec.kubernetesVersion", "1.35.0", "1.34.3", *DOWN)],
            id="kubernetes-down",
        ),
        pytest.param(
            ("0.36.1", "1.35.4"),
            ("0.36.1", "1.35.0"),
            {},
            ("0.36.1", "1.35.4"),
            [Refusal("spec.kubernetesVersion", "1.35.4", "1.35.0", *DOWN)],
            id="kubernetes-patch-down",
        ),
        pytest.param(
            ("0.36.1", "1.35.0"),
            ("0.36.1", "1.37.0"),
            {},
            ("0.36.1", "1.36.0"),
            [
                Refusal(
                    "spec.kubernetesVersion",
                    "1.36.0",
                    "1.37.0",
                    "chart 0.36 does not support Kubernetes 1.37.0",
                    "Ask for a lower version, or the platform team for another chart.",
                )
            ],
            id="no-chart-supports-it",
        ),
        pytest.param(
            ("0.35.3", "1.34.3"),
            ("0.35.3", "1.36.0"),
            {
                "offer": offer(
                    **{
                        "vcluster.kubernetes.versions": ["1.34.3", "1.36.0", "1.35.0"][:2],
                        "vcluster.kubernetes.default": "1.34.3",
                    }
                )
            },
            ("0.35.3", "1.34.3"),
            [
                Refusal(
                    "spec.kubernetesVersion",
                    "1.34.3",
                    "1.36.0",
                    "Kubernetes is upgraded one minor at a time, and the platform offers no 1.35",
                    "Ask the platform team for it, or for a lower version.",
                )
            ],
            id="a-minor-is-missing",
        ),
        pytest.param(
            ("0.35.3", "1.34.3"),
            ("0.36.1", "1.34.3"),
            {},
            ("0.35.3", "1.34.3"),
            [
                Refusal(
                    "input.vcluster.chart.versions",
                    "0.35.3",
                    "0.36.1",
                    "chart 0.36 does not support Kubernetes 1.34.3",
                    "Ask for a Kubernetes version that both charts support first.",
                )
            ],
            id="the-chart-does-not-support-what-runs",
        ),
        pytest.param(
            ("0.34.7", "1.35.0"),
            ("0.36.1", "1.35.0"),
            {"values": {"sync": {"toHost": {"volumeSnapshots": {"enabled": False}}}}},
            ("0.35.3", "1.35.0"),
            [
                Refusal(
                    "input.vcluster.chart.versions",
                    "0.35.3",
                    "0.36.1",
                    "chart 0.36 no longer knows input.vcluster.values.sync.toHost.volumeSnapshots",
                    "Remove it first.",
                )
            ],
            id="the-chart-no-longer-knows-a-key",
        ),
        pytest.param(
            ("0.37.0", "1.36.0"),
            ("0.36.1", "1.36.0"),
            {},
            ("0.37.0", "1.36.0"),
            [
                Refusal(
                    "input.vcluster.chart.versions",
                    "0.37.0",
                    "0.36.1",
                    "a chart is never downgraded",
                    "Name a version that is not lower.",
                )
            ],
            id="chart-down-by-the-platform",
        ),
        pytest.param(
            ("0.36.1", "1.36.0"),
            ("0.35.3", "1.36.0"),
            {"policy": {"policy": "Manual", "chartVersion": "0.35.3"}},
            ("0.36.1", "1.36.0"),
            [
                Refusal(
                    "spec.upgrade.chartVersion",
                    "0.36.1",
                    "0.35.3",
                    "a chart is never downgraded",
                    "Name a version that is not lower.",
                )
            ],
            id="chart-down-by-the-spec",
        ),
        pytest.param(
            ("0.34.7", "1.35.0"),
            ("0.35.9", "1.35.0"),
            {"policy": {"policy": "Manual", "chartVersion": "0.35.9"}},
            ("0.34.7", "1.35.0"),
            [
                Refusal(
                    "spec.upgrade.chartVersion",
                    "0.34.7",
                    "0.35.9",
                    "the platform does not offer it",
                    "Choose one of: 0.34.7, 0.35.3, 0.36.1.",
                )
            ],
            id="a-chart-that-is-not-offered",
        ),
    ],
)
def test_what_stops_it(
    now: tuple[str, str],
    wanted: tuple[str, str],
    rest: dict[str, Any],
    end: tuple[str, str],
    refusals: list[Refusal],
) -> None:
    """It goes as far as it can, and the customer reads at once why not further."""
    found = plan(now, wanted, **rest)
    assert (found.end.chart, found.end.kubernetes) == end
    assert [*found.refusals] == refusals


@pytest.mark.parametrize(
    ("now", "wanted", "rest", "following"),
    [
        pytest.param(
            ("0.34.7", "1.35.0"), ("0.36.1", "1.35.0"), {}, ("0.34.7", "1.35.0"), id="a-chart-waits"
        ),
        pytest.param(
            ("0.36.1", "1.35.0"), ("0.36.1", "1.36.0"), {}, ("0.36.1", "1.35.0"), id="a-minor-waits"
        ),
        pytest.param(
            ("0.36.1", "1.35.0"),
            ("0.36.1", "1.35.4"),
            {},
            ("0.36.1", "1.35.4"),
            id="a-patch-of-kubernetes-may-repair-it",
        ),
        pytest.param(
            ("0.35.2", "1.35.0"),
            ("0.36.1", "1.35.0"),
            {},
            ("0.35.3", "1.35.0"),
            id="so-may-the-patch-that-replaced-its-chart",
        ),
        pytest.param(
            ("0.36.99", "1.35.0"),
            ("0.36.1", "1.35.0"),
            {"instead": ""},
            ("0.36.1", "1.35.0"),
            id="nothing-was-installed",
        ),
        pytest.param(
            ("0.36.99", "1.35.0"),
            ("0.36.1", "1.35.0"),
            {"instead": "0.35.3"},
            ("0.35.3", "1.35.0"),
            id="an-upgrade-that-could-not-begin",
        ),
        pytest.param(
            ("0.35.3", "1.35.0"),
            ("0.36.1", "1.35.0"),
            {"instead": "0.34.7"},
            ("0.35.3", "1.35.0"),
            id="one-that-could-not-begin-but-is-still-on-offer",
        ),
    ],
)
def test_what_waits_until_it_is_settled(
    now: tuple[str, str], wanted: tuple[str, str], rest: dict[str, Any], following: tuple[str, str]
) -> None:
    """A step comes only when the last one runs, unless it may be what makes it run."""
    found = plan(now, wanted, settled=False, **rest)
    assert (found.following.chart, found.following.kubernetes) == following


def test_a_new_cluster_needs_no_step() -> None:
    """A new one starts where all others end."""
    wanted = VersionPair("0.36.1", "1.36.0")
    assert plan(("", "")).following == wanted


def test_where_it_began_is_remembered() -> None:
    """The status tells of the whole way, also in the middle of it."""
    begun = VersionPair("0.34.7", "1.35.0")
    found = plan(("0.35.3", "1.35.0"), ("0.36.1", "1.35.0"), started_from=begun)
    assert [step.chart for step in found.steps] == ["0.34.7", "0.35.3", "0.36.1"]
    assert found.following.chart == "0.36.1"


@pytest.mark.parametrize(
    "begun",
    [
        pytest.param(VersionPair("0.35.3", "1.36.0"), id="on-another-way"),
        pytest.param(VersionPair("0.36.1", "1.35.0"), id="from-above"),
        pytest.param(None, id="not-remembered"),
    ],
)
def test_where_it_began_does_not_matter(begun: VersionPair | None) -> None:
    """A status that is lost, or tells of something else, changes no step."""
    found = plan(("0.35.3", "1.35.0"), ("0.36.1", "1.35.0"), started_from=begun)
    assert [step.chart for step in found.steps] == ["0.35.3", "0.36.1"]


def _versions(major: int, low: int, high: int) -> st.SearchStrategy[list[str]]:
    pairs = st.tuples(st.integers(low, high), st.integers(0, 3))
    return st.lists(pairs, min_size=1, max_size=7, unique=True).map(
        lambda found: [f"{major}.{minor}.{patch}" for minor, patch in sorted(found)]
    )


LISTS = _versions(0, 31, 37), _versions(1, 30, 35)
TABLES = st.dictionaries(
    st.sampled_from([f"0.{number}" for number in range(31, 38)]),
    st.lists(st.sampled_from([f"1.{number}" for number in range(30, 36)]), unique=True),
)


def walk(
    now: VersionPair, wanted: VersionPair, terms: UpgradeOffer
) -> tuple[list[VersionPair], UpgradePlan]:
    """Return what a cluster runs one after the other, and the plan at the end."""
    visited = [now]
    while True:
        found = upgrade.plan(wanted, UpgradeStart(visited[-1], settled=True), Upgrade(), terms)
        if found.following == visited[-1]:
            return visited, found
        visited.append(found.following)
        assert len(visited) < 20


@settings(deadline=None)
@given(*LISTS, TABLES, st.data())
def test_laws(
    charts: list[str], listed: list[str], table: dict[str, list[str]], data: st.DataObject
) -> None:
    """Whatever a platform offers: one thing at a time, upwards, supported, and to an end."""
    offered = offer(
        **{
            "vcluster.chart.versions": charts,
            "vcluster.kubernetes.versions": listed,
            "vcluster.kubernetes.default": listed[0],
            "vcluster.kubernetes.compatibility": table,
        }
    )
    now, wanted = (
        VersionPair(*(data.draw(st.sampled_from(found)) for found in (charts, listed)))
        for _ in range(2)
    )
    terms = UpgradeOffer(offered, {})
    visited, end = walk(now, wanted, terms)
    for before, after in itertools.pairwise(visited):
        assert (before.chart == after.chart) != (before.kubernetes == after.kubernetes)
        assert charts.index(after.chart) - charts.index(before.chart) in (0, 1)
        old, new = (versions.order(found.kubernetes) for found in (before, after))
        assert new >= old
        assert new[1] - old[1] <= 1
        assert terms.fits(after)
    assert (visited[-1] == wanted) == (end.refusals == ())
