"""Objects of Rancher in a virtual cluster, for their removal.

Rancher's own clean-up selects by the label `cattle.io/creator`, which the bindings of owners do not
have: a former owner would have their rights again after the next import.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lightkube.generic_resource import create_global_resource, create_namespaced_resource
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apiextensions_v1 import CustomResourceDefinition
from lightkube.resources.core_v1 import (
    ConfigMap,
    Namespace,
    PersistentVolumeClaim,
    Pod,
    Secret,
    Service,
)
from lightkube.resources.rbac_authorization_v1 import (
    ClusterRole,
    ClusterRoleBinding,
    Role,
    RoleBinding,
)

from jobs.bounded_api import Api

CREATOR, NORMAN = "cattle.io/creator", "norman"
OF_A_BINDING = (
    "authz.cluster.cattle.io/rtb-owner-updated",
    "authz.cluster.cattle.io/rtb-owner",
    "authz.cluster.cattle.io/clusterrole-owner",
)
"""Labels and annotations of the objects for Rancher's role bindings and role templates."""

NAMES = re.compile(
    r"cattle-(admin|admin-binding|unauthenticated|cleanup-.+|impersonation-.+)"
    r"|proxy-clusterrole-kubeapiserver|proxy-role-binding-kubernetes-master"
    r"|p-[a-z0-9]{5}-namespaces-[a-z]+"
)
"""ClusterRoles and ClusterRoleBindings that have none of those labels."""

GROUPS = frozenset(
    f"{group}.cattle.io"
    for group in (
        "auditlog",
        "catalog",
        "cluster",
        "management",
        "project",
        "provisioning",
        "scc",
        "telemetry",
        "ui",
    )
)
"""API groups of Rancher's agent, without those of K3s, Fleet and the upgrade controller."""

OWNERS = (
    "meta.helm.sh/release-name",
    "app.kubernetes.io/managed-by",
    "argocd.argoproj.io/instance",
    "argocd.argoproj.io/tracking-id",
    "kustomize.toolkit.fluxcd.io/name",
)
"""Labels and annotations of a CustomResourceDefinition that another tool installed."""

LOCAL = "local"
"""A namespace that Rancher's agent creates and leaves empty."""

ROOT_CA = "kube-root-ca.crt"
RIGHTS: tuple[Any, ...] = (ClusterRoleBinding, RoleBinding, ClusterRole, Role)
CONTENTS: tuple[Any, ...] = (Pod, PersistentVolumeClaim, Service, Secret, ConfigMap)


@dataclass(frozen=True)
class Remainder:
    """Objects that exist after a removal."""

    pending: tuple[str, ...] = ()
    """Being removed."""
    foreign: tuple[str, ...] = ()
    """Not Rancher's alone, each with the reason."""


def rights(client: Api) -> Iterator[tuple[Any, str, str | None]]:
    """Yield kind, name and namespace of Rancher's roles and role bindings, bindings first."""
    for resource in RIGHTS:
        namespaced = resource in (RoleBinding, Role)
        objects = client.metadata(resource, namespace="*" if namespaced else None)
        by_name = resource in (ClusterRole, ClusterRoleBinding)
        for metadata in [one for one in objects if is_ranchers(one, by_name=by_name)]:
            yield resource, metadata.name or "", metadata.namespace if namespaced else None


def is_ranchers(metadata: ObjectMeta, *, by_name: bool) -> bool:
    """Return whether Rancher created a role or a role binding."""
    labels, annotations = metadata.labels or {}, metadata.annotations or {}
    return (
        labels.get(CREATOR) == NORMAN
        or any(key in labels or key in annotations for key in OF_A_BINDING)
        or (by_name and NAMES.fullmatch(metadata.name or "") is not None)
    )


def definitions(client: Api) -> tuple[list[str], list[str]]:
    """Return the CustomResourceDefinitions to remove, and the others, each with the reason."""
    unwanted, foreign = [], []
    for metadata in client.metadata(CustomResourceDefinition):
        name = metadata.name or ""
        # The name of a definition is `<plural>.<group>`.
        if name.partition(".")[2] not in GROUPS:
            continue
        if owner := _owner(metadata):
            foreign.append(f"CustomResourceDefinition {name} ({owner})")
        elif _has_finalizers(client, client.get(CustomResourceDefinition, name)):
            foreign.append(f"CustomResourceDefinition {name} (its objects have finalizers)")
        else:
            unwanted.append(name)
    return unwanted, foreign


def _owner(metadata: ObjectMeta) -> str:
    """Return the evidence that an object is not of Rancher's agent, or nothing."""
    if metadata.ownerReferences:
        return "has an owner"
    keys = {**(metadata.labels or {}), **(metadata.annotations or {})}.keys()
    return next((f"has {key}" for key in OWNERS if key in keys), "")


def _has_finalizers(client: Api, definition: CustomResourceDefinition) -> bool:
    """Return whether an object would block the removal of a definition."""
    version = next((one.name for one in definition.spec.versions if one.served), None)
    if version is None:
        return False
    names = definition.spec.names
    namespaced = definition.spec.scope == "Namespaced"
    make = create_namespaced_resource if namespaced else create_global_resource
    kind: Any = make(definition.spec.group, version, names.kind, names.plural)
    objects = client.metadata(kind, namespace="*" if namespaced else None)
    return any(one.finalizers for one in objects)


def is_empty(client: Api, namespace: str) -> bool:
    """Return whether a namespace holds only objects of Kubernetes itself."""
    return not any(
        one.name != ROOT_CA
        for resource in CONTENTS
        for one in client.metadata(resource, namespace=namespace)
    )


def has_local(client: Api) -> bool:
    """Return whether the namespace `local` exists."""
    return any(one.name == LOCAL for one in client.metadata(Namespace))
