"""Write what was measured into the documentation: plots into docs/images, tables into the page.

`python -m dev.bench.pictures` writes all from dev/bench/measured; `make bench` does so with new
figures.
"""

from collections.abc import Sequence

from dev.bench import model, plots, records, report
from dev.scripts.life import ROOT

IMAGES = ROOT / "docs" / "images"
PAGE = ROOT / "docs" / "benchmarks.md"


def images() -> dict[str, str]:
    """Return the plots by the names of their files."""
    return {
        "latency.svg": plots.latency(records.function()),
        "time-to-ready.svg": plots.ready(records.ready()),
        "cost.svg": plots.scale(records.scale()),
    }


def tables() -> dict[str, str]:
    """Return the tables of the page by the names of their records."""
    function, ready, scale = records.function(), records.ready(), model.measured()
    header = [name.lower() for name in report.HEADER]
    steps = [[f"{seconds:.1f}", step] for step, seconds in ready["steps"].items()]
    return {
        "function": _table(function, [header, *function["rows"]]),
        "ready": _table(ready, [["seconds", "step"], *steps]),
        "model": _table(scale.larger, [*model.rows(scale)]),
    }


def _table(origin: records.Origin, rows: Sequence[Sequence[str]]) -> str:
    header, *lines = rows
    table = [f"| {' | '.join(row)} |" for row in (header, *lines)]
    table.insert(1, "|---" * len(header) + "|")
    return "\n".join((f"{origin['date']}, {origin['machine']}:", "", *table))


def page(text: str) -> str:
    """Return the page with the tables between their marks."""
    for name, table in tables().items():
        begin, end = f"<!-- {name}: make pictures -->\n", f"\n<!-- end of {name} -->"
        before, marker, rest = text.partition(begin)
        _, end_marker, after = rest.partition(end)
        if not marker or not end_marker:
            msg = f"{PAGE.name} must have the lines {begin.strip()} and {end.strip()}"
            raise ValueError(msg)
        text = f"{before}{begin}\n{table}\n{end}{after}"
    return text


def write() -> None:
    """Write the plots and the tables."""
    IMAGES.mkdir(exist_ok=True)
    for name, svg in images().items():
        (IMAGES / name).write_text(svg)
    PAGE.write_text(page(PAGE.read_text()))


if __name__ == "__main__":
    write()
