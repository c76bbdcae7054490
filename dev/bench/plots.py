"""Draw what was measured: figures of dev/bench/measured become SVG in docs/images.

Pure functions of dev/bench/records.py; equal figures give equal bytes.
"""

from __future__ import annotations

from itertools import cycle, pairwise
from typing import TYPE_CHECKING

from dev.bench.model import PROGRAMS, of_largest
from dev.scripts import svg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from dev.bench.model import Model
    from dev.bench.records import Function, Origin, Ready, Run, Scale

STEP, LAST = "#0969da", "#1a7f37"
RUN, MODEL = "#0969da", "#6e7781"

PERCENTILES = ("p50", "p99")
BARS = (
    (0, "p50", "#0969da", "function, p50"),
    (0, "p99", "#9ec5f4", "function, p99"),
    (1, "p50", "#6e7781", "baseline, p50"),
    (1, "p99", "#cfd4d9", "baseline, p99"),
)
THICKNESS = 0.2

COUNTS = (10, 30, 100, 300, 1_000, 3_000, 10_000)
MARKERS = ("s", "o", "^", "D", "v", "P")


@svg.styled
def latency(record: Function) -> str:
    """Return bars of the latency of each request: the function beside the baseline."""
    latencies = _milliseconds(record)
    figure = svg.figure(8, 1.4 + 0.75 * len(latencies))
    axes = figure.subplots()
    for row, (number, percentile, colour, label) in enumerate(BARS):
        bars = axes.barh(
            [request + (row - 1.5) * THICKNESS for request in range(len(latencies))],
            [each[percentile][number] for each in latencies.values()],
            height=THICKNESS,
            color=colour,
            label=label,
        )
        axes.bar_label(bars, fmt="%.2f", padding=3, fontsize=8)
    _rows(axes, list(latencies))
    axes.set_xlabel("ms until the answer, one call in flight")
    figure.legend(loc="outside lower center", ncols=len(BARS))
    _title(axes, "Latency of a call", record)
    return svg.text(figure)


def _milliseconds(record: Function) -> dict[str, dict[str, tuple[float, float]]]:
    """Return p50 and p99 of function and baseline, by request."""
    latencies: dict[str, dict[str, tuple[float, float]]] = {}
    for request, _, figure, ours, theirs, _ in record["rows"]:
        percentile, _, load = figure.partition(", ")
        if percentile in PERCENTILES and load == "1 in flight":
            both = (_number(ours), _number(theirs))
            latencies.setdefault(request, {})[percentile] = both
    return latencies


def _number(cell: str) -> float:
    return float(cell.removesuffix(" ms"))


@svg.styled
def ready(record: Ready) -> str:
    """Return a waterfall of the time to READY: a bar for each step, from the one before it."""
    steps = list(record["steps"].items())
    figure = svg.figure(8, 1.2 + 0.35 * len(steps))
    axes = figure.subplots()
    starts = [0.0, *record["steps"].values()]
    for row, (start, end) in enumerate(pairwise(starts)):
        colour = LAST if row == len(steps) - 1 else STEP
        axes.barh(row, end - start, left=start, height=0.6, color=colour)
        words = f"{end:.1f} s (+{end - start:.1f})"
        axes.annotate(words, (end, row), (4, 0), textcoords="offset points", va="center")
    _rows(axes, [step for step, _ in steps])
    axes.set_xlim(0, steps[-1][1] * 1.2)
    axes.set_xlabel("seconds since the VCluster was created")
    _title(axes, f"Time to READY at a poll of {record['poll']} s", record)
    return svg.text(figure)


@svg.styled
def scale(record: Scale) -> str:
    """Return the cores of each program by number of VClusters: measured, and by the model."""
    figure = svg.figure(9, 6.6)
    grid = figure.subplots(2, 3, sharex=True, sharey=True)
    model = of_largest(record["runs"])
    for axes, program in zip(grid.flat, PROGRAMS, strict=True):
        _cores(axes, program, model, record["runs"])
    for axes in grid[-1]:
        axes.set_xlabel("VClusters")
    for axes in grid[:, 0]:
        axes.set_ylabel("cores while all are READY")
    handles, labels = grid[-1, -1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return svg.text(figure)


def _cores(axes: Axes, program: str, model: Model, runs: Sequence[Run]) -> None:
    """Draw a program: the line of the model, and a point for each run."""
    cores = [model.cores(program, count) for count in COUNTS]
    axes.plot(COUNTS, cores, "-", color=MODEL, label="model")
    for run, marker in zip(runs, cycle(MARKERS), strict=False):
        spent = run["processor_seconds"][program] / 60
        # Logarithmic axes have no 0, as of a function that was not called.
        if spent:
            axes.plot(run["count"], spent, marker, color=RUN, label=_run(run), zorder=3)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.minorticks_off()
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:,g}")
    axes.set_title(program)


def _run(run: Run) -> str:
    return f"{run['count']} measured, {run['date']}, {run['machine']}"


def _rows(axes: Axes, names: Sequence[str]) -> None:
    """Name the rows, the first one on top."""
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")


def _title(axes: Axes, words: str, origin: Origin) -> None:
    axes.set_title(f"{words} ({origin['date']}, {origin['machine']})")
