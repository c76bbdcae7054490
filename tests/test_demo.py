"""The demo tells the truth, and fails where the function does not."""

import subprocess
import sys
from dataclasses import replace

import pytest

from dev.demo import __main__ as demo
from dev.demo import story, text
from dev.demo.steps import STEPS, Step
from dev.scripts import life

LISTING = """\
NAME     SYNCED   READY   COMPOSITION                AGE
kunde1   True     True    vcluster.caas.telekom.de   24m
kunde2   True     True    vcluster.caas.telekom.de   52m
"""

TIMEOUT_SECONDS = 240


@pytest.fixture(scope="module")
def told() -> str:
    """Return what the demo prints where no terminal is."""
    done = subprocess.run(
        [sys.executable, "-m", "dev.demo"],
        cwd=life.ROOT,
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
    assert f"Observed, replayed from example/{example}/observed/{state}.yaml:\n" in told


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
    assert told.count("replayed from example/kunde1/observed/failed.yaml") == 1
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
