"""Loads of the benchmark: requests, servers and measurements."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from google.protobuf import json_format

from dev.bench import requests
from dev.bench.measure import Figures
from dev.scripts.server import Server


@dataclass
class Load:
    """A request, or several similar ones, with its measurements."""

    name: str
    server: Server
    """Name of the server that is compared with the baseline."""
    request: fnv1.RunFunctionRequest
    calls: int
    """Sequential calls in a round."""
    check: Callable[[fnv1.RunFunctionResponse], str] = lambda _: ""
    """Check of an answer, which returns its fault or an empty text."""
    number: Callable[[int], int] = lambda _: 0
    """Numbers of the similar requests, in the order of the calls."""
    figures: tuple[Figures, Figures] = field(default_factory=lambda: (Figures(), Figures()))
    """Of the server, and of the baseline."""

    def __post_init__(self) -> None:
        """Encode the request once."""
        self._data = self.request.SerializeToString()
        self._numbers = itertools.count(1)

    def payload(self) -> bytes:
        """Return the next request on the wire."""
        number = self.number(next(self._numbers))
        if number == int(requests.NUMBER):
            return self._data
        written = b"%0*d" % (len(requests.NUMBER), number)
        return self._data.replace(requests.NUMBER.encode(), written)


def make_loads(ours: Server, calls: int) -> list[Load]:
    """Return the loads of our function."""
    steady, changed, large = requests.steady(), requests.changed(), requests.large()
    full, worst = requests.large(requests.LARGEST), requests.worst()
    few = max(1, calls // 10)

    def unchanged(request: fnv1.RunFunctionRequest) -> Callable[[fnv1.RunFunctionResponse], str]:
        return lambda rsp: requests.check(request, rsp)

    def is_changed(rsp: fnv1.RunFunctionResponse) -> str:
        return requests.check_changed(changed, rsp)

    return [
        Load("steady state", ours, steady, calls, unchanged(steady)),
        Load("steady, first time", ours, steady, calls, unchanged(steady), number=always_new),
        Load("change", ours, changed, calls, is_changed, number=always_new),
        Load("worst spec", ours, worst, few, lambda rsp: requests.check_worst(worst, rsp)),
        Load(f"{requests.OBSERVED} observed", ours, large, few, unchanged(large)),
        Load("4 MB", ours, full, max(1, calls // 50), unchanged(full)),
    ]


def for_memory(ours: Server) -> Load:
    """Return the load of the measurement of memory."""
    return Load("1,000 VClusters", ours, requests.steady(), 1, number=mostly_known)


def always_new(call: int) -> int:
    """Return a number without repetition."""
    return call


def mostly_known(call: int) -> int:
    """Return the numbers of 1,000 VClusters in turn, and a new number every tenth time."""
    return call if call % 10 == 0 else call % 1000


def peers(env: Mapping[str, str]) -> Iterator[AbstractContextManager[Load]]:
    """Yield a load for each other function that BENCH_PEERS names.

    Raises ValueError for an entry other than name=address=file, or a file without a request.
    """
    for entry in filter(None, env.get("BENCH_PEERS", "").split(",")):
        name, _, rest = entry.partition("=")
        address, _, file = rest.partition("=")
        if not (name and address and file):
            msg = f"BENCH_PEERS: {entry} is not name=address=request.json"
            raise ValueError(msg)
        yield _peer(name, address, Path(file))


@contextmanager
def _peer(name: str, address: str, file: Path) -> Iterator[Load]:
    try:
        request = json_format.Parse(file.read_text(), fnv1.RunFunctionRequest())
    except (OSError, json_format.ParseError):
        msg = f"BENCH_PEERS: {file} holds no RunFunctionRequest as JSON"
        raise ValueError(msg) from None
    with grpc.insecure_channel(address) as channel:
        yield Load(name, Server(address, 0, channel), request, 100)
