"""Changing a VCluster: only what must happen happens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dev.platform.command import PlatformError
from tests.e2e.kube import PLATFORM, VCLUSTERS, Kube, is_ready, until

if TYPE_CHECKING:
    from tests.e2e.rancher import Control

OWNER = "keycloakoidc_user://4711"
PODS = 2
ALLOWED_ABOVE = 10
"""Upper bound of function/decision/allowances.py for control plane, CoreDNS and agents."""


def control_plane(kube: Kube, name: str) -> str:
    """Return the UID of the control plane's pod: another one means a restart."""
    found = kube.get("pod", f"{name}-vcluster-0", name) or {}
    return str(found["metadata"]["uid"])


def imports(kube: Kube, name: str) -> set[str]:
    """Return the Jobs of the import."""
    jobs = {one["metadata"]["name"] for one in kube.list("jobs", PLATFORM)}
    return {job for job in jobs if job.startswith(f"{name}-rancher-import")}


def test_owners_run_the_import_again_and_nothing_else(
    kube: Kube, control: Control, tenants: tuple[str, ...]
) -> None:
    """Rancher binds a new owner, and forgets him when he leaves the list."""
    name = tenants[1]
    pod, before = control_plane(kube, name), imports(kube, name)

    def is_bound() -> bool:
        bindings = (control.cluster(name) or {})["bindings"]
        return any(OWNER in str(one) for one in bindings)

    assert not is_bound()
    kube.patch(VCLUSTERS, name, {"spec": {"rancher": {"owners": [{"user": OWNER}]}}})
    until("the owner is bound", is_bound, 120)
    until("READY", lambda: is_ready(kube.get(VCLUSTERS, name)), 120)
    assert imports(kube, name) - before
    kube.patch(VCLUSTERS, name, {"spec": {"rancher": {"owners": None}}})
    until("the owner is gone", lambda: not is_bound(), 120)
    until("READY", lambda: is_ready(kube.get(VCLUSTERS, name)), 120)
    assert control_plane(kube, name) == pod


def test_quota_and_network_policy_restart_nothing_and_the_quota_holds(
    kube: Kube, tenants: tuple[str, ...], inside: Kube
) -> None:
    """A customer may run as many pods as were agreed, and not many more."""
    name = tenants[0]
    pod, jobs = control_plane(kube, name), imports(kube, name)
    change = {"quota": {"pods": PODS}, "isolation": {"egress": ["198.51.100.0/24"]}}
    kube.patch(VCLUSTERS, name, {"spec": change})
    try:
        until(
            "the network policy opens the range",
            lambda: "198.51.100.0/24" in kube("get", "networkpolicies", "-n", name, "-o", "yaml"),
            60,
        )
        for number in range(PODS + ALLOWED_ABOVE + 1):
            image = "--image=docker.io/library/busybox:1.36.1"
            inside("run", f"quota{number}", image, "--", "sleep", "600")
        until("the agreed pods run", lambda: running(inside) >= PODS, 60)
        until(
            "the quota refuses one",
            lambda: "exceeded quota" in inside("get", "events", "-o", "yaml"),
            60,
        )
        assert PODS <= running(inside) <= PODS + ALLOWED_ABOVE
    finally:
        inside("delete", "pods", "--all", "-n", "default", "--grace-period=0", "--force")
        kube.patch(VCLUSTERS, name, {"spec": {"quota": None, "isolation": None}})
    until("READY", lambda: is_ready(kube.get(VCLUSTERS, name)), 120)
    assert control_plane(kube, name) == pod
    assert imports(kube, name) == jobs


def running(inside: Kube) -> int:
    """Count the customer's pods that run on the host."""
    pods = inside.list("pods", "default")
    return sum(one["status"].get("phase") == "Running" for one in pods)


def test_a_plan_restarts_the_control_plane_once(
    kube: Kube, tenants: tuple[str, ...], inside: Kube
) -> None:
    """Other resources need another pod: READY is for that one, and what was made is still there."""
    name = tenants[0]
    inside("create", "configmap", "mine")
    pod = control_plane(kube, name)
    kube.patch(VCLUSTERS, name, {"spec": {"plan": "medium"}})
    try:
        until("READY", lambda: is_ready(kube.get(VCLUSTERS, name)), 180)
        assert another(kube, name, pod)
        assert inside.get("configmap", "mine", "default")
    finally:
        inside("delete", "configmap", "mine")
        kube.patch(VCLUSTERS, name, {"spec": {"plan": None}})
    until("READY", lambda: is_ready(kube.get(VCLUSTERS, name)), 180)


def another(kube: Kube, name: str, pod: str) -> bool:
    """Tell whether another control plane pod is ready."""
    found = kube.get("pod", f"{name}-vcluster-0", name) or {}
    statuses = found.get("status", {}).get("containerStatuses", [])
    return (
        bool(found)
        and found["metadata"]["uid"] != pod
        and bool(statuses)
        and all(one["ready"] for one in statuses)
    )


def test_what_would_lose_data_is_refused_at_admission(kube: Kube, tenants: tuple[str, ...]) -> None:
    """The refusal is a sentence that names the field."""
    with pytest.raises(PlatformError, match="availability"):
        kube.patch(VCLUSTERS, tenants[0], {"spec": {"availability": "HA"}})
