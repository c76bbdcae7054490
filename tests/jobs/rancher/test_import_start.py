"""The start of a virtual cluster: how soon the import sees it, and what a broken one costs."""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from lightkube import KubeConfig

from dev.apiserver.client import Client
from jobs.bounded_api import CALL_SECONDS
from jobs.errors import RefusedError, TransientError
from jobs.kubernetes import client
from jobs.rancher.host_cluster import HostCluster
from jobs.rancher.model import VirtualClusterState
from jobs.rancher.pace import STARTING_SECONDS
from jobs.rancher.virtual_cluster import VirtualCluster
from tests.jobs.rancher.world import PLATFORM, STATE, World

KUBECONFIG_AT, API_AT = 18.0, 20.5
SECRET = "vc-late-vcluster"


class StartingCluster(VirtualCluster):
    """A virtual cluster that drops all packets until it is there."""

    start: "Start"
    connect_seconds: float

    def look(self) -> VirtualClusterState | None:
        """Return the state, or nothing after the time to connect."""
        world = self.start.world
        self.start.looks.append(world.time.seconds)
        if world.time.seconds >= self.start.api_at:
            return super().look()
        world.time.sleep(self.connect_seconds)
        return None


@dataclass
class Start:
    """The start of a virtual cluster, in the time of the world."""

    world: World
    kubeconfig_at: float = KUBECONFIG_AT
    api_at: float = API_AT
    reads: list[float] = field(default_factory=list)
    """Times at which the kubeconfig was read."""
    looks: list[float] = field(default_factory=list)
    """Times at which the API was called."""
    watches: list[float] = field(default_factory=list)

    def open(self, connect_seconds: float = CALL_SECONDS) -> VirtualCluster | None:
        """Open the virtual cluster once it has a kubeconfig."""
        self.reads.append(self.world.time.seconds)
        if self.world.time.seconds < self.kubeconfig_at:
            return None
        config = self.world.api.kubeconfig
        cluster = StartingCluster(json.dumps(config), connect_seconds=connect_seconds)
        cluster.start, cluster.connect_seconds = self, connect_seconds
        return cluster

    def watch(self, seconds: int) -> bool:
        """Watch the kubeconfig, as an API server does."""
        self.watches.append(self.world.time.seconds)
        appears = self.kubeconfig_at - self.world.time.seconds
        self.world.time.sleep(min(seconds, appears))
        return appears <= seconds


@pytest.fixture
def start(world: World, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Return the start of the world's virtual cluster."""
    found = Start(world)
    monkeypatch.setattr(World, "tenant", lambda _, *connect: found.open(*connect))
    monkeypatch.setattr(World, "watch", lambda _, seconds: found.watch(seconds))
    return found


def refuse(_: int) -> bool:
    """Refuse a watch, as with the Role of an earlier chart."""
    reason = "MissingRight"
    raise RefusedError(reason, "the watch of a Secret: not allowed")


def end_at_once(_: int) -> bool:
    """End a watch at once, as some proxies do."""
    return False


def fail(_: int) -> bool:
    """Fail a watch."""
    reason = "KubernetesUnreachable"
    raise TransientError(reason, "An API server does not answer")


def test_a_start_is_seen_within_two_seconds(start: Start) -> None:
    """From the kubeconfig on it takes the start itself and one lost connect, no grown pause."""
    assert start.world.run()
    assert start.looks[0] == KUBECONFIG_AT
    first_answer = next(at for at in start.looks if at >= API_AT)
    assert first_answer - API_AT < 2
    assert start.world.time.seconds - first_answer < 3


def test_a_kubeconfig_costs_one_watch(start: Start) -> None:
    """A kubeconfig that takes minutes is read once a watch, and seen at once."""
    start.kubeconfig_at, start.api_at = 130.0, 130.0
    assert start.world.run()
    assert start.looks[0] == start.kubeconfig_at
    assert len(start.watches) == len(start.reads) - 1 == 7


@pytest.mark.parametrize("watch", [refuse, end_at_once, fail])
def test_without_a_watch_it_polls(
    start: Start, monkeypatch: pytest.MonkeyPatch, watch: Callable[[int], bool]
) -> None:
    """A watch that is refused, ends or fails leaves polling, with pauses that grow."""
    monkeypatch.setattr(start, "watch", watch)
    start.kubeconfig_at, start.api_at = 100.0, 102.0
    assert start.world.run()
    pauses = [after - before for before, after in pairwise(start.reads)]
    assert 10 < sum(at < start.kubeconfig_at for at in start.reads) < 25
    assert max(pauses) < 8.1
    assert start.world.time.seconds < 115


def test_a_dead_api_server_costs_little(start: Start) -> None:
    """One that does not start in three minutes is called with growing pauses."""
    start.api_at = 10_000.0
    assert not start.world.run(timeout=900)
    soon = [at for at in start.looks if at < STARTING_SECONDS]
    late = [at for at in start.looks if at > STARTING_SECONDS + 60]
    assert max(after - before for before, after in pairwise(soon)) < 3.1
    assert min(after - before for before, after in pairwise(late)) > 17


def test_an_agent_is_seen_within_two_seconds(world: World) -> None:
    """Pauses stay short in the first minute of Rancher's agent, and grow after it."""
    probe = world.fake.agent_probe
    at = 33.0
    world.fake.agent_probe = lambda cluster: world.time.seconds >= at and probe(cluster)
    assert world.run()
    assert at <= world.time.seconds < at + 2
    world.reset()
    world.wire.sent = 0
    world.fake.agent_probe = lambda _: False
    assert not world.run(timeout=600)
    looks = sum(line.endswith(f"configmaps/{STATE}") for line in world.wire.lines)
    assert looks < 60 / 1.6 + 600 / 8 + 10


def secret(api: Client, data: dict[str, str]) -> None:
    """Write the Secret."""
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    metadata = {"name": SECRET, "namespace": PLATFORM}
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": encoded}
    assert api.apply(body).status in (200, 201)


@pytest.fixture
def host(world: World) -> Iterator[HostCluster]:
    """Yield a host without the Secret."""
    world.api.delete("v1", "Secret", SECRET, namespace=PLATFORM)
    with closing(world.host()) as found:
        yield found
    world.api.delete("v1", "Secret", SECRET, namespace=PLATFORM)


def await_kubeconfig(host: HostCluster, seconds: int) -> tuple[bool, float]:
    """Return the end of a watch, and how long it took."""
    began = time.monotonic()
    found = host.await_kubeconfig(PLATFORM, SECRET, "config", seconds)
    return found, time.monotonic() - began


def test_a_watch_of_what_is_there(world: World, host: HostCluster) -> None:
    """What came between a read and the watch is not missed."""
    secret(world.api, {"config": "text"})
    found, seconds = await_kubeconfig(host, 10)
    assert (found, seconds < 2) == (True, True)


def test_a_watch_ends(world: World, host: HostCluster) -> None:
    """Without a kubeconfig the watch ends in time, with the connection to go on with."""
    secret(world.api, {"other": "text"})
    found, seconds = await_kubeconfig(host, 1)
    assert (found, 0.5 < seconds < 4) == (False, True)
    assert host.state().desired_inputs == "in-1"


def test_a_watch_sees_a_change(world: World, host: HostCluster) -> None:
    """Another Secret and another key are no kubeconfig; the watch goes on until there is one."""

    def write() -> None:
        time.sleep(0.3)
        secret(world.api, {"other": "text"})
        time.sleep(0.3)
        secret(world.api, {"other": "text", "config": "text"})

    writer = threading.Thread(target=write)
    writer.start()
    found, seconds = await_kubeconfig(host, 15)
    writer.join()
    assert (found, 0.5 < seconds < 5) == (True, True)
    assert host.kubeconfig(PLATFORM, SECRET, "config") == "text"


def test_a_watch_that_is_refused(world: World) -> None:
    """A refusal is an error, and no end of the watch."""
    config = {**world.api.kubeconfig, "users": [{"name": "user", "user": {"token": "wrong"}}]}
    name = config["contexts"][0]["context"]["user"]
    config["users"][0]["name"] = name
    entry = KubeConfig.from_dict(config).get()
    assert entry
    with closing(HostCluster(client(entry), PLATFORM, STATE)) as found:
        with pytest.raises(TransientError) as error:
            found.await_kubeconfig(PLATFORM, SECRET, "config", 5)
        assert error.value.reason == "KubernetesRefuses"
