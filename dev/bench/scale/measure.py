"""Usage of the programs: processor time and memory from /proc, requests from their metrics."""

from __future__ import annotations

import os
import re
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dev.bench.scale.programs import PROVIDER_METRICS_PORT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dev.apiserver.client import Client
    from dev.bench.scale.platform import Platform

OWN = "this program, which simulates"
OTHERS = "everything else"
CALL = "answered"
"""Text that the function logs once per call."""

_TICKS = os.sysconf("SC_CLK_TCK")
_SERIES = re.compile(r"(?P<name>\w+)\{(?P<labels>.*)\} (?P<value>\S+)")
_LABEL = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True)
class Memory:
    """Current and largest memory of a program, in megabytes."""

    now: float
    most: float


@dataclass(frozen=True)
class Sample:
    """All counters at one moment."""

    at: float
    processor: Mapping[str, float]
    """Seconds of each program."""
    calls: int
    requests: Mapping[str, float]
    """Requests by client and API server."""
    served: Mapping[tuple[str, str, str], float]
    """Requests by API server, verb and resource."""
    breakers: float
    """Number of times that Crossplane stopped listening to the events of an XR."""


@dataclass(frozen=True)
class Phase:
    """A part of the run, from its first sample to its last."""

    name: str
    before: Sample
    after: Sample
    per_minute: bool = False
    """True for figures per minute, for a part of arbitrary length."""

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return self.after.at - self.before.at

    def growth(self, counter: Callable[[Sample], float]) -> float:
        """Return the growth of a counter."""
        grown = counter(self.after) - counter(self.before)
        return grown * 60 / self.seconds if self.per_minute else grown


def sample(platform: Platform) -> Sample:
    """Read all counters."""
    processor = {name: processor_seconds(pid) for name, pid in platform.programs.pids.items()}
    processor[OWN] = sum(os.times()[:2])
    processor[OTHERS] = _busy() - sum(processor.values())
    texts = {program: _metrics(port) for program, port in _ports(platform).items()}
    opened = _series(texts["Crossplane"], "circuit_breaker_opens_total")
    return Sample(
        at=time.monotonic(),
        processor=processor,
        calls=platform.programs.log("function").read_text().count(CALL),
        requests=_requests(platform, texts),
        served={
            **_served("control-plane", platform.control_plane.admin),
            **_served("host", platform.host.admin),
        },
        breakers=sum(value for _, value in opened),
    )


def memory(platform: Platform) -> dict[str, Memory]:
    """Return the memory of each program."""
    return {name: _resident(pid) for name, pid in platform.programs.pids.items()}


def processor_seconds(pid: int) -> float:
    """Return the seconds of a process; the name before them may hold spaces."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _busy() -> float:
    """Return the seconds that the machine's processors worked: user, nice, system, interrupts."""
    user, nice, system, _, _, *interrupts = (
        int(field) for field in Path("/proc/stat").read_text().split()[1:8]
    )
    return (user + nice + system + sum(interrupts)) / _TICKS


def _resident(pid: int) -> Memory:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    now, most = (int(fields[key].split()[0]) * 1024 / 1e6 for key in ("VmRSS", "VmHWM"))
    return Memory(now, most)


def _ports(platform: Platform) -> dict[str, int]:
    return {
        "Crossplane": platform.crossplane.metrics_port,
        "provider-helm": PROVIDER_METRICS_PORT,
    }


def _metrics(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        text: str = answer.read().decode()
    return text


def _requests(platform: Platform, texts: Mapping[str, str]) -> dict[str, float]:
    places = {
        f"127.0.0.1:{platform.control_plane.admin.port}": "control plane",
        f"127.0.0.1:{platform.host.admin.port}": "host",
    }
    counts: Counter[str] = Counter()
    for program, text in texts.items():
        for labels, value in _series(text, "rest_client_requests_total"):
            if labels["host"] in places:
                counts[f"{program} to {places[labels['host']]}"] += int(value)
    return dict(counts)


def _served(place: str, client: Client) -> dict[tuple[str, str, str], float]:
    text = client.request("GET", "/metrics").body["message"]
    counts: Counter[tuple[str, str, str]] = Counter()
    for labels, value in _series(text, "apiserver_request_total"):
        resource = labels["resource"] or "discovery"
        if labels["subresource"]:
            resource += f"/{labels['subresource']}"
        counts[place, labels["verb"], resource] += int(value)
    return dict(counts)


def _series(text: str, name: str) -> Iterator[tuple[dict[str, str], float]]:
    for line in text.splitlines():
        series = _SERIES.match(line)
        if series and series["name"] == name:
            yield dict(_LABEL.findall(series["labels"])), float(series["value"])
