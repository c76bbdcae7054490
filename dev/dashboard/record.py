"""Record the metrics of the real function over a short run: `python -m dev.dashboard.record`.

VClusters are created one after the other, come up as in the examples, and are asked for as
Crossplane does: after each change, and when a TTL ends. One has an invalid spec, two leave
Rancher. There is no cluster: what is observed is replayed, the metrics are the function's own.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import re
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2

from dev.demo import crossplane
from dev.scripts import life
from dev.scripts.server import Server, free_address, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dev.scripts.life import Object

RECORDING = Path(__file__).parent / "recording.om"
EXAMPLE = "kunde1"

COUNT = 12
EVERY_SECONDS = 20
"""Between the creations of two VClusters."""
REFUSED_AFTER = 150
"""Seconds until one is created with an invalid spec."""
LEAVE_AFTER = (240, 330)
"""Seconds until the first VClusters leave Rancher, one after the other."""
RUN_SECONDS = 480
SCRAPE_SECONDS = 15
TICK_SECONDS = 0.25

STATES = {"nothing": 0, "deploying": 3, "up": 14, "imported": 18, "ready": 23}
"""Seconds after its creation at which a VCluster that is as fast as the first is in a state."""

SLOWER = 0.25
"""By which part of that time each VCluster takes longer than the one before it."""

POD = "function-vcluster-0"
"""The label that the PodMonitor adds."""

SHOWN = re.compile(
    r"function_vcluster_(?:vclusters|calls_total|call_seconds_bucket|ready_seconds_bucket"
    r"|transitions_total|dropped_resources_total|build_info)\b"
    r"|process_(?:resident_memory_bytes|cpu_seconds_total)\b"
)
"""The metrics of the dashboard."""


@dataclass
class Tenant:
    """A VCluster of the run."""

    vcluster: Object
    created: float
    pace: float
    states: dict[str, tuple[list[Object], list[Object]]]
    due: float = 0
    state: str = ""

    def is_due(self, now: float) -> bool:
        """Return whether Crossplane calls, because of a change or the end of the TTL."""
        reached = [
            state
            for state, seconds in STATES.items()
            if state in self.states and now >= self.created + seconds * self.pace
        ]
        before, self.state = self.state, reached[-1]
        return before != self.state or now >= self.due

    def ask(self, server: Server, now: float) -> None:
        """Call the function as Crossplane does, and keep the status that it answers."""
        req = life.request_of(self.vcluster, *self.states[self.state])
        req.meta.tag = hashlib.sha256(req.SerializeToString(deterministic=True)).hexdigest()
        rsp = crossplane.ask(server, req)
        self.vcluster = crossplane.store(self.vcluster, rsp)
        self.due = now + rsp.meta.ttl.seconds


def tenant(number: int, spec: Object, now: float) -> Tenant:
    """Return a VCluster that is created now."""
    vcluster = life.composite(EXAMPLE)
    vcluster["metadata"] |= {
        "name": f"tenant-{number:02}",
        "uid": str(uuid.UUID(int=number)),
        "creationTimestamp": dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    states = {state: life.live_of(vcluster, state) for state in STATES}
    vcluster["spec"] = spec
    return Tenant(vcluster, now, 1 + SLOWER * number, states if not spec else {"nothing": ([], [])})


def run(server: Server, metrics: str) -> Iterator[str]:
    """Let VClusters live for RUN_SECONDS, and yield the samples of each scrape."""
    began = time.monotonic()
    tenants: list[Tenant] = []
    scraped = 0
    left = 0
    while (now := time.monotonic() - began) < RUN_SECONDS:
        if len(tenants) < COUNT and now >= len(tenants) * EVERY_SECONDS:
            is_refused = now >= REFUSED_AFTER and not any(each.vcluster["spec"] for each in tenants)
            spec = {"quota": {"cpu": "1000"}} if is_refused else {}
            tenants.append(tenant(len(tenants), spec, now))
        if left < len(LEAVE_AFTER) and now >= LEAVE_AFTER[left]:
            tenants[left].vcluster["spec"] = {"rancher": {"enabled": False}}
            tenants[left].due = 0
            left += 1
        for each in tenants:
            if each.is_due(now):
                each.ask(server, now)
        if now >= scraped * SCRAPE_SECONDS:
            scraped += 1
            yield from samples(scrape(metrics), time.time())
        time.sleep(TICK_SECONDS)


def scrape(address: str) -> str:
    """Return the metrics of the server."""
    return httpx2.get(f"http://{address}/metrics", trust_env=False).raise_for_status().text


def samples(text: str, now: float) -> Iterator[str]:
    """Yield the samples that the dashboard shows, with the pod's label and the time."""
    for line in text.splitlines():
        if SHOWN.match(line):
            series, _, value = line.rpartition(" ")
            name, _, labels = series.rstrip("}").partition("{")
            every = ",".join(filter(None, (labels, f'pod="{POD}"')))
            yield f"{name}{{{every}}} {value} {now:.3f}"


def main() -> None:
    """Record a run."""
    address = free_address()
    os.environ["METRICS_ADDRESS"] = address
    with serving() as server:
        lines = sorted(run(server, address), key=lambda line: line.rpartition("} ")[0])
    RECORDING.write_text("\n".join([*lines, "# EOF"]) + "\n")
    print(f"recorded {len(lines)} samples in {RECORDING}", file=sys.stderr)


if __name__ == "__main__":
    main()
