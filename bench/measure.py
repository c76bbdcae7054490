"""Measure a running server: latency, throughput, memory."""

import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import grpc

METHOD = "/apiextensions.fn.proto.v1.FunctionRunnerService/RunFunction"
CALL_SECONDS = 60


@dataclass
class Figures:
    """What was measured of one server with one request."""

    seconds: list[float] = field(default_factory=list)
    """Of each call when one client waits for each answer."""
    parallel_calls: int = 0
    parallel_seconds: float = 0

    def percentile(self, percent: int) -> float:
        """Return the seconds within which so many of all calls are answered."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) * percent // 100, len(ordered) - 1)]

    @property
    def per_second(self) -> float:
        """Calls answered in a second when several are in flight."""
        return self.parallel_calls / self.parallel_seconds


@dataclass(frozen=True)
class Client:
    """A client that neither encodes nor decodes, so as to be little of what is measured."""

    run: Callable[..., bytes]

    def latency(self, payload: bytes, calls: int, figures: Figures) -> None:
        """Call one after the other."""
        for _ in range(calls):
            started = time.perf_counter()
            self.run(payload, timeout=CALL_SECONDS)
            figures.seconds.append(time.perf_counter() - started)

    def throughput(self, payload: bytes, calls: int, in_flight: int, figures: Figures) -> None:
        """Call with several calls in flight at any time."""

        def call(share: int) -> None:
            for _ in range(share):
                self.run(payload, timeout=CALL_SECONDS)

        shares = [calls // in_flight + (n < calls % in_flight) for n in range(in_flight)]
        started = time.perf_counter()
        with ThreadPoolExecutor(in_flight) as clients:
            for _ in clients.map(call, shares):
                pass
        figures.parallel_seconds += time.perf_counter() - started
        figures.parallel_calls += calls


def client(channel: grpc.Channel) -> Client:
    """Return a client that calls on a channel."""
    return Client(channel.unary_unary(METHOD))


def resident_bytes(pid: int) -> int:
    """Return the memory that a process holds."""
    status = Path(f"/proc/{pid}/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024
    command = ["ps", "-o", "rss=", "-p", str(pid)]
    return int(subprocess.check_output(command)) * 1024
