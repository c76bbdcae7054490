"""Where the time to READY goes, printed in every run; the numbers go into docs/benchmarks.md."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.e2e.kube import PLATFORM, RELEASES, VCLUSTERS, Kube, is_ready, vcluster

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from tests.e2e.rancher import Control

LONGEST_SECONDS = 300


def test_the_time_to_ready_is_what_the_parts_take(
    kube: Kube, control: Control, removed: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """READY follows the last real thing; what is between them is ours, and is printed."""
    name = "timed"
    steps: dict[str, Callable[[], bool]] = {
        "namespace Release ready": lambda: is_ready(
            kube.get(RELEASES, f"{name}-namespace", PLATFORM)
        ),
        "vcluster chart deployed": lambda: _state(kube, name) == "deployed",
        "kubeconfig exists": lambda: kube.get("secret", f"vc-{name}-vcluster", name) is not None,
        "control plane available": lambda: _available(kube, name),
        "connected in Rancher": lambda: bool((control.cluster(name) or {}).get("ready")),
        "import reports Connected": lambda: _phase(kube, name) == "Connected",
        "READY": lambda: is_ready(kube.get(VCLUSTERS, name)),
    }
    started = time.monotonic()
    kube.apply(vcluster(name))
    reached: dict[str, float] = {}
    while len(reached) < len(steps):
        for step in [each for each in steps if each not in reached]:
            if steps[step]():
                reached[step] = time.monotonic() - started
        assert time.monotonic() - started < LONGEST_SECONDS, reached
    last = max(seconds for step, seconds in reached.items() if step != "READY")
    with capsys.disabled():
        print(f"\ntime to READY of {name}, in seconds")  # noqa: T201
        for step, seconds in sorted(reached.items(), key=lambda each: each[1]):
            print(f"  {seconds:6.1f}  {step}")  # noqa: T201
        print(f"  {reached['READY'] - last:6.1f}  from the last real thing to READY")  # noqa: T201
    removed(name)


def _state(kube: Kube, name: str) -> object:
    found = kube.get(RELEASES, f"{name}-vcluster", PLATFORM) or {}
    return found.get("status", {}).get("atProvider", {}).get("state")


def _available(kube: Kube, name: str) -> bool:
    found = kube.get("statefulset", f"{name}-vcluster", name) or {}
    return bool(found.get("status", {}).get("availableReplicas"))


def _phase(kube: Kube, name: str) -> object:
    found = kube.get("configmap", f"{name}-rancher", PLATFORM) or {}
    return found.get("data", {}).get("phase")
