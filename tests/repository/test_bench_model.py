"""What is said of many VClusters follows from what was measured of a hundred."""

import re

import pytest

from dev.bench import model, records
from dev.scripts import life


def test_the_model_is_what_the_page_shows() -> None:
    """The table on paper is the one that the command prints."""
    page = (life.ROOT / "docs" / "benchmarks.md").read_text()
    assert "\n".join(model.lines(30)) in page


def test_the_model_gives_back_what_was_measured() -> None:
    """At the count and the poll of the run it says what the run said."""
    cost = model.Cost(model.MEASURED_COUNT, model.MEASURED_POLL)
    assert {program: cost.cores(program) * 60 for program in model.SECONDS} == pytest.approx(
        {program: seconds for program, (seconds, _) in model.SECONDS.items()}
    )
    assert cost.calls_per_second * 60 == pytest.approx(model.CALLS)
    assert cost.host_requests_per_second * 60 == pytest.approx(model.HOST_REQUESTS)
    assert cost.breaks == ()


def test_the_measured_run_is_what_the_page_shows() -> None:
    """The model's figures are those of the table above it."""
    page = (life.ROOT / "docs" / "benchmarks.md").read_text()
    rows = {
        "function": "function",
        "Crossplane": "Crossplane",
        "provider-helm": "provider-helm",
        "API server": "API server of the control plane",
        "API server of the host": "API server of the host",
        "etcd of both": "etcd of both",
    }
    for program, row in rows.items():
        seconds, _ = model.SECONDS[program]
        assert re.search(rf"^\| {row} \| [\d.]+ \| {seconds} \|", page, re.MULTILINE), program
    flowing = " ".join(page.split())
    assert f"{model.CALLS} times a minute" in flowing
    assert f"{model.HOST_REQUESTS:,} requests a minute" in flowing


def test_the_measured_run_is_the_recorded_one() -> None:
    """The point that the model goes through is drawn where it was measured."""
    (run,) = (
        run
        for run in records.scale()["runs"]
        if (run["count"], run["poll"]) == (model.MEASURED_COUNT, model.MEASURED_POLL)
    )
    spent = {program: seconds for program, (seconds, _) in model.SECONDS.items()}
    assert run["processor_seconds"] == spent


def test_the_second_run_is_what_the_page_shows() -> None:
    """Its points are those of the table that holds the model to account."""
    page = (life.ROOT / "docs" / "benchmarks.md").read_text()
    (run,) = (run for run in records.scale()["runs"] if (run["count"], run["poll"]) == (30, 30))
    for program, seconds in run["processor_seconds"].items():
        row = rf"^\| processor seconds: {program} \| [\d.]+ \| {seconds} \|$"
        assert re.search(row, page, re.MULTILINE), program
