"""Print for people: plain text in 100 columns, bold and coloured only on a terminal."""

import os
import sys
import textwrap
from collections.abc import Sequence

WIDTH = 100

Row = Sequence[str]

BOLD = "1"
STYLES = {"True": "32", "False": "31", "Unknown": "33", "FATAL": "1;31"}
"""Colours of words that fill a cell, as ANSI codes."""


def heading(text: str, rule: str = "-") -> None:
    """Print a heading."""
    line = f"{rule * 2} {text} ".ljust(WIDTH, rule)
    print(f"\n{_styled(line, BOLD)}")


def paragraph(text: str) -> None:
    """Print a paragraph."""
    print(textwrap.fill(text, WIDTH))


def quote(text: str) -> None:
    """Print the content of a file."""
    print(textwrap.indent(text.rstrip(), "    "))


def table(header: Row, rows: Sequence[Row], gap: str = "  ", indent: str = "  ") -> None:
    """Print a table whose last column may have several lines."""
    lines = [header, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header) - 1)]
    left = len(indent) + sum(width + len(gap) for width in widths)
    for line in lines:
        cells = zip(line[:-1], widths, strict=True)
        start = indent + "".join(
            _cell(cell) + " " * (width - len(cell)) + gap for cell, width in cells
        )
        first, *more = textwrap.wrap(line[-1], WIDTH - left) or [""]
        print((start + _cell(first)).rstrip())
        for continued in more:
            print(" " * left + continued)


def _cell(text: str) -> str:
    return _styled(text, STYLES[text]) if text in STYLES else text


def _styled(text: str, style: str) -> str:
    """Return the text in a style, for a terminal or with FORCE_COLOR, unless NO_COLOR is set."""
    is_plain = "NO_COLOR" in os.environ or not (sys.stdout.isatty() or "FORCE_COLOR" in os.environ)
    return text if is_plain else f"\033[{style}m{text}\033[0m"
