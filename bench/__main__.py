"""Measure the function and a baseline that does nothing, side by side, on this machine.

Both real servers run at once and are measured in turns, so that what else the machine does hits
both. Nothing here fails because of a figure.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from crossplane.function.proto.v1 import run_function_pb2 as fnv1

from bench import importer, report, requests
from bench.measure import Figures, client, resident_bytes
from scripts.server import Server, ServerError, serving

IN_FLIGHT = 8
WARM_UP = 20
BATCH = 1000
"""Calls in a row for memory, before it is the other server's turn."""

PARALLEL = 2
"""How many calls are made in parallel for each that is made alone."""


@dataclass
class Load:
    """A request, and what was measured with it."""

    name: str
    request: fnv1.RunFunctionRequest
    calls: int
    """Made one after the other in a round."""
    figures: tuple[Figures, Figures] = field(default_factory=lambda: (Figures(), Figures()))

    @property
    def payload(self) -> bytes:
        """The request on the wire."""
        return self.request.SerializeToString()


def main(arguments: Sequence[str] | None = None) -> str | None:
    """Measure and print the table; return what went wrong."""
    options = _options(arguments)
    loads = (
        Load("steady state", requests.steady(), options.round_calls),
        Load(f"{requests.OBSERVED} observed", requests.large(), max(1, options.round_calls // 10)),
    )
    try:
        with serving() as ours, serving("bench.baseline") as baseline:
            for load in loads:
                wrong = requests.check(load.request, ours.run(load.request))
                if wrong:
                    return f"bench: {load.name}: {wrong}"
            servers = (ours, baseline)
            _rounds(servers, loads, options.rounds)
            memory = _memory(servers, loads[0], options.calls, options.seconds)
    except ServerError as error:
        return f"bench: {error}"
    lines = [row for load in loads for row in _rows(load)]
    print(report.table([*lines, *memory]))
    print(*importer.lines(), sep="\n")
    return None


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__.splitlines()[0])
    for flag, default, words in (
        ("--rounds", 5, "rounds for speed"),
        ("--round-calls", 300, "calls in a row in a round"),
        ("--calls", 100_000, "calls to each server for memory"),
        ("--seconds", 900, "most seconds for these, which may mean fewer calls"),
    ):
        told = f"{words} (default {default})"
        parser.add_argument(flag, type=_positive, default=default, help=told)
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        msg = "must be at least 1"
        raise argparse.ArgumentTypeError(msg)
    return number


def _rounds(servers: Sequence[Server], loads: Sequence[Load], rounds: int) -> None:
    clients = [client(server.channel) for server in servers]
    for load in loads:
        for caller in clients:
            caller.latency(load.payload, WARM_UP, Figures())
    for number in range(1, rounds + 1):
        _progress(f"speed, round {number} of {rounds}")
        for load in loads:
            for caller, figures in zip(clients, load.figures, strict=True):
                caller.latency(load.payload, load.calls, figures)
            for caller, figures in zip(clients, load.figures, strict=True):
                caller.throughput(load.payload, load.calls * PARALLEL, IN_FLIGHT, figures)


def _memory(
    servers: Sequence[Server], load: Load, calls: int, seconds: float
) -> tuple[report.Row, report.Row]:
    """Return the rows of the memory before and after so many calls, or as many as time permits."""
    clients = [client(server.channel) for server in servers]
    before = [resident_bytes(server.pid) for server in servers]
    deadline = time.monotonic() + seconds
    made, told = 0, 0
    while made < calls and time.monotonic() < deadline:
        batch = min(BATCH, calls - made)
        for caller in clients:
            caller.throughput(load.payload, batch, IN_FLIGHT, Figures())
        made += batch
        if made - told >= calls / 20 or made == calls:
            told = made
            held = resident_bytes(servers[0].pid) / 1e6
            _progress(f"memory, {made} of {calls} calls, the function holds {held:.1f} MB")
    after = [resident_bytes(server.pid) for server in servers]
    size = load.request.ByteSize()
    return (
        report.memory(load.name, size, "before", before[0], before[1]),
        report.memory(load.name, size, f"after {made} calls", after[0], after[1]),
    )


def _rows(load: Load) -> list[report.Row]:
    return report.rows(load.name, load.request.ByteSize(), *load.figures, IN_FLIGHT)


def _progress(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
