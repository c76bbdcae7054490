"""What the charts add where a VCluster's data outlives it."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.support.charts import RenderChart

Render = Callable[[Mapping[str, object]], list[dict[str, Any]]]
Cases = Callable[[str, str], dict[str, Any]]

IMAGE = "ghcr.io/example/function-vcluster:0.1.0"
ADDED = {
    ("Role", "stop-workloads"),
    ("RoleBinding", "stop-workloads"),
    ("Role", "kunde1-stop-workloads"),
    ("RoleBinding", "kunde1-stop-workloads"),
    ("ServiceAccount", "kunde1-stop-workloads"),
    ("Job", "kunde1-stop-workloads"),
}


@pytest.fixture
def retained(minimal: dict[str, Any]) -> dict[str, Any]:
    """Return the least values of a namespace that stays."""
    return {**minimal, "onDelete": "Retain", "image": IMAGE, "imagePullSecrets": ["registry"]}


def test_what_retain_adds(
    render: Render, minimal: dict[str, Any], retained: dict[str, Any]
) -> None:
    """The namespace is kept, and what stops its pods comes along; all else is as without."""
    before = {key(o): o for o in render(minimal)}
    after = {key(o): o for o in render(retained)}
    assert after.keys() - before.keys() == ADDED
    assert [k for k in before if after[k] != before[k]] == [("Namespace", "kunde1")]
    metadata = after["Namespace", "kunde1"]["metadata"]
    assert metadata.pop("annotations") == {"helm.sh/resource-policy": "keep"}
    assert metadata == before["Namespace", "kunde1"]["metadata"]


def test_nobody_annotates_a_namespace_to_stay(render: Render, minimal: dict[str, Any]) -> None:
    """With onDelete Retain a namespace stays, whatever other annotation says otherwise."""
    annotations = {"helm.sh/resource-policy": "delete", "contact": "a@example.org"}
    values = {**minimal, "onDelete": "Retain", "image": IMAGE, "annotations": annotations}
    (namespace,) = (o for o in render(values) if o["kind"] == "Namespace")
    assert namespace["metadata"]["annotations"] == {
        "helm.sh/resource-policy": "keep",
        "contact": "a@example.org",
    }


def test_the_hook_is_least_privileged(render: Render, retained: dict[str, Any]) -> None:
    """It ends by itself, runs as nobody, and may list and delete pods of the one namespace."""
    found = {key(o): o for o in render(retained)}
    job = found["Job", "kunde1-stop-workloads"]
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert job["metadata"]["namespace"] == "vcluster-system"
    assert (job["spec"]["activeDeadlineSeconds"], job["spec"]["backoffLimit"]) == (285, 3)
    assert (pod["restartPolicy"], pod["imagePullSecrets"]) == ("Never", [{"name": "registry"}])
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert (container["image"], container["command"]) == (IMAGE, ["stop-workloads"])
    assert container["env"] == [
        {"name": "NAMESPACE", "value": "kunde1"},
        {"name": "OWNER_UID", "value": retained["owner"]["uid"]},
        {"name": "PLATFORM_NAMESPACE", "value": "vcluster-system"},
        {"name": "TIMEOUT_SECONDS", "value": "240"},
    ]
    role = found["Role", "stop-workloads"]
    assert role["metadata"]["namespace"] == "kunde1"
    assert role["rules"] == [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "deletecollection"]}
    ]
    note = found["Role", "kunde1-stop-workloads"]
    assert note["metadata"]["namespace"] == "vcluster-system"
    assert note["rules"] == [
        {
            "apiGroups": [""],
            "resources": ["configmaps"],
            "resourceNames": ["vcluster-abandoned"],
            "verbs": ["patch"],
        },
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]},
    ]
    for binding in ("stop-workloads", "kunde1-stop-workloads"):
        assert found["RoleBinding", binding]["subjects"] == [
            {
                "kind": "ServiceAccount",
                "name": "kunde1-stop-workloads",
                "namespace": "vcluster-system",
            }
        ]


def test_what_lies_in_the_namespace_is_no_hook(render: Render, retained: dict[str, Any]) -> None:
    """Where somebody has removed the namespace the release can still be uninstalled."""
    hooks = {
        key(o): o["metadata"]["annotations"]["helm.sh/hook-weight"]
        for o in render(retained)
        if "helm.sh/hook" in o["metadata"].get("annotations", {})
    }
    assert hooks == {
        ("ServiceAccount", "kunde1-stop-workloads"): "-3",
        ("Role", "kunde1-stop-workloads"): "-2",
        ("RoleBinding", "kunde1-stop-workloads"): "-1",
        ("Job", "kunde1-stop-workloads"): "0",
    }


@pytest.mark.parametrize(
    ("policy", "readers"), [("Delete", ["import"]), ("Retain", ["import", "deregister"])]
)
def test_who_reads_the_kubeconfig(
    render_chart: RenderChart, case: Cases, policy: str, readers: list[str]
) -> None:
    """The deregistration enters the virtual cluster only where that outlives it."""
    values = {**case("vcluster-rancher", "minimal"), "onDelete": policy}
    (binding,) = (
        o
        for o in render_chart("vcluster-rancher", "kunde1-rancher", values)
        if key(o) == ("RoleBinding", "kunde1-rancher-kubeconfig")
    )
    assert [s["name"] for s in binding["subjects"]] == [f"kunde1-rancher-{r}" for r in readers]


def test_the_import_learns_the_former_owner(render_chart: RenderChart, case: Cases) -> None:
    """Only an import that has one is told, so that no other runs again."""
    values = case("vcluster-rancher", "minimal")

    def told(given: dict[str, Any]) -> list[tuple[str, list[str]]]:
        return [
            (
                o["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"],
                [
                    e["value"]
                    for e in o["spec"]["template"]["spec"]["containers"][0]["env"]
                    if e["name"] == "FORMER_OWNER_UID"
                ],
            )
            for o in render_chart("vcluster-rancher", "kunde1-rancher", given)
            if o["kind"] == "Job"
        ]

    assert sorted(told(values)) == [("deregister", []), ("import", [])]
    heir = {**values, "formerOwnerUid": "uid-1"}
    assert sorted(told(heir)) == [("deregister", []), ("import", ["uid-1"])]


def key(manifest: dict[str, Any]) -> tuple[str, str]:
    """Return kind and name."""
    return manifest["kind"], manifest["metadata"]["name"]
