"""Killing at random moments what works on VClusters loses and doubles nothing."""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.inventory import about, inventory
from tests.e2e.kube import PLATFORM, RELEASES, VCLUSTERS, Kube, until, vcluster
from tests.e2e.kube import await_ready as ready
from tests.e2e.processes import VICTIMS, kill

if TYPE_CHECKING:
    from local.machine import Machine
    from tests.e2e.rancher import Control

pytestmark = pytest.mark.disruptive

SEED = 7
NAMES = ("crash0", "crash1", "crash2")
LONGEST_PAUSE = 6.0


def test_kill_9_at_random_moments_loses_nothing(
    kube: Kube,
    there: Machine,
    control: Control,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Three become READY, with one cluster each in Rancher; one that is deleted meanwhile goes."""
    chance = random.Random(SEED)  # noqa: S311 -- moments, not secrets
    done = threading.Event()
    killed: list[str] = []

    def murder() -> None:
        while not done.wait(chance.uniform(1, LONGEST_PAUSE)):
            who = chance.choice(sorted(VICTIMS))
            if kill(there, who):
                killed.append(who)

    killing = threading.Thread(target=murder)
    killing.start()
    try:
        for name in (*NAMES, "crash-deleted"):
            kube.apply(vcluster(name))
        time.sleep(20)
        kube("delete", VCLUSTERS, "crash-deleted", "--wait=false")
        time.sleep(40)
    finally:
        done.set()
        killing.join()
    for name in NAMES:
        ready(kube, name, 400)
    await_gone(kube, "crash-deleted")
    with capsys.disabled():
        counts = ", ".join(f"{who} {killed.count(who)}" for who in VICTIMS)
        print(f"\nkilled: {counts}")  # noqa: T201
    assert len(killed) > 5
    clusters = [one["name"] for one in control.clusters() if one["name"].startswith("crash")]
    assert sorted(clusters) == sorted(NAMES)
    for name in NAMES:
        releases = kube.list(RELEASES, PLATFORM, f"crossplane.io/composite={name}")
        assert len(releases) == 3
    for name in NAMES:
        kube("delete", VCLUSTERS, name, "--wait=false")
    for name in NAMES:
        await_gone(kube, name)


def await_gone(kube: Kube, name: str) -> None:
    """Wait until nothing on the host has to do with a VCluster."""
    until(
        f"{name} is gone",
        lambda: not about(inventory(kube), (name,)),
        300,
        lambda: sorted(about(inventory(kube), (name,))),
    )
