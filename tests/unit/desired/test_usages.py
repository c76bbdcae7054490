"""Usages: deletion runs in order."""

from function.api.names import derive
from function.desired import usages
from function.observed import usages as observed_usages

NAMES = derive("kunde1", "", "vcluster-system")


def test_vcluster_by_rancher() -> None:
    """The virtual cluster stays until it has left Rancher."""
    assert usages.vcluster_by_rancher(NAMES) == {
        "apiVersion": "protection.crossplane.io/v1beta1",
        "kind": "Usage",
        "metadata": {"name": "kunde1-vcluster-by-rancher", "namespace": "vcluster-system"},
        "spec": {
            "replayDeletion": True,
            "of": {
                "apiVersion": "helm.m.crossplane.io/v1beta1",
                "kind": "Release",
                "resourceRef": {"name": "kunde1-vcluster"},
            },
            "by": {
                "apiVersion": "helm.m.crossplane.io/v1beta1",
                "kind": "Release",
                "resourceRef": {"name": "kunde1-rancher"},
            },
        },
    }


def test_namespace_by_vcluster() -> None:
    """The namespace stays until the virtual cluster is gone."""
    assert usages.namespace_by_vcluster(NAMES) == {
        "apiVersion": "protection.crossplane.io/v1beta1",
        "kind": "Usage",
        "metadata": {"name": "kunde1-namespace-by-vcluster", "namespace": "vcluster-system"},
        "spec": {
            "replayDeletion": True,
            "of": {
                "apiVersion": "helm.m.crossplane.io/v1beta1",
                "kind": "Release",
                "resourceRef": {"name": "kunde1-namespace"},
            },
            "by": {
                "apiVersion": "helm.m.crossplane.io/v1beta1",
                "kind": "Release",
                "resourceRef": {"name": "kunde1-vcluster"},
            },
        },
    }


def test_deletion_protection() -> None:
    """A protected VCluster refuses its deletion and says how to lift that."""
    found = usages.deletion_protection(NAMES, "caas.telekom.de/v1alpha1", "VCluster")
    assert found == {
        "apiVersion": "protection.crossplane.io/v1beta1",
        "kind": "ClusterUsage",
        "metadata": {"name": "kunde1-deletion-protection"},
        "spec": {
            "of": {
                "apiVersion": "caas.telekom.de/v1alpha1",
                "kind": "VCluster",
                "resourceRef": {"name": "kunde1"},
            },
            "reason": "spec.deletionProtection is true: set it to false to delete this VCluster.",
        },
    }


def test_namespaced() -> None:
    """In scope Namespaced the Usages lie beside the VCluster, also the one that protects it."""
    shop = derive("shop", "team-a", "vcluster-system")
    unique = "6b3e3555a728f872"
    assert usages.vcluster_by_rancher(shop)["metadata"] == {
        "name": f"shop-{unique}-by-rancher",
        "namespace": "team-a",
    }
    assert usages.namespace_by_vcluster(shop)["metadata"] == {
        "name": f"team-a-shop-{unique}-namespace-by-vcluster",
        "namespace": "team-a",
    }
    assert usages.deletion_protection(shop, "caas.telekom.de/v1alpha1", "VCluster") == {
        "apiVersion": "protection.crossplane.io/v1beta1",
        "kind": "Usage",
        "metadata": {"name": "shop-deletion-protection", "namespace": "team-a"},
        "spec": {
            "of": {
                "apiVersion": "caas.telekom.de/v1alpha1",
                "kind": "VCluster",
                "resourceRef": {"name": "shop"},
            },
            "reason": "spec.deletionProtection is true: set it to false to delete this VCluster.",
        },
    }


def test_keys() -> None:
    """The resource keys are names too: forever."""
    assert observed_usages.KEYS == (
        "vcluster-by-rancher",
        "vcluster-by-backup",
        "namespace-by-vcluster",
        "deletion-protection",
    )
