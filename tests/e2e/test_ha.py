"""High availability: what dies takes the customer's API server along for moments only."""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from dev.platform import charts, function_image
from dev.platform.command import PlatformError
from dev.platform.images import VCLUSTER
from tests.e2e import page
from tests.e2e.kube import (
    PLATFORM,
    RELEASES,
    VCLUSTERS,
    Kube,
    Object,
    await_ready,
    by,
    condition,
    describe,
    is_ready,
    until,
    vcluster,
)
from tests.e2e.processes import kill_pod

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dev.platform.machine import Machine
    from tests.e2e.rancher import Control

NAME = "available"
EACH = 3
"""Control planes, and members of etcd."""

CONTROL_PLANE = "ghcr.io/loft-sh/vcluster-oss"
CTR = ("ctr", "--namespace=k8s.io", "images")

LONGEST_GAP_SECONDS = 15.0
"""Between two writes of a customer that succeed: a new leader of etcd, or one lost connection."""

CALL_SECONDS = 5.0
PAUSE_SECONDS = 0.2


@dataclass
class Customer:
    """Somebody who writes all the time; knows how long he had to wait."""

    inside: Kube
    stopped: threading.Event = field(default_factory=threading.Event)
    successes: list[float] = field(default_factory=list)
    written: int = 0

    def work(self) -> None:
        """Write until told to stop."""
        while not self.stopped.wait(PAUSE_SECONDS):
            number = str(self.written + 1)
            patch = json.dumps({"data": {"written": number}})
            with contextlib.suppress(PlatformError):
                self.inside(
                    *("patch", "configmap", "work", "--type=merge", "-p", patch),
                    "--request-timeout=4s",
                    seconds=CALL_SECONDS,
                )
                self.written += 1
                self.successes.append(time.monotonic())

    def longest_gap(self, since: float) -> float:
        """Return the longest time without a success, in seconds, up to now."""
        moments = [since, *(each for each in self.successes if each > since), time.monotonic()]
        return max(after - before for before, after in itertools.pairwise(moments))


@pytest.fixture(scope="module")
def available(kube: Kube, compositions: Callable[..., None]) -> Iterator[str]:
    """Make a highly available VCluster."""
    compositions(NAME, _versions(VCLUSTER, function_image.version()))
    kube.apply(vcluster(NAME, availability="HA", crossplane=by(NAME)))
    await_ready(kube, NAME, 400)
    yield NAME
    kube("delete", VCLUSTERS, NAME, "--wait=false")


@pytest.fixture(scope="module")
def customer(available: str, opened: Callable[[str], Kube]) -> Iterator[Customer]:
    """Let a customer work meanwhile."""
    inside = opened(available)
    inside("create", "configmap", "work")
    found = Customer(inside)
    working = threading.Thread(target=found.work)
    working.start()
    yield found
    found.stopped.set()
    working.join()


def _versions(vcluster: str, ours: str) -> Object:
    """Return the Input's part that asks for versions of the charts."""
    versions = [VCLUSTER] if vcluster == VCLUSTER else [VCLUSTER, vcluster]
    return {"vcluster": {"chart": {"versions": versions}}, "charts": {"version": ours}}


@pytest.fixture
def newer_image(there: Machine) -> Iterator[None]:
    """Give the node an image for the newer chart, which is that of the one before."""
    image = f"{CONTROL_PLANE}:{charts.next_version(VCLUSTER)}"
    there.run(*CTR, "tag", "--force", f"{CONTROL_PLANE}:{VCLUSTER}", image)
    yield
    there.run(*CTR, "remove", image)


def pods(kube: Kube, app: str) -> list[str]:
    """Return the UIDs of the pods that are ready, of the control plane or of its etcd."""
    return [
        one["metadata"]["uid"]
        for one in kube.list("pods", NAME, f"app={app}")
        if condition(one, "Ready").get("status") == "True"
        and "deletionTimestamp" not in one["metadata"]
    ]


def test_there_are_three_of_each(kube: Kube, available: str) -> None:
    """Three control planes that share three members of etcd."""
    assert available
    assert len(pods(kube, "vcluster")) == EACH
    assert len(pods(kube, "vcluster-etcd")) == EACH


@pytest.mark.parametrize("app", ["vcluster", "vcluster-etcd"])
def test_the_api_stays_up_when_one_is_killed(
    kube: Kube,
    there: Machine,
    customer: Customer,
    tell: Callable[[str], None],
    app: str,
) -> None:
    """Kill -9 of all processes of a pod: the customer goes on, nothing that he wrote is lost."""
    since = time.monotonic()
    written = customer.written
    blocked = set()
    victim = pods(kube, app)[0]
    assert kill_pod(there, victim)
    until("it is noticed", lambda: len(pods(kube, app)) < EACH, 30)

    def is_back() -> bool:
        # Crossplane may write READY once more as it had read it some seconds before.
        blocked.add((kube.get(VCLUSTERS, NAME) or {})["status"]["blockedBy"])
        return len(pods(kube, app)) == EACH

    until("it is back", is_back, 120)
    gap = customer.longest_gap(since)
    tell(f"longest time between two writes {gap:.1f} s")
    assert gap < LONGEST_GAP_SECONDS
    assert customer.written > written
    stored = customer.inside.get("configmap", "work", "default") or {}
    assert int(stored["data"]["written"]) >= written
    assert blocked == {""}


def test_the_api_stays_up_when_one_is_deleted(
    kube: Kube, customer: Customer, tell: Callable[[str], None]
) -> None:
    """As when a node is drained."""
    since = time.monotonic()
    pod = next(iter(kube.list("pods", NAME, "app=vcluster")))["metadata"]["name"]
    kube("delete", "pod", pod, "-n", NAME)
    until("there are three again", lambda: len(pods(kube, "vcluster")) == EACH, 180)
    gap = customer.longest_gap(since)
    tell(f"longest time between two writes {gap:.1f} s")
    assert gap < LONGEST_GAP_SECONDS


def test_a_drain_takes_one_member_of_etcd_at_a_time(kube: Kube, available: str) -> None:
    """The namespace chart's PodDisruptionBudget refuses to evict a second one."""
    assert len(pods(kube, "vcluster-etcd")) == EACH
    first, second = (f"{available}-vcluster-etcd-{number}" for number in (0, 1))
    evict(kube, first)
    with pytest.raises(PlatformError, match="disruption budget"):
        evict(kube, second)
    until("there are three again", lambda: len(pods(kube, "vcluster-etcd")) == EACH, 120)


@pytest.mark.further
@pytest.mark.usefixtures("newer_image")
def test_an_upgrade_of_all_charts_keeps_the_api_up(
    kube: Kube,
    compositions: Callable[..., None],
    control: Control,
    customer: Customer,
    tell: Callable[[str], None],
) -> None:
    """The Input asks for newer charts: every object is changed, one pod after the other."""
    since = time.monotonic()
    cluster = control.cluster(NAME)
    jobs = _jobs(kube)
    newer = charts.next_version(VCLUSTER)
    compositions(NAME, _versions(newer, charts.next_version(function_image.version())))

    def is_upgraded() -> bool:
        found = kube.get(VCLUSTERS, NAME)
        return is_ready(found) and (found or {})["status"]["chartVersion"] == newer

    until("it is upgraded", is_upgraded, 400, lambda: describe(kube, NAME))
    until("there are three", lambda: len(pods(kube, "vcluster")) == EACH, 180)
    gap = customer.longest_gap(since)
    tell(f"longest time between two writes {gap:.1f} s")
    assert gap < LONGEST_GAP_SECONDS
    releases = kube.list(RELEASES, PLATFORM, f"crossplane.io/composite={NAME}")
    assert {one["spec"]["forProvider"]["chart"]["version"] for one in releases} == {
        newer,
        charts.next_version(function_image.version()),
    }
    assert (control.cluster(NAME) or {})["id"] == (cluster or {})["id"]
    assert _jobs(kube) == jobs


def _jobs(kube: Kube) -> set[str]:
    found = kube.list("jobs", PLATFORM, f"caas.telekom.de/vcluster={NAME}")
    return {one["metadata"]["uid"] for one in found}


def evict(kube: Kube, pod: str) -> None:
    """Ask to evict a pod as a drain does."""
    wish = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod, "namespace": NAME},
    }
    path = f"/api/v1/namespaces/{NAME}/pods/{pod}/eviction"
    kube("create", "--raw", path, "-f", "-", text=json.dumps(wish))


@pytest.mark.further
def test_a_snapshot_of_etcd_is_restored(
    kube: Kube,
    control: Control,
    customer: Customer,
    tell: Callable[[str], None],
    tmp_path: Path,
) -> None:
    """The commands of docs/backup.md, run as written: all three members begin from the snapshot.

    It is the last test, because nobody else can use the cluster meanwhile.
    """
    where = page.block("backup.md", "release=$(")
    image = page.block("backup.md", "etcd=$(")
    save = page.block("backup.md", "snapshot, save")
    restore = page.block("backup.md", "etcdutl, snapshot, restore")
    customer.inside("create", "configmap", "letter", "--from-literal=text=old")
    page.shell(kube, tmp_path, NAME, where, image, save)
    customer.inside.patch("configmap", "letter", {"data": {"text": "new"}}, "default")
    cluster = control.cluster(NAME) or {}
    since = time.monotonic()
    page.shell(kube, tmp_path, NAME, where, image, restore)
    tell(f"restored in {time.monotonic() - since:.0f} s")

    def letter() -> str:
        with contextlib.suppress(PlatformError):
            found = customer.inside.get("configmap", "letter", "default") or {}
            return str(found.get("data", {}).get("text"))
        return ""

    until("the letter is the old one", lambda: letter() == "old", 120, lambda: describe(kube, NAME))
    written = customer.written
    until("the customer writes again", lambda: customer.written > written, 60)
    await_ready(kube, NAME)
    assert len(pods(kube, "vcluster")) == EACH
    assert len(pods(kube, "vcluster-etcd")) == EACH
    assert (control.cluster(NAME) or {})["id"] == cluster["id"]
