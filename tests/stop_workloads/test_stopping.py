"""The pods of a namespace whose data is retained: what is stopped, in which order, for how long."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from lightkube.config.kubeconfig import KubeConfig

from demo import kubernetes
from rancher_import.clock import Clock
from rancher_import.kubernetes import client
from stop_workloads.stopping import SYNCED, Stop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lightkube import Client

    from tests.apiserver import control_plane

PODS = "/api/v1/namespaces/kunde1/pods"
PLATFORM_POD = "kunde1-vcluster-0"
CUSTOMERS = ("shop-x-default-x-kunde1-vcluster", "db-x-default-x-kunde1-vcluster")


class Host:
    """A host in memory, whose pods end when their time is over."""

    def __init__(self, store: kubernetes.Store, address: str) -> None:
        """Begin with a running virtual cluster and what its customer runs."""
        self.store = store
        self.seconds = 0.0
        self.ended: list[tuple[str, int]] = []
        config = KubeConfig.from_dict(json.loads(kubernetes.kubeconfig(address))).get()
        assert config
        self.client: Client = client(config)
        self.pod(PLATFORM_POD)
        for name in CUSTOMERS:
            self.pod(name, {SYNCED: "kunde1-vcluster"})

    def pod(self, name: str, labels: dict[str, str] | None = None, **spec: object) -> None:
        """Let a pod run."""
        metadata = {"name": name, "labels": labels or {}}
        body = {"metadata": metadata, "spec": {"containers": [], **spec}}
        self.store.put(f"{PODS}/{name}", body)

    def names(self) -> set[str]:
        """Return the pods that are there."""
        return {path.rpartition("/")[2] for path in self.store.objects if path.startswith(PODS)}

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds

    def stop(self, timeout: float = 240) -> bool:
        """Run the program."""
        clock = Clock(now=lambda: self.seconds, sleep=self.sleep, jitter=lambda: 0.5)
        return Stop(self.client, "kunde1", timeout=timeout, clock=clock).run()


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """Yield a host."""
    with kubernetes.serving() as (store, address):
        found = Host(store, address)
        original = found.client.delete

        def delete(kind: Any, name: str, *, namespace: str, grace_period: int) -> None:
            found.ended.append((name, grace_period))
            original(kind, name, namespace=namespace, grace_period=grace_period)

        monkeypatch.setattr(found.client, "delete", delete)
        yield found
        found.client.close()


def test_everything_is_stopped(host: Host) -> None:
    """No pod is left, and the platform's go first: they would make the customer's anew."""
    assert host.stop()
    assert host.names() == set()
    assert [name for name, _ in host.ended] == [PLATFORM_POD, *CUSTOMERS]


def test_nothing_runs(host: Host) -> None:
    """Without pods it ends at once."""
    for name in host.names():
        del host.store.objects[f"{PODS}/{name}"]
    assert host.stop()
    assert (host.seconds, host.ended) == (0, [])


@pytest.mark.parametrize(
    ("asked", "given"),
    [(None, 30), (5, 5), (0, 0), (31_536_000, 30)],
    ids=["default", "short", "none", "a-year"],
)
def test_no_pod_decides_how_long_it_runs_on(host: Host, asked: int | None, given: int) -> None:
    """A customer's pod gets the time it asks for, and at most half a minute."""
    host.pod("long", {SYNCED: "x"}, terminationGracePeriodSeconds=asked)
    assert host.stop()
    assert dict(host.ended)["long"] == given


def test_what_is_ending_is_not_ended_again(host: Host) -> None:
    """A pod that hangs on a lost node does not hold the deletion up, nor save the others."""
    stamp = "2026-01-01T00:00:00Z"
    host.store.objects[f"{PODS}/{PLATFORM_POD}"]["metadata"]["deletionTimestamp"] = stamp
    assert host.stop()
    assert host.names() == {PLATFORM_POD}
    assert [name for name, _ in host.ended] == [*CUSTOMERS]
    assert 240 <= host.seconds < 260


def test_pods_that_come_back(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is made anew all the time is reported as a failure, so that it is tried again."""
    original = host.sleep

    def sleep(seconds: float) -> None:
        original(seconds)
        host.pod("again", {SYNCED: "x"})

    monkeypatch.setattr(host, "sleep", sleep)
    assert not host.stop(timeout=20)


def test_a_host_that_does_not_answer() -> None:
    """The attempt ends in time and badly, so that nothing is uninstalled over running pods."""
    with kubernetes.serving() as (store, address):
        host = Host(store, address)
    assert not host.stop(timeout=20)
    host.client.close()


def test_without_rights(apiserver: control_plane.Client, tmp_path: Path) -> None:
    """Where the namespace is gone its rights are too: the release can be uninstalled."""
    kubeconfig = json.loads(json.dumps(apiserver.kubeconfig))
    path = "/api/v1/namespaces/default/serviceaccounts/default/token"
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
    account["metadata"]["namespace"] = "default"  # type: ignore[index]
    apiserver.apply(account)
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token = apiserver.request("POST", path, request).body["status"]["token"]
    kubeconfig["users"][0]["user"] = {"token": token}
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(kubeconfig))
    env = {"KUBECONFIG": str(file), "NAMESPACE": "gone", "TIMEOUT_SECONDS": "20"}
    done = subprocess.run(
        [sys.executable, "-m", "stop_workloads"],
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "MissingRight" in done.stdout
    assert token not in done.stdout + done.stderr
