"""What the importer sees and does inside a virtual cluster, on an API in memory."""

from collections.abc import Iterator
from typing import Any

import pytest

from demo import kubernetes
from rancher_import.deregister import clean_inside
from rancher_import.errors import RefusedError, TransientError
from rancher_import.kubernetes import Tenant
from rancher_import.manifest import read
from rancher_import.model import Agent, Inside, Marker

SYSTEM = "/api/v1/namespaces/cattle-system"
WORKLOAD: dict[str, Any] = {"selector": {}, "template": {}}
AGENT = "/apis/apps/v1/namespaces/cattle-system/deployments/cattle-cluster-agent"


@pytest.fixture
def inside() -> Iterator[tuple[kubernetes.Store, Tenant]]:
    """Yield the objects of a virtual cluster, and the importer's way to them."""
    with kubernetes.serving() as (store, address):
        tenant = Tenant(kubernetes.kubeconfig(address))
        yield store, tenant
        tenant.close()


def look(tenant: Tenant) -> Inside:
    """Return what is seen."""
    found = tenant.look()
    assert found
    return found


def named(name: str, **more: Any) -> dict[str, Any]:
    """Return an object."""
    return {"metadata": {"name": name}, **more}


def test_an_empty_virtual_cluster(inside: tuple[kubernetes.Store, Tenant]) -> None:
    """Its identity is the uid of kube-system."""
    store, tenant = inside
    uid = store.objects["/api/v1/namespaces/kube-system"]["metadata"]["uid"]
    assert look(tenant) == Inside(uid)


def test_the_marker_comes_back(inside: tuple[kubernetes.Store, Tenant]) -> None:
    """What was written down is read again, and can be removed."""
    _, tenant = inside
    for applied in (False, True):
        tenant.write_marker(Marker("xr-1", "c-m-1", applied=applied))
        assert look(tenant).marker == Marker("xr-1", "c-m-1", applied=applied)
    tenant.remove_marker()
    assert look(tenant).marker is None


def test_a_blocked_agent(inside: tuple[kubernetes.Store, Tenant]) -> None:
    """Why pod security refuses the agent's pods is shown in the API server's words."""
    store, tenant = inside
    store.put(AGENT, named("cattle-cluster-agent", spec=WORKLOAD))
    words = 'pods "cattle-cluster-agent-x" is forbidden: violates PodSecurity "restricted:latest"'
    conditions = [{"type": "ReplicaFailure", "status": "True", "message": words}]
    path = "/apis/apps/v1/namespaces/cattle-system/replicasets/cattle-cluster-agent-1"
    store.put(
        path,
        named(
            "cattle-cluster-agent-1",
            spec=WORKLOAD,
            status={"replicas": 0, "conditions": conditions},
        ),
    )
    assert look(tenant).agent == Agent(blocked=words)


def test_a_running_agent(inside: tuple[kubernetes.Store, Tenant]) -> None:
    """A running pod means that it is Rancher that cannot be reached."""
    store, tenant = inside
    store.put(AGENT, named("cattle-cluster-agent", spec=WORKLOAD))
    store.put(
        f"{SYSTEM}/pods/cattle-cluster-agent-1",
        named("a", spec={"containers": []}, status={"phase": "Running"}),
    )
    assert look(tenant).agent == Agent(running=True)


@pytest.mark.parametrize(
    ("status", "cleaning"),
    [({}, True), ({"succeeded": 1}, False), ({"failed": 1}, False)],
    ids=["at-work", "succeeded", "failed"],
)
def test_ranchers_clean_up(
    inside: tuple[kubernetes.Store, Tenant], *, status: dict[str, int], cleaning: bool
) -> None:
    """While Rancher's clean-up Job is at work nothing new is put there."""
    store, tenant = inside
    path = "/apis/batch/v1/namespaces/default/jobs/cattle-cleanup-abcde"
    store.put(path, named("cattle-cleanup-abcde", spec={"template": {}}, status=status))
    assert look(tenant).cleaning is cleaning


def test_what_is_there_is_left_alone(inside: tuple[kubernetes.Store, Tenant]) -> None:
    """The manifest creates what is absent, and never changes what Rancher made of it."""
    store, tenant = inside
    store.put(AGENT, named("cattle-cluster-agent", spec={**WORKLOAD, "paused": True}))
    manifest = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: cattle-cluster-agent, namespace: cattle-system}
spec: {paused: false, selector: {}, template: {}}
---
apiVersion: v1
kind: Namespace
metadata: {name: cattle-system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: cattle-admin-binding, namespace: cattle-system}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cattle-admin}
"""
    tenant.create_absent(read(manifest))
    assert store.objects[AGENT]["spec"]["paused"] is True
    assert "/api/v1/namespaces/cattle-system" in store.objects
    assert (
        "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/cattle-admin-binding"
        in store.objects
    )


def test_clean_inside(inside: tuple[kubernetes.Store, Tenant]) -> None:
    """With retained data, Rancher's namespace and our marker leave the virtual cluster."""
    store, tenant = inside
    store.put("/api/v1/namespaces/cattle-system", named("cattle-system"))
    tenant.write_marker(Marker("xr-1", "c-m-1", applied=True))
    clean_inside(lambda: tenant)
    assert "/api/v1/namespaces/cattle-system" not in store.objects
    assert look(tenant).marker is None


def test_a_virtual_cluster_that_does_not_answer() -> None:
    """No answer is no finding, not an error."""
    with kubernetes.serving() as (_, address):
        pass
    tenant = Tenant(kubernetes.kubeconfig(address))
    assert tenant.look() is None
    tenant.close()


def test_no_kubeconfig() -> None:
    """What is no kubeconfig is named as such, without its text."""
    with pytest.raises(TransientError) as error:
        Tenant("s3cr3t")
    assert error.value.reason == "BadKubeconfig"
    assert "s3cr3t" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param(
            "apiVersion: v1\nkind: Pod\nmetadata: {name: x}", "UnknownManifest", id="kind"
        ),
        pytest.param("- 1", "BadManifest", id="no-object"),
        pytest.param("", "BadManifest", id="empty"),
        pytest.param("a: b: c", "BadManifest", id="no-yaml"),
    ],
)
def test_manifests_that_are_not_ranchers(text: str, reason: str) -> None:
    """Only what known Ranchers send is created in a virtual cluster."""
    with pytest.raises((RefusedError, TransientError)) as error:
        read(text)
    assert error.value.reason == reason
