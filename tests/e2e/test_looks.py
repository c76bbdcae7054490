"""What breaks by itself shows within a look, as docs/operations.md promises."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.kube import VCLUSTERS, Kube, await_condition, await_ready, is_ready, until

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.further

SETTLED_SECONDS = 60
"""`polling.settled.vcluster` of the Input."""

FAILING_SECONDS = 30
"""`polling.failing` of the Input."""

CALL_SECONDS = 1
"""Time from a look to the answer of the function."""

BUSY_SECONDS = 4
"""Time that the machine of the tests may add."""


def test_a_lost_pod_shows_within_a_look(
    kube: Kube, made: Callable[..., str], tell: Callable[[str], None]
) -> None:
    """READY is False a minute and a second later at most, and True again when the pod is back."""
    name = made("lost-pod", rancher={"enabled": False})
    await_ready(kube, name)
    scale = ("scale", "statefulset", f"{name}-vcluster", "-n", name)
    kube(*scale, "--replicas=0")
    until("its pod is gone", lambda: not kube.list("pods", name, "app=vcluster"), 60)
    started = time.monotonic()
    limit = SETTLED_SECONDS + CALL_SECONDS + BUSY_SECONDS
    await_condition(kube, name, "ControlPlaneReady False Unavailable", seconds=limit)
    shown = time.monotonic() - started
    kube(*scale, "--replicas=1")
    until("its pod is ready", lambda: _available(kube, name), 120)
    limit = FAILING_SECONDS + CALL_SECONDS + BUSY_SECONDS
    back = until("READY again", lambda: is_ready(kube.get(VCLUSTERS, name)), limit)
    tell(f"lost pod seen after {shown:.0f} s, its return after {back:.0f} s")


def _available(kube: Kube, name: str) -> bool:
    found = kube.get("statefulset", f"{name}-vcluster", name) or {}
    return bool(found.get("status", {}).get("availableReplicas"))
