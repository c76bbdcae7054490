"""Objects that Rancher makes in a cluster, and their removal.

Rancher's own clean-up goes by the label `cattle.io/creator`, which the bindings of owners do not
bear: a former owner would have their rights again after the next import.
"""

import re
from collections.abc import Iterator, Mapping
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
"""Labels and annotations of what Rancher makes for its role bindings and role templates."""

NAMES = re.compile(
    r"cattle-(admin|admin-binding|unauthenticated|cleanup-.+|impersonation-.+)"
    r"|proxy-clusterrole-kubeapiserver|proxy-role-binding-kubernetes-master"
    r"|p-[a-z0-9]{5}-namespaces-[a-z]+"
)
"""ClusterRoles and ClusterRoleBindings that bear none of those labels."""

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
"""API groups of Rancher's agent. Those of K3s, Fleet and the upgrade controller are not its own."""

OWNERS = (
    "meta.helm.sh/release-name",
    "app.kubernetes.io/managed-by",
    "argocd.argoproj.io/instance",
    "argocd.argoproj.io/tracking-id",
    "kustomize.toolkit.fluxcd.io/name",
)
"""Labels and annotations of a CustomResourceDefinition that somebody else installed."""

LOCAL = "local"
"""A namespace that Rancher's agent makes and leaves empty."""

ROOT_CA = "kube-root-ca.crt"
RIGHTS: tuple[Any, ...] = (ClusterRoleBinding, RoleBinding, ClusterRole, Role)
CONTENTS: tuple[Any, ...] = (Pod, PersistentVolumeClaim, Service, Secret, ConfigMap)


@dataclass(frozen=True)
class Left:
    """Objects that are still there after a removal."""

    going: tuple[str, ...] = ()
    """Being removed."""
    kept: tuple[str, ...] = ()
    """Left alone, each with the reason."""


def rights(client: Api) -> Iterator[tuple[Any, str, str | None]]:
    """Yield kind, name and namespace of Rancher's roles and role bindings, bindings first."""
    for resource in RIGHTS:
        namespaced = resource in (RoleBinding, Role)
        found = client.metadata(resource, namespace="*" if namespaced else None)
        by_name = resource in (ClusterRole, ClusterRoleBinding)
        mine = [metadata for metadata in found if is_ranchers(metadata, by_name=by_name)]
        for metadata in mine:
            yield resource, metadata.name or "", metadata.namespace if namespaced else None


def is_ranchers(metadata: ObjectMeta, *, by_name: bool) -> bool:
    """Return whether Rancher made a role or a role binding."""
    labels, annotations = metadata.labels or {}, metadata.annotations or {}
    return (
        labels.get(CREATOR) == NORMAN
        or any(key in labels or key in annotations for key in OF_A_BINDING)
        or (by_name and NAMES.fullmatch(metadata.name or "") is not None)
    )


def definitions(client: Api) -> tuple[list[str], list[str]]:
    """Return the CustomResourceDefinitions to remove, and those to keep, with the reason."""
    unwanted, kept = [], []
    for metadata in client.metadata(CustomResourceDefinition):
        name = metadata.name or ""
        # The name of a definition is `<plural>.<group>`.
        if name.partition(".")[2] not in GROUPS:
            continue
        if owner := _owner(metadata):
            kept.append(f"CustomResourceDefinition {name} ({owner})")
        elif _has_finalizers(client, client.get(CustomResourceDefinition, name)):
            kept.append(f"CustomResourceDefinition {name} (its objects have finalizers)")
        else:
            unwanted.append(name)
    return unwanted, kept


def _owner(metadata: ObjectMeta) -> str:
    """Return what says that the object belongs to something else than Rancher's agent."""
    if metadata.ownerReferences:
        return "has an owner"
    borne: Mapping[str, str] = {**(metadata.labels or {}), **(metadata.annotations or {})}
    return next((f"bears {key}" for key in OWNERS if key in borne), "")


def _has_finalizers(client: Api, found: CustomResourceDefinition) -> bool:
    """Return whether an object would hold the definition in removal, where no import can use it."""
    version = next((one.name for one in found.spec.versions if one.served), None)
    if version is None:
        return False
    names = found.spec.names
    namespaced = found.spec.scope == "Namespaced"
    make = create_namespaced_resource if namespaced else create_global_resource
    kind: Any = make(found.spec.group, version, names.kind, names.plural)
    objects = client.metadata(kind, namespace="*" if namespaced else None)
    return any(one.finalizers for one in objects)


def is_empty(client: Api, namespace: str) -> bool:
    """Return whether a namespace holds nothing but what Kubernetes puts there."""
    return not any(
        one.name != ROOT_CA
        for resource in CONTENTS
        for one in client.metadata(resource, namespace=namespace)
    )


def has_local(client: Api) -> bool:
    """Return whether the namespace `local` is there."""
    return any(one.name == LOCAL for one in client.metadata(Namespace))
