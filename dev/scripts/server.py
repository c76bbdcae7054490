"""Run the real server as a child process, on a free port of loopback."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

import grpc
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from crossplane.function.proto.v1 import run_function_pb2_grpc as grpcv1

from dev.apiserver.processes import free_ports, listens, stop
from dev.scripts import life

START_SECONDS = 30
STOP_SECONDS = 30
CALL_SECONDS = 30
POLL_SECONDS = 0.02

LOG_BYTES = 8000
"""Length of the end of the log that is shown on a failure."""


class ServerError(Exception):
    """A failed start of the server."""


@dataclass(frozen=True)
class Server:
    """A running server."""

    address: str
    pid: int
    channel: grpc.Channel

    def run(self, req: fnv1.RunFunctionRequest) -> fnv1.RunFunctionResponse:
        """Call the function."""
        stub = grpcv1.FunctionRunnerServiceStub(self.channel)  # type: ignore[no-untyped-call]
        rsp: fnv1.RunFunctionResponse = stub.RunFunction(req, timeout=CALL_SECONDS)
        return rsp


@contextmanager
def serving(module: str = "function", python: str = sys.executable) -> Iterator[Server]:
    """Run `python -m module`, our function or another, until the block ends.

    Its log is shown only if the block fails.
    """
    with tempfile.TemporaryFile() as log:
        try:
            with (
                _process([python, "-m", module], log) as (process, address),
                _channel(address) as channel,
            ):
                _await(process, address, channel)
                yield Server(address, process.pid, channel)
        except Exception:
            _show(module, log)
            raise


@contextmanager
def _process(start: list[str], log: IO[bytes]) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    address = free_address()
    command = [*start, "--insecure", "--address", address]
    process = subprocess.Popen(command, cwd=life.ROOT, stdout=log, stderr=log)
    try:
        yield process, address
    finally:
        stop(process, STOP_SECONDS)


def free_address() -> str:
    """Return an address of loopback that nothing listens on."""
    (port,) = free_ports(1)
    return f"127.0.0.1:{port}"


def _channel(address: str) -> grpc.Channel:
    return grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)])


def _await(process: subprocess.Popen[bytes], address: str, channel: grpc.Channel) -> None:
    """Wait until the server answers.

    A gRPC channel waits a second after a refused connection, so a bare one is tried first.
    """
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if listens(int(address.rpartition(":")[2])):
            grpc.channel_ready_future(channel).result(timeout=START_SECONDS)
            return
        time.sleep(POLL_SECONDS)
    msg = f"the server at {address} did not start"
    raise ServerError(msg)


def _show(module: str, log: IO[bytes]) -> None:
    log.seek(max(0, log.seek(0, 2) - LOG_BYTES))
    text = log.read().decode(errors="replace")
    print(f"--- the end of the log of `python -m {module}` ---\n{text}", file=sys.stderr)
