"""The processes of a platform as the machine around it sees them, to be killed."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dev.platform.machine import Machine

VICTIMS = {
    "function": "/venv/bin/function",
    "Crossplane": "crossplane\0core\0start",
    "provider-helm": "provider-helm\0--poll",
    "sleep hook": "/venv/bin/stop-workloads",
    "import Job": "/venv/bin/rancher-import\0import",
}
"""What the command line of each contains."""


def kill(there: Machine, who: str) -> int:
    """Kill the processes of one of the victims with SIGKILL, and return how many there were."""
    return _signal(there, _is(who))


@contextlib.contextmanager
def held(there: Machine, who: str) -> Iterator[int]:
    """Let the processes of one of the victims do nothing for a while; yield how many there are."""
    try:
        yield _signal(there, _is(who), signal.SIGSTOP)
    finally:
        _signal(there, _is(who), signal.SIGCONT)


def kill_pod(there: Machine, uid: str) -> int:
    """Kill all processes of a pod with SIGKILL, and return how many there were."""
    return _signal(there, lambda group, _: f"pod{uid}" in group)


def _is(who: str) -> Callable[[str, str], bool]:
    return lambda _, words: VICTIMS[who] in words


def _signal(
    there: Machine, is_meant: Callable[[str, str], bool], number: signal.Signals = signal.SIGKILL
) -> int:
    found = [pid for pid, group, words in _processes(there) if is_meant(group, words)]
    for pid in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
    return len(found)


def _processes(there: Machine) -> Iterator[tuple[int, str, str]]:
    """Return number, control groups and command line of each process in a pod."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                group = (folder / "cgroup").read_text()
                if f"/{there.place.cgroup}/" in group:
                    yield int(folder.name), group, (folder / "cmdline").read_text()
