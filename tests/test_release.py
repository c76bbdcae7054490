"""The Release: complete, and the same settings for all three."""

from function.release import UNLIMITED, Chart, Detail, release


def test_least() -> None:
    """A Release without details, with everything that all of ours share."""
    assert release(
        name="kunde1-namespace",
        home="vcluster-system",
        target="kunde1",
        provider_config="default",
        chart=Chart("https://charts.example.org", "vcluster-namespace", "0.1.0"),
        values={"name": "kunde1"},
    ) == {
        "apiVersion": "helm.m.crossplane.io/v1beta1",
        "kind": "Release",
        "metadata": {
            "name": "kunde1-namespace",
            "namespace": "vcluster-system",
            "annotations": {
                "crossplane.io/external-name": "kunde1-namespace",
                "crossplane.io/poll-interval": "30s",
            },
        },
        "spec": {
            "providerConfigRef": {"kind": "ClusterProviderConfig", "name": "default"},
            "rollbackLimit": 2147483647,
            "forProvider": {
                "chart": {
                    "repository": "https://charts.example.org",
                    "name": "vcluster-namespace",
                    "version": "0.1.0",
                },
                "namespace": "kunde1",
                "skipCreateNamespace": True,
                "maxHistory": 3,
                "values": {"name": "kunde1"},
            },
        },
    }


def test_everything() -> None:
    """Digest, pull secret, rollback limit and connection details, as provider-helm names them."""
    built = release(
        name="kunde1-vcluster",
        home="vcluster-system",
        target="kunde1",
        provider_config="edge",
        chart=Chart("oci://ghcr.io/x", "vcluster", "0.36.1", "sha256:abc", "pull"),
        values={},
        rollback_limit=3,
        details=[
            Detail("available", "apps/v1", "StatefulSet", "kunde1-vcluster", "status.replicas"),
            Detail("kubeconfig", "v1", "Secret", "vc-kunde1-vcluster", "data.config"),
        ],
        connection_secret="kunde1-vcluster-conn",
    )
    assert built["spec"] == {
        "providerConfigRef": {"kind": "ClusterProviderConfig", "name": "edge"},
        "rollbackLimit": 3,
        "forProvider": {
            "chart": {
                "repository": "oci://ghcr.io/x",
                "name": "vcluster",
                "version": "0.36.1",
                "digest": "sha256:abc",
                "pullSecretRef": {"name": "pull"},
            },
            "namespace": "kunde1",
            "skipCreateNamespace": True,
            "maxHistory": 3,
            "values": {},
        },
        "connectionDetails": [
            {
                "apiVersion": "apps/v1",
                "kind": "StatefulSet",
                "name": "kunde1-vcluster",
                "namespace": "kunde1",
                "fieldPath": "status.replicas",
                "toConnectionSecretKey": "available",
                "skipPartOfReleaseCheck": True,
            },
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "name": "vc-kunde1-vcluster",
                "namespace": "kunde1",
                "fieldPath": "data.config",
                "toConnectionSecretKey": "kubeconfig",
                "skipPartOfReleaseCheck": True,
            },
        ],
        "writeConnectionSecretToRef": {"name": "kunde1-vcluster-conn"},
    }


def test_unlimited_is_the_largest_int32() -> None:
    """The limit of a first install is as large as the field can hold."""
    assert UNLIMITED == 2147483647
