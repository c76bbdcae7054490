"""A long time of life with accidents, when it is asked for: `make soak MINUTES=30`."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from dev.platform.command import PlatformError
from tests.e2e.inventory import await_nothing
from tests.e2e.kube import PLATFORM, RELEASES, VCLUSTERS, Kube, await_ready, is_ready, vcluster
from tests.e2e.processes import VICTIMS, kill

if TYPE_CHECKING:
    from collections.abc import Callable

    from dev.platform.machine import Machine
    from tests.e2e.rancher import Control

MINUTES = float(os.environ.get("SOAK_MINUTES", "0"))

pytestmark = [
    pytest.mark.alone,
    pytest.mark.skipif(not MINUTES, reason="make soak MINUTES=30 runs it"),
]

NAMES = tuple(f"soak{number}" for number in range(4))
LONGEST_PAUSE = 20.0
OWNERS: tuple[list[dict[str, str]], ...] = (
    [],
    [{"group": "keycloakoidc_group://soak", "role": "cluster-owner"}],
)
QUOTAS = ({"cpu": "10"}, {"cpu": "6"})


class Soak:
    """VClusters that chance makes, changes and deletes, and programs that it kills meanwhile."""

    def __init__(self, kube: Kube, there: Machine, chance: random.Random) -> None:
        """Begin without a VCluster."""
        self._kube = kube
        self._there = there
        self._chance = chance
        self.alive: dict[str, str] = {}
        """UID of each."""
        self.done: Counter[str] = Counter()

    def step(self) -> None:
        """Do one thing; more often something is killed than changed."""
        name = self._chance.choice(NAMES)
        if self._chance.random() < 0.5:
            who = self._chance.choice(sorted(VICTIMS))
            self.done[f"kill {who}"] += kill(self._there, who)
        elif name not in self.alive:
            self._apply("create", name)
        elif self._chance.random() < 0.3:
            self._kube("delete", VCLUSTERS, name, "--wait=false")
            await_gone(self._kube, name)
            del self.alive[name]
            self.done["delete"] += 1
        else:
            self._apply("change", name)

    def _apply(self, what: str, name: str) -> None:
        spec = {
            "quota": self._chance.choice(QUOTAS),
            "rancher": {"owners": self._chance.choice(OWNERS)},
        }
        self._kube.apply(vcluster(name, **spec))
        found = self._kube.get(VCLUSTERS, name)
        assert found
        uid = found["metadata"]["uid"]
        assert self.alive.setdefault(name, uid) == uid, f"{name} was made anew"
        self.done[what] += 1


def await_gone(kube: Kube, name: str, seconds: float = 400) -> None:
    """Wait until a VCluster is gone, whatever is killed meanwhile."""
    kube("wait", VCLUSTERS, name, "--for=delete", f"--timeout={seconds:.0f}s", seconds=seconds + 9)


def test_a_long_time_with_accidents(
    kube: Kube, there: Machine, control: Control, tell: Callable[[str], None]
) -> None:
    """All that lives is READY afterwards, with one cluster in Rancher; all else left nothing."""
    seed = int(os.environ.get("SOAK_SEED", "1"))
    chance = random.Random(seed)  # noqa: S311 -- moments, not secrets
    soak = Soak(kube, there, chance)
    end = time.monotonic() + MINUTES * 60
    try:
        while time.monotonic() < end:
            try:
                soak.step()
            except PlatformError as error:
                # What is killed may be a webhook that the request needs.
                if "failed calling webhook" not in str(error):
                    raise
                soak.done["refused meanwhile"] += 1
            time.sleep(chance.uniform(0, LONGEST_PAUSE))
        for name in soak.alive:
            await_ready(kube, name, 600)
        tell(f"seed {seed}, {MINUTES:.0f} min: {dict(sorted(soak.done.items()))}")
        for name, uid in soak.alive.items():
            found = kube.get(VCLUSTERS, name)
            assert found
            assert found["metadata"]["uid"] == uid
            assert is_ready(found)
            assert len(kube.list(RELEASES, PLATFORM, f"crossplane.io/composite={name}")) == 3
        clusters = [one["name"] for one in control.clusters() if one["name"] in NAMES]
        assert sorted(clusters) == sorted(soak.alive)
    finally:
        kube("delete", VCLUSTERS, *NAMES, "--ignore-not-found", "--wait=false")
    await_nothing(kube, NAMES, 600)
    assert [one["name"] for one in control.clusters() if one["name"] in NAMES] == []
