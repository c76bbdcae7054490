"""Deleting: in order, completely, and at any moment."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from dev.platform.command import PlatformError
from dev.platform.place import RANCHER, RANCHER_ADDRESS, ROOT
from tests.e2e.inventory import await_nothing
from tests.e2e.kube import (
    PLATFORM,
    RELEASES,
    VCLUSTERS,
    Kube,
    await_ready,
    by,
    condition,
    describe,
    is_ready,
    until,
    vcluster,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dev.platform.machine import Machine
    from tests.e2e.rancher import Control

ABANDONED = "abandoned"
AGAIN = "again"
EARLY = "early"
GIVES_UP_SECONDS = 420
"""Four minutes of the hook, and what the rest of a deletion takes on a busy machine."""

SEED = 5
MOMENTS = 20
AT_ONCE = 5
FIRST_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Dying:
    """A VCluster that was deleted with its Rancher dead."""

    cluster: str
    """The cluster's id in Rancher."""
    since: float


@pytest.fixture(scope="module")
def living(kube: Kube, control: Control) -> Iterator[None]:
    """Make what has to live before it is deleted, all at once; one's agent never connects."""
    control.cut_off(EARLY)
    for name in (AGAIN, EARLY):
        kube.apply(vcluster(name))
    yield
    kube("delete", VCLUSTERS, AGAIN, EARLY, "--ignore-not-found", "--wait=false")
    control.let_in(EARLY)


@pytest.fixture(scope="module", autouse=True)
def dying(kube: Kube, living: None, compositions: Callable[..., None]) -> Dying:
    """Delete a VCluster whose Rancher has died; it takes minutes, so it begins before all others.

    It is dead for this one alone: its Composition says that Rancher moved to where nothing listens.
    """
    del living
    compositions(ABANDONED, {})
    kube.apply(vcluster(ABANDONED, crossplane=by(ABANDONED)))
    await_ready(kube, ABANDONED)
    found = kube.get(VCLUSTERS, ABANDONED) or {}
    moved = {"url": f"https://{RANCHER_ADDRESS}:9", "formerUrls": [f"https://{RANCHER}"]}
    compositions(ABANDONED, {"rancher": moved})
    until("the import runs again", lambda: _revision(kube, f"{ABANDONED}-rancher") > 1, 120)
    kube("delete", VCLUSTERS, ABANDONED, "--wait=false")
    return Dying(found["status"]["rancher"]["clusterId"], time.monotonic())


def _revision(kube: Kube, release: str) -> int:
    status = (kube.get(RELEASES, release, PLATFORM) or {})["status"]
    return int(status["atProvider"]["revision"])


def test_deletion_protection_refuses_with_a_sentence(
    kube: Kube,
) -> None:
    """A protected VCluster stays, until the protection is taken away."""
    kube.apply(vcluster("protected", deletionProtection=True))
    until(
        "the protection holds",
        lambda: any(
            one["spec"]["of"]["resourceRef"]["name"] == "protected"
            and condition(one, "Ready").get("status") == "True"
            for one in kube.list("clusterusages.protection.crossplane.io")
        ),
        60,
    )
    with pytest.raises(PlatformError, match="deletionProtection"):
        kube("delete", VCLUSTERS, "protected")
    kube.patch(VCLUSTERS, "protected", {"spec": {"deletionProtection": False}})
    until(
        "the protection is gone",
        lambda: all(
            one["spec"]["of"]["resourceRef"]["name"] != "protected"
            for one in kube.list("clusterusages.protection.crossplane.io")
        ),
        60,
    )
    kube("delete", VCLUSTERS, "protected", "--wait=false")


def test_a_name_can_be_used_again_at_once(kube: Kube, control: Control) -> None:
    """What is created while the old one terminates says so, and becomes READY by itself."""
    await_ready(kube, AGAIN)
    old = (control.cluster(AGAIN) or {})["id"]
    kube("delete", VCLUSTERS, AGAIN, "--wait=false")
    until("the old one is gone", lambda: kube.get(VCLUSTERS, AGAIN) is None, 120)
    kube.apply(vcluster(AGAIN))
    reasons = set()

    def ready() -> bool:
        found = kube.get(VCLUSTERS, AGAIN)
        reasons.add(condition(found, "NamespaceReady").get("reason"))
        return is_ready(found)

    until("it is READY again", ready, 300, lambda: describe(kube, AGAIN))
    assert "Terminating" in reasons
    assert (control.cluster(AGAIN) or {})["id"] != old
    kube("delete", VCLUSTERS, AGAIN, "--wait=false")


def test_deletion_at_any_moment_of_the_first_ten_seconds(
    kube: Kube, control: Control, tell: Callable[[str], None]
) -> None:
    """Twenty VClusters, each deleted at a random moment of its life, several at a time.

    What was never ready leaves an empty namespace, which the next of its name takes and removes.
    """
    names = tuple(f"brief{number}" for number in range(MOMENTS))
    chance = random.Random(SEED)  # noqa: S311 -- moments, not secrets
    moments = {name: chance.uniform(0, FIRST_SECONDS) for name in names}
    errors: list[Exception] = []

    def live(name: str) -> None:
        try:
            kube.apply(vcluster(name))
            time.sleep(moments[name])
            kube("delete", VCLUSTERS, name, "--wait=false")
        except Exception as error:  # noqa: BLE001 -- shown by the test
            errors.append(error)

    for first in range(0, MOMENTS, AT_ONCE):
        lives = [
            threading.Thread(target=live, args=(name,)) for name in names[first : first + AT_ONCE]
        ]
        for each in lives:
            each.start()
        for each in lives:
            each.join()
    assert errors == []
    took = until("their Releases are gone", lambda: not _releases(kube, names), 300)
    found = [one["metadata"] for one in kube.list("namespaces")]
    staying = {one["name"] for one in found if "deletionTimestamp" not in one}
    left = [name for name in names if name in staying]
    for name in left:
        assert kube.list("statefulsets", name) == kube.list("persistentvolumeclaims", name) == []
        kube.apply(vcluster(name))
    until(
        "the next ones are ready",
        lambda: all(
            condition(kube.get(VCLUSTERS, name), "NamespaceReady").get("status") == "True"
            for name in left
        ),
        120,
        lambda: "\n".join(describe(kube, name) for name in left),
    )
    for name in left:
        kube("delete", VCLUSTERS, name, "--wait=false")
    took += await_nothing(kube, names)
    told = ", ".join(f"{seconds:.1f}" for seconds in moments.values())
    tell(f"deleted after {told} s; {len(left)} left a namespace; all gone in {took:.0f} s")
    assert [one["name"] for one in control.clusters() if one["name"] in names] == []


def _releases(kube: Kube, names: tuple[str, ...]) -> list[str]:
    found = [one["metadata"]["name"] for one in kube.list(RELEASES, PLATFORM)]
    return [each for each in found if each.startswith(names)]


def test_what_is_deleted_during_its_import_leaves_rancher(
    kube: Kube, control: Control, removed: Callable[[str], None]
) -> None:
    """The Job waits for an agent that never connects: it is stopped, its cluster removed."""
    until("Rancher has it", lambda: control.cluster(EARLY), 240, lambda: describe(kube, EARLY))
    removed(EARLY)
    assert control.cluster(EARLY) is None
    jobs = [one["metadata"]["name"] for one in kube.list("jobs", PLATFORM)]
    assert [job for job in jobs if job.startswith(f"{EARLY}-")] == []


def test_a_dead_rancher_holds_a_deletion_for_minutes_only(
    kube: Kube, there: Machine, control: Control, dying: Dying
) -> None:
    """What was left in Rancher is noted, and removed by the sweep of docs/rancher.md."""
    gave_up = dying.since + GIVES_UP_SECONDS - time.monotonic()
    until("it is gone", lambda: kube.get("namespace", ABANDONED) is None, max(gave_up, 1))
    until("its VCluster is gone", lambda: kube.get(VCLUSTERS, ABANDONED) is None, 60)
    assert (control.cluster(ABANDONED) or {})["id"] == dying.cluster
    noted = kube.get("configmap", "vcluster-abandoned", PLATFORM) or {}
    assert ABANDONED in str(noted["data"])
    listed = sweep(there)
    assert f"{ABANDONED}\t{dying.cluster}\t{ABANDONED}" in listed
    sweep(there, "--delete")
    until("Rancher has forgotten it", lambda: control.cluster(ABANDONED) is None, 60)


def sweep(there: Machine, *options: str) -> str:
    """Run `rancher-import sweep` as an operator does."""
    folder = there.place.folder / "rancher"
    settings = (
        f"KUBECONFIG={there.place.kubeconfig}",
        f"RANCHER_URL=https://{RANCHER}",
        f"RANCHER_TOKEN_FILE={folder / 'token'}",
        f"RANCHER_CA_FILE={folder / 'ca.crt'}",
    )
    return there.run("env", *settings, str(ROOT / ".venv/bin/rancher-import"), "sweep", *options)
