"""Where the time to READY goes, printed in every run, and what a user is told on the way."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.kube import PLATFORM, RELEASES, VCLUSTERS, Kube, is_ready, vcluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.e2e.rancher import Control

pytestmark = pytest.mark.smoke

NAME = "timed"
LONGEST_SECONDS = 300

STORY = (
    "Accepted is True (Accepted)",
    "NamespaceReady is True (Available)",
    "ControlPlaneReady is False (Unavailable): 0 of 1 control plane replicas available",
)
"""Kubernetes lets 25 events of an object through, and Crossplane says \"not yet ready\" with every
call: by now they are used up. The whole story is in the conditions."""


@pytest.fixture(scope="module")
def reached(kube: Kube, control: Control) -> Iterator[dict[str, float]]:
    """Return when each step of a new VCluster was reached, in seconds since its creation."""
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
    started = time.monotonic()
    kube.apply(vcluster(NAME))
    found: dict[str, float] = {}
    while len(found) < len(steps):
        for step in [each for each in steps if each not in found]:
            if steps[step]():
                found[step] = time.monotonic() - started
        assert time.monotonic() - started < LONGEST_SECONDS, found
    yield found
    kube("delete", VCLUSTERS, NAME, "--wait=false")


def test_the_time_to_ready_is_what_the_parts_take(
    reached: dict[str, float], capsys: pytest.CaptureFixture[str]
) -> None:
    """READY follows the last real thing; what is between them is ours, and is printed."""
    last = max(seconds for step, seconds in reached.items() if step != "READY")
    with capsys.disabled():
        print(f"\ntime to READY of {NAME}, in seconds")  # noqa: T201
        for step, seconds in sorted(reached.items(), key=lambda each: each[1]):
            print(f"  {seconds:6.1f}  {step}")  # noqa: T201
        print(f"  {reached['READY'] - last:6.1f}  from the last real thing to READY")  # noqa: T201
    assert list(reached)[-1] == "READY"


def test_the_events_tell_the_story_in_order(kube: Kube, reached: dict[str, float]) -> None:
    """`kubectl describe` shows what became known, and what is waited for."""
    assert reached
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


def _state(kube: Kube) -> object:
    found = kube.get(RELEASES, f"{NAME}-vcluster", PLATFORM) or {}
    return found.get("status", {}).get("atProvider", {}).get("state")


def _available(kube: Kube) -> bool:
    found = kube.get("statefulset", f"{NAME}-vcluster", NAME) or {}
    return bool(found.get("status", {}).get("availableReplicas"))


def _phase(kube: Kube) -> object:
    found = kube.get("configmap", f"{NAME}-rancher", PLATFORM) or {}
    return found.get("data", {}).get("phase")
