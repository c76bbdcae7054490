"""The pods of a namespace whose data is retained: what is stopped, in which order, for how long."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from lightkube.config.kubeconfig import KubeConfig

from dev.demo import kubernetes
from jobs.backoff import Clock
from jobs.kubernetes import client
from jobs.workloads.pod_shutdown import PodShutdown
from jobs.workloads.pods import PLATFORMS
from tests.support import hostile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dev.apiserver.client import Client
    from jobs.bounded_api import Api

SYNCED = PLATFORMS.removeprefix("!")
PODS = "/api/v1/namespaces/kunde1/pods"
PLATFORM_POD = "kunde1-vcluster-0"
CUSTOMERS = ("shop-x-default-x-kunde1-vcluster", "db-x-default-x-kunde1-vcluster")


class Host:
    """A host in memory, whose pods end when their time is over."""

    def __init__(self, store: kubernetes.Store, address: str) -> None:
        """Begin with a running virtual cluster and what its customer runs."""
        self.store = store
        self.address = address
        self.seconds = 0.0
        self.ended: list[tuple[str | None, int]] = []
        config = KubeConfig.from_dict(json.loads(kubernetes.kubeconfig(address))).get()
        assert config
        self.client: Api = client(config)
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
        return PodShutdown(self.client, "kunde1", timeout=timeout, clock=clock).run()


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """Yield a host."""
    with kubernetes.serving() as (store, address):
        found = Host(store, address)
        original = found.client.delete_all

        def end(kind: Any, *, namespace: str, selector: str | None, grace: int) -> None:
            found.ended.append((selector, grace))
            original(kind, namespace=namespace, selector=selector, grace=grace)

        monkeypatch.setattr(found.client, "delete_all", end)
        yield found
        found.client.close()


def test_everything_is_stopped(host: Host) -> None:
    """No pod is left, and the platform's go first: they would make the customer's anew."""
    assert host.stop()
    assert host.names() == set()
    assert host.ended == [(PLATFORMS, 30), (None, 30)]


def test_nothing_runs(host: Host) -> None:
    """Without pods it ends at once."""
    for name in host.names():
        del host.store.objects[f"{PODS}/{name}"]
    assert host.stop()
    assert (host.seconds, host.ended) == (0, [])


@pytest.mark.parametrize("asked", [None, 0, 31_536_000], ids=["default", "none", "a-year"])
def test_no_pod_decides_how_long_it_runs_on(host: Host, asked: int | None) -> None:
    """A tenant's pod gets half a minute at most, whatever it asks for."""
    host.pod("long", {SYNCED: "x"}, terminationGracePeriodSeconds=asked)
    assert host.stop()
    assert {grace for _, grace in host.ended} == {30}


def test_what_is_ending_holds_nothing_up(host: Host) -> None:
    """A pod that hangs on a lost node does not hold the deletion up, nor save the others."""
    stamp = "2026-01-01T00:00:00Z"
    host.store.objects[f"{PODS}/{PLATFORM_POD}"]["metadata"]["deletionTimestamp"] = stamp
    assert not host.stop()
    assert host.names() == {PLATFORM_POD}
    assert 240 <= host.seconds < 260
    assert PodShutdown(host.client, "kunde1", timeout=0).remainder() == {"pods": [PLATFORM_POD]}


def test_pods_that_come_back(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is made anew all the time is left when the time is up."""
    original = host.sleep

    def sleep(seconds: float) -> None:
        original(seconds)
        host.pod("again", {SYNCED: "x"})

    monkeypatch.setattr(host, "sleep", sleep)
    assert not host.stop(timeout=20)


def test_a_host_that_does_not_answer() -> None:
    """The attempt ends in time, and says that pods may be left."""
    with kubernetes.serving() as (store, address):
        host = Host(store, address)
    assert not host.stop(timeout=20)
    assert PodShutdown(host.client, "kunde1", timeout=0).remainder() == {
        "reason": "KubernetesUnreachable"
    }
    host.client.close()


def run(
    kubeconfig: Path, seconds: int = 2, namespace: str = "kunde1", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the program as its Job does."""
    return subprocess.run(
        [sys.executable, "-m", "jobs.workloads"],
        env={
            "KUBECONFIG": str(kubeconfig),
            "NAMESPACE": namespace,
            "OWNER_UID": "u-1",
            "PLATFORM_NAMESPACE": "vcluster-system",
            "TIMEOUT_SECONDS": str(seconds),
            **variables,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_without_rights(apiserver: Client, tmp_path: Path) -> None:
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
    done = run(file, 20, "gone")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "MissingRight" in done.stdout
    assert token not in done.stdout + done.stderr


@pytest.mark.parametrize("manner", ["trickle", "trickle-head", "large", "html", "no-list", "null"])
def test_no_answer_keeps_it_from_ending(tmp_path: Path, manner: str) -> None:
    """Whatever is answered the program ends well, and in time: the deletion goes on."""
    with hostile.serving(manner) as (address, paths):
        (tmp_path / "kubeconfig").write_text(kubernetes.kubeconfig(address))
        done = run(tmp_path / "kubeconfig")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert paths


def test_what_is_left_is_noted(host: Host, tmp_path: Path) -> None:
    """Pods that hang on a lost node are written down, a few by name."""
    stamp = "2026-01-01T00:00:00Z"
    for name in host.names():
        del host.store.objects[f"{PODS}/{name}"]
    for number in range(9):
        host.pod(f"lost-{number}")
        host.store.objects[f"{PODS}/lost-{number}"]["metadata"]["deletionTimestamp"] = stamp
    (tmp_path / "kubeconfig").write_text(kubernetes.kubeconfig(host.address))
    done = run(tmp_path / "kubeconfig")
    assert done.returncode == 0, done.stdout + done.stderr
    path = "/api/v1/namespaces/vcluster-system/configmaps/vcluster-abandoned"
    noted = json.loads(host.store.objects[path]["data"]["u-1.pods"])
    assert noted["pods"] == [f"lost-{number}" for number in range(5)]


@pytest.mark.parametrize(("left", "code"), [((), 0), (CUSTOMERS, 1)], ids=["none", "some"])
def test_a_sleep_with_pods_is_a_failure(
    host: Host,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    left: tuple[str, ...],
    code: int,
) -> None:
    """Helm reports that the hook failed, and provider-helm runs it again."""
    for name in host.names() - {*left}:
        del host.store.objects[f"{PODS}/{name}"]
    original = host.store.answer

    def answer(method: str, *request: Any) -> tuple[int, Any]:
        return (
            (500, {"message": "a database"}) if method == "DELETE" else original(method, *request)
        )

    monkeypatch.setattr(host.store, "answer", answer)
    (tmp_path / "kubeconfig").write_text(kubernetes.kubeconfig(host.address))
    done = run(tmp_path / "kubeconfig", CONTROL_PLANE="app=vcluster")
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
