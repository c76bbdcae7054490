"""Figures of matplotlib as SVG: equal figures give equal bytes, and nothing refers to another host.

There is no date of drawing and no random name; words stay text, in the reader's fonts.
"""

import re
from io import StringIO

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

styled = mpl.rc_context(
    {
        "axes.axisbelow": True,
        "axes.grid": True,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlelocation": "left",
        "axes.titlesize": 11,
        "figure.facecolor": "white",
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans"],
        "font.size": 9,
        "grid.color": "#d8dee4",
        "legend.frameon": False,
        "svg.fonttype": "none",
        "svg.hashsalt": "function-vcluster",
    }
)
"""Decorates functions that draw."""

_PATH = re.compile(r'(?<= d=")[^"]*')
_NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")


def figure(width: float, height: float) -> Figure:
    """Return a figure of so many inches, for a file alone."""
    made = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasSVG(made)
    return made


def text(drawn: Figure) -> str:
    """Return a figure without its document type, which names another host."""
    written = StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    drawn.savefig(written, format="svg", metadata=nothing)
    svg = written.getvalue()
    lines = (line.rstrip() for line in svg[svg.index("<svg") :].splitlines())
    return _PATH.sub(_rounded, "\n".join(lines) + "\n")


def _rounded(path: re.Match[str]) -> str:
    """Return a path in hundredths of a point: more is not seen, and differs between machines."""
    return _NUMBER.sub(lambda number: f"{float(number[0]):.2f}", path[0])
