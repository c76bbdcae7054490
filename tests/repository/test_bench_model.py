"""What is said of many VClusters follows from what was measured of some."""

import pytest

from dev.bench import model, records
from dev.bench.model import PROGRAMS, Model
from dev.bench.records import Run


def run(count: int, seconds: float, requests: float = 0) -> Run:
    """Return a run in which each program took the same time."""
    return Run(
        date="2026-01-02",
        machine="2 cores",
        count=count,
        poll=30,
        processor_seconds=dict.fromkeys(PROGRAMS, seconds),
        host_requests=requests,
        call_seconds=0.006,
    )


def test_the_model_gives_back_what_was_measured() -> None:
    """At the counts of both runs it says what the runs said."""
    found = model.measured()
    smaller, larger = found.smaller, found.larger
    for program in PROGRAMS[1:]:
        seconds = larger["processor_seconds"][program]
        assert found.cores(program, larger["count"]) * 60 == pytest.approx(seconds)
        # A program that takes more per VCluster the more there are is overrated below.
        assert found.cores(program, smaller["count"]) * 60 >= (
            smaller["processor_seconds"][program] - 1e-9
        )
    requests = found.host_requests_per_second(larger["count"]) * 60
    assert requests == pytest.approx(larger["host_requests"])


def test_a_line_has_what_programs_take_by_themselves() -> None:
    """Ten times the VClusters cost less than ten times as much, if some of it is theirs alone."""
    found = Model(run(100, 60, requests=1000), run(300, 120, requests=3000))
    assert found.cores("Crossplane", 0) == pytest.approx(0.5)
    assert found.cores("Crossplane", 1000) == pytest.approx(5.5)
    assert found.host_requests_per_second(600) == pytest.approx(100)


def test_no_program_takes_less_than_nothing() -> None:
    """Figures that grow faster than the VClusters are scaled by the larger run."""
    found = Model(run(100, 6), run(300, 60))
    assert found.cores("Crossplane", 0) == 0
    assert found.cores("Crossplane", 3000) == pytest.approx(10)


def test_limits() -> None:
    """What one program of each does not carry is named, in the order in which it breaks."""
    found = Model(run(100, 6), run(300, 18))
    assert found.exceeded(500) == ()
    assert found.exceeded(1000) == ("Rancher",)
    assert found.exceeded(10_000) == ("Rancher", "provider-helm's rate")
    assert found.exceeded(100_000) == ("Rancher", "provider-helm's rate", *PROGRAMS[1:])


def test_looks_are_those_of_the_settled_intervals() -> None:
    """Two Releases each minute and one each ten; 2,857 VClusters take 100 looks a second."""
    assert model.largest() == 2857
    assert model.looks_per_second(1000) == pytest.approx(35)


def test_calls_are_those_of_the_time_to_live() -> None:
    """Each READY VCluster is computed anew every ten minutes, where Crossplane watches Secrets."""
    assert model.calls_per_second(6000) == pytest.approx(10)
    assert Model(run(100, 6), run(300, 18)).cores("function", 6000) == pytest.approx(0.06)


def test_the_runs_of_the_model_differ_in_their_count_alone() -> None:
    """They are of one machine and one interval."""
    found = model.measured()
    smaller, larger = found.smaller, found.larger
    assert smaller["count"] < larger["count"]
    assert (smaller["machine"], smaller["poll"]) == (larger["machine"], larger["poll"])
    assert len(records.scale()["runs"]) >= 2
