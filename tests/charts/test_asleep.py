"""What chart vcluster-namespace adds while a VCluster sleeps."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

Render = Callable[[Mapping[str, object]], list[dict[str, Any]]]

IMAGE = "ghcr.io/example/function-vcluster:0.1.0"
ADDED = {
    ("Role", "fall-asleep"),
    ("RoleBinding", "fall-asleep"),
    ("ServiceAccount", "kunde1-fall-asleep"),
    ("Job", "kunde1-fall-asleep"),
}


def key(obj: dict[str, Any]) -> tuple[str, str]:
    """Return kind and name."""
    return obj["kind"], obj["metadata"]["name"]


@pytest.fixture
def asleep(minimal: dict[str, Any]) -> dict[str, Any]:
    """Return the least values of a namespace whose virtual cluster sleeps."""
    return {**minimal, "nap": "4", "image": IMAGE, "imagePullSecrets": ["registry"]}


def test_what_sleep_adds(render: Render, minimal: dict[str, Any], asleep: dict[str, Any]) -> None:
    """The hook that removes pods comes along; all else is as before, the quota too."""
    before = {key(o): o for o in render(minimal)}
    after = {key(o): o for o in render(asleep)}
    assert after.keys() - before.keys() == ADDED
    assert [k for k in before if after[k] != before[k]] == []


@pytest.mark.parametrize("is_ha", [False, True], ids=["single", "ha"])
def test_the_hook_is_least_privileged(
    render: Render, asleep: dict[str, Any], *, is_ha: bool
) -> None:
    """It may list and delete pods of the one namespace, and the lease that a waking syncer awaits.

    Nothing of it stays: account and Job are hooks, and the Role leaves with the value.
    """
    found = {key(o): o for o in render({**asleep, "highAvailability": is_ha})}
    lease = {
        "apiGroups": ["coordination.k8s.io"],
        "resources": ["leases"],
        "resourceNames": ["vcluster-kunde1-vcluster-controller"],
        "verbs": ["delete"],
    }
    pods = {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "deletecollection"]}
    role = found["Role", "fall-asleep"]
    assert role["metadata"]["namespace"] == "kunde1"
    assert role["rules"] == ([pods, lease] if is_ha else [pods])
    job = found["Job", "kunde1-fall-asleep"]
    assert job["metadata"]["annotations"] == {
        "helm.sh/hook": "post-install,post-upgrade",
        "helm.sh/hook-weight": "0",
        "helm.sh/hook-delete-policy": "before-hook-creation,hook-succeeded",
    }
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert (container["image"], container["command"]) == (IMAGE, ["stop-workloads"])
    variables = {each["name"]: each["value"] for each in container["env"]}
    assert variables == {
        "NAMESPACE": "kunde1",
        "CONTROL_PLANE": (
            "app in (vcluster,vcluster-etcd),release=kunde1-vcluster,!vcluster.loft.sh/managed-by"
        ),
        "TIMEOUT_SECONDS": "100",
        **({"LEASE": "vcluster-kunde1-vcluster-controller"} if is_ha else {}),
    }


def test_the_hooks_of_sleep_and_deletion_live_side_by_side(
    render: Render, asleep: dict[str, Any]
) -> None:
    """A VCluster with retained data sleeps as others do, and is deleted asleep as others are."""
    names = [key(o) for o in render({**asleep, "onDelete": "Retain"})]
    assert len(names) == len({*names})
    assert {("Job", "kunde1-fall-asleep"), ("Job", "kunde1-stop-workloads")} <= {*names}
