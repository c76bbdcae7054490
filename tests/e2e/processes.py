"""The processes of a platform as the machine around it sees them, to be killed."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.machine import Machine

VICTIMS = {
    "function": "/venv/bin/function",
    "Crossplane": "crossplane\0core\0start",
    "provider-helm": "provider-helm\0--poll",
    "import Job": "/venv/bin/rancher-import\0import",
}
"""What the command line of each contains."""


def kill(there: Machine, who: str) -> int:
    """Kill the processes of one of the victims with SIGKILL, and return how many there were."""
    found = list(_processes(there, VICTIMS[who]))
    for pid in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return len(found)


def _processes(there: Machine, words: str) -> Iterator[int]:
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            is_ours = there.place.cgroup in (folder / "cgroup").read_text()
            if folder.name.isdigit() and is_ours and words in (folder / "cmdline").read_text():
                yield int(folder.name)
