"""The table."""

from collections.abc import Sequence

from dev.bench.loads import Load

HEADER = ("REQUEST", "SIZE", "FIGURE", "FUNCTION", "BASELINE", "RATIO")
_NUMBERS = {"SIZE", "FUNCTION", "BASELINE", "RATIO"}

Row = tuple[str, str, str, str, str, str]


def rows(load: Load, in_flight: int, busy: float) -> list[Row]:
    """Return the rows of a load."""
    ours, baseline = load.figures
    start = _start(load)
    lines = []
    for percent in (50, 99):
        compared = _compared(
            ours.percentile(percent) * 1000, baseline.percentile(percent) * 1000, "{:.2f} ms"
        )
        lines.append((*start, f"p{percent}, 1 in flight", *compared))
    tails = _compared(ours.tail, baseline.tail, "{:.1f} p50")
    lines.append((*start, f"p99 at {busy:.0%} load", *tails))
    figure = f"requests per second, {in_flight} in flight"
    speeds = _compared(ours.per_second, baseline.per_second, "{:.0f}")
    return [*lines, (*start, figure, *speeds)]


def memory(load: Load, when: str, ours: int, baseline: int) -> Row:
    """Return the row of both servers' memory."""
    compared = _compared(ours / 1e6, baseline / 1e6, "{:.1f} MB")
    return (*_start(load), f"memory (RSS) {when}", *compared)


def start(starts: int, ours: float, baseline: float) -> Row:
    """Return the row of the time that both servers need to start."""
    compared = _compared(ours, baseline, "{:.2f} s")
    return ("start", "", f"until it serves, best of {starts}", *compared)


def _start(load: Load) -> tuple[str, str]:
    return load.name, f"{load.request.ByteSize() / 1000:.1f} kB"


def table(lines: Sequence[Row]) -> str:
    """Return the rows as a table."""
    whole = [HEADER, *lines]
    widths = [max(len(line[column]) for line in whole) for column in range(len(HEADER))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if name in _NUMBERS else cell.ljust(width)
            for name, cell, width in zip(HEADER, line, widths, strict=True)
        )
        for line in whole
    )


def _compared(ours: float, baseline: float, form: str) -> tuple[str, str, str]:
    return form.format(ours), form.format(baseline), f"{ours / baseline:.2f}"
