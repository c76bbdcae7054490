"""A Rancher that starts shows nothing of what it has. That is taken for no removal."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from dev.fake_rancher import Fault, Lag
from dev.fake_rancher.messages import json_answer
from jobs.errors import TransientError
from jobs.rancher import adoption, watch_loop
from jobs.rancher.sight import look
from jobs.rancher.watch_loop import BLIND_PERIODS, Watcher
from tests.jobs.rancher.world import GOAL, PLATFORM, STATE, World, restarts

MANAGEMENT = "/v1/management.cattle.io.clusters"


def test_an_import(world: World) -> None:
    """The import waits, with a reason, and goes on."""
    world.restart()
    assert world.run()
    assert world.end() == (["kunde1"], 1, 1)
    assert 404 in world.fake.statuses("GET", "provisioning.cattle.io.clusters")
    assert world.fake.statuses("POST", "provisioning.cattle.io.clusters") == [201]


def test_an_import_through_a_restart_at_every_request(world: World) -> None:
    """Rancher restarts in the middle, and the run ends as it would have."""
    world.run()
    points = [*restarts(world.wire)]
    assert points
    for number in points:
        world.reset()
        world.wire.restart_at = number
        assert world.run(), (number, world.wire.lines)
        assert world.end() == (["kunde1"], 1, 1), number
        assert world.state()["phase"] == "Connected", number


def test_a_deregistration_through_a_restart_at_every_request(world: World) -> None:
    """Rancher restarts in the middle: the cluster is removed, and nothing is noted as left."""
    world.run()
    world.wire.sent = 0
    assert world.deregister()
    points = [*restarts(world.wire)]
    assert points
    for number in points:
        world.reset()
        world.run()
        world.wire.sent, world.wire.restart_at = 0, number
        assert world.deregister(), number
        assert world.end()[0] == [], number
    assert world.abandoned() == {}


@pytest.fixture
def watcher(world: World) -> Iterator[Watcher]:
    """Yield the watcher of a host whose virtual cluster is connected."""
    world.run()
    with world.connected() as (_, rancher), closing(world.lightkube()) as kubernetes:
        yield Watcher(kubernetes, PLATFORM, rancher, warn_days=14, period=30)


def test_a_watcher_before_it_lists(world: World, watcher: Watcher) -> None:
    """Without a list nothing is lost."""
    world.restart()
    with pytest.raises(TransientError) as failed:
        watcher.look()
    assert failed.value.reason == "RancherStarting"
    assert world.state()["phase"] == "Connected"


def test_a_watcher_of_several_ranchers(world: World, watcher: Watcher) -> None:
    """One of several starts: what is listed and not shown is unclear, lost after some looks."""

    def look_once() -> tuple[str, str]:
        watcher.look()
        return world.state()["phase"], world.state()["reason"]

    nothing = json_answer(200, {"type": "collection", "data": []})
    times = BLIND_PERIODS + 1
    fault = Fault("GET", f"{MANAGEMENT}$", times=times, answer=nothing, by_rancher=True)
    world.fake.add_fault(fault)
    looks = [look_once() for _ in range(times)]
    assert looks == [("Connected", "Connected")] * BLIND_PERIODS + [("Lost", "Disconnected")]
    assert look_once() == ("Connected", "Connected")


def test_a_watcher_through_a_restart_at_every_request(world: World, watcher: Watcher) -> None:
    """Whenever Rancher restarts, nothing is said that is not so."""
    world.wire.sent = 0
    watcher.look()
    points = [*restarts(world.wire)]
    assert points
    for number in points:
        world.wire.sent, world.wire.restart_at = 0, number
        with suppress(TransientError):
            watcher.look()
        assert world.state()["phase"] == "Connected", number
        world.fake.behaviour.starting = Lag()
        world.fake.restart()


def test_a_sweep(world: World) -> None:
    """No list, no orphans: the command fails instead of finding none."""
    world.run()
    world.restart()
    with world.connected() as (_, rancher), pytest.raises(TransientError):
        look(rancher).owned()


def test_an_adoption(world: World) -> None:
    """An administrator is not told that the cluster does not exist."""
    world.run()
    world.token_file.write_text(world.fake.token("admin"))
    world.restart()
    uid = GOAL.owner_uid
    claim = adoption.Claim("kunde1", "kunde1", uid, uid, "u-fljg2")
    with world.connected() as (_, rancher), pytest.raises(TransientError) as failed:
        adoption.adopt(claim, rancher, print, dry_run=True)
    assert failed.value.reason == "RancherStarting"


def test_a_watcher_of_sleepers(
    world: World, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asleep it is looked for soon: it is connected again long before the period is over."""
    path = f"/api/v1/namespaces/{PLATFORM}/configmaps/{STATE}"

    def write(**data: str | None) -> None:
        patch = {"data": data}
        world.api.request("PATCH", path, patch, content_type="application/merge-patch+json")

    write(power="Sleeping", phase="Sleeping")
    watcher.look()
    assert world.state()["phase"] == "Sleeping"
    monkeypatch.setattr(watch_loop, "WAKING_PERIOD", 0.05)
    stop = threading.Event()
    running = threading.Thread(target=watcher.run, args=(stop,))
    running.start()
    write(power=None)
    deadline = time.monotonic() + 10
    while world.state()["phase"] != "Connected" and time.monotonic() < deadline:
        time.sleep(0.05)
    stop.set()
    running.join()
    assert world.state()["phase"] == "Connected"
