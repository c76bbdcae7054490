"""What works on VClusters dies, and Rancher fails: nothing is lost or twice, and READY is true."""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING

import pytest

from dev.platform import rancher
from tests.e2e.inventory import await_nothing
from tests.e2e.kube import (
    PLATFORM,
    RELEASES,
    VCLUSTERS,
    Kube,
    await_condition,
    await_ready,
    describe,
    is_ready,
    until,
    vcluster,
)
from tests.e2e.processes import VICTIMS, held, kill

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dev.platform.machine import Machine
    from tests.e2e.rancher import Control

pytestmark = pytest.mark.alone

SEED = 7
NAMES = ("crash0", "crash1", "crash2")
DELETED = "crash-deleted"
KILLING_SECONDS = 45
DELETION_SECONDS = 20
LONGEST_PAUSE = 6.0

MOUNT_SECONDS = 30
"""After which the kubelet here has given all pods a changed Secret."""
LOOK_SECONDS = 20
"""Longer than the watcher and provider-helm take to notice a token that is refused."""
TOKEN_SECONDS = MOUNT_SECONDS + LOOK_SECONDS + 10
CALL_SECONDS = 8
"""After which Crossplane asks the function about what is in progress, and more."""
A_YEAR = 365 * 24 * 3600.0

CANNOT_ASK = "Rancher cannot be asked whether it is connected."
REJECTED = "Rancher does not accept the token: it is wrong, expired or for one cluster only."


@pytest.fixture(scope="module")
def killed(kube: Kube, there: Machine) -> Iterator[list[str]]:
    """Make VClusters, delete one, and kill -9 at random moments whoever works on them."""
    chance = random.Random(SEED)  # noqa: S311 -- moments, not secrets
    done = threading.Event()
    victims: list[str] = []

    def murder() -> None:
        while not done.wait(chance.uniform(1, LONGEST_PAUSE)):
            who = chance.choice(sorted(VICTIMS))
            if kill(there, who):
                victims.append(who)

    killing = threading.Thread(target=murder)
    killing.start()
    try:
        for name in (*NAMES, DELETED):
            kube.apply(vcluster(name))
        time.sleep(DELETION_SECONDS)
        kube("delete", VCLUSTERS, DELETED, "--wait=false")
        time.sleep(KILLING_SECONDS - DELETION_SECONDS)
    finally:
        done.set()
        killing.join()
    yield victims
    kube("delete", VCLUSTERS, *NAMES, "--ignore-not-found", "--wait=false")


def test_kill_9_at_random_moments_loses_nothing(
    kube: Kube, control: Control, killed: list[str], tell: Callable[[str], None]
) -> None:
    """All become READY, with one cluster each in Rancher; what was deleted meanwhile goes."""
    for name in NAMES:
        await_ready(kube, name, 400)
    await_nothing(kube, (DELETED,))
    counts = ", ".join(f"{who} {killed.count(who)}" for who in VICTIMS)
    tell(f"killed: {counts}")
    assert len(killed) > 5
    clusters = [one["name"] for one in control.clusters() if one["name"].startswith("crash")]
    assert sorted(clusters) == sorted(NAMES)
    for name in NAMES:
        releases = kube.list(RELEASES, PLATFORM, f"crossplane.io/composite={name}")
        assert len(releases) == 3


@pytest.mark.usefixtures("killed")
def test_imports_survive_rancher_and_ready_follows_it(
    kube: Kube, control: Control, made: Callable[..., str]
) -> None:
    """Rancher is down, and then reached by no agent: conditions say each.

    What is imported meanwhile waits, and all is well afterwards.
    """
    connected, importing = NAMES[0], "crash-import"
    before = {name: (control.cluster(name) or {})["id"] for name in NAMES}
    try:
        control.down()
        made(importing)
        await_condition(
            kube, connected, "RancherConnected False RancherFails",
            f"{CANNOT_ASK} Rancher answers 503.",
        )  # fmt: skip
        assert not is_ready(kube.get(VCLUSTERS, connected))
        await_condition(
            kube, importing, "RancherConnected False RancherFails", "Rancher answers 503."
        )
        control.up()
        control.cut_off(connected)
        await_condition(
            kube, connected, "RancherConnected False Disconnected",
            "Rancher does not reach the cluster. Cluster agent is not connected",
        )  # fmt: skip
        control.let_in(connected)
        # What is Lost keeps its reason.
        await_ready(kube, connected)
    finally:
        control.up()
        control.let_in(connected)
    for name in (*NAMES, importing):
        await_ready(kube, name)
    assert {name: (control.cluster(name) or {})["id"] for name in NAMES} == before
    assert control.cluster(importing)


@pytest.mark.further
@pytest.mark.usefixtures("killed")
def test_a_token_is_rotated_and_one_that_expired_is_replaced(
    kube: Kube, control: Control, there: Machine, made: Callable[..., str]
) -> None:
    """docs/rancher.md: in time nobody notices, and too late all is well with the new token.

    No pod of ours restarts for it.
    """
    for name in NAMES:
        await_ready(kube, name, 400)
    watcher = _watcher(kube)
    importing = "crash-rotated"
    try:
        new = control.new_token(TOKEN_SECONDS)
        rancher.give_token(there.place, new)
        time.sleep(MOUNT_SECONDS)
        control.revoke_token(but=new)
        time.sleep(LOOK_SECONDS)
        assert all(is_ready(kube.get(VCLUSTERS, name)) for name in NAMES)
        await_condition(
            kube, NAMES[0], "RancherConnected False TokenRejected", f"{CANNOT_ASK} {REJECTED}"
        )
        made(importing)
        await_condition(kube, importing, "RancherConnected False TokenRejected", REJECTED)
        rancher.give_token(there.place, control.new_token(A_YEAR))
        for name in (*NAMES, importing):
            await_ready(kube, name)
    finally:
        control.restore_token()
        rancher.give_token(there.place)
    assert _watcher(kube) == watcher


def _watcher(kube: Kube) -> list[tuple[str, int]]:
    """Return uid and restarts of the watcher's pods."""
    pods = kube.list("pods", PLATFORM, "app.kubernetes.io/component=watch")
    return sorted(
        (
            pod["metadata"]["uid"],
            sum(each["restartCount"] for each in pod["status"]["containerStatuses"]),
        )
        for pod in pods
    )


@pytest.mark.further
def test_a_deletion_while_the_function_hangs_ends(
    kube: Kube, there: Machine, control: Control, made: Callable[..., str]
) -> None:
    """Crossplane waits for an answer with what it saw before, and makes nothing again of that."""
    name = "crash-late"
    control.cut_off(name)
    made(name)
    await_condition(kube, name, "RancherConnected False AgentNotConnected")
    release = f"{name}-rancher"
    with held(there, "function") as held_up:
        assert held_up
        time.sleep(CALL_SECONDS)
        kube("delete", VCLUSTERS, name, "--cascade=foreground", "--wait=false")
        until(
            "it is out of Rancher",
            lambda: kube.get(RELEASES, release, PLATFORM) is None,
            60,
            lambda: describe(kube, name),
        )
    await_nothing(kube, (name,))
    assert control.cluster(name) is None
    control.let_in(name)


@pytest.mark.usefixtures("killed")
def test_nothing_is_orphaned(kube: Kube, control: Control) -> None:
    """After the deletion, nothing on the host or in Rancher remembers them."""
    kube("delete", VCLUSTERS, *NAMES, "--wait=false")
    await_nothing(kube, NAMES)
    assert [one["name"] for one in control.clusters() if one["name"] in NAMES] == []
