"""Bound how many virtual clusters start at once, by the processors that the machine has left.

A start takes about ten seconds of a processor. With sixteen at once on two, probes end what would
have come up, and the tests beside them fail.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import os
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tests.e2e.kube import Kube

LIMIT = 2 * len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 4
"""Virtual clusters that may start at once: half of a start waits."""

CREATION_SECONDS = 8
"""Time from a VCluster to the pod of its control plane."""

LONGEST_SECONDS = 180
"""Age from which a pod that is not ready fails rather than starts, and longest wait for a place."""


def admit(kube: Kube) -> None:
    """Wait until another virtual cluster may start; not for longer than a start that hangs."""
    deadline = time.monotonic() + LONGEST_SECONDS
    with _locked(kube.kubeconfig.with_name("starts")) as record:
        while time.monotonic() < deadline:
            now = time.time()
            created = [each for each in _times(record) if now - each < CREATION_SECONDS]
            if len(created) + starting(kube.list("pods", selector="app=vcluster")) < LIMIT:
                break
            time.sleep(1)
        record.write_text("\n".join(map(str, (*created, time.time()))))


def starting(pods: Sequence[Mapping[str, Any]], now: dt.datetime | None = None) -> int:
    """Return how many of the pods of control planes start."""
    oldest = (now or dt.datetime.now(dt.UTC)) - dt.timedelta(seconds=LONGEST_SECONDS)
    return sum(
        "deletionTimestamp" not in pod["metadata"]
        and dt.datetime.fromisoformat(pod["metadata"]["creationTimestamp"]) > oldest
        and not any(
            condition["type"] == "Ready" and condition["status"] == "True"
            for condition in pod["status"].get("conditions", ())
        )
        for pod in pods
    )


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[Path]:
    """Hold a file against the other processes of the tests: they are admitted in turn."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield path


def _times(path: Path) -> list[float]:
    return [float(line) for line in path.read_text().split()]
