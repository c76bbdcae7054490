"""Upgrades: two charts and a Kubernetes minor, one at a time, while the customer's pods go on."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from dev.platform import images
from tests.e2e.backups import EACH_MINUTE, await_backup, restore_from
from tests.e2e.kube import (
    VCLUSTERS,
    Kube,
    await_condition,
    await_ready,
    by,
    condition,
    is_ready,
    until,
    vcluster,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.further

NAME = "hops"
FIRST, SECOND = images.EARLIER_VCLUSTERS
LAST = images.VCLUSTER
OLD, NEW = (version.removeprefix("v") for version in (images.EARLIER_KUBERNETES, images.KUBERNETES))
MISSING = "0.35.1"
"""A hop that nobody has published."""

CLIENT = "while :; do wget -q -O - http://{address}:8080/ && echo || echo lost; sleep 0.2; done"

IMAGE = "--image=docker.io/library/busybox:1.36.1"

ENFORCED: dict[str, Any] = {
    "networking": {"advanced": {"clusterDomain": "hops.local"}},
    "sync": {"toHost": {"volumeSnapshots": {"enabled": False}}},
}
"""What cannot change in a cluster that runs, or would not be taken by its chart."""

CONTRADICTING: dict[str, Any] = {
    "controlPlane": {
        "backingStore": {"etcd": {"deploy": {"enabled": True}}},
        "distro": {"k8s": {"version": "v1.33.0"}},
        "service": {"enabled": False},
        "statefulSet": {
            "image": {"tag": "0.30.0"},
            "persistence": {"volumeClaim": {"size": "3Gi", "accessModes": ["ReadWriteMany"]}},
            "scheduling": {"podManagementPolicy": "OrderedReady"},
        },
    },
}
"""What would destroy the cluster, or take it down, in each way."""


def offer(*charts: str, **changes: Any) -> dict[str, Any]:
    """Return what the platform offers."""
    table = {"0.34": ["1.35"], "0.35": ["1.35", "1.36"], "0.36": ["1.35", "1.36"]}
    kubernetes = {"versions": [OLD, NEW], "default": OLD, "compatibility": table}
    return {"vcluster": {"chart": {"versions": [*charts]}, "kubernetes": kubernetes, **changes}}


def runs(kube: Kube) -> tuple[str, str]:
    """Return chart and Kubernetes of the workload."""
    found = kube.get("statefulset", f"{NAME}-vcluster", NAME) or {}
    image = found["spec"]["template"]["spec"]["initContainers"][0]["image"]
    return found["metadata"]["labels"]["chart"].removeprefix("vcluster-"), image.rpartition(":v")[2]


@pytest.fixture(scope="module")
def customer(
    kube: Kube, compositions: Callable[..., None], opened: Callable[[str], Kube]
) -> Iterator[Kube]:
    """Yield a cluster of the earliest release, in which a pod asks another for a page."""
    if not images.has_earlier():
        pytest.skip("the earlier releases are not built: make tools-earlier, and make up again")
    compositions(NAME, offer(FIRST))
    kube.apply(vcluster(NAME, crossplane=by(NAME)))
    await_ready(kube, NAME, 300)
    inside = opened(NAME)
    inside("create", "configmap", "mine", "--from-literal=a=b")
    serve = "mkdir -p /www && echo ok > /www/index.html && httpd -f -p 8080 -h /www"
    inside("run", "server", IMAGE, "--", "sh", "-c", serve)
    until("the server runs", lambda: address(inside), 120)
    command = CLIENT.format(address=address(inside))
    inside("run", "client", IMAGE, "--", "sh", "-c", command)
    until("the client is answered", lambda: "ok" in asked(kube), 120)
    yield inside
    kube("delete", VCLUSTERS, NAME, "--ignore-not-found", "--wait=false")


def address(inside: Kube) -> str:
    """Return the server's address, once it has one."""
    found = inside.get("pod", "server", "default") or {}
    return str(found.get("status", {}).get("podIP", ""))


def asked(kube: Kube) -> list[str]:
    """Return what the client was answered, line by line; nothing before it runs."""
    client = [
        one["metadata"]["name"]
        for one in kube.list("pods", NAME)
        if one["metadata"]["name"].startswith("client-x-") and one["status"]["phase"] == "Running"
    ]
    return kube("logs", *client, "-n", NAME).split() if client else []


def pods(kube: Kube) -> dict[str, Any]:
    """Return what tells the customer's pods from others that would take their place."""
    return {
        one["metadata"]["name"]: (
            one["metadata"]["uid"],
            [status["restartCount"] for status in one["status"]["containerStatuses"]],
        )
        for one in kube.list("pods", NAME)
        if "-x-default-x-" in one["metadata"]["name"]
    }


def test_a_hop_that_is_not_published_stops_there(
    kube: Kube, customer: Kube, compositions: Callable[..., None]
) -> None:
    """Upgraded has Helm's words, what runs goes on, and the corrected list is all it takes."""
    before = pods(kube)
    compositions(NAME, offer(FIRST, MISSING, LAST))
    message = (
        f"Step 1 of 2: chart {FIRST} to {MISSING}. Release vcluster-system/hops-vcluster: update "
        "failed: failed to upgrade release: failed to pull chart"
    )
    await_condition(kube, NAME, "Upgraded False UpgradeFailed", message)
    assert runs(kube) == (FIRST, OLD)
    compositions(NAME, offer(FIRST))
    await_condition(kube, NAME, "Upgraded True UpToDate")
    await_ready(kube, NAME)
    assert runs(kube) == (FIRST, OLD)
    assert pods(kube) == before
    assert customer("get", "configmap", "mine", "-o", "jsonpath={.data.a}") == "b"


def test_each_chart_saves_and_restores(
    kube: Kube,
    customer: Kube,
    compositions: Callable[..., None],
    made: Callable[..., str],
    opened: Callable[[str], Kube],
) -> None:
    """What the earliest has saved runs with each chart, which saves it in turn."""
    customer("create", "configmap", "saved", "--from-literal=a=b")
    kube.patch(VCLUSTERS, NAME, {"spec": {"backup": EACH_MINUTE}})
    snapshot = await_backup(kube, NAME)["location"].rpartition("/")[2]
    saved = {**EACH_MINUTE, "restoreFrom": restore_from(kube, NAME, snapshot)}
    copies = {f"{NAME}-copy-{number}": chart for number, chart in enumerate((FIRST, SECOND, LAST))}
    for copy, chart in copies.items():
        compositions(copy, offer(chart))
        made(copy, crossplane=by(copy), rancher={"enabled": False}, backup=saved)
    for copy in copies:
        await_ready(kube, copy, 300)
        assert opened(copy)("get", "configmap", "saved", "-o", "jsonpath={.data.a}") == "b"
        assert await_backup(kube, copy)["size"]
    kube.patch(VCLUSTERS, NAME, {"spec": {"backup": None}})


def test_two_charts_and_a_minor_one_at_a_time(
    kube: Kube, customer: Kube, compositions: Callable[..., None], tell: Callable[[str], None]
) -> None:
    """The customer's pods answer all the time, and keep their names, addresses and lives."""
    before = pods(kube)
    answers = len(asked(kube))
    seen: list[tuple[tuple[str, str], str]] = []
    stopped = threading.Event()

    def watch() -> None:
        while not stopped.wait(0.5):
            now = runs(kube), str(condition(kube.get(VCLUSTERS, NAME), "Upgraded").get("message"))
            if not seen or seen[-1][0] != now[0]:
                seen.append(now)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        compositions(NAME, offer(FIRST, SECOND, LAST))
        kube.patch(VCLUSTERS, NAME, {"spec": {"kubernetesVersion": NEW.rpartition(".")[0]}})
        took = until(
            "the last step runs",
            lambda: (
                runs(kube) == (LAST, NEW)
                and condition(kube.get(VCLUSTERS, NAME), "Upgraded").get("status") == "True"
                and is_ready(kube.get(VCLUSTERS, NAME))
            ),
            600,
            lambda: kube("describe", VCLUSTERS, NAME),
        )
    finally:
        stopped.set()
        watcher.join()
    # The chart first where both may move.
    assert [versions for versions, _ in seen] == [
        (FIRST, OLD),
        (SECOND, OLD),
        (LAST, OLD),
        (LAST, NEW),
    ]
    assert "upgrade" not in (kube.get(VCLUSTERS, NAME) or {})["status"]
    assert pods(kube) == before
    told = asked(kube)[answers:]
    assert told
    assert set(told) == {"ok"}
    assert customer("get", "configmap", "mine", "-o", "jsonpath={.data.a}") == "b"
    assert json.loads(customer("version", "-o", "json"))["serverVersion"]["gitVersion"] == f"v{NEW}"
    tell(f"three steps in {took:.0f} s, {len(told)} answers of a pod meanwhile, none lost")


def await_refusal(kube: Kube, wanted: str, refused: set[str]) -> None:
    """Wait until the VCluster says that it does not get these enforced values.

    When a Composition changes, Crossplane may show conditions of before for a moment again.
    """
    start = "input.vcluster.enforcedValues."
    await_condition(kube, NAME, wanted, start)

    def fields() -> set[str]:
        message = condition(kube.get(VCLUSTERS, NAME), "Accepted")["message"]
        return {part.partition(":")[0].removeprefix(start) for part in message.split(" | ")}

    until(f"these are refused: {refused}", lambda: fields() == refused, 30, fields)


def test_what_would_destroy_it_is_refused_in_each_way(
    kube: Kube, customer: Kube, compositions: Callable[..., None]
) -> None:
    """By the Input's values, whoever wrote them: nothing restarts, and all is there."""
    control_plane = (kube.get("pod", f"{NAME}-vcluster-0", NAME) or {})["metadata"]["uid"]
    before = pods(kube)
    compositions(NAME, offer(FIRST, SECOND, LAST, enforcedValues=CONTRADICTING))
    contradicting = {
        "controlPlane.backingStore.etcd.deploy.enabled",
        "controlPlane.distro.k8s.version",
        "controlPlane.service.enabled",
        "controlPlane.statefulSet.image.tag",
        "controlPlane.statefulSet.persistence.volumeClaim.accessModes",
        "controlPlane.statefulSet.persistence.volumeClaim.size",
        "controlPlane.statefulSet.scheduling.podManagementPolicy",
    }
    await_refusal(kube, "Accepted False InvalidInput", contradicting)
    compositions(NAME, offer(FIRST, SECOND, LAST, enforcedValues=ENFORCED))
    fixed = {"networking.advanced.clusterDomain", "sync.toHost.volumeSnapshots"}
    await_refusal(kube, "Accepted False ChangeRefused", fixed)
    compositions(NAME, offer(FIRST, SECOND, LAST))
    await_condition(kube, NAME, "Accepted True Accepted")
    await_ready(kube, NAME)
    assert (kube.get("pod", f"{NAME}-vcluster-0", NAME) or {})["metadata"]["uid"] == control_plane
    assert pods(kube) == before
    assert customer("get", "configmap", "mine", "-o", "jsonpath={.data.a}") == "b"
