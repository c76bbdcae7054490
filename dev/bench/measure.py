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

Payload = Callable[[], bytes]
"""Function that returns the next request on the wire."""


@dataclass
class Figures:
    """Measurements of one server with one request."""

    seconds: list[float] = field(default_factory=list)
    """Latency of each call of a client that waits for each answer."""
    paced_seconds: list[float] = field(default_factory=list)
    """Latency of each call at a rate below the server's maximum."""
    parallel_calls: int = 0
    parallel_seconds: float = 0

    def percentile(self, percent: int) -> float:
        """Return the latency in seconds at a quantile."""
        return _percentile(self.seconds, percent)

    @property
    def tail(self) -> float:
        """The 99th percentile of paced calls, in multiples of their median."""
        return _percentile(self.paced_seconds, 99) / _percentile(self.paced_seconds, 50)

    @property
    def per_second(self) -> float:
        """Calls answered in a second when several are in flight."""
        return self.parallel_calls / self.parallel_seconds


def _percentile(seconds: list[float], percent: int) -> float:
    ordered = sorted(seconds)
    return ordered[min(len(ordered) * percent // 100, len(ordered) - 1)]


@dataclass(frozen=True)
class Client:
    """A client that neither encodes nor decodes, to add little to the measurements."""

    run: Callable[..., bytes]

    def latency(self, payload: Payload, calls: int, figures: Figures) -> None:
        """Call one after the other."""
        for _ in range(calls):
            data = payload()
            started = time.perf_counter()
            self.run(data, timeout=CALL_SECONDS)
            figures.seconds.append(time.perf_counter() - started)

    def throughput(self, payload: Payload, calls: int, in_flight: int, figures: Figures) -> None:
        """Call with several calls in flight at any time."""

        def call(share: int) -> None:
            for _ in range(share):
                self.run(payload(), timeout=CALL_SECONDS)

        shares = [calls // in_flight + (n < calls % in_flight) for n in range(in_flight)]
        started = time.perf_counter()
        with ThreadPoolExecutor(in_flight) as clients:
            for _ in clients.map(call, shares):
                pass
        figures.parallel_seconds += time.perf_counter() - started
        figures.parallel_calls += calls

    def paced(
        self, payload: Payload, calls: int, rate: float, in_flight: int, figures: Figures
    ) -> None:
        """Call at a fixed rate, without waiting for earlier answers.

        Latency counts from the time at which a call was due: a server that blocks the client would
        otherwise hide its slowness.
        """
        moments = [number / rate for number in range(calls)]
        started = time.perf_counter()

        def call(moment: float) -> float:
            data = payload()
            time.sleep(max(0.0, started + moment - time.perf_counter()))
            self.run(data, timeout=CALL_SECONDS)
            return time.perf_counter() - started - moment

        with ThreadPoolExecutor(in_flight) as clients:
            figures.paced_seconds.extend(clients.map(call, moments))


def client(channel: grpc.Channel) -> Client:
    """Return a client that calls on a channel."""
    return Client(channel.unary_unary(METHOD))


def resident_bytes(pid: int) -> int:
    """Return the memory of a process."""
    status = Path(f"/proc/{pid}/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024
    command = ["ps", "-o", "rss=", "-p", str(pid)]
    return int(subprocess.check_output(command)) * 1024
