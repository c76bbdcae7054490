"""What a host namespace holds: labels, quota and rights."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

Render = Callable[[Mapping[str, object]], list[dict[str, Any]]]


def test_platform_labels_do_not_take_over(render: Render, everything: dict[str, Any]) -> None:
    """Neither the owner nor the pod security level of a namespace can be labelled away."""
    (namespace,) = _of_kind(render(everything), "Namespace")

    assert namespace["metadata"] == {
        "name": "kunde1",
        "labels": {
            "app.kubernetes.io/instance": "kunde1-namespace",
            "app.kubernetes.io/managed-by": "Helm",
            "app.kubernetes.io/name": "vcluster-namespace",
            "app.kubernetes.io/version": "0.1.0",
            "caas.telekom.de/vcluster": "kunde1",
            "caas.telekom.de/vcluster-uid": "227fb97b-6cf6-4f79-9ae9-ffb14550d34d",
            "cost-center": "4711",
            "helm.sh/chart": "vcluster-namespace-0.1.0",
            "pod-security.kubernetes.io/enforce": "baseline",
            "pod-security.kubernetes.io/enforce-version": "latest",
            "pod-security.kubernetes.io/warn": "restricted",
        },
        "annotations": {
            "caas.telekom.de/denied-annotations": (
                "k8s.v1.cni.cncf.io/*,vault.hashicorp.com/agent-inject"
            ),
            "caas.telekom.de/node-labels": "example.org/pool=tenants,zone=",
            "caas.telekom.de/storage-classes": "fast,slow",
            "contact": "kunde1@example.org",
            "field.cattle.io/projectId": "c-m-abc:p-xyz",
        },
    }


def test_no_annotations_when_none_are_wanted(render: Render, minimal: dict[str, Any]) -> None:
    """A namespace outside of Rancher's projects says nothing about one."""
    (namespace,) = _of_kind(render(minimal), "Namespace")

    assert "annotations" not in namespace["metadata"]


@pytest.mark.parametrize("name", ["true", "null", "0x1f", "1e3"])
def test_names_stay_strings(render: Render, minimal: dict[str, Any], name: str) -> None:
    """A name that YAML reads as something else still makes a namespace of that name."""
    minimal["name"] = minimal["owner"]["name"] = name
    minimal["operators"] = [{"kind": "ServiceAccount", "name": name, "namespace": name}]

    namespace, *others = sorted(render(minimal), key=lambda o: o["kind"] != "Namespace")

    assert namespace["metadata"]["name"] == name
    assert namespace["metadata"]["labels"]["caas.telekom.de/vcluster"] == name
    assert {o["metadata"]["namespace"] for o in others} == {name}


def test_only_the_namespace_is_cluster_scoped(render: Render, everything: dict[str, Any]) -> None:
    """Everything else is in the namespace, and goes with it."""
    objects = render(everything)

    assert [o["kind"] for o in objects if "namespace" not in o["metadata"]] == ["Namespace"]
    assert {o["metadata"].get("namespace", "kunde1") for o in objects} == {"kunde1"}


def test_authentication(render: Render, minimal: dict[str, Any]) -> None:
    """The file reaches the control plane as it was written, and without one there is none."""
    config = "apiVersion: apiserver.config.k8s.io/v1\njwt: []  # {{ }} : 'x'\n"
    (config_map,) = _of_kind(render({**minimal, "authentication": {"config": config}}), "ConfigMap")

    assert config_map["metadata"]["name"] == "vcluster-authentication"
    assert config_map["data"] == {"config.yaml": config}
    assert not _of_kind(render(minimal), "ConfigMap")


def test_quota_is_rendered_as_written(render: Render, everything: dict[str, Any]) -> None:
    """Two million pods are two million, not 2e+06."""
    (quota,) = _of_kind(render(everything), "ResourceQuota")

    assert quota["spec"] == {"hard": everything["quota"]}
    assert quota["spec"]["hard"]["pods"] == "2000000"


def test_quota_touches_only_the_quota(render: Render, everything: dict[str, Any]) -> None:
    """A bigger quota changes no other object, so nothing restarts or closes on the way."""
    before = {_key(o): o for o in render(everything)}
    everything["quota"]["pods"] = "3000000"
    after = {_key(o): o for o in render(everything)}

    assert before.keys() == after.keys()
    assert [key for key in after if after[key] != before[key]] == [("ResourceQuota", "quota")]


def test_readers_get_one_secret(render: Render, everything: dict[str, Any]) -> None:
    """A reader of the kubeconfig can get that Secret: not list, not watch, no other."""
    objects = render(everything)
    (role,) = _of_kind(objects, "Role")
    (binding,) = (o for o in _of_kind(objects, "RoleBinding") if o["roleRef"]["kind"] == "Role")

    assert role["rules"] == [
        {
            "apiGroups": [""],
            "resources": ["secrets"],
            "resourceNames": ["vc-kunde1-vcluster"],
            "verbs": ["get"],
        }
    ]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert binding["subjects"] == [
        {"kind": "Group", "name": "oidc:kunde1", "apiGroup": "rbac.authorization.k8s.io"},
        {"kind": "User", "name": "oidc:ops@example.org", "apiGroup": "rbac.authorization.k8s.io"},
    ]


def test_operators_get_their_cluster_role(render: Render, everything: dict[str, Any]) -> None:
    """An operator gets the rights of vcluster-operator, in this namespace only."""
    (binding,) = (
        o
        for o in _of_kind(render(everything), "RoleBinding")
        if o["roleRef"]["kind"] == "ClusterRole"
    )

    assert binding["roleRef"]["name"] == "vcluster-operator"
    assert binding["subjects"] == [
        {"kind": "Group", "name": "oidc:platform", "apiGroup": "rbac.authorization.k8s.io"},
        {"kind": "ServiceAccount", "name": "backup", "namespace": "vcluster-system"},
    ]


def test_nobody_gets_rights_by_default(render: Render, minimal: dict[str, Any]) -> None:
    """Without readers and operators there is no role and no binding."""
    kinds = [o["kind"] for o in render(minimal)]

    assert not {"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"} & set(kinds)


def test_etcd_loses_one_member_at_most(render: Render, everything: dict[str, Any]) -> None:
    """Draining nodes keeps etcd's majority, and no pod of the tenant counts as a member."""
    (budget,) = _of_kind(render(everything), "PodDisruptionBudget")

    assert budget["metadata"]["name"] == "kunde1-vcluster-etcd"
    assert budget["spec"] == {
        "maxUnavailable": 1,
        "selector": {
            "matchLabels": {"app": "vcluster-etcd", "release": "kunde1-vcluster"},
            "matchExpressions": [
                {"key": "vcluster.loft.sh/managed-by", "operator": "DoesNotExist"}
            ],
        },
    }


def _of_kind(objects: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [o for o in objects if o["kind"] == kind]


def _key(manifest: dict[str, Any]) -> tuple[str, str]:
    return manifest["kind"], manifest["metadata"]["name"]
