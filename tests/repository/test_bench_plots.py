"""Plots show the figures that they are given, with names and units, and nothing else."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

import pytest

from dev.bench import plots
from dev.bench.model import PROGRAMS
from dev.bench.records import Function, Ready, Run, Scale

if TYPE_CHECKING:
    from collections.abc import Callable

FUNCTION = Function(
    date="2026-01-02",
    machine="8 cores, Python 3.13",
    rows=[
        ["steady state", "37.5 kB", "p50, 1 in flight", "1.25 ms", "0.50 ms", "2.50"],
        ["steady state", "37.5 kB", "p99, 1 in flight", "4.00 ms", "2.00 ms", "2.00"],
        ["steady state", "37.5 kB", "p99 at 70% load", "9.3 p50", "14.1 p50", "0.66"],
        ["other-function", "9.1 kB", "p50, 1 in flight", "3.50 ms", "0.75 ms", "4.67"],
        ["other-function", "9.1 kB", "p99, 1 in flight", "7.75 ms", "0.90 ms", "8.61"],
        ["start", "", "until it serves, best of 5", "0.26 s", "0.14 s", "1.84"],
    ],
)
READY = Ready(
    date="2026-01-02",
    machine="8 cores",
    poll=30,
    steps={"vcluster chart deployed": 2.5, "connected in Rancher": 12.0, "READY": 42.0},
)
SCALE = Scale(
    runs=[
        Run(
            date="2026-01-02",
            machine="8 cores",
            count=count,
            poll=poll,
            processor_seconds=dict.fromkeys(PROGRAMS, seconds),
            host_requests=1000,
            call_seconds=0.006,
        )
        for count, poll, seconds in ((200, 60, 12.0), (50, 10, 6.0))
    ]
)


def words(svg: str) -> list[str]:
    """Return the texts of a plot."""
    return [html.unescape(text) for text in re.findall("<text[^>]*>([^<]*)</text>", svg)]


def widths(svg: str, colour: str) -> list[float]:
    """Return the widths of the bars of a colour."""
    bars = re.findall(rf'<path d="([^"]*)"[^>]*fill: {colour}', svg)
    edges = [[float(x) for x in re.findall(r"[ML] ([\d.]+) ", bar)] for bar in bars]
    return [max(each) - min(each) for each in edges]


def test_latency_names_requests_servers_and_percentiles() -> None:
    """A reader finds every figure of the table, its unit, and when and where it was measured."""
    found = words(plots.latency(FUNCTION))
    assert {"1.25", "0.50", "4.00", "2.00", "3.50", "0.75", "7.75", "0.90"} <= set(found)
    assert {"function, p50", "function, p99", "baseline, p50", "baseline, p99"} <= set(found)
    assert "ms until the answer, one call in flight" in found
    assert "Latency of a call (2026-01-02, 8 cores, Python 3.13)" in found


def test_latency_has_peers_and_leaves_out_what_is_no_latency() -> None:
    """Other functions stand beside ours; start and memory have other units."""
    found = words(plots.latency(FUNCTION))
    assert {"steady state", "other-function"} <= set(found)
    assert {"start", "0.26", "9.3"} & set(found) == set()


def test_bars_are_as_long_as_their_figures() -> None:
    """Twice the time is twice the length."""
    svg = plots.latency(FUNCTION)
    (steady, peer, _legend) = widths(svg, "#0969da")
    assert peer / steady == pytest.approx(3.5 / 1.25, rel=0.01)


def test_the_waterfall_has_each_step_after_the_one_before() -> None:
    """Each step says when it was reached, and how long it took."""
    svg = plots.ready(READY)
    found = words(svg)
    assert {"2.5 s (+2.5)", "12.0 s (+9.5)", "42.0 s (+30.0)"} <= set(found)
    assert {*READY["steps"], "seconds since the VCluster was created"} <= set(found)
    assert "Time to READY at a poll of 30 s (2026-01-02, 8 cores)" in found
    first, second = widths(svg, plots.STEP)
    assert second / first == pytest.approx(9.5 / 2.5, rel=0.01)


def test_cost_shows_the_model_beside_what_was_measured() -> None:
    """Each program has its own axes; the runs and the model's line are named."""
    found = words(plots.scale(SCALE))
    assert {*PROGRAMS, "VClusters", "cores while all are READY", "model"} <= set(found)
    assert "50 measured, 2026-01-02, 8 cores" in found
    assert "200 measured, 2026-01-02, 8 cores" in found
    assert {"10", "100", "1,000", "10,000", "0.01"} <= set(found)


@pytest.mark.parametrize(
    "draw",
    [lambda: plots.latency(FUNCTION), lambda: plots.ready(READY), lambda: plots.scale(SCALE)],
    ids=["latency", "ready", "scale"],
)
def test_plots_are_equal_small_and_alone(draw: Callable[[], str]) -> None:
    """Equal figures give equal bytes, no date of drawing, and no reference to another host."""
    svg = draw()
    assert svg == draw()
    assert len(svg) < 60_000
    assert {*re.findall(r"https?://([\w.]+)", svg)} == {"www.w3.org"}
    assert "!DOCTYPE" not in svg
    assert {*re.findall('href="(.)', svg)} == {"#"}
