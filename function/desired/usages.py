"""Usages, which keep the order of deletion: import and backups, virtual cluster, namespace.

https://docs.crossplane.io/latest/managed-resources/usages/. A composed Usage waits for the
deletion of its user, then repeats the deletion that it refused.
"""

from typing import Any

from function.api.names import Names
from function.observed.release import API_VERSION as RELEASE_API_VERSION
from function.observed.release import KIND as RELEASE_KIND

API_VERSION = "protection.crossplane.io/v1beta1"


def vcluster_by_rancher(names: Names) -> dict[str, Any]:
    """Return the Usage that keeps the virtual cluster until it has left Rancher."""
    return _usage(names.vcluster_usage, names.home, names.vcluster_release, names.rancher_release)


def vcluster_by_backup(names: Names) -> dict[str, Any]:
    """Return the Usage that keeps the virtual cluster until its final backup is made."""
    return _usage(names.backup_usage, names.home, names.vcluster_release, names.backup_release)


def namespace_by_vcluster(names: Names) -> dict[str, Any]:
    """Return the Usage that keeps the namespace until the virtual cluster is gone."""
    return _usage(
        names.namespace_usage, names.home, names.namespace_release, names.vcluster_release
    )


def deletion_protection(names: Names, api_version: str, kind: str) -> dict[str, Any]:
    """Return the Usage that refuses the deletion of the VCluster itself.

    A VCluster without a namespace needs a ClusterUsage; one with a namespace cannot compose it.
    """
    metadata = {"name": names.protection}
    return {
        "apiVersion": API_VERSION,
        "kind": "Usage" if names.tenant_namespace else "ClusterUsage",
        "metadata": {**metadata, "namespace": names.tenant_namespace}
        if names.tenant_namespace
        else metadata,
        "spec": {
            "of": {"apiVersion": api_version, "kind": kind, "resourceRef": {"name": names.xr}},
            "reason": "spec.deletionProtection is true: set it to false to delete this VCluster.",
        },
    }


def _usage(name: str, namespace: str, of: str, by: str) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": "Usage",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"replayDeletion": True, "of": _reference(of), "by": _reference(by)},
    }


def _reference(release: str) -> dict[str, Any]:
    return {
        "apiVersion": RELEASE_API_VERSION,
        "kind": RELEASE_KIND,
        "resourceRef": {"name": release},
    }
