"""Sleep: nothing runs, nothing is lost, and every step may be interrupted or reversed."""

from __future__ import annotations

import datetime as dt
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.kube import VCLUSTERS, Kube, by, condition, describe, until, vcluster
from tests.e2e.processes import kill
from tests.e2e.sleepers import Sleeper, settle_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dev.platform.machine import Machine
    from tests.e2e.rancher import Control

SINGLE, AVAILABLE = "sleepy", "sleepyha"
CLOCKED = "clocked"
CYCLES = 10
WAKING_P95_SECONDS = 40.0
WATCHER_SECONDS = 12
"""Time in which the watcher looks twice."""

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
    """Nothing runs, and the status says so.

    Crossplane may write the status once more as it had read it a second before.
    """

    def says_so() -> bool:
        found = sleeper.found()
        statuses = {condition(found, kind)["status"] for kind in ("Awake", "Ready")}
        return statuses == {"False"} and found["status"]["blockedBy"] == "asleep, by spec.power"

    until("the status says so", says_so, 10, lambda: describe(sleeper.kube, sleeper.name))
    assert sleeper.pods() == []
    assert sleeper.requests() == NOTHING


@both
def test_a_cluster_sleeps_and_wakes_with_all_that_it_had(
    sleeper: Sleeper, control: Control, tell: Callable[[str], None]
) -> None:
    """No pod and no request; the same volumes, addresses, Secrets and cluster in Rancher."""
    before, secrets, imports = sleeper.kept(), sleeper.secrets(), sleeper.imports()
    cluster, phase = rancher(sleeper, control)
    count, reserved, pods = sleeper.count(), sleeper.requests(), len(sleeper.pods())
    assert phase == "Connected"
    assert count
    assert min(reserved.values()) > 0
    sleeper.set("Sleeping")
    fell_asleep = sleeper.await_phase("Sleeping")
    assert_asleep(sleeper)
    assert (before <= sleeper.kept(), secrets - sleeper.secrets()) == (True, frozenset())
    time.sleep(WATCHER_SECONDS)
    assert rancher(sleeper, control) == (cluster, "Sleeping")
    assert_asleep(sleeper)
    sleeper.set("Running")
    woke = sleeper.await_ready()
    works = sleeper.await_more(count)
    until("Rancher is connected", lambda: rancher(sleeper, control) == (cluster, phase), 60)
    assert (before - sleeper.kept(), sleeper.imports()) == (frozenset(), imports)
    tell(
        f"{sleeper.name}: asleep after {fell_asleep:.1f} s (pods {pods} to 0, requests "
        f"{reserved} to 0), READY {woke:.1f} s after waking, the pod inside {works:.1f} s later"
    )


@pytest.mark.further
@both
def test_each_way_may_be_reversed(sleeper: Sleeper, tell: Callable[[str], None]) -> None:
    """Woken while it falls asleep, put to sleep while it wakes."""
    before, count = sleeper.kept(), sleeper.count()
    sleeper.set("Sleeping")
    sleeper.await_phase("FallingAsleep")
    sleeper.set("Running")
    woken = sleeper.await_ready()
    sleeper.await_more(count)
    sleeper.set("Sleeping")
    sleeper.await_phase("Sleeping")
    sleeper.set("Running")
    sleeper.await_phase("WakingUp")
    sleeper.set("Sleeping")
    asleep = sleeper.await_phase("Sleeping")
    assert_asleep(sleeper)
    sleeper.set("Running")
    sleeper.await_ready()
    sleeper.await_more(count)
    assert before - sleeper.kept() == frozenset()
    tell(f"{sleeper.name}: READY {woken:.1f} s, asleep {asleep:.1f} s after the way was reversed")


@pytest.mark.further
@single
@pytest.mark.parametrize("victim", ["provider-helm", "Crossplane", "function", "sleep hook"])
def test_a_death_on_the_way_stops_neither_way(
    sleeper: Sleeper, there: Machine, victim: str, tell: Callable[[str], None]
) -> None:
    """Kill -9 while it falls asleep, and while it wakes."""
    sleeper.await_responsive()
    before, count = sleeper.kept(), sleeper.count()
    sleeper.set("Sleeping")
    if victim != "sleep hook":
        sleeper.await_phase("FallingAsleep")
    until(f"{victim} was killed", lambda: kill(there, victim), 60, pause=0.02)
    asleep = sleeper.await_phase("Sleeping", seconds=300)
    assert_asleep(sleeper)
    sleeper.set("Running")
    if victim != "sleep hook":
        sleeper.await_phase("WakingUp")
        assert kill(there, victim)
    ready = sleeper.await_ready(300)
    sleeper.await_more(count)
    assert before - sleeper.kept() == frozenset()
    tell(f"{victim} killed: asleep {asleep:.1f} s later, READY {ready:.1f} s")


@pytest.mark.further
@both
def test_many_cycles(sleeper: Sleeper, control: Control, tell: Callable[[str], None]) -> None:
    """The customer's number only grows, and nothing gets another name or address."""
    before, imports = sleeper.kept(), sleeper.imports()
    cluster, count = rancher(sleeper, control)[0], sleeper.count()
    fell_asleep, woke = [], []
    for _ in range(CYCLES):
        sleeper.await_responsive()
        sleeper.set("Sleeping")
        fell_asleep.append(sleeper.await_phase("Sleeping"))
        assert_asleep(sleeper)
        sleeper.set("Running")
        woke.append(sleeper.await_ready())
        sleeper.await_more(count)
        count = sleeper.count() or count
        assert before - sleeper.kept() == frozenset()
    assert (rancher(sleeper, control)[0], sleeper.imports()) == (cluster, imports)
    tell(f"{sleeper.name}: asleep after {_shown(fell_asleep)}; READY after {_shown(woke)}")
    assert _p95(woke) < WAKING_P95_SECONDS


def _p95(seconds: list[float]) -> float:
    return sorted(seconds)[int(0.95 * (len(seconds) - 1))]


def _shown(seconds: list[float]) -> str:
    return f"{min(seconds):.1f} to {max(seconds):.1f} s, p95 {_p95(seconds):.1f} s"


@pytest.mark.further
@both
def test_a_sleeper_can_be_deleted(
    sleeper: Sleeper, kube: Kube, control: Control, tell: Callable[[str], None]
) -> None:
    """It leaves Rancher without its API, and its namespace goes; it is the last test of each."""
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


@pytest.mark.further
def test_a_calendar_closes_and_opens_and_the_end_comes(
    kube: Kube, compositions: Callable[..., None], tell: Callable[[str], None]
) -> None:
    """The clock puts it to sleep and wakes it, and removes it when its end and the grace are over.

    The windows have whole minutes: the one that is open ends in two to three.
    """
    allowed = {"calendars": [CLOCKED], "power": "Choice", "expire": "Allowed"}
    compositions(CLOCKED, {"tenant": allowed, "expiry": {"grace": "60s", "warning": "1h"}})
    now = dt.datetime.now(dt.UTC)
    minutes = [now + dt.timedelta(minutes=each) for each in (-5, 3, 5, 65)]
    kube.apply(_calendar(minutes))
    until("the clock says open", lambda: _open(kube) is True, 60)
    spec = {"sleep": {"calendar": CLOCKED}, "rancher": {"enabled": False}}
    kube.apply(vcluster(CLOCKED, crossplane=by(CLOCKED), **spec))
    clocked = Sleeper(CLOCKED, kube, kube)
    try:
        clocked.await_ready()
        clocked.await_phase("Sleeping", seconds=260)
        slept = _since(minutes[1])
        assert clocked.found()["status"]["blockedBy"].startswith(f"asleep, by Calendar {CLOCKED}")
        assert clocked.pods() == []
        clocked.await_ready(240)
        woke = _since(minutes[2])
        end = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=30)
        expire = {"expire": {"at": end.strftime("%Y-%m-%dT%H:%M:%SZ")}}
        kube.patch(VCLUSTERS, CLOCKED, {"spec": expire})
        until("the clock deletes it", lambda: kube.get(VCLUSTERS, CLOCKED) is None, 180)
        told = {one["reason"] for one in kube.list("events", "default") if _is_about(one)}
        assert "ExpiresSoon" in told
        tell(f"asleep {slept:.0f} s after the window, READY {woke:.0f} s after the next one began")
    finally:
        kube("delete", VCLUSTERS, CLOCKED, "--ignore-not-found", "--wait=false")
        kube("delete", "calendars.caas.telekom.de", CLOCKED)


def _calendar(minutes: list[dt.datetime]) -> dict[str, Any]:
    days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    first, closes, opens, last = (f"{each:%H:%M}" for each in minutes)
    return {
        "apiVersion": "caas.telekom.de/v1alpha1",
        "kind": "Calendar",
        "metadata": {"name": CLOCKED},
        "spec": {
            "timeZone": "UTC",
            "windows": [
                {"days": days, "from": first, "to": closes},
                {"days": days, "from": opens, "to": last},
            ],
        },
    }


def _open(kube: Kube) -> object:
    found = kube.get("calendars.caas.telekom.de", CLOCKED) or {}
    return found.get("status", {}).get("open")


def _since(moment: dt.datetime) -> float:
    return (dt.datetime.now(dt.UTC) - moment.replace(second=0, microsecond=0)).total_seconds()


def _is_about(event: dict[str, Any]) -> bool:
    return bool(event["involvedObject"].get("name") == CLOCKED)
