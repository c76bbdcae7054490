"""Twenty virtual clusters start at once, and wake at once: none is ended by a probe.

The other tests let no more start than the machine has room for; users do not. HERD is another
number of them. They are not imported into Rancher, whose agents the node has no room for.
"""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING

import pytest

from dev.scripts import probe_kills
from tests.e2e.kube import VCLUSTERS, Kube, Object, condition, is_ready, until, vcluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.further, pytest.mark.alone]

NAMES = tuple(f"herd-{number:02}" for number in range(1, int(os.environ.get("HERD", "20")) + 1))
LONGEST_SECONDS = 900
PAUSE_SECONDS = 2.0


class Herd:
    """The VClusters, and the times at which they reach a state."""

    def __init__(self, kube: Kube) -> None:
        """Hold the cluster."""
        self._kube = kube

    def apply(self, **spec: object) -> None:
        """Apply all of them at once, without waiting for room."""
        items = [vcluster(name, rancher={"enabled": False}, **spec) for name in NAMES]
        every = {"apiVersion": "v1", "kind": "List", "items": items}
        self._kube("apply", "-f", "-", text=json.dumps(every))

    def seconds(self, what: str, holds: Callable[[Object], bool]) -> list[float]:
        """Wait until something holds of each, and return after how many seconds it did."""
        started = time.monotonic()
        reached: dict[str, float] = {}

        def is_whole() -> bool:
            for each in self._kube.list(VCLUSTERS):
                name = each["metadata"]["name"]
                if name in NAMES and name not in reached and holds(each):
                    reached[name] = time.monotonic() - started
            return len(reached) == len(NAMES)

        left = {*NAMES}.difference
        until(what, is_whole, LONGEST_SECONDS, lambda: left(reached), pause=PAUSE_SECONDS)
        return sorted(reached.values())


@pytest.fixture(scope="module")
def herd(kube: Kube) -> Iterator[Herd]:
    """Return the herd, and delete it at the end."""
    yield Herd(kube)
    kube("delete", VCLUSTERS, *NAMES, "--ignore-not-found", "--wait=false")


def test_all_start_and_wake_at_once(herd: Herd, kube: Kube, tell: Callable[[str], None]) -> None:
    """Each becomes READY, later than alone, and by its first pod."""
    with probe_kills.watched(kube.kubeconfig) as killed:
        herd.apply()
        started = herd.seconds("all are READY", is_ready)
        herd.apply(power="Sleeping")
        herd.seconds("all are asleep", is_asleep)
        herd.apply(power="Running")
        woken = herd.seconds("all are READY again", is_ready)
    for what, seconds in (("started", started), ("woke", woken)):
        tell(f"{len(NAMES)} {what} at once, READY after {spread(seconds)}")
    assert killed == []


def is_asleep(obj: Object) -> bool:
    """Tell whether nothing of a VCluster runs."""
    return condition(obj, "Awake").get("reason") == "Sleeping"


def spread(seconds: list[float]) -> str:
    """Return the first, the middle and the last of some times."""
    return f"{seconds[0]:.0f}, {seconds[len(seconds) // 2]:.0f} and {seconds[-1]:.0f} s"
