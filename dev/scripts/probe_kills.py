"""Containers that the kubelet restarted because of a probe, as its events say."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from typing import TYPE_CHECKING

from dev.platform.place import BIN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAUSE_SECONDS = 1
"""Pause before another watch, when the API server ended one."""

WORDS = ("failed liveness probe", "failed startup probe")
FORMAT = "jsonpath={.involvedObject.namespace}/{.involvedObject.name}: {.message}{'\\n'}"


@contextlib.contextmanager
def watched(kubeconfig: Path) -> Iterator[list[str]]:
    """Yield the kills, a line each, in a list that grows until the end.

    They are watched, because the events of a namespace go with it.
    """
    found: list[str] = []
    over = threading.Event()
    watches: list[subprocess.Popen[str]] = []
    kubectl = (str(BIN / "kubectl"), f"--kubeconfig={kubeconfig}", "get", "events", "-A")
    options = ("--field-selector=reason=Killing", "--watch-only", "-o", FORMAT)

    def follow() -> None:
        while not over.is_set():
            with subprocess.Popen(
                (*kubectl, *options), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            ) as process:
                watches[:] = [process]
                found.extend(kills(iter(process.stdout or ())))
            over.wait(PAUSE_SECONDS)

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        for process in watches:
            process.terminate()
        thread.join(PAUSE_SECONDS)


def kills(lines: Iterator[str]) -> Iterator[str]:
    """Yield the events of reason Killing that name a probe."""
    return (line.strip() for line in lines if any(word in line for word in WORDS))
