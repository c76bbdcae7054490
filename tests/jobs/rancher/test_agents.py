"""Agents follow the image of Rancher's setting, and not all of them at once."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from lightkube import Client
from lightkube.config.kubeconfig import KubeConfig

from dev.demo import kubernetes
from dev.fake_rancher import FakeRancher
from dev.fake_rancher.state import Cluster
from jobs.rancher import agents
from jobs.rancher.api import Rancher
from jobs.rancher.model import AgentImages, Goal, Owner
from jobs.rancher.options import RancherOptions
from jobs.rancher.sight import look
from jobs.rancher.watch_loop import Watcher

OLD, NEW = "rancher/rancher-agent:v2.15.0", "rancher/rancher-agent:v2.15.1"
STATES = "/api/v1/namespaces/vcluster-system/configmaps"


def found(desired: str, manager: str, override: str = "") -> dict[str, Any]:
    """Return a management cluster as Rancher shows it (mgmt-after-upgrade.json)."""
    writer = {"manager": manager, "fieldsV1": {"f:spec": {"f:desiredAgentImage": {}}}}
    others = {"manager": "rancher", "fieldsV1": {"f:status": {"f:agentImage": {}}}}
    return {
        "metadata": {"name": "c-m-1", "managedFields": [writer, others]},
        "spec": {"desiredAgentImage": desired, "agentImageOverride": override},
        "status": {"agentImage": OLD},
    }


@pytest.mark.parametrize(
    ("cluster", "images"),
    [
        pytest.param(found(OLD, "rancher"), AgentImages(OLD, "", OLD), id="of-the-creation"),
        pytest.param(found(OLD, "Go-http-client"), AgentImages(OLD, OLD), id="by-a-person"),
        pytest.param(found("", "Go-http-client"), AgentImages(OLD), id="follows"),
        pytest.param(found("fixed", "rancher"), AgentImages(OLD), id="fixed-follows-too"),
        pytest.param(
            found(OLD, "rancher", NEW), AgentImages(OLD, NEW, OLD), id="an-override-is-a-persons"
        ),
        pytest.param(
            {"metadata": {"name": "c-m-1"}, "spec": {"desiredAgentImage": OLD}},
            AgentImages("", OLD),
            id="nobody-knows-who-wrote-it",
        ),
        pytest.param({"metadata": {"name": "c-m-1"}}, AgentImages(), id="an-older-rancher"),
    ],
)
def test_read(cluster: dict[str, Any], images: AgentImages) -> None:
    """Only what Rancher wrote itself is a default; all else is the choice of a person."""
    assert agents.read(cluster) == images


@pytest.mark.parametrize(
    ("images", "setting", "message"),
    [
        pytest.param(AgentImages(OLD), OLD, "", id="current"),
        pytest.param(
            AgentImages(f"registry.example.org/{OLD}"), OLD, "", id="from-ranchers-registry"
        ),
        pytest.param(
            AgentImages(OLD, default=OLD),
            NEW,
            f"Rancher's agent runs {OLD}, due is {NEW}.",
            id="outdated",
        ),
        pytest.param(AgentImages(OLD, chosen=OLD), NEW, "", id="as-a-person-chose"),
        pytest.param(AgentImages(OLD), "", "", id="a-setting-that-may-not-be-read"),
        pytest.param(AgentImages(), NEW, "", id="no-agent-yet"),
    ],
)
def test_outdated(images: AgentImages, setting: str, message: str) -> None:
    """What runs is compared with what a person chose, or with Rancher's setting."""
    assert agents.outdated(images, setting) == message


IDS = [f"c-m-{number:08x}" for number in range(100)]


def test_no_burst_of_more_than_ten_agents_a_minute() -> None:
    """Of 100 clusters any sixty seconds see at most ten restarts, and all have had their turn."""
    restarts: dict[str, int] = {}
    for second in range(0, 3600, 30):
        for one in agents.turn(IDS, second // 60):
            restarts.setdefault(one, second)
    assert set(restarts) == set(IDS)
    assert max(restarts.values()) < 20 * 60
    for second in range(3600):
        assert sum(second <= at < second + 60 for at in restarts.values()) <= 10


def test_the_watchers_of_all_hosts_agree() -> None:
    """The turn does not depend on the order in which a watcher is told of the clusters."""
    assert agents.turn(reversed(IDS), 7) == agents.turn(IDS, 7)
    assert agents.turn([], 7) == frozenset()


@pytest.mark.parametrize("period", [5, 60, 90, 300])
def test_no_turn_is_missed(period: int) -> None:
    """However seldom a watcher looks, each cluster has its turn."""
    looks = range(0, 24 * 3600, period)
    seconds = agents.turn_seconds(period)
    turns = [agents.turn(IDS, int(look // seconds)) for look in looks]
    assert frozenset().union(*turns) == frozenset(IDS)


@dataclass
class Landscape:
    """A Rancher with clusters that are connected, and the watcher of a host."""

    fake: FakeRancher
    rancher: Rancher
    store: kubernetes.Store
    watcher: Watcher
    seconds: float = 0
    names: list[str] = field(default_factory=list)

    def add(self, number: int) -> None:
        """Import clusters as an import does that leaves the image alone."""
        for one in range(number):
            name = f"kunde{len(self.names)}"
            self.names.append(name)
            self.rancher.create(Goal(name, name, f"uid-{one}", frozenset(), "in-1"), "vc-1")
        self.fake.agents.by_hand.update(self.names)
        while not all(one.connected for one in look(self.rancher).managed().values()):
            pass
        for cluster in self.clusters():
            labels = {"caas.telekom.de/state": "rancher"}
            data = {"phase": "Connected", "reason": "Connected", "clusterId": cluster.id}
            metadata = {"name": f"{cluster.name}-rancher", "labels": labels}
            path = f"{STATES}/{cluster.name}-rancher"
            self.store.put(path, {"metadata": metadata, "data": data})

    def clusters(self) -> list[Cluster]:
        """Return the clusters, after Rancher has done what is due."""
        self.fake.clusters()
        return list(self.fake.state.clusters)

    def look(self, seconds: float = 60) -> None:
        """Let time pass, and the watcher look."""
        self.seconds += seconds
        self.watcher.look()

    def state(self, name: str) -> tuple[str, str, str]:
        """Return phase, reason and message."""
        data = self.store.objects[f"{STATES}/{name}-rancher"]["data"]
        return data["phase"], data["reason"], data.get("message", "")

    def images(self) -> set[str]:
        """Return the images of all agents."""
        return {cluster.agent_image for cluster in self.clusters()}

    def restarts(self) -> int:
        """Return how many agents were replaced."""
        return sum(len(cluster.agent_restarts) for cluster in self.clusters())


@pytest.fixture
def landscape(tmp_path: Path) -> Iterator[Landscape]:
    """Yield one."""
    (tmp_path / "token").touch()
    with FakeRancher() as fake, kubernetes.serving() as (store, address):
        (tmp_path / "token").write_text(fake.token())
        config = KubeConfig.from_dict(
            {
                "current-context": "a",
                "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
                "clusters": [{"name": "a", "cluster": {"server": address}}],
                "users": [{"name": "a", "user": {}}],
            }
        ).get()
        client = Client(config=config, trust_env=False)
        rancher = Rancher(RancherOptions(fake.url, tmp_path / "token", fake.ca_file, ""))
        clock: Callable[[], float] = lambda: made.seconds  # noqa: E731
        watcher = Watcher(
            client, "vcluster-system", rancher, warn_days=14, period=30, wall_clock=clock
        )
        made = Landscape(fake, rancher, store, watcher)
        yield made
        client.close()
        rancher.close()


def test_an_upgrade_of_rancher_reaches_clusters_of_before(landscape: Landscape) -> None:
    """Agents that an earlier import left at their image are told of, and follow turn by turn."""
    landscape.add(12)
    landscape.fake.set_setting("agent-image", NEW)
    landscape.look(0)
    outdated = f"Rancher's agent runs {OLD}, due is {NEW}."
    assert landscape.state("kunde0") == ("Connected", "AgentOutdated", outdated)
    for _ in range(4):
        before = landscape.restarts()
        landscape.look()
        assert landscape.restarts() - before <= 5
    assert landscape.images() == {NEW}
    landscape.look()
    assert landscape.state("kunde0") == ("Connected", "Connected", "")


def test_what_a_person_chose_stays(landscape: Landscape) -> None:
    """An image that somebody set for a cluster is neither changed nor called outdated."""
    landscape.add(1)
    (cluster,) = landscape.clusters()
    cluster.image_writer = "Go-http-client"
    landscape.fake.set_setting("agent-image", NEW)
    for _ in range(3):
        landscape.look()
    assert landscape.images() == {OLD}
    assert landscape.state("kunde0") == ("Connected", "Connected", "")


def test_a_choice_between_two_looks_stays(landscape: Landscape) -> None:
    """What Rancher's list said is compared once more with what there is now."""
    landscape.add(1)
    (cluster,) = landscape.clusters()
    cluster.desired_image = "example.org/agent:mine"
    assert landscape.rancher.follow_agent_image(cluster.id, OLD)
    assert cluster.desired_image == "example.org/agent:mine"


def test_without_the_right_it_is_only_told(landscape: Landscape) -> None:
    """An importer without the role User-Base cannot change it; the look goes on."""
    landscape.add(1)
    landscape.fake.set_setting("agent-image", NEW)
    landscape.fake.forbid(times=100, path="/v3/clusters/")
    for _ in range(3):
        landscape.look()
    assert landscape.state("kunde0")[1] == "AgentOutdated"


def test_an_owner_that_there_is_not_is_told(landscape: Landscape) -> None:
    """A misspelt user has no role; that is said, and the cluster is Connected all the same."""
    landscape.add(1)
    (cluster,) = landscape.clusters()
    owner = Owner("user", "u-zzzzz", "cluster-owner")
    landscape.rancher.bind(cluster.id, "vc-1", owner)
    landscape.look()
    told = ("Connected", "OwnerUnknown", "Rancher does not know u-zzzzz: correct the owners.")
    assert landscape.state("kunde0") == told
    landscape.rancher.unbind(cluster.id, "vc-1")
    for _ in range(4):
        landscape.look()
    assert landscape.state("kunde0") == ("Connected", "Connected", "")
