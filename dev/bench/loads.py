"""What is asked in the benchmark, of whom, and how it went."""

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
    """A request, or as many alike as are asked for, and what was measured with it."""

    name: str
    server: Server
    """Who is compared with the baseline."""
    request: fnv1.RunFunctionRequest
    calls: int
    """Made one after the other in a round."""
    check: Callable[[fnv1.RunFunctionResponse], str] = lambda _: ""
    """Return why an answer is not the one that is to be measured; empty if it is."""
    number: Callable[[int], int] = lambda _: 0
    """Which of the requests that are alike is asked in the first call, the second, and so on."""
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


def loads(ours: Server, calls: int) -> list[Load]:
    """Return what our function is asked."""
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
    """Return what is asked while memory is looked at."""
    return Load("1,000 VClusters", ours, requests.steady(), 1, number=mostly_known)


def always_new(call: int) -> int:
    """Ask nothing twice."""
    return call


def mostly_known(call: int) -> int:
    """Ask of 1,000 VClusters in turn, and every tenth time what was never asked before."""
    return call if call % 10 == 0 else call % 1000


def peers(env: Mapping[str, str]) -> Iterator[AbstractContextManager[Load]]:
    """Yield a load for each other function that BENCH_PEERS names.

    Raises ValueError for what is not name=address=file, or no request in the file.
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
