"""Self-service: the API of scope Namespaced, and what customers may do with it."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from dev.apiserver.client import MERGE_PATCH
from dev.apiserver.server import running
from dev.scripts import generate, life
from function.api import xr
from function.api.names import derive
from jobs.clock.clock_loop import ClockLoop
from jobs.clock.sleepers import ANNOTATION
from tests.integration.crossplane import play_the_provider, until
from tests.integration.crossplane import running as crossplane_running
from tests.integration.installation import install_clock, install_policies
from tests.support.chart_rights import account_client
from tests.support.tools import tool

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dev.apiserver.client import Answer, Client

API = "/apis/caas.telekom.de/v1alpha1"
HELM = "/apis/helm.m.crossplane.io/v1beta1"
PROTECTION = "/apis/protection.crossplane.io/v1beta1"
NAMESPACE_CONTROLLER = "system:serviceaccount:kube-system:namespace-controller"
GARBAGE_COLLECTOR = "system:serviceaccount:kube-system:generic-garbage-collector"
CONNECTION = "connection.crossplane.io/v1alpha1"
CUSTOMERS = {"team-a": "alice", "team-b": "bob"}


@pytest.fixture(scope="module")
def namespaced() -> Iterator[Client]:
    """Yield a client of a control plane of scope Namespaced with two customers.

    It is one of its own, because a control plane has the API in one scope.
    """
    etcd, kube_apiserver = (tool(n, "tools-apiserver") for n in ("etcd", "kube-apiserver"))
    core = tool("crossplane-core")
    with (
        running(etcd, kube_apiserver) as client,
        crossplane_running(core, client, generate.NAMESPACED),
    ):
        for manifest in yaml.safe_load_all((life.ROOT / "install" / "tenant.yaml").read_text()):
            answer = client.apply(manifest)
            assert answer.status == 201, answer.body
        for namespace, user in CUSTOMERS.items():
            for manifest in customer(namespace, user):
                answer = client.apply(manifest)
                assert answer.status == 201, answer.body
        until(lambda: _is_enforced(client))
        yield client


def _is_enforced(client: Client) -> bool:
    """Tell whether the API server has taken up the policies, some time after their creation."""
    forbidden = vcluster("probe", crossplane={"compositionRef": {"name": "lax"}})
    return create(client, "team-a", forbidden, "alice", "&dryRun=All").status == 422


def customer(namespace: str, user: str) -> list[dict[str, Any]]:
    """Return what the platform makes for a customer."""
    api_group = "rbac.authorization.k8s.io"
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        {
            "apiVersion": f"{api_group}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "vcluster-tenant", "namespace": namespace},
            "roleRef": {"apiGroup": api_group, "kind": "ClusterRole", "name": "vcluster-tenant"},
            "subjects": [{"apiGroup": api_group, "kind": "User", "name": user}],
        },
    ]


def vcluster(name: str, **spec: Any) -> dict[str, Any]:
    """Return a VCluster."""
    return {
        "apiVersion": xr.API_VERSION,
        "kind": xr.KIND,
        "metadata": {"name": name},
        "spec": spec,
    }


def create(
    client: Client, namespace: str, manifest: dict[str, Any], user: str = "", query: str = ""
) -> Answer:
    """Create a VCluster as `kubectl create` does."""
    path = f"{API}/namespaces/{namespace}/vclusters?fieldValidation=Strict{query}"
    return client.request("POST", path, manifest, user=user)


def change(client: Client, namespace: str, name: str, patch: dict[str, Any], user: str) -> Answer:
    """Change a VCluster as `kubectl patch` does."""
    path = f"{API}/namespaces/{namespace}/vclusters/{name}"
    return client.request("PATCH", path, patch, MERGE_PATCH, user=user)


def seen(client: Client, namespace: str, name: str) -> dict[str, tuple[str, str]]:
    """Return status and reason of a VCluster's conditions."""
    found = client.get(xr.API_VERSION, xr.KIND, name, namespace=namespace).body
    conditions = found.get("status", {}).get("conditions", [])
    return {c["type"]: (c["status"], c["reason"]) for c in conditions}


def releases(client: Client, namespace: str) -> dict[str, dict[str, Any]]:
    """Return the Releases in a namespace by their names."""
    items = client.request("GET", f"{HELM}/namespaces/{namespace}/releases").body["items"]
    return {item["metadata"]["name"]: item for item in items}


def test_the_example_is_admitted(namespaced: Client) -> None:
    """Its owner creates it as it is."""
    manifest = life.composite("tenant")
    del manifest["metadata"]["uid"]
    answer = create(namespaced, "team-a", manifest, "alice", "&dryRun=All")
    assert answer.status == 201, answer.body


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        pytest.param("a" * 63, "", id="63-characters"),
        pytest.param("kube-x", "", id="reserved-in-scope-cluster"),
        pytest.param("a" * 64, "may not be more than 63", id="64-characters"),
        pytest.param("1a", "and begin with a letter", id="digit-first"),
        pytest.param("a.b", "must be lower case letters", id="dot"),
    ],
)
def test_names(namespaced: Client, name: str, sentence: str) -> None:
    """What cannot be a name is refused in words; reserved names are no customer's concern."""
    answer = create(namespaced, "team-a", vcluster(name), "alice", "&dryRun=All")
    if not sentence:
        assert answer.status == 201, answer.body
    else:
        assert answer.status == 422
        assert sentence in answer.body["message"]


def test_two_customers_with_the_same_name_stay_apart(namespaced: Client) -> None:
    """Each gets a Release in his own namespace, for a namespace of his own on the host."""
    for namespace, user in CUSTOMERS.items():
        assert create(namespaced, namespace, vcluster("twin"), user).status == 201
    for namespace in CUSTOMERS:
        until(lambda n=namespace: seen(namespaced, n, "twin").get("Accepted") is not None)  # type: ignore[misc]
        names = derive("twin", namespace, "vcluster-system")
        until(lambda ns=namespace, n=names: n.namespace_release in releases(namespaced, ns))  # type: ignore[misc]
        release = releases(namespaced, namespace)[names.namespace_release]
        provider = release["spec"]["forProvider"]
        assert provider["namespace"] == "vcluster-system"
        assert provider["values"]["name"] == names.namespace
        assert names.namespace.startswith(f"{namespace}-twin-")
        assert seen(namespaced, namespace, "twin")["Accepted"] == ("True", "Accepted")
    assert releases(namespaced, "vcluster-system") == {}


def test_a_life_up_to_ready(namespaced: Client) -> None:
    """Crossplane brings a customer's VCluster to READY, with a Usage that protects it."""
    manifest = life.composite("tenant")
    del manifest["metadata"]["uid"]
    assert create(namespaced, "team-a", manifest, "alice").status == 201

    def is_ready() -> bool:
        play_the_provider(namespaced, "tenant")
        return seen(namespaced, "team-a", "shop").get("Ready") == ("True", "Available")

    until(is_ready)
    vcluster = namespaced.get(xr.API_VERSION, xr.KIND, "shop", namespace="team-a").body
    found = vcluster["status"]
    host = "team-a-shop-6b3e3555a728f872"
    assert {k: v for k, v in found.items() if k != "conditions"} == {
        "observedGeneration": vcluster["metadata"]["generation"],
        "namespace": host,
        "release": "shop-6b3e3555a728f872",
        "host": "local",
        "chartVersion": "0.36.1",
        "kubernetesVersion": "v1.35.0",
        "endpoint": f"https://shop-6b3e3555a728f872.{host}.svc:443",
        "kubeconfigSecretRef": {
            "namespace": host,
            "name": "vc-shop-6b3e3555a728f872",
            "key": "config",
        },
        "rancher": {
            "clusterName": host,
            "clusterId": "c-m-x7k2p",
            "url": "https://rancher.example.org/dashboard/c/c-m-x7k2p",
            "phase": "Connected",
        },
        "blockedBy": "",
    }
    usages = namespaced.request("GET", f"{PROTECTION}/namespaces/team-a/usages").body["items"]
    assert {(u["metadata"]["namespace"], u["metadata"]["name"]) for u in usages} == {
        ("team-a", "shop-deletion-protection"),
        ("team-a", "shop-6b3e3555a728f872-by-rancher"),
        ("team-a", f"{host}-namespace-by-vcluster"),
    }
    # The API server takes a moment before it lists a kind for the first time.
    until(lambda: namespaced.request("GET", f"{PROTECTION}/clusterusages").status == 200)
    assert namespaced.request("GET", f"{PROTECTION}/clusterusages").body["items"] == []


def test_a_project_of_another_customer_is_refused(namespaced: Client) -> None:
    """Bob cannot put his namespace where Alice's is; of hers he is not even told the name."""
    wish = vcluster("greedy", rancher={"project": "kunde1"})
    assert create(namespaced, "team-b", wish, "bob").status == 201
    until(lambda: seen(namespaced, "team-b", "greedy").get("Accepted") == ("False", "InvalidSpec"))
    found = namespaced.get(xr.API_VERSION, xr.KIND, "greedy", namespace="team-b").body
    messages = {c["type"]: c.get("message") for c in found["status"]["conditions"]}
    assert messages["Accepted"] == (
        "spec.rancher.project: is not a Rancher project that VClusters of this namespace may "
        "name. Known: none."
    )


VERBS = ("get", "list", "watch", "create", "update", "patch", "delete")


@pytest.mark.parametrize(
    ("verb", "group", "resource", "namespace", "allowed"),
    [
        *(pytest.param(v, "caas.telekom.de", "vclusters", "team-a", True) for v in VERBS),
        *(pytest.param(v, "caas.telekom.de", "vclusters", "team-b", False) for v in VERBS),
        *(pytest.param(v, "caas.telekom.de", "vclusters", "", False) for v in VERBS),
        *(pytest.param(v, "caas.telekom.de", "vclusters/status", "team-a", False) for v in VERBS),
        *(pytest.param(v, "helm.m.crossplane.io", "releases", "team-a", False) for v in VERBS),
        *(pytest.param(v, "protection.crossplane.io", "usages", "team-a", False) for v in VERBS),
        *(pytest.param(v, "", "secrets", "team-a", False) for v in VERBS),
        *(pytest.param(v, "", "events", "team-a", False) for v in VERBS),
        *(pytest.param(v, "", "secrets", "vcluster-system", False) for v in VERBS),
        pytest.param("deletecollection", "caas.telekom.de", "vclusters", "team-a", False),
        pytest.param("delete", "", "namespaces", "", False),
    ],
)
def test_rights_of_a_customer(  # noqa: PLR0913 -- the columns of the table
    namespaced: Client, *, verb: str, group: str, resource: str, namespace: str, allowed: bool
) -> None:
    """The VClusters in his own namespace, and nothing else anywhere."""
    name, _, subresource = resource.partition("/")
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": "alice",
            "groups": ["system:authenticated"],
            "resourceAttributes": {
                "namespace": namespace,
                "verb": verb,
                "group": group,
                "resource": name,
                "subresource": subresource,
            },
        },
    }
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    assert namespaced.request("POST", path, review).body["status"]["allowed"] is allowed


OF_CROSSPLANE = "spec.crossplane belongs to the platform"
ANNOTATIONS = "annotations of crossplane.io belong to the platform"


@pytest.mark.parametrize(
    ("patch", "sentence"),
    [
        pytest.param(
            {"spec": {"crossplane": {"compositionRef": {"name": "lax"}}}},
            OF_CROSSPLANE,
            id="another-composition",
        ),
        pytest.param(
            {
                "spec": {
                    "crossplane": {
                        "compositionUpdatePolicy": "Manual",
                        "compositionRevisionRef": {"name": "lax"},
                    }
                }
            },
            OF_CROSSPLANE,
            id="an-older-revision",
        ),
        pytest.param(
            {"metadata": {"annotations": {"crossplane.io/paused": "true"}}},
            ANNOTATIONS,
            id="out-of-sight",
        ),
        pytest.param(
            {"metadata": {"annotations": {"caas.telekom.de/retry": "1"}}}, "", id="our-annotation"
        ),
        pytest.param({"spec": {"quota": {"pods": 5}}}, "", id="the-spec"),
    ],
)
def test_a_customer_does_not_choose_who_sets_his_limits(
    namespaced: Client, request: pytest.FixtureRequest, patch: dict[str, Any], sentence: str
) -> None:
    """He changes what is his; the Composition, its revision and Crossplane's switches are not.

    Who may change Compositions may change that too.
    """
    name = f"limits-{request.node.callspec.id}"
    fresh = vcluster(name)
    fresh["metadata"] |= patch.get("metadata", {})
    fresh["spec"] |= patch.get("spec", {})
    answer = create(namespaced, "team-a", fresh, "alice", "&dryRun=All")
    assert sentence in answer.body.get("message", "")
    assert answer.status == (422 if sentence else 201), answer.body

    assert create(namespaced, "team-a", vcluster(name), "alice").status == 201
    until(lambda: "Accepted" in seen(namespaced, "team-a", name))
    answer = change(namespaced, "team-a", name, patch, "alice")
    assert sentence in answer.body.get("message", "")
    assert answer.status == (422 if sentence else 200), answer.body
    answer = change(namespaced, "team-a", name, patch, "")
    assert answer.status == 200, answer.body


def test_what_a_vcluster_consists_of_goes_with_it(namespaced: Client) -> None:
    """Whoever deletes a namespace does not tear a VCluster apart: it goes first, in order.

    The namespace controller is played by the test: it deletes each kind as a collection.
    """
    namespace = "team-c"
    for manifest in customer(namespace, "carol"):
        assert namespaced.apply(manifest).status == 201
    assert create(namespaced, namespace, vcluster("shop", deletionProtection=True)).status == 201
    until(lambda: len(releases(namespaced, namespace)) == 1)
    [(name, release)] = releases(namespaced, namespace).items()
    usages = f"{PROTECTION}/namespaces/{namespace}/usages"
    until(lambda: len(namespaced.request("GET", usages).body["items"]) == 1)
    tracked = tracking(release)
    assert namespaced.apply(tracked).status == 201
    secrets = f"/api/v1/namespaces/{namespace}/secrets"
    secret = {**tracked, "apiVersion": "v1", "kind": "Secret", "type": CONNECTION}
    del secret["providerConfigRef"], secret["resourceRef"]
    assert namespaced.apply(secret).status == 201

    for kind in (
        secrets,
        f"{HELM}/namespaces/{namespace}/releases",
        f"{HELM}/namespaces/{namespace}/providerconfigusages",
        usages,
    ):
        answer = namespaced.request("DELETE", kind, user=NAMESPACE_CONTROLLER)
        assert answer.status == 422, answer.body
        assert "it goes with its owner" in answer.body["message"]
        assert len(namespaced.request("GET", kind).body["items"]) == 1
    by_name = f"{HELM}/namespaces/{namespace}/releases/{name}?dryRun=All"
    assert namespaced.request("DELETE", by_name, user=GARBAGE_COLLECTOR).status == 200

    vclusters = f"{API}/namespaces/{namespace}/vclusters"
    answer = namespaced.request("DELETE", vclusters, user=NAMESPACE_CONTROLLER)
    assert answer.status == 200, answer.body

    # What belongs to nobody is the namespace controller's, and so are all other Secrets.
    alone = {"metadata": {"name": "alone", "namespace": namespace}}
    other = {"type": "Opaque", "metadata": {**tracked["metadata"], "name": "alone"}}
    for kind, loose in (
        (f"{HELM}/namespaces/{namespace}/providerconfigusages", {**tracked, **alone}),
        (secrets, {**secret, **other}),
    ):
        assert namespaced.apply(loose).status == 201
        answer = namespaced.request("DELETE", f"{kind}/alone", user=NAMESPACE_CONTROLLER)
        assert answer.status == 200, answer.body


def tracking(release: dict[str, Any]) -> dict[str, Any]:
    """Return what provider-helm notes of a Release, and must find when it uninstalls it."""
    metadata = release["metadata"]
    api_version = "helm.m.crossplane.io/v1beta1"
    reference = {"apiVersion": api_version, "kind": "Release", "name": metadata["name"]}
    return {
        "apiVersion": api_version,
        "kind": "ProviderConfigUsage",
        "metadata": {
            "name": metadata["uid"],
            "namespace": metadata["namespace"],
            "ownerReferences": [{**reference, "uid": metadata["uid"], "controller": True}],
        },
        "providerConfigRef": {"kind": "ClusterProviderConfig", "name": "default"},
        "resourceRef": reference,
    }


def test_a_customer_makes_no_more_vclusters_than_agreed(namespaced: Client) -> None:
    """A ResourceQuota of docs/security.md bounds their number in a namespace.

    There is no controller that counts, so the test writes down what it would have counted.
    """
    namespace, user = "team-d", "dave"
    for manifest in customer(namespace, user):
        assert namespaced.apply(manifest).status == 201
    agreed = {"count/vclusters.caas.telekom.de": "1"}
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "vclusters", "namespace": namespace},
        "spec": {"hard": agreed},
    }
    assert namespaced.apply(quota).status == 201
    path = f"/api/v1/namespaces/{namespace}/resourcequotas/vclusters/status"
    counted = {"status": {"hard": agreed, "used": agreed}}
    assert namespaced.request("PATCH", path, counted, MERGE_PATCH).status == 200

    def refusal() -> str:
        answer = create(namespaced, namespace, vcluster("second"), user, "&dryRun=All")
        return str(answer.body.get("message", ""))

    until(lambda: "exceeded quota: vclusters" in refusal())
    assert create(namespaced, namespace, vcluster("second"), user).status == 403
    none = {"status": {"used": {"count/vclusters.caas.telekom.de": "0"}}}
    assert namespaced.request("PATCH", path, none, MERGE_PATCH).status == 200
    until(lambda: not refusal())


def test_crossplane_makes_nothing_for_what_is_being_deleted(namespaced: Client) -> None:
    """Policy `vcluster-deleted` holds for VClusters of a namespace, too."""
    install_policies(namespaced, "control-plane.yaml")
    where = (xr.API_VERSION, xr.KIND, "going")
    manifest = vcluster("going")
    manifest["metadata"].update(
        annotations={"crossplane.io/paused": "true"}, finalizers=["example.org/slow"]
    )
    assert create(namespaced, "team-a", manifest).status == 201
    assert namespaced.delete(*where, namespace="team-a").status == 200

    def note(manager: str) -> Answer:
        """Note in the VCluster a Release that is about to be applied, as Crossplane does."""
        version = "helm.m.crossplane.io/v1beta1"
        reference = {"apiVersion": version, "kind": "Release", "name": "going"}
        body = vcluster("going", crossplane={"resourceRefs": [reference]})
        query = f"?fieldManager={manager}&force=true&dryRun=All"
        path = f"{API}/namespaces/team-a/vclusters/going{query}"
        return namespaced.request("PATCH", path, body, "application/apply-patch+yaml")

    def is_refused() -> bool:
        answer = note("apiextensions.crossplane.io/composite")
        return answer.status == 422 and "is being deleted" in answer.body["message"]

    until(is_refused)
    assert note("kubectl").status == 200
    none = {"metadata": {"finalizers": None}}
    assert namespaced.patch(*where, none, namespace="team-a").status == 200


def test_the_clock_reaches_each_namespace(
    namespaced: Client, run_helm: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """The clock marks, warns of and deletes VClusters in the tenants' namespaces."""
    install_clock(run_helm, namespaced, tmp_path)
    namespace, where = next(iter(CUSTOMERS)), "/apis/caas.telekom.de/v1alpha1/namespaces"
    past, future = "2020-01-01T00:00:00Z", "2190-01-01T00:00:00Z"
    for name, at, delete_at in (("timed-out", past, past), ("timed", past, future)):
        manifest = vcluster(name, expire={"at": at})
        manifest["metadata"]["annotations"] = {"crossplane.io/paused": "true"}
        path = f"{where}/{namespace}/vclusters"
        assert namespaced.request("POST", path, manifest).status == 201
        status = {"status": {"expiry": {"at": at, "warnFrom": past, "deleteAt": delete_at}}}
        answer = namespaced.request("PATCH", f"{path}/{name}/status", status, MERGE_PATCH)
        assert answer.status == 200, answer.body

    clock = "vcluster-clock"
    with closing(account_client(namespaced, "vcluster-system", clock, field_manager=clock)) as api:
        ClockLoop(api, period=30).look()

    metadata = namespaced.request("GET", f"{path}/timed").body["metadata"]
    assert metadata["annotations"][ANNOTATION] == f'{{"passed":["{past}"]}}'
    gone = namespaced.request("GET", f"{path}/timed-out")
    assert gone.status == 404 or "deletionTimestamp" in gone.body["metadata"]
    events = namespaced.request("GET", f"/api/v1/namespaces/{namespace}/events").body["items"]
    assert [one["involvedObject"]["name"] for one in events if one["reason"] == "ExpiresSoon"] == [
        "timed"
    ]
