"""A record keeps what was measured last, with its day and its machine."""

import datetime as dt
import json
import os
import shutil
from pathlib import Path

import pytest

from dev.bench import records
from dev.bench.records import Steady

TODAY = dt.datetime.now(dt.UTC).date()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the records of the repository as they are."""
    copy = tmp_path / "measured"
    shutil.copytree(records.MEASURED, copy)
    monkeypatch.setattr(records, "MEASURED", copy)
    return copy


def is_today(date: str) -> bool:
    """Return whether it is the day of the test, which may end meanwhile."""
    return TODAY <= dt.date.fromisoformat(date) <= TODAY + dt.timedelta(days=1)


def test_a_table_replaces_the_one_before() -> None:
    """It is kept as printed."""
    row = ("steady state", "37.5 kB", "p50, 1 in flight", "0.77 ms", "0.67 ms", "1.15")
    records.write_function([row], "3.13")
    found = records.function()
    assert found["rows"] == [list(row)]
    assert found["machine"] == f"{os.cpu_count()} cores, Python 3.13"
    assert is_today(found["date"])


def test_the_steps_to_ready_are_in_order() -> None:
    """Steps come in the order in which they were reached, to a tenth of a second."""
    records.write_ready({"READY": 24.61, "kubeconfig exists": 14.84}, 30)
    found = records.ready()
    assert list(found["steps"].items()) == [("kubeconfig exists", 14.8), ("READY", 24.6)]
    assert found["poll"] == 30
    assert is_today(found["date"])


def steady(seconds: float) -> Steady:
    """Return a steady state."""
    return Steady(
        processor_seconds={"function": seconds}, host_requests=999.9, call_seconds=0.00519
    )


def test_a_run_replaces_one_of_its_count_and_poll() -> None:
    """Another count or poll is another point; those of before stay."""
    before = records.scale()["runs"]
    records.write_run(7, 30, steady(1.0))
    records.write_run(7, 30, steady(0.26))
    records.write_run(7, 10, steady(4.0))
    runs = records.scale()["runs"]
    assert [(run["count"], run["poll"]) for run in runs[:2]] == [(7, 10), (7, 30)]
    assert runs[2:] == before
    assert runs[1]["processor_seconds"] == {"function": 0.3}
    assert (runs[1]["host_requests"], runs[1]["call_seconds"]) == (1000, 0.0052)


def test_records_are_read_as_text(folder: Path) -> None:
    """A diff of them can be read."""
    records.write_ready({"READY": 1.0}, 10)
    text = (folder / "ready.json").read_text()
    assert text.startswith('{\n  "date": ')
    assert text.endswith("}\n")
    assert json.loads(text)["steps"] == {"READY": 1.0}
