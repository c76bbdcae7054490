"""Print for people: plain text in 100 columns, bold only on a terminal."""

import os
import sys
import textwrap
from collections.abc import Sequence

WIDTH = 100

Row = Sequence[str]


def heading(text: str, rule: str = "-") -> None:
    """Print a heading."""
    line = f"{rule * 2} {text} ".ljust(WIDTH, rule)
    plainly = not sys.stdout.isatty() or "NO_COLOR" in os.environ
    print(f"\n{line}" if plainly else f"\n\033[1m{line}\033[0m")


def paragraph(text: str) -> None:
    """Print a paragraph."""
    print(textwrap.fill(text, WIDTH))


def quote(text: str) -> None:
    """Print the content of a file."""
    print(textwrap.indent(text.rstrip(), "    "))


def table(header: Row, rows: Sequence[Row], gap: str = "  ", indent: str = "  ") -> None:
    """Print a table whose last column takes as many lines as it needs."""
    lines = [header, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header) - 1)]
    left = len(indent) + sum(width + len(gap) for width in widths)
    for line in lines:
        cells = zip(line[:-1], widths, strict=True)
        start = indent + "".join(cell.ljust(width) + gap for cell, width in cells)
        first, *more = textwrap.wrap(line[-1], WIDTH - left) or [""]
        print((start + first).rstrip())
        for continued in more:
            print(" " * left + continued)
