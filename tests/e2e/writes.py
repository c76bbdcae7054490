"""Count the writes of objects, as Crossplane's circuit breaker does."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from collections import Counter
from typing import TYPE_CHECKING

from dev.platform.place import BIN
from tests.e2e.kube import RELEASES, VCLUSTERS, Kube

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

USAGES = "usages.protection.crossplane.io"

Writes = Counter[tuple[str, str]]
"""Number of writes by kind and name."""


@contextlib.contextmanager
def counted(kube: Kube, name: str) -> Iterator[Writes]:
    """Count the writes of a VCluster and of its Releases and Usages, their creation included."""
    writes: Writes = Counter()
    with contextlib.ExitStack() as stack:
        for kind in (VCLUSTERS, RELEASES, USAGES):
            kubectl = (str(BIN / "kubectl"), f"--kubeconfig={kube.kubeconfig}", "get", kind, "-A")
            options = ("--watch-only", "-o", "jsonpath={.kind} {.metadata.name}{'\\n'}")
            process = stack.enter_context(
                subprocess.Popen((*kubectl, *options), stdout=subprocess.PIPE, text=True)
            )
            stack.callback(process.terminate)
            assert process.stdout
            threading.Thread(
                target=_count, args=(process.stdout, name, writes), daemon=True
            ).start()
        yield writes


def _count(lines: IO[str], name: str, writes: Writes) -> None:
    for line in lines:
        kind, _, found = line.strip().partition(" ")
        if found == name or found.startswith(f"{name}-"):
            writes[kind, found] += 1
