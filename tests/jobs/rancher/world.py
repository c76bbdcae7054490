"""A host, a virtual cluster and a Rancher in which the importer can be run, killed and run again.

Host and virtual cluster are one real API server; the test Rancher looks for its agent there.
"""

import base64
import contextlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lightkube.config.kubeconfig import KubeConfig

from dev.apiserver.client import Client
from dev.fake_rancher import FakeRancher, KubeApi, Lag
from jobs import abandoned
from jobs.backoff import Clock
from jobs.bounded_api import CALL_SECONDS, Api
from jobs.kubernetes import client as kubernetes_client
from jobs.rancher.agent_cleanup import clean_virtual_cluster
from jobs.rancher.api import Rancher
from jobs.rancher.deregistration import LAST_LOOK_SECONDS, Deregistration, removal_seconds
from jobs.rancher.host_cluster import HostCluster
from jobs.rancher.import_loop import Import
from jobs.rancher.kubeconfig_secret import KubeconfigSecret
from jobs.rancher.model import Goal, Owner
from jobs.rancher.options import RancherOptions
from jobs.rancher.virtual_cluster import VirtualCluster
from tests.support.kills import Wire as TappedWire
from tests.support.kills import tapped

STARTING_REQUESTS = 6
"""How many requests a restarted Rancher answers before it knows its types."""

PLATFORM = "vcluster-system"
STATE = "kunde1-rancher"
KUBECONFIG = "vc-kunde1-vcluster"
ABANDONED = "vcluster-abandoned"

GOAL = Goal(
    cluster_name="kunde1",
    owner_name="kunde1",
    owner_uid="227fb97b-6cf6-4f79-9ae9-ffb14550d34d",
    owners=frozenset({Owner("userPrincipal", "keycloakoidc_user://4711", "cluster-owner")}),
    inputs="in-1",
)

FIRST_STATE = {
    "phase": "Pending",
    "reason": "",
    "message": "",
    "clusterName": "kunde1",
    "clusterId": "",
    "desiredInputs": "in-1",
    "observedInputs": "",
}


@dataclass
class Wire(TappedWire):
    """All HTTP requests of the importer, to every server, and the one at which it dies."""

    sent: int = 0
    restart_at: int | None = None
    """The request before which Rancher restarts."""
    restart: Callable[[], None] = lambda: None

    def count(self, line: str) -> bool:
        """Count a request, and return whether the importer dies at it."""
        self.sent += 1
        self.lines.append(line)
        if self.sent == self.restart_at:
            self.restart()
        return self.sent == self.kill_at


@dataclass
class Time:
    """Time that passes only while somebody sleeps."""

    seconds: float = 0
    meanwhile: Callable[[], None] | None = None
    """What others do while somebody sleeps."""

    def clock(self) -> Clock:
        """Return a clock that shows it."""
        return Clock(now=lambda: self.seconds, sleep=self.sleep, jitter=lambda: 0.5)

    def sleep(self, seconds: float) -> None:
        """Let it pass."""
        self.seconds += seconds
        if self.meanwhile:
            self.meanwhile()


class TimedSecret(KubeconfigSecret):
    """The kubeconfig's Secret; a watch of it takes time of the world."""

    def __init__(self, world: "World", host: HostCluster) -> None:
        """Hold the world."""
        super().__init__(host, PLATFORM, KUBECONFIG)
        self._world = world

    def open(self, connect_seconds: float = CALL_SECONDS) -> VirtualCluster | None:
        """Open the virtual cluster as the world does."""
        return self._world.tenant(connect_seconds)

    def wait(self, seconds: int) -> bool:
        """Let the time of a watch pass."""
        return self._world.watch(seconds)


@dataclass
class World:
    """Everything around the importer."""

    api: Client
    fake: FakeRancher
    token_file: Path
    wire: Wire
    time: Time = field(default_factory=Time)

    def reset(self) -> None:
        """Empty host, virtual cluster and Rancher."""
        self.fake.state.clusters.clear()
        self.fake.state.leftovers.clear()
        self.fake.faults.waiting.clear()
        self.fake.requests.clear()
        for kind, api_version, namespace, name in self.ours():
            self.api.delete(api_version, kind, name, namespace=namespace)
        self.desire("in-1", fresh=True)
        self.wire.sent, self.wire.kill_at, self.wire.restart_at = 0, None, None
        self.wire.lines.clear()
        self.fake.behaviour.starting = Lag()
        self.fake.restart()

    def ours(self) -> Iterator[tuple[str, str, str | None, str]]:
        """Yield what an import leaves on host and virtual cluster."""
        yield "ConfigMap", "v1", "kube-system", "caas-rancher-import"
        yield "ConfigMap", "v1", PLATFORM, ABANDONED
        yield "Deployment", "apps/v1", "cattle-system", "cattle-cluster-agent"
        path = "/api/v1/namespaces/cattle-system/secrets"
        for secret in self.api.request("GET", path).body.get("items", []):
            yield "Secret", "v1", "cattle-system", secret["metadata"]["name"]

    def make_namespaces(self) -> None:
        """Make the namespaces of the platform and of Rancher's agent."""
        for namespace in (PLATFORM, "cattle-system"):
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
            assert self.api.apply(body).status in (200, 201)

    def write_kubeconfig(self) -> None:
        """Write the Secret with the kubeconfig, as the virtual cluster does."""
        kubeconfig = base64.b64encode(json.dumps(self.api.kubeconfig).encode()).decode()
        body = {"apiVersion": "v1", "kind": "Secret", "data": {"config": kubeconfig}}
        written = self.api.apply({**body, "metadata": {"name": KUBECONFIG, "namespace": PLATFORM}})
        assert written.status in (200, 201)

    def end_namespaces(self) -> None:
        """Do the namespace controller's work, which this API server has not."""
        for found in self.api.request("GET", "/api/v1/namespaces").body["items"]:
            name = found["metadata"]["name"]
            if "deletionTimestamp" in found["metadata"]:
                for kind, api_version, namespace, one in self.ours():
                    if namespace == name:
                        self.api.delete(api_version, kind, one, namespace=namespace)
                found["spec"]["finalizers"] = []
                self.api.request("PUT", f"/api/v1/namespaces/{name}/finalize", found)

    def desire(self, inputs: str, *, fresh: bool = False) -> None:
        """Write the state as the chart does; keep what the importer wrote unless fresh."""
        data = {**FIRST_STATE, "desiredInputs": inputs} if fresh else {"desiredInputs": inputs}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "data": data}
        labels = {"caas.telekom.de/state": "rancher"}
        metadata = {"name": STATE, "namespace": PLATFORM, "labels": labels}
        self.api.apply({**body, "metadata": metadata})

    def state(self) -> dict[str, str]:
        """Return what the state ConfigMap says."""
        found: dict[str, str] = self.api.get("v1", "ConfigMap", STATE, namespace=PLATFORM).body[
            "data"
        ]
        return found

    def abandoned(self) -> dict[str, str]:
        """Return what was left behind."""
        found = self.api.get("v1", "ConfigMap", ABANDONED, namespace=PLATFORM).body
        return dict(found.get("data", {}))

    def restart(self) -> None:
        """Restart Rancher: for a while it knows no types and no clusters."""
        self.fake.behaviour.starting = Lag(requests=STARTING_REQUESTS)
        self.fake.restart()

    def run(self, goal: Goal = GOAL, timeout: float = 600, **rancher: Any) -> bool:
        """Run one attempt of the import."""
        with self.connected(**rancher) as (host, client):
            secret, clock = TimedSecret(self, host), self.time.clock()
            return Import(goal, host, client, secret, timeout=timeout, clock=clock).run()

    def watch(self, seconds: int) -> bool:
        """Watch the kubeconfig for some time, in which nothing happens."""
        self.time.sleep(seconds)
        return False

    def deregister(self, timeout: float = 240, *, retain: bool = False) -> bool:
        """Run one attempt of the deregistration, as the command does."""
        uid, clock = GOAL.owner_uid, self.time.clock()
        with self.connected() as (host, client):
            limit = removal_seconds(timeout, retain=retain)
            deadline = self.time.seconds + timeout
            gone = self.removed(host, client, limit)
            if not gone:
                self.note("cluster")
            if not retain:
                return gone
            left = deadline - self.time.seconds
            if not clean_virtual_cluster(self.tenant, uid, timeout=left, clock=clock):
                self.note("agent")
            left = max(deadline - self.time.seconds, LAST_LOOK_SECONDS)
            if not gone and self.removed(host, client, left):
                with contextlib.closing(self.lightkube()) as kubernetes:
                    abandoned.clear(kubernetes, PLATFORM, [f"{uid}.cluster"])
                return True
            return gone

    def removed(self, host: HostCluster, client: Rancher, seconds: float) -> bool:
        """Take the cluster out of Rancher, as the command does."""
        clock = self.time.clock()
        out = Deregistration("kunde1", GOAL.owner_uid, host, client, timeout=seconds, clock=clock)
        return out.run() or not out.leaves_something()

    def note(self, what: str) -> None:
        """Note what is left behind, as the command does."""
        uid = GOAL.owner_uid
        left = {"ownerUid": uid, "left": what, "cluster": "kunde1", "namespace": PLATFORM}
        with contextlib.closing(self.lightkube()) as client:
            abandoned.note(client, PLATFORM, f"{uid}.{what}", left)

    @contextmanager
    def connected(self, **rancher: Any) -> Iterator[tuple[HostCluster, Rancher]]:
        """Open clients of host and Rancher."""
        options = replace(self.options(), **rancher)
        host, client = self.host(), Rancher(options, clock=self.time.clock())
        try:
            yield host, client
        finally:
            host.close()
            client.close()

    def options(self) -> RancherOptions:
        """Return how to reach the test Rancher."""
        return RancherOptions(self.fake.url, self.token_file, self.fake.ca_file, "")

    def host(self) -> HostCluster:
        """Return the host."""
        return HostCluster(self.lightkube(), PLATFORM, STATE)

    def lightkube(self) -> Api:
        """Return a client of the API server."""
        config = KubeConfig.from_dict(self.api.kubeconfig).get()
        assert config
        return kubernetes_client(config)

    def tenant(self, connect_seconds: float = CALL_SECONDS) -> VirtualCluster | None:
        """Open the virtual cluster by its Secret."""
        with contextlib.closing(self.host()) as host:
            return KubeconfigSecret(host, PLATFORM, KUBECONFIG).open(connect_seconds)

    def end(self) -> tuple[list[str], int, int]:
        """Return the clusters in Rancher, the agents, and the applied Deployments."""
        clusters = self.fake.clusters()
        agent = self.api.get(
            "apps/v1", "Deployment", "cattle-cluster-agent", namespace="cattle-system"
        )
        return sorted(clusters), sum(c.agents for c in clusters.values()), int(agent.status == 200)


@contextmanager
def opened(api: Client, folder: Path) -> Iterator[World]:
    """Open a world on an API server."""
    wire = Wire()
    with FakeRancher() as fake, tapped(wire):
        token_file = folder / "token"
        token_file.write_text(fake.token())
        server = f"https://127.0.0.1:{api.port}"
        fake.watch("kunde1", KubeApi(server, api.ca.read_text(), api.token))
        world = World(api, fake, token_file, wire)
        wire.restart = world.restart
        world.make_namespaces()
        world.write_kubeconfig()
        world.reset()
        yield world


def kills(wire: Wire) -> Iterator[tuple[int, str]]:
    """Yield where the run before can die so that it leaves something else: around each write.

    What dies between two writes leaves the same, whichever request it was at.
    """
    for number, line in enumerate(wire.lines[-wire.sent :], 1):
        if number == 1 or not line.startswith("GET "):
            yield number, "before"
            yield number, "after"


def restarts(wire: Wire) -> Iterator[int]:
    """Yield each request of the run before that goes to Rancher, and so sees it restarted."""
    for number, line in enumerate(wire.lines[-wire.sent :], 1):
        if not line.split(" ")[1].startswith("/api"):
            yield number
