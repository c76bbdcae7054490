"""docs/backup.md: its commands, run as written, save and restore a virtual cluster.

The tests are one story, in this order.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from dev.platform.command import PlatformError
from tests.e2e import page
from tests.e2e.kube import (
    PLATFORM,
    RELEASES,
    VCLUSTERS,
    Kube,
    await_ready,
    condition,
    describe,
    until,
    vcluster,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.e2e.rancher import Control

pytestmark = pytest.mark.further

NAME = "saved"
RELEASE = f"{NAME}-vcluster"
USAGES = "usages.protection.crossplane.io"

PAGE = "backup.md"
WHERE = page.block(PAGE, "release=$(")
STOP = page.block(PAGE, 'wait --for=delete pod "$release-0"')
SAVE = page.block(PAGE, "exec backup -- tar cf")
RESTORE = page.block(PAGE, "exec -i backup -- tar xf")
START = page.block(PAGE, 'scale statefulset "$release" --replicas=1')
SAVE_VCLUSTERS = page.block(PAGE, ">vclusters.json")
RESTORE_VCLUSTERS = page.block(PAGE, "function restore")

# It ends when it is told to, so that no test waits for half a minute.
WORK = "trap 'exit 0' TERM; while :; do sleep 1; done"


@dataclass(frozen=True, slots=True)
class State:
    """What the loss of the control plane and the restoration leave as it is."""

    namespace: str
    control_plane: tuple[str, int]
    """UID of the pod, and how often its container was started again."""
    customers_pod: str
    """UID of the pod on the host."""
    revision: int
    """Of the Helm release of the virtual cluster."""
    cluster: str
    """Id in Rancher."""
    connections: int
    """How often Rancher's agent has connected."""


def state(kube: Kube, control: Control) -> State:
    """Return how it is once Rancher reaches it."""
    until(
        "Rancher reaches it",
        lambda: (control.cluster(NAME) or {})["connected"],
        120,
        lambda: describe(kube, NAME),
    )
    namespace = kube.get("namespace", NAME) or {}
    pod = kube.get("pod", f"{RELEASE}-0", NAME) or {}
    pods = {one["metadata"]["name"]: one["metadata"]["uid"] for one in kube.list("pods", NAME)}
    helm = kube.list("secrets", NAME, f"owner=helm,name={RELEASE}")
    cluster = control.cluster(NAME) or {}
    return State(
        namespace["metadata"]["uid"],
        (pod["metadata"]["uid"], pod["status"]["containerStatuses"][0]["restartCount"]),
        next(uid for name, uid in pods.items() if name.startswith("work-x-default-x-")),
        max(int(one["metadata"]["labels"]["version"]) for one in helm),
        cluster["id"],
        cluster["connections"],
    )


@pytest.fixture(scope="module")
def customer(kube: Kube, opened: Callable[[str], Kube]) -> Iterator[Kube]:
    """Let a customer work in a VCluster."""
    kube.apply(vcluster(NAME))
    await_ready(kube, NAME)
    inside = opened(NAME)
    inside("create", "configmap", "letter", "--from-literal=text=old")
    image = "--image=docker.io/library/busybox:1.36.1"
    inside("run", "work", image, "--", "sh", "-c", WORK)
    until("the customer's pod runs", lambda: is_running(inside), 60, lambda: describe(kube, NAME))
    yield inside
    kube("delete", VCLUSTERS, NAME, "--ignore-not-found", "--wait=false")


def is_running(inside: Kube) -> bool:
    """Tell whether the customer's pod runs."""
    pod = inside.get("pod", "work", "default") or {}
    return bool(pod) and pod["status"].get("phase") == "Running"


def letter(inside: Kube) -> str:
    """Return what the customer has written, and nothing while the API server does not answer."""
    with contextlib.suppress(PlatformError):
        return str((inside.get("configmap", "letter", "default") or {}).get("data", {}).get("text"))
    return ""


def test_a_copy_of_the_volume_is_restored(
    kube: Kube, control: Control, customer: Kube, tmp_path: Path
) -> None:
    """What was written since is gone, what was there is there, and it is READY in Rancher."""
    before = state(kube, control)
    page.shell(kube, tmp_path, NAME, WHERE, STOP, SAVE, START)
    assert "./state.db\n" in (tmp_path / f"{NAME}.list").read_text()
    assert (tmp_path / f"{NAME}.tar").stat().st_mode & 0o077 == 0
    until("the API server answers", lambda: letter(customer) == "old", 60)
    customer.patch("configmap", "letter", {"data": {"text": "new"}}, "default")
    customer("create", "configmap", "later")
    page.shell(kube, tmp_path, NAME, WHERE, STOP, RESTORE, START)
    until("the letter is the old one", lambda: letter(customer) == "old", 60)
    assert customer.get("configmap", "later", "default") is None
    assert is_running(customer)
    await_ready(kube, NAME)
    after = state(kube, control)
    assert after.control_plane != before.control_plane
    assert (after.customers_pod, after.revision, after.cluster) == (
        before.customers_pod,
        before.revision,
        before.cluster,
    )


def test_a_lost_control_plane_is_restored(
    kube: Kube, control: Control, customer: Kube, tmp_path: Path
) -> None:
    """Nothing restarts, nothing is installed again, and Rancher keeps the same cluster.

    Here it is lost for one VCluster only, so this one alone is saved.
    """
    before = state(kube, control)
    uid = (kube.get(VCLUSTERS, NAME) or {})["metadata"]["uid"]
    save = SAVE_VCLUSTERS.replace("--all-namespaces", NAME)
    page.shell(kube, tmp_path, NAME, save)
    lose(kube)
    assert state(kube, control) == before
    page.shell(kube, tmp_path, NAME, RESTORE_VCLUSTERS)
    await_ready(kube, NAME)
    restored = kube.get(VCLUSTERS, NAME) or {}
    assert restored["metadata"]["uid"] != uid
    assert restored["spec"]["storage"]["restoreFrom"] == uid
    assert restored["status"]["rancher"]["clusterId"] == before.cluster
    assert state(kube, control) == before
    assert letter(customer) == "old"


def lose(kube: Kube) -> None:
    """Forget a VCluster and what Crossplane composed for it; the host does not notice.

    What is paused is left alone by Crossplane and provider-helm even when it is deleted.
    """
    composed = f"crossplane.io/composite={NAME}"
    releases = [one["metadata"]["name"] for one in kube.list(RELEASES, PLATFORM, composed)]
    usages = [one["metadata"]["name"] for one in kube.list(USAGES, PLATFORM, composed)]
    assert (len(releases), len(usages)) == (3, 2)
    pause(kube, VCLUSTERS, NAME)
    for name in releases:
        pause(kube, RELEASES, name, PLATFORM)
    # The webhook refuses the deletion of Releases that are in use.
    for name in usages:
        forget(kube, USAGES, name, PLATFORM)
    for name in releases:
        forget(kube, RELEASES, name, PLATFORM)
    forget(kube, VCLUSTERS, NAME)


def pause(kube: Kube, kind: str, name: str, namespace: str | None = None) -> None:
    """Have nobody work on an object any more."""
    kube.patch(
        kind, name, {"metadata": {"annotations": {"crossplane.io/paused": "true"}}}, namespace
    )

    def is_paused() -> bool:
        synced = condition(kube.get(kind, name, namespace), "Synced")
        return synced.get("reason") == "ReconcilePaused"

    until(f"{name} is paused", is_paused, 60, lambda: kube.get(kind, name, namespace))


def forget(kube: Kube, kind: str, name: str, namespace: str | None = None) -> None:
    """Remove an object, and nothing that it stands for."""
    where = ("-n", namespace) if namespace else ()

    def is_gone() -> bool:
        # The webhook's view of Usages is a moment old, and the object may go at any moment.
        with contextlib.suppress(PlatformError):
            kube("delete", kind, name, *where, "--ignore-not-found", "--wait=false")
            kube.patch(kind, name, {"metadata": {"finalizers": None}}, namespace)
        return kube.get(kind, name, namespace) is None

    until(f"{kind} {name} is forgotten", is_gone, 60)
