"""The documentation shows the figures that are recorded."""

import html
import re

import pytest

from dev.bench import pictures, records


def words(svg: str) -> list[str]:
    """Return the texts of a plot."""
    return [html.unescape(text) for text in re.findall("<text[^>]*>([^<]*)</text>", svg)]


@pytest.mark.parametrize("name", ["cost.svg", "latency.svg", "time-to-ready.svg"])
def test_plots_are_of_the_recorded_figures(name: str) -> None:
    """docs/images is not stale; `make pictures` draws it anew."""
    assert words((pictures.IMAGES / name).read_text()) == words(pictures.images()[name])


def test_the_page_has_the_recorded_tables() -> None:
    """docs/benchmarks.md is not stale either."""
    page = pictures.PAGE.read_text()
    assert pictures.page(page) == page
    assert f"\n| {records.ready()['steps']['READY']:.1f} | READY |\n" in page


def test_the_page_shows_every_plot() -> None:
    """A plot that no page refers to is seen by no reader."""
    page = pictures.PAGE.read_text()
    assert {name for name in pictures.images() if f"](images/{name})" not in page} == set()


def test_tables_replace_the_ones_before() -> None:
    """Text around the marks stays as it is."""
    before = (
        "a\n<!-- ready: make pictures -->\nold\n<!-- end of ready -->\nb\n"
        "<!-- function: make pictures -->\n\n<!-- end of function -->\nc\n"
        "<!-- model: make pictures -->\n\n<!-- end of model -->\nd\n"
    )
    after = pictures.page(before)
    assert after.startswith("a\n<!-- ready: make pictures -->\n\n2")
    assert "\n\n<!-- end of ready -->\nb\n<!-- function: make pictures -->\n\n2" in after
    assert "|\n\n<!-- end of function -->\nc\n<!-- model: make pictures -->\n\n2" in after
    assert after.endswith("|\n\n<!-- end of model -->\nd\n")
    assert "old" not in after


@pytest.mark.parametrize("mark", ["<!-- ready: make pictures -->", "<!-- end of function -->"])
def test_a_page_without_a_mark_is_refused(mark: str) -> None:
    """A table has its place, or the author is told which line is missing."""
    with pytest.raises(ValueError, match=f"must have the lines .*{mark[5:20]}"):
        pictures.page(pictures.PAGE.read_text().replace(mark, ""))
