"""The life of a VCluster: where the time to READY goes, what is told on the way, and its end."""

from __future__ import annotations

import os
import re
import threading
import time
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from dev.bench import records
from tests.e2e.inventory import Thing, about, inventory
from tests.e2e.kube import (
    PLATFORM,
    RELEASES,
    VCLUSTERS,
    Kube,
    condition,
    is_ready,
    until,
    vcluster,
)
from tests.e2e.writes import Writes, counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.e2e.rancher import Control

# It measures, and compares all that there is on the host.
pytestmark = [pytest.mark.smoke, pytest.mark.alone]

NAME = "mortal"
LONGEST_SECONDS = 300
WATCH_SECONDS = 2
"""Time in which kubectl begins to watch."""

MOST_WRITES = {"VCluster": 60, "Release": 13, "Usage": 8}
"""Some more than were seen: 44, 11 and 6. Crossplane writes old conditions again for a moment, on a
busy machine more often."""

POLL = os.environ.get("E2E_RECORD")
"""Seconds between two looks of provider-helm at what it awaits; with it the time to READY is
recorded."""

STORY = (
    "Accepted is True (Accepted)",
    "NamespaceReady is True (Available)",
)
"""Kubernetes lets 25 events of an object through, and Crossplane says \"not yet ready\" with every
call: by now they are used up. The whole story is in the conditions."""


@dataclass(frozen=True, slots=True)
class Life:
    """A VCluster that lives, and what there was before it."""

    before: set[Thing]
    reached: dict[str, float]
    """When each step was reached, in seconds since the creation."""
    writes: Writes
    """Number of writes until READY, by kind and name of the object."""


@pytest.fixture(scope="module")
def life(kube: Kube, control: Control, tenants: tuple[str, ...]) -> Iterator[Life]:
    """Create a VCluster beside others that are READY, and watch it."""
    assert tenants
    steps: dict[str, Callable[[], bool]] = {
        "namespace Release ready": lambda: is_ready(
            kube.get(RELEASES, f"{NAME}-namespace", PLATFORM)
        ),
        "vcluster chart deployed": lambda: _state(kube) == "deployed",
        "kubeconfig exists": lambda: kube.get("secret", f"vc-{NAME}-vcluster", NAME) is not None,
        "control plane available": lambda: _available(kube),
        "connected in Rancher": lambda: bool((control.cluster(NAME) or {}).get("ready")),
        "import reports Connected": lambda: _phase(kube) == "Connected",
        "READY": lambda: is_ready(kube.get(VCLUSTERS, NAME)),
    }
    before = inventory(kube)
    with counted(kube, NAME) as writes:
        time.sleep(WATCH_SECONDS)
        started = time.monotonic()
        kube.apply(vcluster(NAME))
        found: dict[str, float] = {}
        while len(found) < len(steps):
            for step in [each for each in steps if each not in found]:
                if steps[step]():
                    found[step] = time.monotonic() - started
            assert time.monotonic() - started < LONGEST_SECONDS, found
            time.sleep(0.1)
    yield Life(before, found, writes)
    kube("delete", VCLUSTERS, NAME, "--ignore-not-found", "--wait=false")


def test_the_time_to_ready_is_what_the_parts_take(life: Life, tell: Callable[[str], None]) -> None:
    """READY follows the last real thing; what is between them is ours, and is printed."""
    last = max(seconds for step, seconds in life.reached.items() if step != "READY")
    steps = sorted(life.reached.items(), key=lambda each: each[1])
    lines = [f"{seconds:6.1f}  {step}" for step, seconds in steps]
    lines.append(f"{life.reached['READY'] - last:6.1f}  from the last real thing to READY")
    tell("seconds to\n  " + "\n  ".join(lines))
    if POLL:
        records.write_ready(life.reached, int(POLL))
    assert list(life.reached)[-1] == "READY"


def test_few_writes_until_ready(life: Life, tell: Callable[[str], None]) -> None:
    """Crossplane's circuit breaker counts them; conditions that alternate would double them."""
    lines = [f"{number:6}  {kind} {name}" for (kind, name), number in sorted(life.writes.items())]
    tell("writes until READY\n  " + "\n  ".join(lines))
    releases = [f"{NAME}-{key}" for key in ("namespace", "vcluster", "rancher")]
    usages = [f"{NAME}-namespace-by-vcluster", f"{NAME}-vcluster-by-rancher"]
    assert {name for _, name in life.writes} == {NAME, *releases, *usages}
    assert life.writes["VCluster", NAME] <= MOST_WRITES["VCluster"]
    assert all(life.writes["Release", name] <= MOST_WRITES["Release"] for name in releases)
    assert all(life.writes["Usage", name] <= MOST_WRITES["Usage"] for name in usages)


def test_the_circuit_breaker_stays_closed(kube: Kube, life: Life) -> None:
    """With install/crossplane.yaml Crossplane sees every change of a VCluster that is created."""
    assert life.reached
    found = condition(kube.get(VCLUSTERS, NAME), "Responsive")
    assert (found["status"], found["reason"]) == ("True", "WatchCircuitClosed")


def test_the_conditions_tell_the_story_in_order(kube: Kube, life: Life) -> None:
    """Accepted, then namespace, then control plane and Rancher, then READY.

    The Releases of control plane and import are observed apart from each other, each by its own
    poll, so either may be the first to be reported.
    """
    assert life.reached
    stages = (
        ("Accepted",),
        ("NamespaceReady",),
        ("ControlPlaneReady", "RancherConnected"),
        ("Ready",),
    )

    def is_told() -> bool:
        """Look once: for a moment Crossplane may write again what it had read before READY."""
        found = kube.get(VCLUSTERS, NAME)
        times = [
            [condition(found, kind)["lastTransitionTime"] for kind in stage] for stage in stages
        ]
        in_order = all(max(before) <= min(after) for before, after in pairwise(times))
        return in_order and (found or {})["status"]["blockedBy"] == ""

    until("the story is in order", is_told, 15, lambda: kube("describe", VCLUSTERS, NAME))


def test_the_events_tell_the_story_in_order(kube: Kube, life: Life) -> None:
    """`kubectl describe` shows what became known, and what is waited for."""
    assert life.reached
    which = f"involvedObject.kind=VCluster,involvedObject.name={NAME}"
    lines = kube(
        *("get", "events", "-n", "default", "--field-selector", which),
        *("--sort-by=.firstTimestamp", "-o", "jsonpath={range .items[*]}{.message}{'\\n'}{end}"),
    )
    told = [line for line in lines.splitlines() if re.search("is (True|False|Unknown)", line)]
    places = [
        next((number for number, line in enumerate(told) if step in line), None) for step in STORY
    ]
    assert None not in places, told
    assert places == sorted(places, key=lambda place: place or 0), told


def test_all_is_removed_in_order_and_the_neighbours_stay(
    kube: Kube,
    control: Control,
    tenants: tuple[str, ...],
    life: Life,
    tell: Callable[[str], None],
) -> None:
    """Out of Rancher, then the virtual cluster, the namespace last; nothing is left on the host."""
    gone: dict[str, float] = {}
    started = time.monotonic()

    def watch() -> None:
        looks: dict[str, Callable[[], Any]] = {
            "cluster in Rancher": lambda: control.cluster(NAME),
            "rancher Release": lambda: kube.get(RELEASES, f"{NAME}-rancher", PLATFORM),
            "vcluster Release": lambda: kube.get(RELEASES, f"{NAME}-vcluster", PLATFORM),
            "control plane": lambda: kube.get("statefulset", f"{NAME}-vcluster", NAME),
            "namespace": lambda: kube.get("namespace", NAME),
        }
        while looks.keys() - gone.keys() and time.monotonic() - started < 240:
            for what in looks.keys() - gone.keys():
                if looks[what]() is None:
                    gone[what] = time.monotonic() - started
            time.sleep(0.1)

    watching = threading.Thread(target=watch)
    watching.start()
    kube("delete", VCLUSTERS, NAME, "--cascade=foreground", seconds=240)
    watching.join()
    order = ["cluster in Rancher", "rancher Release", "vcluster Release", "namespace"]
    tell(", ".join(f"{what} gone after {gone.get(what, -1):.0f} s" for what in order))
    assert sorted(order, key=lambda what: gone[what]) == order
    assert gone["rancher Release"] <= gone["control plane"]

    # What others have deleted before may go meanwhile.
    until(
        "nothing is left",
        lambda: inventory(kube) <= life.before,
        30,
        lambda: sorted(inventory(kube) - life.before),
    )
    gone_too = about(life.before - inventory(kube), tenants)
    # What the syncer makes and takes back with the pods inside.
    assert {thing for thing in gone_too if "-x-" not in thing[2]} == set()
    for name in tenants:
        assert is_ready(kube.get(VCLUSTERS, name))


def _state(kube: Kube) -> object:
    found = kube.get(RELEASES, f"{NAME}-vcluster", PLATFORM) or {}
    return found.get("status", {}).get("atProvider", {}).get("state")


def _available(kube: Kube) -> bool:
    found = kube.get("statefulset", f"{NAME}-vcluster", NAME) or {}
    return bool(found.get("status", {}).get("availableReplicas"))


def _phase(kube: Kube) -> object:
    found = kube.get("configmap", f"{NAME}-rancher", PLATFORM) or {}
    return found.get("data", {}).get("phase")
