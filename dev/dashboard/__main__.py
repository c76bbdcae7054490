"""Draw docs/images/dashboard.svg: `make picture-dashboard`.

With --check nothing is drawn, and an empty panel is a failure.
"""

import sys
from collections.abc import Sequence

from dev.dashboard import plot
from dev.dashboard.evaluate import DashboardError, panels
from dev.dashboard.record import RECORDING
from dev.scripts.life import ROOT

PICTURE = ROOT / "docs" / "images" / "dashboard.svg"


def main(arguments: Sequence[str] = tuple(sys.argv[1:])) -> str | None:
    """Evaluate the dashboard and draw it; return what is wrong with it."""
    try:
        drawing = panels(RECORDING)
    except DashboardError as error:
        return f"dashboard: {error}"
    lines = sum(len(panel.series) for panel in drawing)
    print(f"dashboard: {len(drawing)} panels with {lines} lines, none empty")
    if "--check" not in arguments:
        PICTURE.write_text(plot.draw(drawing))
    return None


if __name__ == "__main__":
    sys.exit(main())
