"""Start programs, and wait until they answer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from dev.platform.command import PlatformError, run
from dev.platform.place import BIN

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dev.platform.machine import Machine
    from dev.platform.programs import Program

LOG_BYTES = 3000
POLL_SECONDS = 0.2


def ensure(machine: Machine, program: Program) -> bool:
    """Start a program unless it runs; return whether it was started."""
    for name, text in program.files.items():
        path = machine.place.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # kube-proxy ends when its file is touched.
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
    if machine.process(program.name) is not None:
        return False
    machine.start(program.name, program.command, program.env)
    return True


def await_ready(
    machine: Machine, name: str, is_ready: Callable[[], bool], seconds: float = 60
) -> None:
    """Wait for a program's answer, and show its log if it ends or does not answer."""
    deadline = time.monotonic() + seconds
    while not is_ready():
        # It takes a moment until a new process has written its number.
        ended = time.monotonic() > deadline - seconds + 2 and machine.process(name) is None
        if ended or time.monotonic() > deadline:
            log = (machine.place.programs / f"{name}.log").read_bytes()[-LOG_BYTES:]
            what = "has ended" if ended else f"is not ready after {seconds:.0f} s"
            msg = f"{name} {what}\n{log.decode(errors='replace')}"
            raise PlatformError(msg)
        time.sleep(POLL_SECONDS)


class HasKubeconfig(Protocol):
    """A cluster with an administrator."""

    @property
    def kubeconfig(self) -> Path:
        """Kubeconfig of the administrator."""


def kubectl(
    cluster: HasKubeconfig, *words: str, text: str | None = None, timeout: float = 300
) -> str:
    """Run kubectl as the administrator, and return its output."""
    config = f"--kubeconfig={cluster.kubeconfig}"
    return run(str(BIN / "kubectl"), config, *words, text=text, timeout=timeout)


def succeeds(call: Callable[[], object]) -> bool:
    """Return whether a call ends without a transient error."""
    try:
        call()
    except PlatformError:
        return False
    return True
