"""The VCluster's API as real Crossplane and a real API server serve it."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from dev.scripts import life
from function.api import xr
from tests.integration.crossplane import play_the_provider, until

if TYPE_CHECKING:
    from dev.apiserver.client import Answer, Client

PATH = "/apis/caas.telekom.de/v1alpha1/vclusters"


def vcluster(name: str, **spec: Any) -> dict[str, Any]:
    """Return a VCluster."""
    return {
        "apiVersion": xr.API_VERSION,
        "kind": xr.KIND,
        "metadata": {"name": name},
        "spec": spec,
    }


def create(client: Client, manifest: dict[str, Any]) -> Answer:
    """Create an object as `kubectl create` does."""
    return client.request("POST", f"{PATH}?fieldValidation=Strict", manifest)


def change(client: Client, name: str, spec: dict[str, Any]) -> Answer:
    """Change a VCluster's spec as `kubectl patch` does."""
    return client.patch(xr.API_VERSION, xr.KIND, name, {"spec": spec})


CLUSTER_SCOPED = [
    name for name in life.names() if "namespace" not in life.composite(name)["metadata"]
]


@pytest.mark.parametrize("example", CLUSTER_SCOPED)
def test_examples_are_admitted(crossplane: Client, example: str) -> None:
    """Every example is taken as it is."""
    manifest = life.composite(example)
    del manifest["metadata"]["uid"]
    manifest["metadata"]["name"] += "-x"
    answer = crossplane.request("POST", f"{PATH}?fieldValidation=Strict&dryRun=All", manifest)
    assert answer.status == 201, answer.body


def test_columns(crossplane: Client) -> None:
    """`kubectl get` shows exactly these columns, and ours with `-o wide`."""
    table = crossplane.request(
        "GET", PATH, accept="application/json;as=Table;v=v1;g=meta.k8s.io"
    ).body["columnDefinitions"]
    wide = [c["name"] for c in table if c["priority"] > 0]
    assert [c["name"] for c in table if c["priority"] == 0] == [
        "Name",
        "SYNCED",
        "READY",
        "COMPOSITION",
        "AGE",
    ]
    assert wide == [
        "KUBERNETES",
        "CHART",
        "RANCHER",
        "HOST",
        "ENDPOINT",
        "POWER",
        "LASTBACKUP",
        "COMPOSITIONREVISION",
    ]


@pytest.mark.parametrize(
    ("name", "spec", "sentence"),
    [
        pytest.param("a" * 39, {}, "must have at most 38 characters", id="long-name"),
        pytest.param("1a", {}, "and begin with a letter", id="digit-first"),
        pytest.param("a.b", {}, "must be lower case letters", id="dot"),
        pytest.param("kube-x", {}, "is reserved by the platform", id="reserved"),
        pytest.param("default", {}, "is reserved by the platform", id="default"),
        pytest.param("x1", {"quta": 1}, 'unknown field "spec.quta"', id="unknown"),
        pytest.param("x1", {"kubernetesVersion": 1.35}, "must be of type string", id="float"),
        pytest.param("x1", {"quota": {"cpu": "many"}}, "spec.quota.cpu", id="no-quantity"),
        pytest.param("x1", {"quota": {"cpu": 1.5}}, "spec.quota.cpu", id="float-quantity"),
        pytest.param(
            "x1",
            {"values": {f"k{n}": 1 for n in range(51)}},
            "must have at most 50 items",
            id="values",
        ),
        pytest.param("x1", {"availability": "Double"}, "Unsupported value", id="enum"),
        pytest.param(
            "x1",
            {"expose": {"hostname": "x1.k8s.example.org"}},
            "type ClusterIP has no way in from there",
            id="name-without-a-way-in",
        ),
        pytest.param(
            "x1",
            {"expose": {"type": "ClusterIP", "hostname": "x1.k8s.example.org"}},
            "type ClusterIP has no way in from there",
            id="name-for-the-inside",
        ),
        pytest.param(
            "x1",
            {"expose": {"type": "NodePort", "port": 30443, "hostname": "x1.k8s.example.org"}},
            "type NodePort is reached by the host's address",
            id="name-of-a-node-port",
        ),
        pytest.param(
            "x1",
            {"expose": {"type": "NodePort"}},
            "spec.expose.port and spec.expose.type: NodePort need each other",
            id="node-port-without-port",
        ),
        pytest.param(
            "x1",
            {"expose": {"type": "Ingress", "port": 30443}},
            "spec.expose.port and spec.expose.type: NodePort need each other",
            id="port-of-an-ingress",
        ),
        pytest.param(
            "x1",
            {"expose": {"port": 30443}},
            "spec.expose.port and spec.expose.type: NodePort need each other",
            id="port-for-the-inside",
        ),
        pytest.param(
            "x1",
            {"expose": {"type": "NodePort", "port": 65536}},
            "spec.expose.port",
            id="no-port",
        ),
        pytest.param(
            "x1",
            {"expose": {"type": "Ingress", "hostname": "*.k8s.example.org"}},
            "spec.expose.hostname",
            id="wildcard",
        ),
        pytest.param(
            "x1",
            {"expose": {"type": "Ingress", "hostname": "X1.k8s.example.org"}},
            "spec.expose.hostname",
            id="capitals",
        ),
        pytest.param(
            "x1",
            {"expose": {"type": "Ingress", "hostname": "a." * 127 + "a"}},
            "spec.expose.hostname",
            id="long-hostname",
        ),
        pytest.param(
            "x1",
            {"expose": {"type": "Ingress", "annotations": {"a": "b"}}},
            'unknown field "spec.expose.annotations"',
            id="annotations",
        ),
        pytest.param(
            "x1",
            {"storage": {"restoreFrom": "kunde1"}},
            "spec.storage.restoreFrom",
            id="restore-from-a-name",
        ),
        pytest.param(
            "x1",
            {"isolation": {"podSecurity": "restricted"}, "rancher": {"enabled": True}},
            "exclude each other",
            id="restricted-in-rancher",
        ),
        pytest.param(
            "x1",
            {"upgrade": {"chartVersion": "0.35.3"}},
            "spec.upgrade.chartVersion is for policy Manual",
            id="a-chart-without-the-policy",
        ),
        pytest.param(
            "x1",
            {"backup": {"rollback": {"snapshot": "latest"}}},
            "spec.backup.rollback.snapshot",
            id="rollback-to-the-latest",
        ),
        pytest.param(
            "x1",
            {"backup": {"schedule": "@daily"}},
            "spec.backup.schedule",
            id="schedule-by-name",
        ),
        pytest.param(
            "x1",
            {"backup": {"timeZone": "Europe/Nowhere"}},
            "spec.backup.timeZone must be a time zone of the IANA database",
            id="no-time-zone",
        ),
        pytest.param(
            "x1",
            {"backup": {"restoreFrom": {"snapshot": "latest"}}},
            "spec.backup.restoreFrom.vcluster",
            id="restore-from-nobody",
        ),
        pytest.param(
            "x1",
            {"access": {"oidc": [{"issuer": "corp", "admins": ["anna"]}]}},
            "spec.access.oidc[0].admins[0]",
            id="a-subject-without-kind",
        ),
        pytest.param(
            "x1",
            {"rancher": {"owners": [{"user": "u", "group": "g://g"}]}},
            "name either user or group",
            id="two-subjects",
        ),
    ],
)
def test_bad_specs_are_not_admitted(
    crossplane: Client, name: str, spec: dict[str, Any], sentence: str
) -> None:
    """The API server says in words what is wrong before anything is stored."""
    answer = create(crossplane, vcluster(name, **spec))
    assert answer.status in (400, 422), answer.body
    assert sentence in answer.body["message"]


FORMER = "1cbfb5e6-3f7c-4a46-9a12-2d5c0f3c7b11"
RESTORE = "spec.backup.restoreFrom cannot be changed or set later"
CREATED = {
    "availability": "Single",
    "storage": {"size": "10Gi"},
    "rancher": {"clusterName": "one"},
    "backup": {"restoreFrom": {"vcluster": FORMER}},
    "access": {"rotate": 2},
}


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        pytest.param({"availability": "HA"}, "spec.availability cannot be changed", id="ha"),
        pytest.param(
            {"storage": {"size": "20Gi"}}, "spec.storage.size cannot be changed", id="size"
        ),
        pytest.param({"storage": {"size": None}}, "spec.storage.size cannot", id="size-unset"),
        pytest.param({"storage": None}, "spec.storage.size cannot", id="parent-unset"),
        pytest.param(
            {"storage": {"storageClassName": "fast"}}, "spec.storage.storageClassName", id="class"
        ),
        pytest.param({"host": "local"}, "spec.host cannot be changed", id="host-set"),
        pytest.param(
            {"rancher": {"clusterName": "two"}}, "spec.rancher.clusterName cannot", id="name"
        ),
        pytest.param(
            {"rancher": {"clusterName": None}}, "spec.rancher.clusterName cannot", id="name-unset"
        ),
        pytest.param(
            {"backup": {"restoreFrom": {"snapshot": "20260101T020000Z"}}}, RESTORE, id="snapshot"
        ),
        pytest.param({"backup": {"restoreFrom": {"name": "other"}}}, RESTORE, id="former-name"),
        pytest.param({"backup": {"restoreFrom": None}}, "", id="restore-unset"),
        pytest.param({"access": {"rotate": 1}}, "spec.access.rotate only grows", id="rotated"),
        pytest.param({"access": {"rotate": 3}}, "", id="once-more"),
        pytest.param({"access": None}, "", id="without-login"),
        pytest.param({"backup": {"schedule": "5 1 * * *"}}, "", id="schedule"),
        pytest.param({"backup": None}, "", id="without-backups"),
        pytest.param({"availability": None}, "", id="default-unset"),
        pytest.param({"quota": {"pods": 5}}, "", id="quota"),
        pytest.param({"rancher": {"enabled": False}}, "", id="leaving-rancher"),
    ],
)
def test_changes(
    crossplane: Client, request: pytest.FixtureRequest, changed: dict[str, Any], sentence: str
) -> None:
    """A change that would lose data is refused in words; all others are taken."""
    name = f"change-{request.node.callspec.id}"
    assert create(crossplane, vcluster(name, **copy.deepcopy(CREATED))).status == 201
    answer = change(crossplane, name, changed)
    if sentence:
        assert answer.status == 422, answer.body
        assert sentence in answer.body["message"]
    else:
        assert answer.status == 200, answer.body


def test_a_restore_is_for_new_ones(crossplane: Client) -> None:
    """A restore that is requested later is refused: its virtual cluster exists."""
    assert create(crossplane, vcluster("without-restore", backup={})).status == 201
    for backup in ({"restoreFrom": {"vcluster": FORMER}}, None):
        answer = change(crossplane, "without-restore", {"backup": backup})
        assert answer.status == (422 if backup else 200), answer.body
    answer = change(
        crossplane, "without-restore", {"backup": {"restoreFrom": {"vcluster": FORMER}}}
    )
    assert answer.status == 422
    assert RESTORE in answer.body["message"]


@pytest.mark.parametrize(
    ("runs", "asked", "is_refused"),
    [
        pytest.param("v1.35.0", (None, "1.34"), True, id="lower-than-what-runs"),
        pytest.param("v1.35.0", ("1.36", "1.34.3"), True, id="lower-than-what-runs-not-what-was"),
        pytest.param("v1.35.0", ("1.37", "1.36"), False, id="taken-back-before-it-was-reached"),
        pytest.param("v1.35.0", ("1.36", None), False, id="unset"),
        pytest.param("v1.35.0", ("1.35", "1.36"), False, id="up"),
        pytest.param("latest", ("1.35", "1.34"), False, id="what-runs-cannot-be-compared"),
        pytest.param("", ("1.35", "1.34"), False, id="not-known-what-runs"),
    ],
)
def test_kubernetes_never_goes_down(
    crossplane: Client,
    request: pytest.FixtureRequest,
    runs: str,
    asked: tuple[str | None, str | None],
    *,
    is_refused: bool,
) -> None:
    """The API server compares with what runs, and Crossplane can still write the status."""
    before, after = asked
    name = f"down-{request.node.callspec.id}"
    manifest = vcluster(name, **({"kubernetesVersion": before} if before else {}))
    manifest["metadata"]["annotations"] = {"crossplane.io/paused": "true"}
    assert create(crossplane, manifest).status == 201
    where = (xr.API_VERSION, xr.KIND, name)
    status = {"status": {"kubernetesVersion": runs}}
    assert crossplane.patch(*where, status, subresource="status").status == 200
    answer = change(crossplane, name, {"kubernetesVersion": after})
    assert answer.status == (422 if is_refused else 200), answer.body
    if is_refused:
        assert "is lower than what runs" in answer.body["message"]
    else:
        assert crossplane.patch(*where, status, subresource="status").status == 200


def seen(client: Client, name: str) -> dict[str, tuple[str, str]]:
    """Return status and reason of a VCluster's conditions."""
    found = client.get(xr.API_VERSION, xr.KIND, name).body.get("status", {}).get("conditions", [])
    return {c["type"]: (c["status"], c["reason"]) for c in found}


def test_crossplane_composes_the_namespace_first(crossplane: Client) -> None:
    """A VCluster of four lines gets its first Release, and conditions that say what is awaited."""
    assert create(crossplane, vcluster("life1")).status == 201
    until(lambda: seen(crossplane, "life1").get("Ready", ("",))[0] == "False")
    release = crossplane.get(
        "helm.m.crossplane.io/v1beta1", "Release", "life1-namespace", namespace="vcluster-system"
    )
    assert release.status == 200
    assert release.body["spec"]["forProvider"]["values"]["name"] == "life1"
    expected = {
        "Responsive": ("True", "WatchCircuitClosed"),
        "Synced": ("True", "ReconcileSuccess"),
        "Ready": ("False", "Creating"),
        "Accepted": ("True", "Accepted"),
        "NamespaceReady": ("Unknown", "Progressing"),
        "ControlPlaneReady": ("Unknown", "NotCreated"),
        "RancherConnected": ("False", "WaitingForControlPlane"),
    }
    # Crossplane's cache may lag behind, so it may be told of the Release a second time.
    until(lambda: seen(crossplane, "life1") == expected)


def test_a_refused_spec_says_why_and_touches_nothing(crossplane: Client) -> None:
    """A spec beyond the limits is not composed; the condition names field, rule and remedy."""
    assert create(crossplane, vcluster("greedy", quota={"pods": 5000})).status == 201
    until(lambda: seen(crossplane, "greedy").get("Accepted") == ("False", "InvalidSpec"))
    found = crossplane.get(xr.API_VERSION, xr.KIND, "greedy").body["status"]["conditions"]
    messages = {c["type"]: c.get("message", "") for c in found}
    assert messages["Accepted"] == (
        "spec.quota.pods: must be at most 50. Ask for less, or ask the platform team to raise the "
        "limit."
    )
    until(lambda: seen(crossplane, "greedy")["Synced"] == ("False", "ReconcileError"))
    releases = crossplane.request(
        "GET", "/apis/helm.m.crossplane.io/v1beta1/namespaces/vcluster-system/releases"
    ).body["items"]
    assert [r for r in releases if r["metadata"]["name"].startswith("greedy")] == []


def test_an_earlier_vcluster_of_the_name_is_waited_for(crossplane: Client) -> None:
    """Created again while its old Releases terminate, it says so, and goes on by itself."""
    old = {
        "apiVersion": "helm.m.crossplane.io/v1beta1",
        "kind": "Release",
        "metadata": {
            "name": "again-vcluster",
            "namespace": "vcluster-system",
            "finalizers": ["finalizer.managedresource.crossplane.io"],
        },
        "spec": {"forProvider": {"chart": {"name": "vcluster"}, "namespace": "again"}},
    }
    where = ("helm.m.crossplane.io/v1beta1", "Release", "again-vcluster")
    assert crossplane.apply(old).status == 201
    assert crossplane.delete(*where, namespace="vcluster-system").status == 200
    assert create(crossplane, vcluster("again")).status == 201
    until(lambda: seen(crossplane, "again").get("NamespaceReady") == ("False", "Terminating"))
    until(lambda: seen(crossplane, "again").get("Ready") == ("False", "Creating"))

    gone = {"metadata": {"finalizers": None}}
    assert crossplane.patch(*where, gone, namespace="vcluster-system").status == 200
    until(lambda: seen(crossplane, "again")["NamespaceReady"] == ("Unknown", "Progressing"))


def test_a_life_up_to_ready(crossplane: Client) -> None:
    """Crossplane brings four lines to READY; provider-helm's part is played by this test."""
    manifest = life.composite("kunde1")
    del manifest["metadata"]["uid"]
    assert create(crossplane, manifest).status == 201

    def is_ready() -> bool:
        play_the_provider(crossplane, "kunde1")
        return seen(crossplane, "kunde1").get("Ready") == ("True", "Available")

    until(is_ready)
    vcluster = crossplane.get(xr.API_VERSION, xr.KIND, "kunde1").body
    found = vcluster["status"]
    assert {k: v for k, v in found.items() if k != "conditions"} == {
        "observedGeneration": vcluster["metadata"]["generation"],
        "namespace": "kunde1",
        "release": "kunde1-vcluster",
        "host": "local",
        "chartVersion": "0.36.1",
        "kubernetesVersion": "v1.35.0",
        "endpoint": "https://kunde1-vcluster.kunde1.svc:443",
        "kubeconfigSecretRef": {
            "namespace": "kunde1",
            "name": "vc-kunde1-vcluster",
            "key": "config",
        },
        "rancher": {
            "clusterName": "kunde1",
            "clusterId": "c-m-x7k2p",
            "url": "https://rancher.example.org/dashboard/c/c-m-x7k2p",
            "phase": "Connected",
        },
        "blockedBy": "",
    }
