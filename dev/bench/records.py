"""Figures that were measured, as JSON in dev/bench/measured: the source of tables and plots."""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MEASURED = Path(__file__).parent / "measured"


class Origin(TypedDict):
    """Time and place of a measurement."""

    date: str
    machine: str


class Function(Origin):
    """The table of `make bench`."""

    rows: list[list[str]]
    """Request, size, figure, function, baseline and ratio, as printed."""


class Ready(Origin):
    """The time to READY of one VCluster."""

    poll: int
    """Seconds between two looks of provider-helm."""
    steps: dict[str, float]
    """Seconds since the creation."""


class Steady(TypedDict):
    """The use of a minute while all VClusters are READY."""

    processor_seconds: dict[str, float]
    """By program."""
    host_requests: float
    """Of provider-helm to the API server of the host."""
    call_seconds: float
    """Processor time of a call of the function, until all were READY; afterwards there are few."""


class Run(Origin, Steady):
    """The steady state of a run of `make bench-scale`."""

    count: int
    poll: int
    """Seconds of provider-helm's `--poll`, by which it does not go where a Release says more."""


class Scale(TypedDict):
    """The runs of `make bench-scale`, one for each count and poll."""

    runs: list[Run]


def function() -> Function:
    """Return the record of `make bench`."""
    record: Function = _read("function")
    return record


def ready() -> Ready:
    """Return the record of the time to READY."""
    record: Ready = _read("ready")
    return record


def scale() -> Scale:
    """Return the record of `make bench-scale`."""
    record: Scale = _read("scale")
    return record


def write_function(rows: Sequence[Sequence[str]], python: str) -> None:
    """Write the record of `make bench`."""
    record = Function(
        **_here(f", Python {python}"),
        rows=[list(row) for row in rows],
    )
    _write("function", record)


def write_ready(reached: Mapping[str, float], poll: int) -> None:
    """Write the record of the time to READY."""
    steps = sorted(reached.items(), key=lambda step: step[1])
    rounded = {step: round(seconds, 1) for step, seconds in steps}
    _write("ready", Ready(**_here(), poll=poll, steps=rounded))


def write_run(count: int, poll: int, steady: Steady) -> None:
    """Write a run of `make bench-scale` instead of an earlier one of this count and poll."""
    spent = steady["processor_seconds"].items()
    run = Run(
        **_here(),
        count=count,
        poll=poll,
        processor_seconds={program: round(seconds, 1) for program, seconds in spent},
        host_requests=round(steady["host_requests"]),
        call_seconds=round(steady["call_seconds"], 4),
    )
    others = [each for each in scale()["runs"] if (each["count"], each["poll"]) != (count, poll)]
    runs = sorted([*others, run], key=lambda each: (each["count"], each["poll"]))
    _write("scale", Scale(runs=runs))


def _here(suffix: str = "") -> Origin:
    today = dt.datetime.now(dt.UTC).date().isoformat()
    return Origin(date=today, machine=f"{os.cpu_count()} cores{suffix}")


def _read(name: str) -> Any:  # noqa: ANN401  # JSON
    return json.loads((MEASURED / f"{name}.json").read_text())


def _write(name: str, record: Mapping[str, Any]) -> None:
    text = json.dumps(record, indent=2, ensure_ascii=False)
    (MEASURED / f"{name}.json").write_text(f"{text}\n")
