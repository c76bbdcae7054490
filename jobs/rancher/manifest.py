"""Parse Rancher's import manifest, and allow only the known kinds of objects."""

from collections.abc import Mapping
from typing import Any

import yaml

from jobs.errors import RefusedError, TransientError

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
    """Return the objects, namespaces first. Raises RefusedError for an unknown kind."""
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text)):
            message = "Rancher's manifest refers to parts of itself, which no known Rancher does."
            raise RefusedError("UnknownManifest", message)
        documents = [document for document in yaml.safe_load_all(text) if document]
    except (yaml.YAMLError, ValueError, RecursionError):
        raise TransientError("BadManifest", "Rancher's manifest is no YAML.") from None
    if not documents:
        raise TransientError("BadManifest", "Rancher's manifest is empty.")
    objects = [_check(document) for document in documents]
    return sorted(objects, key=lambda o: o["kind"] != "Namespace")


def _check(document: object) -> Object:
    if not isinstance(document, Mapping):
        raise TransientError("BadManifest", "Rancher's manifest holds something that is no object.")
    kind = (str(document.get("apiVersion")), str(document.get("kind")))
    if kind not in ALLOWED:
        message = (
            f"Rancher's manifest holds a {kind[1]} of {kind[0]}, which no known Rancher sends."
        )
        raise RefusedError("UnknownManifest", message)
    metadata = document.get("metadata")
    if not isinstance(metadata, Mapping) or not isinstance(metadata.get("name"), str):
        raise TransientError("BadManifest", f"Rancher's manifest holds a {kind[1]} without a name.")
    if kind[1] in CLUSTER_SCOPED:
        # Rancher's cluster role binding names a namespace, which an API server ignores.
        metadata = {key: value for key, value in metadata.items() if key != "namespace"}
    return {**document, "metadata": dict(metadata)}
