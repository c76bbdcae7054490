"""Data that outlives its VCluster: kept, refused to others, restored, and thrown away in the end.

The tests are one story, in this order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.e2e.kube import (
    PLATFORM,
    RELEASES,
    VCLUSTERS,
    Kube,
    Object,
    await_ready,
    by,
    condition,
    describe,
    until,
    vcluster,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.e2e.rancher import Control

pytestmark = pytest.mark.further

NAME = "archive"
SERVICE = f"{NAME}-vcluster"
VOLUME = f"data-{SERVICE}-0"
ALLOWED = {"tenant": {"storage": {"retain": "Allowed"}}}
WRONG = "5d2f6c0e-8a31-4b7d-9c64-1e0f7a9b3c58"
REFUSED = "NamespaceReady False DataRetained"

# It ends when it is told to, so that no test waits for half a minute.
WORK = "trap 'exit 0' TERM; while :; do sleep 1; done"
LABELS = {"app": "shop"}
CLAIM: Object = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "shop", "namespace": "default"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}
SHOP: Object = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "shop", "namespace": "default"},
    "spec": {
        "selector": {"matchLabels": LABELS},
        "template": {
            "metadata": {"labels": LABELS},
            "spec": {
                "containers": [
                    {
                        "name": "shop",
                        "image": "docker.io/library/busybox:1.36.1",
                        "command": ["sh", "-c", WORK],
                        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                    }
                ],
                "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "shop"}}],
            },
        },
    },
}


@dataclass(frozen=True, slots=True)
class Story:
    """A VCluster that was deleted with its data retained."""

    uid: str
    pod: str
    """The pod that wrote."""
    cluster: str
    """The cluster's id in Rancher."""
    objects: frozenset[tuple[str, str, str]]
    """Kind, name and UID of what is kept on the host."""


def kept(kube: Kube) -> frozenset[tuple[str, str, str]]:
    """Return what holds the data on the host."""
    found = [
        *(("Namespace", one) for one in kube.list("namespaces") if one["metadata"]["name"] == NAME),
        *(("Claim", one) for one in kube.list("persistentvolumeclaims", NAME)),
        *(
            ("Service", one)
            for one in kube.list("services", NAME)
            if one["metadata"]["name"] == SERVICE
        ),
    ]
    return frozenset(
        (kind, one["metadata"]["name"], one["metadata"]["uid"])
        for kind, one in found
        if "deletionTimestamp" not in one["metadata"]
    )


def await_shop(kube: Kube, inside: Kube) -> str:
    """Wait until the customer's pod runs, and return its name."""

    def running() -> list[str]:
        return [
            pod["metadata"]["name"]
            for pod in inside.list("pods", "default", "app=shop")
            if pod["status"].get("phase") == "Running"
            and "deletionTimestamp" not in pod["metadata"]
        ]

    until("the customer's pod runs", running, 120, lambda: describe(kube, NAME))
    return running()[0]


@pytest.fixture(scope="module")
def story(
    kube: Kube,
    compositions: Callable[..., None],
    opened: Callable[[str], Kube],
) -> Iterator[Story]:
    """Let a customer work in a VCluster, and delete that with its data retained."""
    compositions(NAME, ALLOWED)
    kube.apply(vcluster(NAME, crossplane=by(NAME), storage={"onDelete": "Retain"}))
    await_ready(kube, NAME)
    inside = opened(NAME)
    inside.apply(CLAIM)
    inside.apply(SHOP)
    inside("create", "configmap", "letter", "--from-literal=text=kept")
    pod = await_shop(kube, inside)
    inside("exec", pod, "--", "sh", "-c", "echo kept >/data/text")
    found = kube.get(VCLUSTERS, NAME) or {}
    before = kept(kube)
    assert {kind for kind, _, _ in before} == {"Namespace", "Claim", "Service"}
    kube("delete", VCLUSTERS, NAME, "--cascade=foreground", seconds=420)
    yield Story(
        uid=found["metadata"]["uid"],
        pod=pod,
        cluster=found["status"]["rancher"]["clusterId"],
        objects=before,
    )
    kube("delete", VCLUSTERS, NAME, "--ignore-not-found", "--wait=false")
    until("its Releases are gone", lambda: releases(kube) == set(), 420)
    kube("delete", "namespace", NAME, "--ignore-not-found", "--wait=false")


def releases(kube: Kube) -> set[str]:
    """Return the Releases that there are."""
    names = {one["metadata"]["name"] for one in kube.list(RELEASES, PLATFORM)}
    return {name for name in names if name.startswith(f"{NAME}-")}


def test_the_data_stays_and_nothing_runs(kube: Kube, control: Control, story: Story) -> None:
    """It leaves Rancher, control plane and pods are gone; volumes and namespace are as before."""
    assert control.cluster(NAME) is None
    assert releases(kube) == set()
    assert kube.get("statefulset", SERVICE, NAME) is None
    assert kube.list("pods", NAME) == []
    assert kept(kube) == story.objects
    assert VOLUME in {name for _, name, _ in story.objects}
    jobs = [one["metadata"]["name"] for one in kube.list("jobs", PLATFORM)]
    assert [job for job in jobs if job.startswith(f"{NAME}-")] == []


@pytest.mark.parametrize("restore_from", ["", WRONG], ids=["without", "wrong"])
def test_the_next_owner_of_the_name_does_not_get_it(
    kube: Kube, story: Story, restore_from: str
) -> None:
    """Who does not name the UID reads what to do, and touches nothing."""
    storage = {"onDelete": "Retain", "restoreFrom": restore_from}
    kube.apply(vcluster(NAME, crossplane=by(NAME), storage=storage))
    sentence = "than spec.storage.restoreFrom names" if restore_from else "put the UID of that one"

    def refused() -> bool:
        told = condition(kube.get(VCLUSTERS, NAME), "NamespaceReady")
        found = f"NamespaceReady {told.get('status')} {told.get('reason')}"
        return found == REFUSED and sentence in told["message"]

    until("the name is refused", refused, 120, lambda: describe(kube, NAME))
    assert story.uid not in str(kube.get(VCLUSTERS, NAME))
    assert kept(kube) == story.objects
    namespace = kube.get("namespace", NAME) or {}
    assert namespace["metadata"]["labels"]["caas.telekom.de/vcluster-uid"] == story.uid
    assert kube.get(RELEASES, SERVICE, PLATFORM) is None


def test_it_is_restored(
    kube: Kube, control: Control, opened: Callable[[str], Kube], story: Story
) -> None:
    """With the UID objects, volumes and pods are there again, and one new cluster in Rancher."""
    kube.apply(
        vcluster(
            NAME, crossplane=by(NAME), storage={"onDelete": "Retain", "restoreFrom": story.uid}
        )
    )
    await_ready(kube, NAME, 300)
    assert kept(kube) >= story.objects
    inside = opened(NAME)
    assert (inside.get("configmap", "letter", "default") or {})["data"] == {"text": "kept"}
    pod = await_shop(kube, inside)
    assert pod != story.pod
    assert inside("exec", pod, "--", "cat", "/data/text") == "kept\n"
    cluster = control.cluster(NAME) or {}
    assert cluster["connected"]
    assert cluster["id"] != story.cluster
    status = (kube.get(VCLUSTERS, NAME) or {})["status"]
    assert status["rancher"]["clusterId"] == cluster["id"]


@pytest.mark.usefixtures("story")
def test_delete_is_delete_again(
    kube: Kube, control: Control, removed: Callable[[str], None]
) -> None:
    """Back at onDelete Delete nothing is left, the volumes included."""
    kube.patch(VCLUSTERS, NAME, {"spec": {"storage": {"onDelete": "Delete", "restoreFrom": ""}}})
    await_ready(kube, NAME)
    until(
        "its namespace is not kept any more",
        lambda: "keep" not in str((kube.get("namespace", NAME) or {})["metadata"]["annotations"]),
        60,
    )
    removed(NAME)
    assert control.cluster(NAME) is None

    def volumes() -> list[str]:
        found = kube.list("persistentvolumes")
        return [str(one) for one in found if one["spec"]["claimRef"]["namespace"] == NAME]

    until("its volumes are gone", lambda: not volumes(), 60, volumes)
