"""Create many VClusters at once, hold them, and delete them; print the cost."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from dev.bench import records
from dev.bench.scale import measure, platform, programs, report, vclusters
from dev.bench.scale.measure import Phase
from dev.bench.scale.programs import ROOT
from dev.bench.scale.simulator import Simulator
from dev.bench.scale.vclusters import GONE, VClusters
from dev.platform.command import PlatformError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from dev.bench.records import Steady
    from dev.bench.scale.measure import Memory
    from dev.bench.scale.platform import Platform

PROGRESS_SECONDS = 10
LOOK_SECONDS = 0.5
SETTLE_SECONDS = 20
"""Between the last READY and the measurement of the steady state."""

SHOWN_ERRORS = 3

CONDITIONS = ("NamespaceReady", "ControlPlaneReady", "RancherConnected", "Ready")
SIMULATED = {
    "NamespaceReady": "installed",
    "ControlPlaneReady": "available",
    "RancherConnected": "connected",
}


def main(arguments: Sequence[str] | None = None) -> str | None:
    """Measure and print the tables; return what went wrong."""
    options = _options(arguments)
    # Every end of this program ends its child processes too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    chosen = platform.Options(
        options.root.resolve(), options.poll, options.crossplane_flag, options.provider_flag
    )
    try:
        with _folder(options.folder) as folder:
            say(f"starting; logs in {folder}")
            with platform.running(folder, chosen) as running, _undisturbed():
                steady = Run(running, options.count, options.timeout).measure(options.steady)
        if steady and options.record:
            records.write_run(options.count, options.poll, steady)
    except PlatformError as error:
        return f"bench-scale: {error}"
    except KeyboardInterrupt:
        return "bench-scale: interrupted; nothing runs any more"
    return None


@contextlib.contextmanager
def _folder(wanted: Path | None) -> Iterator[Path]:
    if wanted is None:
        with tempfile.TemporaryDirectory(prefix="bench-scale-") as made:
            yield Path(made)
        return
    try:
        wanted.mkdir(parents=True)
    except FileExistsError:
        msg = f"{wanted} exists: name a folder that does not"
        raise PlatformError(msg) from None
    yield wanted.resolve()


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Ignore signals while the programs end."""
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)


def say(text: str) -> None:
    """Print the progress."""
    print(f"bench-scale: {text}", file=sys.stderr, flush=True)


class Run:
    """One measurement."""

    def __init__(self, running: Platform, count: int, timeout: float) -> None:
        """Prepare a number of VClusters."""
        self._platform = running
        self._timeout = timeout
        self._stopped = threading.Event()
        names = [f"scale-{number:03}" for number in range(1, count + 1)]
        self._vclusters = VClusters(running.control_plane.admin, names)
        self._host = Simulator(running.host.admin, self._stopped)
        self._phases: list[Phase] = []
        self._began = 0.0

    def measure(self, steady_seconds: float) -> Steady | None:
        """Measure and print; return what is used in a minute while all are READY."""
        try:
            self._vclusters.follow(self._stopped)
            self._host.start()
            before = self._objects()
            with self._phase("UNTIL READY"):
                up = time.monotonic()
                self._vclusters.create()
                self._until("Ready", "READY")
            if steady_seconds:
                self._rest("settling", SETTLE_SECONDS)
                with self._phase("READY, PER MINUTE", per_minute=True):
                    self._rest("all READY", steady_seconds)
            when_ready = measure.memory(self._platform)
            with self._phase("UNTIL GONE"):
                down = time.monotonic()
                self._vclusters.delete()
                self._until(GONE, "gone")
                left = self._leave(before)
            empty = time.monotonic() - down
            self._print(self._times(up, down), when_ready)
            print(f"Nothing was left after {empty:.0f} s." if not left else f"LEFT BEHIND: {left}")
            return report.steady(self._phases)
        finally:
            self._stopped.set()

    @contextlib.contextmanager
    def _phase(self, name: str, *, per_minute: bool = False) -> Iterator[None]:
        before = measure.sample(self._platform)
        self._began = time.monotonic()
        yield
        after = measure.sample(self._platform)
        self._phases.append(Phase(name, before, after, per_minute=per_minute))

    def _until(self, mark: str, word: str) -> None:
        count = len(self._vclusters.names)

        def state() -> str:
            return f"{self._vclusters.have(mark)} of {count} {word}"

        self._wait(state, lambda: self._vclusters.have(mark) == count)

    def _leave(self, before: set[str]) -> list[str]:
        """Wait until nothing is left, or return what does not go away."""
        left: set[str] = set()

        def is_empty() -> bool:
            left.clear()
            left.update(self._objects() - before)
            return not left

        with contextlib.suppress(PlatformError):
            self._wait(lambda: f"{len(left)} objects are left", is_empty)
        return sorted(left)

    def _rest(self, why: str, seconds: float) -> None:
        end = time.monotonic() + seconds
        self._wait(lambda: f"{why} for {seconds:.0f} s", lambda: time.monotonic() >= end)

    def _wait(self, state: Callable[[], str], holds: Callable[[], bool]) -> None:
        start = latest = time.monotonic()
        while not holds():
            self._platform.programs.check()
            now = time.monotonic()
            if now - latest >= PROGRESS_SECONDS:
                latest = now
                say(f"{now - self._began:4.0f} s  {state()}, load {os.getloadavg()[0]:.1f}")
            if now - start > self._timeout:
                msg = f"{state()} after {self._timeout:.0f} s\n{self._vclusters.not_ready()}"
                raise PlatformError(msg)
            time.sleep(LOOK_SECONDS)

    def _objects(self) -> set[str]:
        names = set()
        for place, cluster, kinds in (
            ("control plane", self._platform.control_plane, vclusters.CONTROL_PLANE_KINDS),
            ("host", self._platform.host, vclusters.HOST_KINDS),
        ):
            names |= {f"{place}: {each}" for each in vclusters.objects(cluster.admin, kinds)}
        return names

    def _times(self, up: float, down: float) -> dict[str, list[float]]:
        rows: dict[str, list[float]] = {}
        for condition in CONDITIONS:
            simulated = SIMULATED.get(condition)
            if simulated:
                rows[f"  simulated host: {simulated}"] = _since(self._host.marks, simulated, up)
            rows[condition] = _since(self._vclusters.marks, condition, up)
        rows["deleted"] = _since(self._vclusters.marks, GONE, down)
        return rows

    def _print(self, times: Mapping[str, list[float]], when_ready: Mapping[str, Memory]) -> None:
        print(f"{len(self._vclusters.names)} VClusters; {programs.versions()}\n")
        for lines in (
            report.times(times),
            report.used(self._phases, when_ready, measure.memory(self._platform)),
            report.requests(self._phases),
        ):
            print(*lines, sep="\n")
        for failure, names in self._vclusters.failures.items():
            print(f"{failure}: {len(names)} VClusters")
        print(*self._host.errors[:SHOWN_ERRORS], sep="\n")


def _since(marks: Mapping[tuple[str, str], float], mark: str, start: float) -> list[float]:
    return [at - start for (what, _), at in marks.items() if what == mark]


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.scale", description=__doc__)
    parser.add_argument("--count", type=int, default=100, help="VClusters (default %(default)s)")
    for flag, default, words in (
        ("--steady", 240, "seconds to measure when all are READY"),
        ("--timeout", 1800, "most seconds for each phase"),
        ("--poll", 10, "provider-helm's --poll in seconds"),
    ):
        text = f"{words} (default %(default)s)"
        parser.add_argument(flag, type=int, default=default, help=text)
    text = "the checkout whose function, charts and API are measured (default: this one)"
    parser.add_argument("--root", type=Path, default=ROOT, help=text)
    text = "write the steady state into dev/bench/measured too"
    parser.add_argument("--record", action="store_true", help=text)
    text = "an empty folder for the logs, which stays (default: one that is removed)"
    parser.add_argument("--folder", type=Path, help=text)
    for program in ("crossplane", "provider"):
        text = f"a flag of {program}, such as --{program}-flag=--debug; may be repeated"
        parser.add_argument(f"--{program}-flag", action="append", default=[], help=text)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
