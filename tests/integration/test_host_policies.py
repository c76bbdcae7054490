"""The policies of install/host.yaml: what a virtual cluster's syncer may not make on the host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dev.apiserver.client import MERGE_PATCH
from function.api.input import DENIED_ANNOTATIONS
from tests.integration.crossplane import until
from tests.integration.installation import install_policies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dev.apiserver.client import Answer, Client

Object = dict[str, Any]

TENANT = "policed"
OTHER = "unpoliced"
SYNCER = f"system:serviceaccount:{TENANT}:vc-policed-vcluster"
CONTROLLER = "system:serviceaccount:kube-system:statefulset-controller"
OLD_CLASS = "volume.beta.kubernetes.io/storage-class"
DENIED = "k8s.v1.cni.cncf.io/networks"

PATHS = {
    "Pod": "/api/v1/namespaces/{}/pods",
    "Service": "/api/v1/namespaces/{}/services",
    "Secret": "/api/v1/namespaces/{}/secrets",
    "Endpoints": "/api/v1/namespaces/{}/endpoints",
    "PersistentVolumeClaim": "/api/v1/namespaces/{}/persistentvolumeclaims",
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "EndpointSlice": "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices",
    "Ingress": "/apis/networking.k8s.io/v1/namespaces/{}/ingresses",
}
VERSIONS = {"EndpointSlice": "discovery.k8s.io/v1", "Ingress": "networking.k8s.io/v1"}
POD = {
    "containers": [{"name": "main", "image": "example.org/main:1"}],
    "nodeSelector": {"example.org/pool": "tenants", "zone": "", "disk": "fast"},
}
SERVICE = {"ports": [{"port": 80}]}
CLAIM = {
    "accessModes": ["ReadWriteOnce"],
    "resources": {"requests": {"storage": "1Gi"}},
    "storageClassName": "fast",
}
INGRESS = {"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}}


def made(kind: str, **fields: Any) -> Object:
    """Return an object of a kind."""
    return {
        "apiVersion": VERSIONS.get(kind, "v1"),
        "kind": kind,
        "metadata": {"name": "tried"},
        **fields,
    }


def annotated(obj: Object, **annotations: str) -> Object:
    """Return the object with annotations; `__` stands for what a keyword cannot have."""
    return {**obj, "metadata": {**obj["metadata"], "annotations": annotations}}


def create(client: Client, obj: Object, *, user: str = SYNCER, namespace: str = TENANT) -> Answer:
    """Try to create an object; nothing is stored."""
    path = PATHS[obj["kind"]].format(namespace)
    return client.request("POST", f"{path}?dryRun=All", obj, user=user)


@pytest.fixture(scope="module")
def host(apiserver: Client) -> Iterator[Client]:
    """Yield a client of a host with the policies, a tenant's namespace and another."""
    install_policies(apiserver, "host.yaml")
    annotations = {
        "caas.telekom.de/denied-annotations": ",".join(DENIED_ANNOTATIONS),
        "caas.telekom.de/node-labels": "example.org/pool=tenants,zone=",
        "caas.telekom.de/storage-classes": "fast,slow",
    }
    labels = {"caas.telekom.de/vcluster": TENANT}
    tenant = {"name": TENANT, "labels": labels, "annotations": annotations}
    rbac = "rbac.authorization.k8s.io"
    role = {"apiGroup": rbac, "kind": "ClusterRole", "name": "cluster-admin"}
    subjects = [{"apiGroup": rbac, "kind": "User", "name": user} for user in (SYNCER, CONTROLLER)]
    binding = {"apiVersion": f"{rbac}/v1", "kind": "ClusterRoleBinding", "roleRef": role}
    for manifest in (
        {"apiVersion": "v1", "kind": "Namespace", "metadata": tenant},
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": OTHER}},
        {**binding, "metadata": {"name": "host-policies"}, "subjects": subjects},
    ):
        assert apiserver.apply(manifest).status in (200, 201)
    for obj in (
        made("Pod", spec={**POD, "nodeName": "control-plane-1"}),
        made("Service", spec={**SERVICE, "externalIPs": ["192.0.2.1"]}),
        made("Endpoints"),
        annotated(made("Pod", spec=POD), **{DENIED: "x"}),
        made("PersistentVolumeClaim", spec={**CLAIM, "volumeName": "another"}),
    ):
        # A policy is in force a moment after it was made.
        until(lambda obj=obj: create(apiserver, obj).status == 422)  # type: ignore[misc]
    yield apiserver
    until(
        lambda: apiserver.delete(f"{rbac}/v1", "ClusterRoleBinding", "host-policies").status == 200
    )


REFUSED = [
    pytest.param(
        made("Pod", spec={**POD, "nodeName": "control-plane-1"}), "spec.nodeName", id="node-name"
    ),
    pytest.param(
        made("Pod", spec={**POD, "nodeSelector": {"zone": ""}}),
        "labels of the node pool",
        id="pool",
    ),
    pytest.param(
        made("Pod", spec={**POD, "nodeSelector": {"example.org/pool": "platform", "zone": ""}}),
        "labels of the node pool",
        id="pool-of-others",
    ),
    pytest.param(
        made("Pod", spec={"containers": POD["containers"]}), "labels of the node pool", id="no-pool"
    ),
    pytest.param(
        made("Service", spec={**SERVICE, "externalIPs": ["192.0.2.1"]}),
        "spec.externalIPs",
        id="external-ips",
    ),
    pytest.param(
        made("Service", spec={**SERVICE, "type": "LoadBalancer", "loadBalancerIP": "192.0.2.1"}),
        "spec.loadBalancerIP",
        id="load-balancer-ip",
    ),
    pytest.param(
        made("Service", spec={"type": "ExternalName", "externalName": "kubernetes.default.svc"}),
        "ExternalName",
        id="external-name",
    ),
    pytest.param(
        made("Endpoints", subsets=[{"addresses": [{"ip": "10.1.2.3"}], "ports": [{"port": 80}]}]),
        "by the host alone",
        id="endpoints",
    ),
    pytest.param(
        made(
            "EndpointSlice",
            addressType="IPv4",
            endpoints=[{"addresses": ["10.1.2.3"]}],
            ports=[{"port": 80}],
        ),
        "by the host alone",
        id="endpoint-slices",
    ),
    pytest.param(
        made("PersistentVolumeClaim", spec={**CLAIM, "volumeName": "another"}),
        "spec.volumeName",
        id="volume-name",
    ),
    pytest.param(
        made("PersistentVolumeClaim", spec={**CLAIM, "storageClassName": ""}),
        "a storage class is needed",
        id="no-class",
    ),
    pytest.param(
        made("PersistentVolumeClaim", spec={**CLAIM, "storageClassName": "platform"}),
        "choose one of: fast,slow",
        id="class-of-others",
    ),
    pytest.param(
        annotated(made("PersistentVolumeClaim", spec=CLAIM), **{OLD_CLASS: "platform"}),
        "choose one of: fast,slow",
        id="class-of-others-by-annotation",
    ),
    *(
        pytest.param(
            annotated(obj, **{DENIED: "host-network"}), DENIED, id=f"annotation-of-{obj['kind']}"
        )
        for obj in (
            made("Pod", spec=POD),
            made("Service", spec=SERVICE),
            made("PersistentVolumeClaim", spec=CLAIM),
            made("ServiceAccount"),
            made("Ingress", spec=INGRESS),
        )
    ),
    pytest.param(
        annotated(
            made("Ingress", spec=INGRESS), **{"nginx.ingress.kubernetes.io/server-snippet": "x"}
        ),
        "server-snippet",
        id="annotation-named-whole",
    ),
]


@pytest.mark.parametrize(("obj", "words"), REFUSED)
def test_refused_to_a_syncer(host: Client, obj: Object, words: str) -> None:
    """Each rule refuses with words of its own, and would be passed by without it."""
    answer = create(host, obj)
    assert answer.status == 422
    assert words in answer.body["message"]


@pytest.mark.parametrize(("obj", "words"), REFUSED)
def test_others_are_not_looked_at(host: Client, obj: Object, words: str) -> None:
    """Controllers, Helm and people make what they need, and so do accounts of other namespaces."""
    del words
    assert create(host, obj, user=CONTROLLER).status == 201
    assert create(host, obj, namespace=OTHER).status == 201


@pytest.mark.parametrize(
    "obj",
    [
        made("Pod", spec=POD),
        made("Service", spec={**SERVICE, "type": "LoadBalancer", "selector": {"app": "web"}}),
        made("Service", spec={**SERVICE, "clusterIP": "None"}),
        made("PersistentVolumeClaim", spec={**CLAIM, "storageClassName": "slow"}),
        made("Ingress", spec=INGRESS),
        annotated(
            made("Pod", spec=POD),
            **{"vcluster.loft.sh/name": "web", "nginx.ingress.kubernetes.io/server-snippets": "x"},
        ),
    ],
    ids=["pod", "load-balancer", "headless", "claim", "ingress", "annotations"],
)
def test_a_syncer_makes_what_is_no_harm(host: Client, obj: Object) -> None:
    """What tenants have every day passes."""
    answer = create(host, obj)
    assert answer.status == 201, answer.body


def changed(client: Client, kind: str, name: str, patch: Object, subresource: str = "") -> Answer:
    """Try to change an object as the syncer; nothing is stored."""
    path = f"{PATHS[kind].format(TENANT)}/{name}{subresource}?dryRun=All"
    return client.request("PATCH", path, patch, MERGE_PATCH, user=SYNCER)


def test_a_change_gets_no_further(host: Client) -> None:
    """What is refused at creation is refused afterwards, by subresources too."""
    for obj in (
        made("Pod", spec=POD),
        made("Service", spec=SERVICE),
        made("PersistentVolumeClaim", spec=CLAIM),
    ):
        assert host.apply({**obj, "metadata": {"name": "changed", "namespace": TENANT}}).status in (
            200,
            201,
        )
    denied = {"metadata": {"annotations": {DENIED: "x"}}}
    for kind, patch, subresource in (
        ("Pod", denied, ""),
        ("Pod", denied, "/status"),
        ("Service", denied, ""),
        ("Service", {"spec": {"externalIPs": ["192.0.2.1"]}}, ""),
        ("Service", {"spec": {"type": "ExternalName", "externalName": "a.example.org"}}, ""),
        ("PersistentVolumeClaim", {"spec": {"volumeName": "another"}}, ""),
    ):
        answer = changed(host, kind, "changed", patch, subresource)
        assert answer.status == 422, (kind, patch, answer.body)
        assert "ValidatingAdmissionPolicy" in answer.body["message"]


def test_what_the_host_wrote_is_sent_back(host: Client) -> None:
    """The syncer still changes a bound claim, and a pod with annotations of the host's own."""
    written = {"name": "written", "namespace": TENANT, "annotations": {DENIED: "by-the-host"}}
    claim = made("PersistentVolumeClaim", spec={**CLAIM, "volumeName": "bound"})
    for obj in (made("Pod", spec=POD), claim):
        assert host.apply({**obj, "metadata": written}).status in (200, 201)
        labels = {"metadata": {"labels": {"app": "web"}, "annotations": {DENIED: "by-the-host"}}}
        answer = changed(host, obj["kind"], "written", labels)
        assert answer.status == 200, answer.body
        other = {"metadata": {"annotations": {DENIED: "by-the-tenant"}}}
        assert changed(host, obj["kind"], "written", other).status == 422


def test_the_login_is_the_platforms(host: Client) -> None:
    """The syncer neither changes nor removes the kubeconfig that people's machines run."""
    for name, labels in (("login", {"caas.telekom.de/owned-by": "access"}), ("own", {})):
        metadata = {"name": name, "namespace": TENANT, "labels": labels}
        assert host.apply({**made("Secret"), "metadata": metadata}).status in (200, 201)
    for patch in (
        {"stringData": {"config": "x"}},
        {"metadata": {"labels": {"caas.telekom.de/owned-by": None}}},
    ):
        until(lambda patch=patch: changed(host, "Secret", "login", patch).status == 422)  # type: ignore[misc]
        assert changed(host, "Secret", "own", patch).status == 200
    path = f"{PATHS['Secret'].format(TENANT)}/{{}}?dryRun=All"
    for name, user, status in (
        ("login", SYNCER, 422),
        ("own", SYNCER, 200),
        ("login", CONTROLLER, 200),
    ):
        answer = host.request("DELETE", path.format(name), user=user)
        assert answer.status == status, (name, user, answer.body)


def test_a_namespace_without_lists(host: Client) -> None:
    """Without denied annotations, classes and a pool in the Input all of them pass."""
    where = ("v1", "Namespace", TENANT)
    annotations = host.get(*where).body["metadata"]["annotations"]
    anywhere = {"containers": POD["containers"]}
    pod = annotated(made("Pod", spec=anywhere), **{DENIED: "x"})
    claim = made("PersistentVolumeClaim", spec={**CLAIM, "storageClassName": "platform"})
    without = dict.fromkeys(annotations)
    assert host.patch(*where, {"metadata": {"annotations": without}}).status == 200
    try:
        until(lambda: create(host, pod).status == 201)
        until(lambda: create(host, claim).status == 201)
        empty = made("PersistentVolumeClaim", spec={**CLAIM, "storageClassName": ""})
        assert create(host, empty).status == 422
    finally:
        host.patch(*where, {"metadata": {"annotations": annotations}})
        until(lambda: create(host, pod).status == 422)
