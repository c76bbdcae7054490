"""Sleep: nothing runs, nothing is lost, and every step may be interrupted or reversed."""

from __future__ import annotations

import json
import math
import statistics
import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.kube import VCLUSTERS, Kube, describe, until, vcluster
from tests.e2e.processes import kill, kill_pod
from tests.e2e.sleepers import Sleeper, settle_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dev.platform.machine import Machine
    from tests.e2e.rancher import Control

SINGLE, AVAILABLE = "sleepy", "sleepyha"
CYCLES = 10
"""Of each, so 20 over both."""

WATCHER_SECONDS = 12
"""Time in which the watcher looks twice."""

STAYING_LOOKS = 6
"""Looks, half a second apart, in which the status of a sleeper stays as it is."""

CROSSPLANE = "crossplane-system"
BURST = "--circuit-breaker-burst"
"""Crossplane's option for the number of changes that it bears at once."""

NOTHING = {"cpu": 0.0, "memory": 0.0}
DELETION_SECONDS = 120


@pytest.fixture(scope="module")
def sleeper(
    request: pytest.FixtureRequest, kube: Kube, opened: Callable[[str], Kube]
) -> Iterator[Sleeper]:
    """Let a customer work in a VCluster, with one control plane or three."""
    name = request.param
    kube.apply(vcluster(name, availability="HA" if name == AVAILABLE else "Single"))
    until(f"{name} is there", lambda: kube.get(VCLUSTERS, name), 10)
    Sleeper(name, kube, kube).await_ready(400)
    yield settle_in(kube, opened, name)
    kube("delete", VCLUSTERS, name, "--ignore-not-found", "--wait=false")


@pytest.fixture(scope="module")
def woken() -> list[float]:
    """Return the seconds from waking to READY, of all cycles of both."""
    return []


@pytest.fixture
def patient(kube: Kube) -> Iterator[None]:
    """Let Crossplane's circuit breaker bear more changes in a few minutes than users make."""
    template = (kube.get("deployment", "crossplane", CROSSPLANE) or {})["spec"]["template"]
    [container] = template["spec"]["containers"]
    args = container["args"]

    def restart(args: list[str]) -> None:
        containers = [{"name": container["name"], "args": args}]
        change = {"spec": {"template": {"spec": {"containers": containers}}}}
        words = ("patch", "deployment", "crossplane", "-n", CROSSPLANE, "-p", json.dumps(change))
        kube(*words)
        status = ("rollout", "status", "deployment/crossplane", "-n", CROSSPLANE)
        kube(*status, "--timeout=120s", seconds=150)

    others = [each for each in args if not each.startswith(BURST)]
    restart([*others, f"{BURST}=10000"])
    yield
    restart(args)


single = pytest.mark.parametrize("sleeper", [SINGLE], indirect=True, scope="module")
both = pytest.mark.parametrize(
    "sleeper",
    [SINGLE, pytest.param(AVAILABLE, marks=pytest.mark.further)],
    indirect=True,
    scope="module",
)


def rancher(sleeper: Sleeper, control: Control) -> tuple[str, str]:
    """Return the id of its cluster in Rancher, and the phase that its status shows."""
    found = control.cluster(sleeper.name) or {}
    return str(found.get("id")), str(sleeper.found()["status"]["rancher"]["phase"])


def assert_asleep(sleeper: Sleeper) -> None:
    """Nothing runs from the first look on that says Sleeping, and the status stays as it is.

    Crossplane may write the status once more as it had read it a second before, but not twice.
    """
    assert (sleeper.pods(), sleeper.requests()) == ([], NOTHING)
    until(
        "the status says so", sleeper.says_asleep, 10,
        lambda: describe(sleeper.kube, sleeper.name),
    )  # fmt: skip
    for _ in range(STAYING_LOOKS):
        time.sleep(0.5)
        assert sleeper.says_asleep(), describe(sleeper.kube, sleeper.name)
    assert (sleeper.pods(), sleeper.requests()) == ([], NOTHING)


@both
def test_a_cluster_sleeps_and_wakes_with_all_that_it_had(
    sleeper: Sleeper, control: Control, tell: Callable[[str], None]
) -> None:
    """No pod and no request; the same volumes, addresses, Secrets and cluster in Rancher."""
    sleeper.wake()
    objects = sleeper.objects()
    before, secrets, imports = sleeper.kept(), sleeper.secrets(), sleeper.imports()
    cluster, phase = rancher(sleeper, control)
    count, reserved, pods = sleeper.count(), sleeper.requests(), len(sleeper.pods())
    assert phase == "Connected"
    assert count
    assert min(*reserved.values(), *sleeper.charged().values()) > 0
    sleeper.set("Sleeping")
    fell_asleep = sleeper.await_phase("Sleeping")
    assert_asleep(sleeper)
    assert (before <= sleeper.kept(), secrets - sleeper.secrets()) == (True, frozenset())
    until("the quota is free", lambda: sleeper.charged() == NOTHING, 60)
    time.sleep(WATCHER_SECONDS)
    assert rancher(sleeper, control) == (cluster, "Sleeping")
    assert_asleep(sleeper)
    sleeper.set("Running")
    woke = sleeper.await_ready()
    works = sleeper.await_more(count)
    until("Rancher is connected", lambda: rancher(sleeper, control) == (cluster, phase), 60)
    assert (before - sleeper.kept(), sleeper.imports()) == (frozenset(), imports)
    assert (secrets - sleeper.secrets(), objects - sleeper.objects()) == (frozenset(), frozenset())
    tell(
        f"{sleeper.name}: asleep after {fell_asleep:.1f} s (pods {pods} to 0, requests "
        f"{reserved} to 0), READY {woke:.1f} s after waking, the pod inside {works:.1f} s later"
    )


@pytest.mark.further
@both
def test_each_way_may_be_reversed(sleeper: Sleeper, tell: Callable[[str], None]) -> None:
    """Woken while the control plane stops, and while the hook runs; put to sleep while it wakes."""
    sleeper.wake()
    before, objects, count = sleeper.kept(), sleeper.objects(), sleeper.count()
    woken = []
    for moment in ("The control plane stops.", "The pods inside are removed."):
        sleeper.set("Sleeping")
        sleeper.await_message(moment)
        sleeper.set("Running")
        woken.append(sleeper.await_ready(300))
        sleeper.await_more(count)
    sleeper.set("Sleeping")
    sleeper.await_phase("Sleeping")
    sleeper.set("Running")
    sleeper.await_phase("WakingUp")
    sleeper.set("Sleeping")
    asleep = sleeper.await_phase("Sleeping", seconds=300)
    assert_asleep(sleeper)
    sleeper.set("Running")
    sleeper.await_ready(300)
    sleeper.await_more(count)
    assert (before - sleeper.kept(), objects - sleeper.objects()) == (frozenset(), frozenset())
    seconds = " and ".join(f"{each:.1f}" for each in woken)
    tell(f"{sleeper.name}: READY {seconds} s, asleep {asleep:.1f} s after the way was reversed")


@pytest.mark.further
@pytest.mark.alone
@single
@pytest.mark.parametrize(
    "victim", ["provider-helm", "Crossplane", "function", "sleep hook", "control plane"]
)
def test_a_death_on_the_way_stops_neither_way(
    sleeper: Sleeper, there: Machine, victim: str, tell: Callable[[str], None]
) -> None:
    """Kill -9 while it falls asleep, and while it wakes; the hook runs on the first way only."""
    sleeper.wake()
    before, objects, count = sleeper.kept(), sleeper.objects(), sleeper.count()
    sleeper.set("Sleeping")
    if victim != "sleep hook":
        sleeper.await_phase("FallingAsleep")
    until(f"{victim} was killed", lambda: _kill(there, sleeper, victim), 90, pause=0.02)
    asleep = sleeper.await_phase("Sleeping", seconds=300)
    assert_asleep(sleeper)
    sleeper.set("Running")
    if victim != "sleep hook":
        sleeper.await_phase("WakingUp")
        until(f"{victim} was killed", lambda: _kill(there, sleeper, victim), 90, pause=0.2)
    ready = sleeper.await_ready(300)
    sleeper.await_more(count)
    assert (before - sleeper.kept(), objects - sleeper.objects()) == (frozenset(), frozenset())
    tell(f"{victim} killed: asleep {asleep:.1f} s later, READY {ready:.1f} s")


def _kill(there: Machine, sleeper: Sleeper, victim: str) -> int:
    """Kill what is called so, and return the number of processes."""
    if victim != "control plane":
        return kill(there, victim)
    pods = sleeper.kube.list("pods", sleeper.name, "app=vcluster")
    return sum(kill_pod(there, pod["metadata"]["uid"]) for pod in pods)


@pytest.mark.further
@pytest.mark.alone
@both
@pytest.mark.usefixtures("patient")
def test_many_cycles(
    sleeper: Sleeper, control: Control, woken: list[float], tell: Callable[[str], None]
) -> None:
    """The customer's number only grows, and nothing gets another name or address."""
    sleeper.wake()
    before, objects, imports = sleeper.kept(), sleeper.objects(), sleeper.imports()
    cluster, count = rancher(sleeper, control)[0], sleeper.count()
    fell_asleep, woke = [], []
    for _ in range(CYCLES):
        sleeper.await_responsive()
        sleeper.set("Sleeping")
        fell_asleep.append(sleeper.await_phase("Sleeping"))
        assert_asleep(sleeper)
        assert before - sleeper.kept() == frozenset()
        sleeper.set("Running")
        woke.append(sleeper.await_ready())
        sleeper.await_more(count)
        count = sleeper.count() or count
        assert (before - sleeper.kept(), objects - sleeper.objects()) == (frozenset(), frozenset())
        assert (rancher(sleeper, control)[0], sleeper.imports()) == (cluster, imports)
    woken += woke
    tell(
        f"{sleeper.name}: asleep after {_shown(fell_asleep)}; READY after {_shown(woke)}; "
        f"of {len(woken)} cycles: READY after {_shown(woken)}"
    )


def _shown(seconds: list[float]) -> str:
    p95 = sorted(seconds)[math.ceil(0.95 * len(seconds)) - 1]
    return (
        f"{min(seconds):.1f} to {max(seconds):.1f} s, p50 {statistics.median(seconds):.1f} s, "
        f"p95 {p95:.1f} s"
    )


@pytest.mark.further
@both
def test_a_sleeper_can_be_deleted(
    sleeper: Sleeper, kube: Kube, control: Control, tell: Callable[[str], None]
) -> None:
    """It leaves Rancher without its API, and its namespace goes; it is the last test of each."""
    sleeper.wake()
    sleeper.set("Sleeping")
    sleeper.await_phase("Sleeping")
    since = time.monotonic()
    kube("delete", VCLUSTERS, sleeper.name, "--wait=false")

    def is_gone() -> bool:
        kinds = ((VCLUSTERS, sleeper.name), ("namespace", sleeper.name))
        return all(kube.get(*each) is None for each in kinds)

    until("it is gone", is_gone, DELETION_SECONDS, lambda: describe(kube, sleeper.name))
    until("Rancher has forgotten it", lambda: control.cluster(sleeper.name) is None, 60)
    assert sleeper.imports() == frozenset()
    tell(f"{sleeper.name}: gone {time.monotonic() - since:.0f} s after the deletion")
