"""Measure the function and a baseline that does nothing, side by side, on this machine.

All real servers run at once and are measured in turns, so that other load of the machine affects
all. No figure is a failure. With BENCH_PEERS=name=address=request.json,... other
functions that run already are measured too, each with a request of its own, in protobuf's JSON.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack

from dev.bench import importer, loads, records, report
from dev.bench.loads import Load
from dev.bench.measure import Figures, client, resident_bytes
from dev.scripts.server import Server, ServerError, serving

IN_FLIGHT = 8
WARM_UP = 20
BATCH = 1000
"""Calls in a row for memory, before it is the other server's turn."""

PARALLEL = 2
"""Number of parallel calls for each single one."""

BUSY = 0.7
"""Part of the calls that a server can answer, at which the 99th percentile is looked at."""


def main(arguments: Sequence[str] | None = None) -> str | None:
    """Measure and print the table; return what went wrong."""
    options = _options(arguments)
    try:
        with ExitStack() as stack:
            peers = [stack.enter_context(peer) for peer in loads.peers(os.environ)]
            servers = (serving(module, options.python) for module in _MODULES)
            ours, baseline = (stack.enter_context(server) for server in servers)
            each_load = loads.make_loads(ours, options.round_calls)
            for load in each_load:
                wrong = load.check(ours.run(load.request))
                if wrong:
                    return f"bench: {load.name}: {wrong}"
            _rounds(baseline, [*each_load, *peers], options.rounds)
        start = _start(options.python, options.starts)
        memory = _memory(options.python, options.calls, options.seconds)
    except (ServerError, ValueError) as error:
        return f"bench: {error}"
    lines = [row for load in [*each_load, *peers] for row in _rows(load)]
    table = [*lines, start, *memory]
    print(report.table(table))
    print(*importer.lines(), sep="\n")
    if options.record:
        records.write_function(table, _version(options.python))
    return None


_MODULES = ("function", "dev.bench.baseline")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dev.bench", description=str(__doc__).splitlines()[0])
    for flag, default, words in (
        ("--rounds", 5, "rounds for speed"),
        ("--round-calls", 300, "calls in a row in a round"),
        ("--starts", 5, "starts of each server"),
        ("--calls", 100_000, "calls to each server for memory"),
        ("--seconds", 900, "most seconds for these, which may mean fewer calls"),
    ):
        meaning = f"{words} (default {default})"
        parser.add_argument(flag, type=_positive, default=default, help=meaning)
    text = "Python that runs the function and the baseline (default this one)"
    parser.add_argument("--python", default=sys.executable, help=text)
    text = "write the table into dev/bench/measured too"
    parser.add_argument("--record", action="store_true", help=text)
    return parser.parse_args(arguments)


def _version(python: str) -> str:
    """Return the version of a Python, such as 3.11."""
    command = [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    return subprocess.check_output(command, text=True).strip()


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        msg = "must be at least 1"
        raise argparse.ArgumentTypeError(msg)
    return number


def _rounds(baseline: Server, every: Sequence[Load], rounds: int) -> None:
    pairs = [(load, [client(load.server.channel), client(baseline.channel)]) for load in every]
    for load, clients in pairs:
        for caller in clients:
            caller.latency(load.payload, WARM_UP, Figures())
    for number in range(1, rounds + 1):
        _progress(f"speed, round {number} of {rounds}")
        for load, clients in pairs:
            for caller, figures in zip(clients, load.figures, strict=True):
                caller.latency(load.payload, load.calls, figures)
            for caller, figures in zip(clients, load.figures, strict=True):
                caller.throughput(load.payload, load.calls * PARALLEL, IN_FLIGHT, figures)
            for caller, figures in zip(clients, load.figures, strict=True):
                rate = BUSY * figures.per_second
                caller.paced(load.payload, load.calls, rate, IN_FLIGHT, figures)


def _memory(python: str, calls: int, seconds: float) -> tuple[report.Row, report.Row]:
    """Return the rows of the memory before and after a number of calls, limited by time."""
    with ExitStack() as stack:
        ours, baseline = (stack.enter_context(serving(each, python)) for each in _MODULES)
        return _held((ours, baseline), loads.for_memory(ours), calls, seconds)


def _held(
    servers: Sequence[Server], load: Load, calls: int, seconds: float
) -> tuple[report.Row, report.Row]:
    clients = [client(server.channel) for server in servers]
    before = [resident_bytes(server.pid) for server in servers]
    deadline = time.monotonic() + seconds
    made, latest = 0, 0
    while made < calls and time.monotonic() < deadline:
        batch = min(BATCH, calls - made)
        for caller in clients:
            caller.throughput(load.payload, batch, IN_FLIGHT, Figures())
        made += batch
        if made - latest >= calls / 20 or made == calls:
            latest = made
            held = resident_bytes(servers[0].pid) / 1e6
            _progress(f"memory, {made} of {calls} calls, the function holds {held:.1f} MB")
    after = [resident_bytes(server.pid) for server in servers]
    return (
        report.memory(load, "before", before[0], before[1]),
        report.memory(load, f"after {made} calls", after[0], after[1]),
    )


def _start(python: str, starts: int) -> report.Row:
    """Return the row of the time from the start of the process until it answers."""
    seconds: tuple[list[float], ...] = tuple([] for _ in _MODULES)
    for _ in range(starts):
        for module, times in zip(_MODULES, seconds, strict=True):
            started = time.perf_counter()
            with serving(module, python):
                times.append(time.perf_counter() - started)
    return report.start(starts, *(min(times) for times in seconds))


def _rows(load: Load) -> list[report.Row]:
    return report.rows(load, IN_FLIGHT, BUSY)


def _progress(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
