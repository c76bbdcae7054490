"""What the importer sees and does inside a virtual cluster, on an API in memory."""

import gc
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from lightkube.config.models import Cluster, User

from dev.demo import kubernetes
from jobs.errors import RefusedError, TransientError
from jobs.kubeconfig import read as read_kubeconfig
from jobs.rancher.agent_cleanup import clean_virtual_cluster
from jobs.rancher.leftovers import Remainder
from jobs.rancher.manifest import read
from jobs.rancher.model import Agent, Marker, VirtualClusterState
from jobs.rancher.virtual_cluster import VirtualCluster
from tests.jobs.rancher.world import Time

SYSTEM = "/api/v1/namespaces/cattle-system"
WORKLOAD: dict[str, Any] = {"selector": {}, "template": {}}
AGENT = "/apis/apps/v1/namespaces/cattle-system/deployments/cattle-cluster-agent"


@pytest.fixture
def served() -> Iterator[tuple[kubernetes.Store, str]]:
    """Yield the objects of a virtual cluster, and its address."""
    with kubernetes.serving() as found:
        yield found


@pytest.fixture
def inside(
    served: tuple[kubernetes.Store, str],
) -> Iterator[tuple[kubernetes.Store, VirtualCluster]]:
    """Yield the objects of a virtual cluster, and the importer's way to them."""
    store, address = served
    tenant = VirtualCluster(kubernetes.kubeconfig(address))
    yield store, tenant
    tenant.close()


@pytest.fixture
def opened(served: tuple[kubernetes.Store, str]) -> Callable[[], VirtualCluster]:
    """Return what opens the way anew, for who closes it."""
    return lambda: VirtualCluster(kubernetes.kubeconfig(served[1]))


def look(tenant: VirtualCluster) -> VirtualClusterState:
    """Return what is seen."""
    found = tenant.look()
    assert found
    return found


def named(name: str, **more: Any) -> dict[str, Any]:
    """Return an object."""
    return {"metadata": {"name": name}, **more}


def test_an_empty_virtual_cluster(inside: tuple[kubernetes.Store, VirtualCluster]) -> None:
    """Its identity is the uid of kube-system."""
    store, tenant = inside
    uid = store.objects["/api/v1/namespaces/kube-system"]["metadata"]["uid"]
    assert look(tenant) == VirtualClusterState(uid)


def test_the_marker_comes_back(inside: tuple[kubernetes.Store, VirtualCluster]) -> None:
    """What was written down is read again, and can be removed."""
    _, tenant = inside
    for applied in (False, True):
        tenant.write_marker(Marker("xr-1", "c-m-1", applied=applied))
        assert look(tenant).marker == Marker("xr-1", "c-m-1", applied=applied)
    tenant.remove_marker()
    assert look(tenant).marker is None


def test_a_blocked_agent(inside: tuple[kubernetes.Store, VirtualCluster]) -> None:
    """Why pod security refuses the agent's pods is shown in the API server's words."""
    store, tenant = inside
    store.put(AGENT, named("cattle-cluster-agent", spec=WORKLOAD))
    words = 'pods "cattle-cluster-agent-x" is forbidden: violates PodSecurity "restricted:latest"'
    conditions = [{"type": "ReplicaFailure", "status": "True", "message": words}]
    path = "/apis/apps/v1/namespaces/cattle-system/replicasets/cattle-cluster-agent-1"
    blocked = named(
        "cattle-cluster-agent-1", spec=WORKLOAD, status={"replicas": 0, "conditions": conditions}
    )
    blocked["metadata"]["labels"] = {"app": "cattle-cluster-agent"}
    store.put(path, blocked)
    assert look(tenant).agent == Agent(blocked=words)


def test_a_running_agent(inside: tuple[kubernetes.Store, VirtualCluster]) -> None:
    """A running pod means that it is Rancher that cannot be reached."""
    store, tenant = inside
    store.put(AGENT, named("cattle-cluster-agent", spec=WORKLOAD))
    pod = named("a", spec={"containers": []}, status={"phase": "Running"})
    pod["metadata"]["labels"] = {"app": "cattle-cluster-agent"}
    store.put(f"{SYSTEM}/pods/cattle-cluster-agent-1", pod)
    assert look(tenant).agent == Agent(running=True)


@pytest.mark.parametrize(
    ("status", "cleaning"),
    [({}, True), ({"succeeded": 1}, False), ({"failed": 1}, False)],
    ids=["at-work", "succeeded", "failed"],
)
def test_ranchers_clean_up(
    inside: tuple[kubernetes.Store, VirtualCluster], *, status: dict[str, int], cleaning: bool
) -> None:
    """While Rancher's clean-up Job is at work nothing new is put there."""
    store, tenant = inside
    path = "/apis/batch/v1/namespaces/default/jobs/cattle-cleanup-abcde"
    store.put(path, named("cattle-cleanup-abcde", spec={"template": {}}, status=status))
    assert look(tenant).cleaning is cleaning


def test_what_is_there_is_left_alone(inside: tuple[kubernetes.Store, VirtualCluster]) -> None:
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


RBAC = "/apis/rbac.authorization.k8s.io/v1"
WEBHOOKS = "/apis/admissionregistration.k8s.io/v1"
OF_RANCHER = (
    *(f"/api/v1/namespaces/cattle-{name}" for name in ("system", "fleet-system")),
    "/api/v1/namespaces/cattle-impersonation-system",
    AGENT,
    f"{WEBHOOKS}/validatingwebhookconfigurations/rancher.cattle.io",
    f"{WEBHOOKS}/mutatingwebhookconfigurations/rancher.cattle.io",
    f"{RBAC}/clusterroles/cattle-admin",
    f"{RBAC}/clusterrolebindings/cattle-admin-binding",
    f"{RBAC}/clusterrolebindings/globaladmin-user-1",
    f"{RBAC}/namespaces/default/rolebindings/rb-1",
)
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
UNLABELLED = (
    f"{RBAC}/clusterroles/cattle-impersonation-u-7lcdtjgr6m",
    f"{RBAC}/clusterroles/cattle-cleanup-role",
    f"{RBAC}/clusterroles/cattle-unauthenticated",
    f"{RBAC}/clusterroles/p-x7k2p-namespaces-edit",
    f"{RBAC}/clusterrolebindings/cattle-cleanup-binding",
    f"{CRDS}/clusters.management.cattle.io",
    f"{CRDS}/navlinks.ui.cattle.io",
    "/api/v1/namespaces/local",
)
"""Remainder by Rancher's own clean-up, which goes by a label that these do not bear."""

OF_OWNERS = (
    f"{RBAC}/clusterrolebindings/crb-ks7d2xk5ud",
    f"{RBAC}/namespaces/kube-system/rolebindings/rb-6qvdz5dlmp",
)
OF_THE_CUSTOMER = (
    f"{CRDS}/helmcharts.helm.cattle.io",
    f"{CRDS}/shops.example.org",
    "/api/v1/namespaces/shop",
    "/api/v1/namespaces/kube-system",
    f"{WEBHOOKS}/validatingwebhookconfigurations/shop",
    f"{RBAC}/clusterroles/shop",
    f"{RBAC}/namespaces/default/rolebindings/shop",
)


def put(store: kubernetes.Store, paths: tuple[str, ...], **labels: str) -> None:
    """Put objects with nothing but names and labels there."""
    for path in paths:
        body = named(path.rpartition("/")[2])
        if "customresourcedefinitions" in path:
            plural, _, group = body["metadata"]["name"].partition(".")
            names = {"kind": plural[:-1].capitalize(), "plural": plural}
            version = {"name": "v3", "served": True, "storage": True}
            body["spec"] = {
                "group": group,
                "names": names,
                "scope": "Cluster",
                "versions": [version],
            }
        parts = path.split("/namespaces/")
        if len(parts) > 1 and "/" in parts[1]:
            body["metadata"]["namespace"] = parts[1].partition("/")[0]
        if "deployments" in path:
            body["spec"] = WORKLOAD
        if "bindings" in path:
            body["roleRef"] = {"apiGroup": "x", "kind": "ClusterRole", "name": "x"}
        body["metadata"]["labels"] = labels
        store.put(path, body)


@pytest.fixture
def imported(
    inside: tuple[kubernetes.Store, VirtualCluster],
) -> tuple[kubernetes.Store, VirtualCluster]:
    """Return a virtual cluster with all that Rancher makes in one, and with the customer's."""
    store, tenant = inside
    put(store, OF_RANCHER, **{"cattle.io/creator": "norman"})
    put(store, UNLABELLED)
    put(store, OF_OWNERS, **{"authz.cluster.cattle.io/rtb-owner-updated": "c-m-1_vc-5dfa40bea3"})
    put(store, tuple(p for p in OF_THE_CUSTOMER if not p.endswith("/kube-system")))
    tenant.write_marker(Marker("xr-1", "c-m-1", applied=True))
    return store, tenant


def cleaned(opened: Callable[[], VirtualCluster | None]) -> bool:
    """Clean the inside, in a time that passes by itself."""
    return clean_virtual_cluster(opened, "xr-1", timeout=240, clock=Time().clock())


def test_clean_inside(
    imported: tuple[kubernetes.Store, VirtualCluster], opened: Callable[[], VirtualCluster]
) -> None:
    """With retained data all of Rancher and our marker leave the virtual cluster, and no more."""
    store, tenant = imported
    assert cleaned(opened)
    ranchers = (*OF_RANCHER, *UNLABELLED, *OF_OWNERS)
    assert {path for path in ranchers if path in store.objects} == set()
    assert {path for path in OF_THE_CUSTOMER if path not in store.objects} == set()
    assert look(tenant).marker is None


def test_what_somebody_else_owns_is_kept_and_named(
    imported: tuple[kubernetes.Store, VirtualCluster],
) -> None:
    """Definitions and a namespace that others use stay, and the removal says so."""
    store, tenant = imported
    put(store, (f"{CRDS}/apps.catalog.cattle.io",), **{"app.kubernetes.io/managed-by": "Helm"})
    held = f"{CRDS}/projects.management.cattle.io"
    put(store, (held,))
    one = named("a")
    one["metadata"]["finalizers"] = ["shop.example.org/last"]
    store.put("/apis/management.cattle.io/v3/projects/a", one)
    put(store, ("/api/v1/namespaces/local/configmaps/shop",))
    assert tenant.remove_rancher().foreign == (
        "CustomResourceDefinition apps.catalog.cattle.io (has app.kubernetes.io/managed-by)",
        "CustomResourceDefinition projects.management.cattle.io (its objects have finalizers)",
        "Namespace local (is not empty)",
    )
    assert held in store.objects
    assert "/api/v1/namespaces/local" in store.objects


def test_ranchers_webhooks_go_before_its_namespaces(
    imported: tuple[kubernetes.Store, VirtualCluster],
    opened: Callable[[], VirtualCluster],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A webhook that nobody answers any more would refuse the removal of the namespaces."""
    store, _ = imported
    removed: list[str] = []
    original = store.answer

    def answer(method: str, path: str, *rest: Any) -> tuple[int, dict[str, Any]]:
        if method == "DELETE":
            removed.append(path)
        return original(method, path, *rest)

    monkeypatch.setattr(store, "answer", answer)
    cleaned(opened)
    webhooks = [removed.index(path) for path in OF_RANCHER if "webhook" in path]
    namespaces = [removed.index(path) for path in OF_RANCHER[:3]]
    assert max(webhooks) < min(namespaces)
    assert removed[-1].endswith("/configmaps/caas-rancher-import")


def test_finalizers_that_only_rancher_takes_off(
    imported: tuple[kubernetes.Store, VirtualCluster], opened: Callable[[], VirtualCluster]
) -> None:
    """The customer's namespaces can be removed without Rancher; their own finalizers stay."""
    store, _ = imported
    metadata = store.objects["/api/v1/namespaces/shop"]["metadata"]
    metadata["finalizers"] = ["controller.cattle.io/namespace-auth", "shop.example.org/last"]
    assert cleaned(opened)
    metadata = store.objects["/api/v1/namespaces/shop"]["metadata"]
    assert metadata["finalizers"] == ["shop.example.org/last"]


@pytest.mark.parametrize("owner", [None, "xr-0"], ids=["no-marker", "marker-of-another"])
def test_an_agent_that_is_not_ours_stays(
    imported: tuple[kubernetes.Store, VirtualCluster],
    opened: Callable[[], VirtualCluster],
    owner: str | None,
) -> None:
    """Who imported the virtual cluster into a Rancher of their own keeps that."""
    store, tenant = imported
    tenant.remove_marker()
    if owner:
        tenant.write_marker(Marker(owner, "c-m-9", applied=True))
    assert cleaned(opened)
    assert {path for path in (*OF_RANCHER, *OF_OWNERS) if path not in store.objects} == set()


@pytest.mark.parametrize("ends", [True, False], ids=["it-ends", "it-hangs"])
def test_ranchers_own_clean_up_goes_first(
    imported: tuple[kubernetes.Store, VirtualCluster],
    opened: Callable[[], VirtualCluster],
    monkeypatch: pytest.MonkeyPatch,
    *,
    ends: bool,
) -> None:
    """Its Job is waited for, but not for ever; what it leaves is removed then."""
    store, _ = imported
    job = "/apis/batch/v1/namespaces/default/jobs/cattle-cleanup-abcde"
    store.put(job, named("cattle-cleanup-abcde", spec={"template": {}}, status={}))
    time = Time()
    seen: list[float] = []
    original = VirtualCluster.remove_rancher

    def remove(self: VirtualCluster) -> Remainder:
        seen.append(time.seconds)
        return original(self)

    def sleep(seconds: float) -> None:
        time.seconds += seconds
        if ends and time.seconds > 70:
            store.objects[job]["status"] = {"succeeded": 1}

    monkeypatch.setattr(VirtualCluster, "remove_rancher", remove)
    clock = replace(time.clock(), sleep=sleep)
    assert clean_virtual_cluster(opened, "xr-1", timeout=240, clock=clock)
    assert (70 if ends else 180) < seen[0] < (80 if ends else 190)
    assert AGENT not in store.objects


def test_no_cleaning_without_an_answer() -> None:
    """A dead virtual cluster holds its deletion for minutes, one that never was not at all."""
    with kubernetes.serving() as (_, address):
        pass
    assert not cleaned(lambda: VirtualCluster(kubernetes.kubeconfig(address)))
    assert cleaned(lambda: None)


def test_a_virtual_cluster_that_does_not_answer() -> None:
    """No answer is no finding, not an error."""
    with kubernetes.serving() as (_, address):
        pass
    tenant = VirtualCluster(kubernetes.kubeconfig(address))
    assert tenant.look() is None
    tenant.close()


def test_no_kubeconfig() -> None:
    """What is no kubeconfig is named as such, without its text."""
    with pytest.raises(TransientError) as error:
        VirtualCluster("s3cr3t")
    assert error.value.reason == "BadKubeconfig"
    assert "s3cr3t" not in str(error.value)


def kubeconfig(cluster: dict[str, Any], user: dict[str, Any]) -> str:
    """Return a kubeconfig of a virtual cluster, with what somebody has added."""
    return json.dumps(
        {
            "current-context": "a",
            "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
            "clusters": [
                {
                    "name": "a",
                    "cluster": {
                        "server": "https://a",
                        "certificate-authority-data": "QQ==",
                        **cluster,
                    },
                }
            ],
            "users": [{"name": "a", "user": {"client-certificate-data": "Qg==", **user}}],
        }
    )


PROGRAM = {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "s3cr3t"}


@pytest.mark.parametrize(
    ("cluster", "user", "what"),
    [
        pytest.param({}, {"exec": PROGRAM}, "a program to run", id="exec"),
        pytest.param({}, {"auth-provider": {"name": "s3cr3t"}}, "an auth provider", id="provider"),
        pytest.param({}, {"tokenFile": "/s3cr3t"}, "a file with a token", id="token-file"),
        pytest.param(
            {}, {"client-certificate": "/s3cr3t"}, "files with certificates", id="certificate-file"
        ),
        pytest.param({}, {"client-key": "/s3cr3t"}, "files with certificates", id="key-file"),
        pytest.param(
            {"certificate-authority": "/s3cr3t"}, {}, "files with certificates", id="ca-file"
        ),
        pytest.param({}, {"username": "s3cr3t"}, "a password", id="password"),
        pytest.param(
            {"insecure-skip-tls-verify": True}, {}, "a server that is not verified", id="insecure"
        ),
        pytest.param({"server": "http://s3cr3t"}, {}, "a server without TLS", id="no-tls"),
    ],
)
def test_a_kubeconfig_that_asks_for_more(
    cluster: dict[str, Any], user: dict[str, Any], what: str
) -> None:
    """Whoever took over a control plane runs no program here, and is sent no file of ours."""
    with pytest.raises(RefusedError) as error:
        VirtualCluster(kubeconfig(cluster, user))
    assert str(error.value) == (
        f"BadKubeconfig: The kubeconfig Secret names {what}. No virtual cluster writes that: "
        "it was changed."
    )


def test_what_is_taken_of_a_kubeconfig() -> None:
    """Server, certificates and token, and nothing that a newer client might understand."""
    found = read_kubeconfig(kubeconfig({"tls-server-name": "x"}, {"token": "t", "as": "admin"}))
    assert (found.cluster, found.user) == (
        Cluster(server="https://a", certificate_auth_data="QQ=="),
        User(token="t", client_cert_data="Qg=="),
    )
    elsewhere = read_kubeconfig(kubeconfig({"server": "http://s3cr3t"}, {}), "https://b")
    assert elsewhere.cluster.server == "https://b"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_certificates_that_are_none() -> None:
    """They are named as such, without their text."""
    with pytest.raises(TransientError) as error:
        VirtualCluster(kubeconfig({}, {"client-key-data": "czNjcjN0"}))
    # lightkube leaves a temporary file to whoever collects garbage.
    gc.collect()
    assert str(error.value) == (
        "BadKubeconfig: The kubeconfig Secret holds no certificates that can be read."
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param(
            "apiVersion: v1\nkind: Pod\nmetadata: {name: x}", "UnknownManifest", id="kind"
        ),
        pytest.param("- 1", "BadManifest", id="no-object"),
        pytest.param("", "BadManifest", id="empty"),
        pytest.param("a: b: c", "BadManifest", id="no-yaml"),
        pytest.param("a: 2026-99-99", "BadManifest", id="no-date"),
        pytest.param("apiVersion: v1\nkind: Namespace", "BadManifest", id="no-metadata"),
        pytest.param("apiVersion: v1\nkind: Secret\nmetadata: x", "BadManifest", id="no-map"),
        pytest.param(
            "apiVersion: v1\nkind: Secret\nmetadata: {name: 1}", "BadManifest", id="no-name"
        ),
        pytest.param("a: &a [x]\nb: [*a, *a]", "UnknownManifest", id="aliases-that-swell"),
    ],
)
def test_manifests_that_are_not_ranchers(text: str, reason: str) -> None:
    """Only what known Ranchers send is created in a virtual cluster."""
    with pytest.raises((RefusedError, TransientError)) as error:
        read(text)
    assert error.value.reason == reason
