"""Programs that run until a block ends, and ports for them."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

START_TIMEOUT_SECONDS = 20
STOP_TIMEOUT_SECONDS = 10
POLL_SECONDS = 0.05


def free_ports(count: int) -> list[int]:
    """Return free ports."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


def listens(port: int) -> bool:
    """Return whether a program of this machine listens at a port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def await_listener(started: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until a program listens at its port."""
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while not listens(port):
        if started.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(log.read_text())
        time.sleep(POLL_SECONDS)


@contextlib.contextmanager
def process(
    log: Path, command: Sequence[str], env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program until the block ends, with its output in a file."""
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=log.parent,
            env={**os.environ, **(env or {})},
        ) as started,
    ):
        try:
            yield started
        finally:
            stop(started, STOP_TIMEOUT_SECONDS)


def stop(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Ask a program to end, and kill it after some time."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
