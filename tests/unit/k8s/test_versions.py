"""Versions: upwards only, step by step, and to the end."""

import pytest

from function.k8s import versions


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
    ("low", "high", "expected"),
    [
        pytest.param("1.34.3", "1.37.0", ["1.35", "1.36"], id="two"),
        pytest.param("1.34.3", "1.35.0", [], id="next-to-each-other"),
        pytest.param("1.34.3", "1.34.9", [], id="one-and-the-same"),
        pytest.param("1.36.0", "1.34.0", [], id="downwards"),
    ],
)
def test_minors_between(low: str, high: str, expected: list[str]) -> None:
    """Kubernetes goes through every minor."""
    assert [*versions.minors_between(low, high)] == expected


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
