"""Draw the panels of the dashboard, as they are arranged there."""

from __future__ import annotations

import datetime as dt
import html
from typing import TYPE_CHECKING

import matplotlib as mpl

from dev.scripts import svg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dev.dashboard.evaluate import Panel

COLUMNS = 2
_PAIRS = mpl.color_sequences["tab20"]
COLOURS = _PAIRS[::2] + _PAIRS[1::2]
"""Dark ones first."""


UNITS = {"none": ("", 1), "reqps": ("calls per second", 1), "s": ("s", 1), "bytes": ("MB", 1e-6)}
"""Words for the units of Grafana, and factors."""


@svg.styled
def draw(panels: Sequence[Panel]) -> str:
    """Return all panels over the recorded run; the picture's description has the queries."""
    rows = -(-len(panels) // COLUMNS)
    figure = svg.figure(11, 2.6 * rows)
    start = min(at for panel in panels for line in panel.series for at, _ in line.points)
    grid = figure.subplots(rows, COLUMNS, squeeze=False, sharex=True)
    for axes, panel in zip(grid.flat, panels, strict=False):
        unit, factor = UNITS[panel.unit]
        axes.set_prop_cycle(color=COLOURS)
        for line in panel.series:
            minutes = [(at - start) / 60 for at, _ in line.points]
            values = [value * factor for _, value in line.points]
            axes.plot(minutes, values, label=line.label, linewidth=1.2)
        axes.set_title(panel.title)
        axes.set_ylabel(unit)
        axes.set_ylim(bottom=0)
        axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    day = dt.datetime.fromtimestamp(start, dt.UTC).date().isoformat()
    for axes in grid[-1]:
        axes.set_xlabel(f"minutes of the run of {day}")
    return _described(svg.text(figure), panels)


def _described(drawn: str, panels: Sequence[Panel]) -> str:
    """Return the picture with the queries of its panels as its description."""
    opening, end, rest = drawn.partition(">\n")
    queries = [f"{panel.title}: {query}" for panel in panels for query in panel.queries]
    return f"{opening}{end} <desc>{html.escape(chr(10).join(queries))}</desc>\n{rest}"
