"""The keys that a restoration leaves out, so that a copy never speaks to Rancher as its source."""

import pytest

from jobs.backup import ranchers_part
from jobs.rancher import model, virtual_cluster


@pytest.mark.parametrize(
    "key",
    [
        "/registry/namespaces/cattle-system",
        "/registry/namespaces/cattle-fleet-system",
        "/registry/secrets/cattle-system/cattle-credentials-1a2b3c",
        "/registry/deployments/cattle-system/cattle-cluster-agent",
        "/registry/services/specs/cattle-system/cattle-cluster-agent",
        "/registry/services/endpoints/cattle-system/cattle-cluster-agent",
        "/registry/leases/cattle-fleet-system/fleet-agent",
        "/registry/catalog.cattle.io/operations/cattle-system/helm-operation-1",
        "/registry/serviceaccounts/cattle-impersonation-system/cattle-impersonation-u-1",
        "/registry/validatingwebhookconfigurations/rancher.cattle.io",
        "/registry/mutatingwebhookconfigurations/rancher.cattle.io",
        "/registry/configmaps/kube-system/caas-rancher-import",
        "/registry/configmaps/kube-system/caas-rancher-proof",
        "registry/secrets/cattle-system/x",
    ],
)
def test_left_out(key: str) -> None:
    """Agents, credentials, webhooks and marker stay behind."""
    assert ranchers_part.is_ranchers(key)


@pytest.mark.parametrize(
    "key",
    [
        "/registry/namespaces/default",
        "/registry/namespaces/cattle-system-of-mine",
        "/registry/namespaces/my-cattle-system",
        "/registry/configmaps/default/cattle-system",
        "/registry/clusterroles/cattle-system",
        "/registry/example.com/cows/cattle-system",
        "/registry/secrets/my-cattle-system/x",
        "/registry/configmaps/kube-system/caas-rancher-imports",
        "/registry/configmaps/default/caas-rancher-import",
        "/registry/validatingwebhookconfigurations/mine",
        "/vcluster/snapshot/request/v1beta1",
    ],
)
def test_kept(key: str) -> None:
    """What a tenant named alike is theirs."""
    assert not ranchers_part.is_ranchers(key)


def test_names_of_the_import() -> None:
    """The import removes the same namespaces and writes the same ConfigMaps."""
    assert set(ranchers_part.NAMESPACES) == set(virtual_cluster.RANCHERS_NAMESPACES)
    for name in (virtual_cluster.MARKER, model.PROOF):
        key = f"/registry/configmaps/{virtual_cluster.MARKER_NAMESPACE}/{name}"
        assert ranchers_part.is_ranchers(key)
    webhook = virtual_cluster.WEBHOOK_CONFIGURATION
    assert ranchers_part.is_ranchers(f"/registry/mutatingwebhookconfigurations/{webhook}")
