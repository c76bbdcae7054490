"""Read Rancher's import manifest: what it may contain, and in which order it is created."""

from collections.abc import Mapping
from typing import Any

import yaml

from rancher_import.errors import RefusedError, TransientError

ALLOWED = frozenset(
    {
        ("v1", "Namespace"),
        ("v1", "ServiceAccount"),
        ("v1", "Secret"),
        ("v1", "Service"),
        ("apps/v1", "Deployment"),
        ("apps/v1", "DaemonSet"),
        ("policy/v1", "PodDisruptionBudget"),
        ("rbac.authorization.k8s.io/v1", "ClusterRole"),
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
    }
)
"""Kinds in the manifests of Rancher 2.9 to 2.15."""

CLUSTER_SCOPED = frozenset({"Namespace", "ClusterRole", "ClusterRoleBinding"})

Object = dict[str, Any]


def read(text: str) -> list[Object]:
    """Return the objects, namespaces first. Refuses kinds that Rancher does not send."""
    try:
        documents = [document for document in yaml.safe_load_all(text) if document]
    except yaml.YAMLError:
        raise TransientError("BadManifest", "Rancher's manifest is no YAML.") from None
    if not documents:
        raise TransientError("BadManifest", "Rancher's manifest is empty.")
    objects = [_checked(document) for document in documents]
    return sorted(objects, key=lambda o: o["kind"] != "Namespace")


def _checked(document: object) -> Object:
    if not isinstance(document, Mapping):
        raise TransientError("BadManifest", "Rancher's manifest holds something that is no object.")
    kind = (str(document.get("apiVersion")), str(document.get("kind")))
    if kind not in ALLOWED:
        message = (
            f"Rancher's manifest holds a {kind[1]} of {kind[0]}, which no known Rancher sends."
        )
        raise RefusedError("UnknownManifest", message)
    found = dict(document)
    if found["kind"] in CLUSTER_SCOPED:
        # Rancher's cluster role binding names a namespace, which an API server ignores.
        found["metadata"] = {k: v for k, v in found["metadata"].items() if k != "namespace"}
    return found
