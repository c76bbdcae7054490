"""Rancher's objects in a virtual cluster beyond its manifest (rancher-live.md, second visit)."""

import hashlib

from .messages import Json

GROUP = "rbac.authorization.k8s.io"
RBAC = f"{GROUP}/v1"
CRDS = "apiextensions.k8s.io/v1"
OWNER_LABEL = "authz.cluster.cattle.io/rtb-owner-updated"

PATHS = {
    "ClusterRole": f"/apis/{RBAC}/clusterroles",
    "ClusterRoleBinding": f"/apis/{RBAC}/clusterrolebindings",
    "RoleBinding": f"/apis/{RBAC}/namespaces/kube-system/rolebindings",
    "CustomResourceDefinition": f"/apis/{CRDS}/customresourcedefinitions",
    "Namespace": "/api/v1/namespaces",
}


def of_binding(cluster_id: str, name: str, user: str) -> list[Json]:
    """Return the rights of a role binding's user inside.

    Neither Rancher's removal of the cluster nor its clean-up removes them.
    """
    digest = hashlib.sha256(f"{cluster_id}_{name}".encode()).hexdigest()[:10]
    labels = {OWNER_LABEL: f"{cluster_id}_{name}"}
    shared = {
        "apiVersion": RBAC,
        "roleRef": {"kind": "ClusterRole", "name": "cluster-admin", "apiGroup": GROUP},
        "subjects": [{"kind": "User", "name": user, "apiGroup": GROUP}],
    }
    inner = {"name": f"rb-{digest}", "namespace": "kube-system", "labels": labels}
    return [
        {**shared, "kind": "ClusterRoleBinding", "metadata": _named(f"crb-{digest}", labels)},
        {**shared, "kind": "RoleBinding", "metadata": inner},
        _role(f"cattle-impersonation-{user}"),
    ]


def of_cluster() -> list[Json]:
    """Return the objects of every cluster: a few of the 27 definitions, and others."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v3", "served": True, "storage": True}
    names = {"kind": "Preference", "plural": "preferences", "singular": "preference"}
    definition = {
        "group": "management.cattle.io",
        "names": {**names, "listKind": "PreferenceList"},
        "scope": "Namespaced",
        "versions": [{**version, "schema": {"openAPIV3Schema": schema}}],
    }
    return [
        _role("cattle-unauthenticated"),
        _role("cattle-cleanup-role"),
        _role("p-x7k2p-namespaces-edit"),
        {
            "apiVersion": CRDS,
            "kind": "CustomResourceDefinition",
            "metadata": {"name": "preferences.management.cattle.io"},
            "spec": definition,
        },
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "local"}},
    ]


def _named(name: str, labels: dict[str, str]) -> Json:
    return {"name": name, "labels": labels}


def _role(name: str) -> Json:
    return {"apiVersion": RBAC, "kind": "ClusterRole", "metadata": {"name": name}, "rules": []}
