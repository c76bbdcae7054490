"""Versions: upwards only, step by step, and to the end."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from function import versions

CHARTS = st.tuples(st.integers(0, 2), st.integers(0, 40), st.integers(0, 12))
PATHS = st.lists(CHARTS, min_size=1, max_size=8, unique=True).map(
    lambda found: [".".join(str(part) for part in chart) for chart in sorted(found)]
)
ANY_CHART = CHARTS.map(lambda chart: ".".join(str(part) for part in chart))


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        pytest.param("0.36.1", (0, 36, 1), id="chart"),
        pytest.param("v1.35.2", (1, 35, 2), id="kubernetes"),
        pytest.param("1.35", (1, 35), id="minor"),
        pytest.param("0.36.0-rc.1", (0, 36, 0), id="pre-release"),
        pytest.param("v1.35.0-k3s1", (1, 35, 0), id="suffix"),
    ],
)
def test_order(version: str, expected: tuple[int, ...]) -> None:
    """Versions compare by number, not by letter."""
    assert versions.order(version) == expected


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        pytest.param("v1.35.2", "1.35", id="kubernetes"),
        pytest.param("0.36.1", "0.36", id="chart"),
        pytest.param("1.35", "1.35", id="minor-already"),
    ],
)
def test_minor(version: str, expected: str) -> None:
    """The minor is what compatibility tables speak of."""
    assert versions.minor(version) == expected


PATH = ["0.34.7", "0.35.3", "0.36.1"]


@pytest.mark.parametrize(
    ("asked", "settled", "expected"),
    [
        pytest.param("", False, "0.36.1", id="a-new-cluster-starts-with-the-last"),
        pytest.param("0.34.7", True, "0.35.3", id="one-hop"),
        pytest.param("0.34.7", False, "0.34.7", id="not-before-it-runs"),
        pytest.param("0.35.3", True, "0.36.1", id="last-hop"),
        pytest.param("0.36.1", True, "0.36.1", id="arrived"),
        pytest.param("0.35.0", True, "0.35.3", id="a-patch-that-left-the-list"),
        pytest.param("0.33.4", True, "0.34.7", id="older-than-the-list"),
        pytest.param("0.37.0", True, "0.37.0", id="newer-than-the-list"),
        pytest.param("0.37.0", False, "0.37.0", id="newer-and-not-settled"),
    ],
)
def test_next_chart(asked: str, expected: str, *, settled: bool) -> None:
    """An upgrade hops through the list, the next hop only when the last one runs."""
    assert versions.next_chart(PATH, asked, settled=settled) == expected


@pytest.mark.parametrize(
    ("asked", "instead", "expected"),
    [
        pytest.param("0.36.99", "", "0.36.1", id="nothing-installed"),
        pytest.param("0.36.99", "0.35.3", "0.35.3", id="an-upgrade-that-could-not-begin"),
        pytest.param("0.36.99", None, "0.36.99", id="an-upgrade-that-has-begun"),
        pytest.param("0.36.1", "", "0.36.1", id="still-on-the-list"),
        pytest.param("0.35.3", "0.34.7", "0.35.3", id="a-hop-still-on-the-list"),
    ],
)
def test_next_chart_forgets_what_helm_could_not_begin_with(
    asked: str, instead: str | None, expected: str
) -> None:
    """A version that was wrong in the list is corrected by correcting the list."""
    assert versions.next_chart(PATH, asked, settled=False, instead=instead) == expected


@settings(deadline=None)
@given(PATHS, ANY_CHART, st.booleans())
def test_next_chart_never_goes_down(path: list[str], asked: str, settled: bool) -> None:  # noqa: FBT001  # Hypothesis passes it
    """A change of the list never downgrades anybody."""
    following = versions.next_chart(path, asked, settled=settled)
    assert versions.order(following) >= versions.order(asked)
    assert following == asked or (settled and following in path)


@settings(deadline=None)
@given(PATHS, ANY_CHART)
def test_upgrades_visit_every_hop_and_end(path: list[str], asked: str) -> None:
    """No hop is left out, and an upgrade ends with the last of the list."""
    visited = [asked]
    while (following := versions.next_chart(path, visited[-1], settled=True)) != visited[-1]:
        visited.append(following)
        assert len(visited) <= len(path) + 1
    assert visited[1:] == [
        chart
        for chart in path
        if [int(part) for part in chart.split(".")] > [int(part) for part in asked.split(".")]
    ]


@settings(deadline=None)
@given(PATHS)
def test_a_new_cluster_needs_no_hop(path: list[str]) -> None:
    """A new cluster starts where all others end."""
    first = versions.next_chart(path, "", settled=False)
    assert first == path[-1]
    assert versions.next_chart(path, first, settled=True) == first


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param("1.35", "1.35.10", id="newest-patch-by-number"),
        pytest.param("1.35.9", "1.35.9", id="exact"),
        pytest.param("1.34", "1.34.3", id="other-minor"),
        pytest.param("1.36", None, id="minor-not-listed"),
        pytest.param("1.35.1", None, id="patch-not-listed"),
        pytest.param("1.3", None, id="a-minor-is-no-prefix"),
    ],
)
def test_newest_patch(wanted: str, expected: str | None) -> None:
    """A minor means its newest patch on the list."""
    assert versions.newest_patch(["1.34.3", "1.35.10", "1.35.9"], wanted) == expected


@pytest.mark.parametrize(
    ("running", "wanted", "expected"),
    [
        pytest.param("1.35.0", "1.35.0", True, id="same"),
        pytest.param("1.35.0", "1.35.2", True, id="patch-up"),
        pytest.param("1.35.2", "1.35.0", False, id="patch-down"),
        pytest.param("1.35.2", "1.36.0", True, id="minor-up"),
        pytest.param("1.35.2", "1.34.9", False, id="minor-down"),
        pytest.param("1.34.3", "1.36.0", False, id="two-minors-up"),
        pytest.param("1.35.0", "2.35.0", False, id="major-up"),
        pytest.param("1.9.0", "1.10.0", True, id="by-number"),
    ],
)
def test_is_supported_step(running: str, wanted: str, *, expected: bool) -> None:
    """Kubernetes goes up one minor at a time and never down."""
    assert versions.is_supported_step(running, wanted) is expected


@pytest.mark.parametrize(
    ("chart", "kubernetes", "expected"),
    [
        pytest.param("0.36.1", "1.35.0", True, id="listed"),
        pytest.param("0.36.1", "1.33.0", False, id="not-listed"),
        pytest.param("0.35.3", "1.33.0", True, id="an-unlisted-chart-supports-all"),
        pytest.param("0.34.7", "1.35.0", False, id="nothing-fits"),
    ],
)
def test_fits(chart: str, kubernetes: str, *, expected: bool) -> None:
    """The Input says which Kubernetes a chart supports, by minor."""
    table = {"0.36": ["1.34", "1.35"], "0.34": []}
    assert versions.fits(chart, kubernetes, table) is expected
