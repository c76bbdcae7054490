"""Several hosts: each VCluster lives on one, and one that is away takes nothing along."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from dev.apiserver.server import Network, running
from dev.platform.place import BIN, NODE_ADDRESS, ROOT
from tests.e2e.kube import (
    PLATFORM,
    RELEASES,
    VCLUSTERS,
    Kube,
    await_condition,
    by,
    condition,
    until,
    vcluster,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dev.apiserver.client import Client
    from dev.platform.machine import Machine

pytestmark = pytest.mark.further

COMPOSITION = "hosts"
SECOND = "second"
NORTH, SOUTH = "host-north", "host-south"
CONFIG = "clusterproviderconfigs.helm.m.crossplane.io"

INPUT: dict[str, Any] = {
    "hosts": {
        "local": {"providerConfig": "default", "labels": {"region": "north"}},
        SECOND: {"providerConfig": SECOND, "labels": {"region": "south"}, "cidrs": ["10.0.0.0/8"]},
    }
}


@pytest.fixture(scope="module")
def second(kube: Kube, there: Machine) -> Iterator[Callable[[], Client]]:
    """Yield a second host: a Kubernetes API server of its own, which can be stopped."""
    inside = ("nsenter", f"--target={there.pid}", "--net")
    network = Network(inside, (there.place.address, NODE_ADDRESS), bind="0.0.0.0")  # noqa: S104
    with running(BIN / "etcd", BIN / "kube-apiserver", network) as client:
        for manifest in yaml.safe_load_all((ROOT / "install" / "host.yaml").read_text()):
            assert client.apply(manifest).status in (200, 201)
        _connect(kube, reached_at(client))
        yield lambda: client
        _disconnect(kube)


def reached_at(client: Client, port: int = 0) -> str:
    """Return the second host's kubeconfig for pods of the first, or one for another port."""
    kubeconfig = client.kubeconfig
    [cluster] = kubeconfig["clusters"]
    cluster["cluster"] = {
        "server": f"https://{NODE_ADDRESS}:{port or client.port}",
        "certificate-authority-data": base64.b64encode(client.ca.read_bytes()).decode(),
    }
    return json.dumps(kubeconfig)


def _connect(kube: Kube, kubeconfig: str) -> None:
    """Tell provider-helm of the host, as docs/hosts.md does."""
    kube.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": SECOND, "namespace": "crossplane-system"},
            "stringData": {"kubeconfig": kubeconfig},
        }
    )
    reference = {"namespace": "crossplane-system", "name": SECOND, "key": "kubeconfig"}
    kube.apply(
        {
            "apiVersion": "helm.m.crossplane.io/v1beta1",
            "kind": "ClusterProviderConfig",
            "metadata": {"name": SECOND},
            "spec": {"credentials": {"source": "Secret", "secretRef": reference}},
        }
    )


def _disconnect(kube: Kube) -> None:
    kube("delete", CONFIG, SECOND, "--wait=false")
    kube("delete", "secret", SECOND, "-n", "crossplane-system")


@pytest.fixture(scope="module")
def placed(
    kube: Kube, second: Callable[[], Client], compositions: Callable[..., None]
) -> Iterator[Client]:
    """Yield the second host, with a VCluster on each of the two."""
    compositions(COMPOSITION, INPUT)
    for name, region in ((NORTH, "north"), (SOUTH, "south")):
        selector = {"matchLabels": {"region": region}}
        spec = {"hostSelector": selector, "rancher": {"enabled": False}}
        kube.apply(vcluster(name, crossplane=by(COMPOSITION), **spec))
    yield second()
    kube("delete", VCLUSTERS, NORTH, SOUTH, "--ignore-not-found", "--wait=false")


def exists(client: Client, name: str) -> bool:
    """Tell whether the second host has a VCluster's namespace, which nobody there takes away."""
    found = client.get("v1", "Namespace", name)
    return found.status == 200 and "deletionTimestamp" not in found.body["metadata"]


def test_each_lands_on_its_host(kube: Kube, placed: Client) -> None:
    """By their labels; the status says where, and the other host knows nothing of it."""
    for name in (NORTH, SOUTH):
        await_condition(kube, name, "NamespaceReady True Available")
    assert exists(placed, SOUTH)
    assert not exists(placed, NORTH)
    assert kube.get("namespace", NORTH)
    assert kube.get("namespace", SOUTH) is None
    hosts = {name: (kube.get(VCLUSTERS, name) or {})["status"]["host"] for name in (NORTH, SOUTH)}
    assert hosts == {NORTH: "local", SOUTH: SECOND}
    until(
        "the chart is installed there",
        lambda: (
            placed.get("apps/v1", "StatefulSet", f"{SOUTH}-vcluster", namespace=SOUTH).status == 200
        ),
        120,
    )


def test_other_labels_move_nothing(kube: Kube, placed: Client) -> None:
    """Neither the spec's wish nor the platform's labels: what runs stays, and it is told."""
    before = releases(kube)
    selector = {"matchLabels": {"region": "north"}}
    kube.patch(VCLUSTERS, SOUTH, {"spec": {"hostSelector": selector}})
    await_condition(
        kube,
        SOUTH,
        "Accepted False ChangeRefused",
        f"spec.hostSelector: stays on host {SECOND} instead of one with region=north",
    )
    kube.patch(VCLUSTERS, SOUTH, {"spec": {"hostSelector": {"matchLabels": {"region": "south"}}}})
    await_condition(kube, SOUTH, "Accepted True Accepted")
    assert exists(placed, SOUTH)
    assert before <= releases(kube)


def releases(kube: Kube) -> set[str]:
    """Return the UIDs of the Releases of both."""
    labels = f"crossplane.io/composite in ({NORTH},{SOUTH})"
    return {one["metadata"]["uid"] for one in kube.list(RELEASES, PLATFORM, labels)}


def test_a_host_that_does_not_answer_takes_nothing_along(kube: Kube, placed: Client) -> None:
    """What is on it is Unknown and stays; the others do not mind; and it comes back by itself."""
    _connect(kube, reached_at(placed, port=9))
    await_condition(kube, SOUTH, "NamespaceReady Unknown ObservationFailed", seconds=120)
    assert condition(kube.get(VCLUSTERS, NORTH), "NamespaceReady").get("status") == "True"
    assert exists(placed, SOUTH)
    _connect(kube, reached_at(placed))
    await_condition(kube, SOUTH, "NamespaceReady True Available")


def test_a_host_that_leaves_the_input_loses_nothing(
    kube: Kube, placed: Client, compositions: Callable[..., None]
) -> None:
    """Its VClusters say so, and the others do not mind."""
    compositions(COMPOSITION, {"hosts": {"local": INPUT["hosts"]["local"], "third": {
        "providerConfig": "third"}}, "defaultHostSelector": None})  # fmt: skip
    try:
        await_condition(
            kube,
            SOUTH,
            "Accepted False InvalidInput",
            f"input.hosts: has none with ClusterProviderConfig {SECOND}, where this VCluster runs.",
        )
        assert condition(kube.get(VCLUSTERS, NORTH), "Accepted").get("status") == "True"
        assert exists(placed, SOUTH)
    finally:
        compositions(COMPOSITION, INPUT)
    await_condition(kube, SOUTH, "Accepted True Accepted")


def test_deletion_cleans_the_right_host(kube: Kube, placed: Client) -> None:
    """In order, and the other's VCluster stays."""
    kube("delete", VCLUSTERS, SOUTH, "--cascade=foreground", seconds=300)
    assert not exists(placed, SOUTH)
    stateful_set = placed.get("apps/v1", "StatefulSet", f"{SOUTH}-vcluster", namespace=SOUTH)
    assert stateful_set.status == 404
    assert kube.get("namespace", NORTH)
    assert condition(kube.get(VCLUSTERS, NORTH), "NamespaceReady").get("status") == "True"
