"""The demo tells the truth, and fails where the function does not."""

import html
import os
import re
import subprocess
import sys
from dataclasses import replace

import pytest

from dev.demo import __main__ as demo
from dev.demo import picture, story, text
from dev.demo.steps import STEPS, Step
from dev.scripts import life

LISTING = """\
NAME     SYNCED   READY   COMPOSITION                AGE
kunde1   True     True    vcluster.caas.telekom.de   24m
kunde2   True     True    vcluster.caas.telekom.de   52m
"""

TIMEOUT_SECONDS = 240
CHARACTER_WIDTH = 12.2


@pytest.fixture(scope="module")
def told() -> str:
    """Return what the demo prints where no terminal is."""
    done = subprocess.run(
        [sys.executable, "-m", "dev.demo"],
        cwd=life.ROOT,
        env={name: value for name, value in os.environ.items() if name != "FORCE_COLOR"},
        check=True,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )
    assert done.stderr == ""
    return done.stdout


def test_ends_with_the_listing(told: str) -> None:
    """Both VClusters are ready in the end, listed as `kubectl get` does."""
    assert told.endswith(f"$ kubectl get vclusters.caas.telekom.de\n{LISTING}")


@pytest.mark.parametrize("example", ["kunde1", "kunde2"])
@pytest.mark.parametrize("state", [step.state for step in STEPS])
def test_what_is_replayed_is_labelled(told: str, example: str, state: str) -> None:
    """Nobody takes a file for a cluster."""
    assert f"Observed, replayed from tests/fixtures/observed/{example}/{state}.yaml:\n" in told


def test_age_is_labelled(told: str) -> None:
    """The only column that no answer gives is called replayed."""
    assert "AGE is replayed:" in " ".join(told.split())


def test_shows_what_was_written(told: str) -> None:
    """The whole wish of kunde1 is four lines."""
    written = (life.EXAMPLES / "kunde1" / "xr.yaml").read_text().splitlines()
    assert len(written) == 4
    assert "".join(f"    {line}\n" for line in written) in told


def test_shows_a_failure_in_helms_words(told: str) -> None:
    """The failed install is told once, with what Helm said."""
    assert told.count("replayed from tests/fixtures/observed/kunde1/failed.yaml") == 1
    assert " ".join(life.HELM_FAILURE.split()) in " ".join(told.split())


def test_shows_a_refused_spec(told: str) -> None:
    """A fatal answer names field, rule and remedy."""
    assert "FATAL  spec.quota.cpu: must be at most 10. Ask for less" in told


def test_is_plain_text(told: str) -> None:
    """It fits 100 columns and has no escape sequences."""
    assert max(map(len, told.splitlines())) <= text.WIDTH == 100
    assert "\033" not in told


def test_headings_are_bold_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A terminal gets weight, unless NO_COLOR is set."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    text.heading("a")
    assert "\033[1m-- a -" in capsys.readouterr().out
    monkeypatch.setenv("NO_COLOR", "1")
    text.heading("a")
    assert "\033" not in capsys.readouterr().out


def test_long_cells_take_several_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """The last column is wrapped below itself."""
    text.table(("A", "B"), [("x", "word " * 30)])
    header, *lines = capsys.readouterr().out.splitlines()
    assert header == "  A  B"
    assert len(lines) == 2
    assert lines[1].startswith("     word")


@pytest.mark.parametrize(
    ("step", "complaint"),
    [
        pytest.param(
            replace(STEPS[0], ready="True"), "READY: expected True, found False", id="ready"
        ),
        pytest.param(
            replace(STEPS[0], desired=frozenset({"namespace", "vcluster"})),
            "desired resources: expected ['namespace', 'vcluster'], found ['namespace']",
            id="desired",
        ),
    ],
)
def test_fails_where_an_answer_is_unexpected(
    step: Step,
    complaint: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """It says what is not as it should be, shows the server's log, and exits with an error."""
    monkeypatch.setattr(story, "STEPS", (step,))
    assert demo.main() == f"demo: kunde1, nothing: {complaint}"
    assert '"msg": "answered"' in capfd.readouterr().err


@pytest.mark.parametrize(
    ("environment", "is_styled"),
    [
        pytest.param({}, False, id="no terminal"),
        pytest.param({"FORCE_COLOR": "1"}, True, id="forced"),
        pytest.param({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, id="NO_COLOR wins"),
    ],
)
def test_cells_that_decide_are_coloured(
    environment: dict[str, str],
    is_styled: bool,  # noqa: FBT001  # a parameter of the test
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """READY is seen at a glance, and columns stay where they are without colours."""
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    text.table(("NAME", "READY", "AGE"), [("kunde1", "True", "24m"), ("kunde2", "False", "1m")])
    printed = capsys.readouterr().out
    assert ("\033[32mTrue\033[0m " in printed) is is_styled
    assert re.sub(r"\033\[[\d;]+m", "", printed) == (
        "  NAME    READY  AGE\n  kunde1  True   24m\n  kunde2  False  1m\n"
    )


def drawn(svg: str) -> list[str]:
    """Return the lines of a picture, each text in its column."""
    found: dict[float, str] = {}
    piece = r'<text class="demo-r\d+" x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)<'
    for x, y, words in re.findall(piece, svg):
        line = found.get(float(y), "").ljust(round(float(x) / CHARACTER_WIDTH))
        found[float(y)] = line + html.unescape(words)
    return [found[y].replace("\u00a0", " ").rstrip() for y in sorted(found)]


def test_the_picture_shows_what_the_demo_prints(told: str) -> None:
    """docs/images/demo.svg is not stale; `make pictures` draws it anew."""
    assert drawn(picture.PICTURE.read_text()) == [line.plain for line in picture.lines(told)]


def test_the_picture_shows_ready_and_a_refusal() -> None:
    """Whoever looks at one picture only has seen what it is about, in less than a page."""
    lines = drawn(picture.PICTURE.read_text())
    assert lines[0] == "$ make demo"
    assert (
        "  vcluster   kunde1-vcluster -> kunde1            vcluster 0.36.1           True" in lines
    )
    assert any(line.startswith("  FATAL  spec.quota.cpu: must be at most 10.") for line in lines)
    assert lines[-3:] == LISTING.splitlines()
    assert len(lines) < 50


def test_the_picture_is_small_and_names_nothing_outside_itself() -> None:
    """It loads no font and no image, and no path or address of a machine is in it."""
    svg = picture.PICTURE.read_text()
    assert len(svg) < 60_000
    assert {*re.findall(r"\w+://([\w.]+)", svg)} == {"www.w3.org", "rancher.example.org"}
    assert re.findall(r"@import|@font-face|<image|href|/home|/tmp|/work|127\.0\.0\.1", svg) == []
    assert {*re.findall(r"url\((.)", svg)} == {"#"}


def test_the_picture_has_the_colours_of_a_terminal() -> None:
    """Equal output gives equal bytes, in the theme's colours."""
    sections = "".join(
        f"{excerpt.heading} ==\n{excerpt.omit_from}\n{excerpt.omit_to}\n"
        for excerpt in picture.EXCERPTS
    )
    coloured = f"{sections}\033[32mTrue\033[0m"
    assert picture.draw(coloured) == picture.draw(coloured)
    assert ".demo-r2 { fill: #56d364 }" in picture.draw(coloured)
    assert "#56d364" not in picture.draw(sections)


def test_a_demo_without_an_excerpt_is_not_drawn(told: str) -> None:
    """A heading that was renamed is renamed in the picture too."""
    with pytest.raises(picture.MissingLineError, match="begins with '== At the end'"):
        picture.lines(told.replace("== At the end", "== In the end"))
