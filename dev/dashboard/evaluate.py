"""Evaluate the queries of the Grafana dashboard by Prometheus over the recorded run."""

from __future__ import annotations

import json
import math
import re
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2

from dev.dashboard.record import SCRAPE_SECONDS
from dev.scripts.life import ROOT
from dev.scripts.server import free_address

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DASHBOARD = ROOT / "install" / "monitoring" / "dashboard.json"
BIN = ROOT / ".tools" / "bin"

START_SECONDS = 30


class DashboardError(Exception):
    """A query of the dashboard fails, or shows nothing."""


@dataclass(frozen=True)
class Series:
    """A line of a panel."""

    label: str
    points: tuple[tuple[float, float], ...]
    """Seconds since the epoch, and values."""


@dataclass(frozen=True)
class Panel:
    """A panel of the dashboard over the recorded run."""

    title: str
    unit: str
    queries: tuple[str, ...]
    series: tuple[Series, ...]


def panels(recording: Path, programs: Path = BIN, dashboard: Path = DASHBOARD) -> list[Panel]:
    """Return all panels with what their queries give; raise DashboardError if one gives nothing."""
    times = [float(line.rpartition(" ")[2]) for line in recording.read_text().splitlines()[:-1]]
    loaded = json.loads(dashboard.read_text())
    with _prometheus(recording, programs) as url:
        return [_panel(url, panel, min(times), max(times)) for panel in loaded["panels"]]


@contextmanager
def _prometheus(recording: Path, programs: Path) -> Iterator[str]:
    """Run Prometheus with the recorded samples, and yield its URL."""
    with tempfile.TemporaryDirectory() as folder:
        data, config = Path(folder) / "data", Path(folder) / "prometheus.yaml"
        config.write_text("{}\n")
        load = ("tsdb", "create-blocks-from", "openmetrics", recording, data)
        subprocess.run([programs / "promtool", *load], check=True, capture_output=True)
        address = free_address()
        command: list[str | Path] = [
            programs / "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={data}",
            # A recording may be of any age.
            "--storage.tsdb.retention.time=100y",
            f"--web.listen-address={address}",
            "--log.level=error",
        ]
        process = subprocess.Popen(command)
        try:
            _await(f"http://{address}")
            yield f"http://{address}"
        finally:
            process.terminate()
            process.wait()


def _await(url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx2.get(f"{url}/-/ready", trust_env=False).is_success:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.1)
    msg = f"Prometheus is not ready after {START_SECONDS} s"
    raise DashboardError(msg)


def _panel(url: str, panel: Mapping[str, Any], start: float, end: float) -> Panel:
    lines: list[Series] = []
    for target in panel["targets"]:
        parameters = {
            "query": target["expr"],
            "start": f"{start:.3f}",
            "end": f"{end:.3f}",
            "step": str(SCRAPE_SECONDS),
        }
        answer = httpx2.get(f"{url}/api/v1/query_range", params=parameters, trust_env=False).json()
        lines += series(panel["title"], target, answer)
    unit = panel["fieldConfig"]["defaults"]["unit"]
    return Panel(
        panel["title"], unit, tuple(target["expr"] for target in panel["targets"]), tuple(lines)
    )


def series(title: str, target: Mapping[str, str], answer: Mapping[str, Any]) -> list[Series]:
    """Return the lines of an answer; raise DashboardError if it is an error or has no number."""
    where = f"panel {title!r}, query {target['expr']}"
    if answer["status"] != "success":
        msg = f"{where}: {answer['error']}"
        raise DashboardError(msg)
    lines = [
        Series(_label(target["legendFormat"], each["metric"]), tuple(_points(each["values"])))
        for each in answer["data"]["result"]
    ]
    shown = [line for line in lines if line.points]
    if not shown:
        msg = f"{where}: no data in the recorded run"
        raise DashboardError(msg)
    return sorted(shown, key=lambda line: line.label)


def _label(legend: str, labels: Mapping[str, str]) -> str:
    """Return the legend of a line as Grafana fills it in."""
    return re.sub(r"{{(\w+)}}", lambda name: labels.get(name[1], ""), legend)


def _points(values: list[tuple[float, str]]) -> Iterator[tuple[float, float]]:
    """Yield the points that are numbers: a rate of nothing is none."""
    for at, value in values:
        if math.isfinite(float(value)):
            yield float(at), float(value)
