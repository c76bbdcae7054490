"""Draw docs/images/demo.svg: an excerpt of the demo's output as a picture of a terminal.

The lines are the demo's own, as it prints them on a terminal. Fonts are those of the reader's
machine: the picture refers to nothing outside itself.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from dev.demo.text import WIDTH
from dev.scripts.life import ROOT

PICTURE = ROOT / "docs" / "images" / "demo.svg"
COMMAND = "$ make demo"
OMISSION = "..."
RULES = ("== ", "-- ")
"""Beginnings of the demo's headings."""


@dataclass(frozen=True)
class Excerpt:
    """A section of the demo, by the beginning of its heading, without some of its lines."""

    heading: str
    omit_from: str = ""
    """Beginning of the first line that is left out."""
    omit_to: str = ""
    """Beginning of the next line that is shown; without it all that follow are left out."""


EXCERPTS = (
    Excerpt("== kunde1: what its owner writes"),
    Excerpt("-- kunde1, 5 of 5: ready", "  RESOURCE", "The function answered:"),
    Excerpt("== Aside: a spec that asks for more", "  CONDITION"),
    Excerpt("== At the end"),
)

THEME = TerminalTheme(
    (22, 27, 34),
    (201, 209, 217),
    [
        (72, 79, 88),
        (255, 123, 114),
        (86, 211, 100),
        (227, 179, 65),
        (121, 192, 255),
        (210, 168, 255),
        (86, 212, 221),
        (201, 209, 217),
    ],
)

SVG = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix, .{unique_id}-title {{
font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
font-size: {char_height}px; line-height: {line_height}px;
}}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


class MissingLineError(Exception):
    """The demo no longer prints a line that begins or ends an excerpt."""


def draw(output: str) -> str:
    """Return the picture of the demo's output, as SVG."""
    console = Console(
        record=True, width=WIDTH, file=StringIO(), force_terminal=True, color_system="truecolor"
    )
    for line in lines(output):
        console.print(line, soft_wrap=True)
    return console.export_svg(title="make demo", theme=THEME, code_format=SVG, unique_id="demo")


def lines(output: str) -> list[Text]:
    """Return the lines that the picture shows."""
    sections = _sections(output)
    shown = [Text(COMMAND)]
    for excerpt in EXCERPTS:
        heading = _first(list(sections), excerpt.heading)
        shown += [Text(""), *_without(sections[heading], excerpt)]
    return shown


def _sections(output: str) -> dict[str, list[Text]]:
    """Return the lines of each section by its heading, without blank lines."""
    sections: dict[str, list[Text]] = {}
    heading = ""
    for line in Text.from_ansi(output).split("\n"):
        if line.plain.startswith(RULES):
            heading = line.plain
        if line.plain:
            sections.setdefault(heading, []).append(line)
    return sections


def _without(section: list[Text], excerpt: Excerpt) -> Iterator[Text]:
    """Yield the lines of a section, with a mark instead of those that are left out."""
    if not excerpt.omit_from:
        yield from section
        return
    plain = [line.plain for line in section]
    start = plain.index(_first(plain, excerpt.omit_from))
    end = plain.index(_first(plain, excerpt.omit_to)) if excerpt.omit_to else len(plain)
    yield from (*section[:start], Text(f"  {OMISSION}"), *section[end:])


def _first(candidates: list[str], beginning: str) -> str:
    for each in candidates:
        if each.startswith(beginning):
            return each
    msg = f"the demo prints no line that begins with {beginning!r}: change EXCERPTS"
    raise MissingLineError(msg)


def main() -> str | None:
    """Run the demo and draw it; return the error."""
    done = subprocess.run(
        [sys.executable, "-m", "dev.demo"],
        cwd=ROOT,
        env={key: value for key, value in os.environ.items() if key != "NO_COLOR"}
        | {"FORCE_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return f"picture: the demo failed\n{done.stderr}"
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(draw(done.stdout))
    return None


if __name__ == "__main__":
    sys.exit(main())
