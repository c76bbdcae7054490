"""Deleting: in order, completely, and at any moment."""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.inventory import about, inventory
from tests.e2e.kube import (
    PLATFORM,
    RELEASES,
    VCLUSTERS,
    Kube,
    RefusedError,
    await_ready,
    condition,
    describe,
    is_ready,
    until,
    vcluster,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.rancher import Control

SEED = 5
MOMENTS = 20
AT_ONCE = 5
FIRST_SECONDS = 10.0


def test_all_is_removed_in_order_and_the_neighbours_stay(
    kube: Kube, control: Control, tenants: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Out of Rancher, then the virtual cluster, the namespace last; nothing is left on the host."""
    before = inventory(kube)
    kube.apply(vcluster("leaving"))
    await_ready(kube, "leaving")
    gone: dict[str, float] = {}
    started = time.monotonic()

    def watch() -> None:
        looks: dict[str, Callable[[], Any]] = {
            "cluster in Rancher": lambda: control.cluster("leaving"),
            "rancher Release": lambda: kube.get(RELEASES, "leaving-rancher", PLATFORM),
            "vcluster Release": lambda: kube.get(RELEASES, "leaving-vcluster", PLATFORM),
            "control plane": lambda: kube.get("statefulset", "leaving-vcluster", "leaving"),
            "namespace": lambda: kube.get("namespace", "leaving"),
        }
        while looks.keys() - gone.keys() and time.monotonic() - started < 240:
            for what in looks.keys() - gone.keys():
                if looks[what]() is None:
                    gone[what] = time.monotonic() - started

    watching = threading.Thread(target=watch)
    watching.start()
    kube("delete", VCLUSTERS, "leaving", "--cascade=foreground", seconds=240)
    watching.join()
    order = ["cluster in Rancher", "rancher Release", "vcluster Release", "namespace"]
    with capsys.disabled():
        told = ", ".join(f"{what} {gone.get(what, -1):.0f} s" for what in order)
        print(f"\ngone after: {told}")  # noqa: T201
    assert sorted(order, key=lambda what: gone[what]) == order
    assert gone["rancher Release"] <= gone["control plane"]
    assert inventory(kube) - before == set()
    assert before - inventory(kube) == set()
    for name in tenants:
        assert is_ready(kube.get(VCLUSTERS, name))


def test_deletion_protection_refuses_with_a_sentence(
    kube: Kube, removed: Callable[[str], None]
) -> None:
    """A protected VCluster stays, until the protection is taken away."""
    kube.apply(vcluster("protected", deletionProtection=True))
    until(
        "the protection is there",
        lambda: any(
            one["spec"]["of"]["resourceRef"]["name"] == "protected"
            for one in kube.list("clusterusages.protection.crossplane.io")
        ),
        60,
    )
    with pytest.raises(RefusedError, match="deletionProtection"):
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
    removed("protected")


def test_a_name_can_be_used_again_at_once(
    kube: Kube, control: Control, removed: Callable[[str], None]
) -> None:
    """What is created while the old one terminates says so, and becomes READY by itself."""
    kube.apply(vcluster("again"))
    await_ready(kube, "again")
    old = (control.cluster("again") or {})["id"]
    kube("delete", VCLUSTERS, "again", "--wait=false")
    until("the old one is gone", lambda: kube.get(VCLUSTERS, "again") is None, 120)
    kube.apply(vcluster("again"))
    reasons = set()

    def ready() -> bool:
        found = kube.get(VCLUSTERS, "again")
        reasons.add(condition(found, "NamespaceReady").get("reason"))
        return is_ready(found)

    until("again is READY", ready, 300, lambda: describe(kube, "again"))
    assert "Terminating" in reasons
    assert (control.cluster("again") or {})["id"] != old
    removed("again")


def test_deletion_at_any_moment_of_the_first_ten_seconds_leaves_nothing(
    kube: Kube, control: Control, tenants: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Twenty VClusters, each deleted at a random moment of its life, several at a time."""
    assert tenants
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
    took = until(
        "nothing is left",
        lambda: not about(inventory(kube), names),
        300,
        lambda: sorted(about(inventory(kube), names)),
    )
    with capsys.disabled():
        told = ", ".join(f"{seconds:.1f}" for seconds in moments.values())
        print(f"\ndeleted after {told} s; all gone {took:.0f} s after the last")  # noqa: T201
    assert [one["name"] for one in control.clusters() if one["name"] in names] == []
