"""The test Rancher misbehaves when told to, and only then."""

import base64
import json
import re
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from dev.fake_rancher import FakeRancher, KubeApi, Lag
from tests.jobs.rancher.replay import Replay

PROVISIONING = "/v1/provisioning.cattle.io.clusters"
MANAGEMENT = "/v1/management.cattle.io.clusters"
TOKENS = "/v1/management.cattle.io.clusterregistrationtokens"
BINDINGS = "/v1/management.cattle.io.clusterroletemplatebindings"
VC1 = f"{PROVISIONING}/fleet-default/vc1"
MERGE = {"Content-Type": "application/merge-patch+json"}


@pytest.fixture
def fake() -> Iterator[FakeRancher]:
    """Yield a test Rancher."""
    with FakeRancher() as running:
        yield running


@pytest.fixture
def importer(fake: FakeRancher) -> Iterator[Replay]:
    """Yield a client of the importer."""
    client = Replay(fake)
    with client.client:
        yield client


def post(client: Replay, name: str = "vc1", **metadata: Any) -> httpx2.Response:
    """Create a cluster."""
    body = {"metadata": {"namespace": "fleet-default", "name": name, **metadata}, "spec": {}}
    return client.call("POST", PROVISIONING, json=body)


def created(client: Replay, name: str = "vc1", **metadata: Any) -> str:
    """Create a cluster and return its id."""
    assert post(client, name, **metadata).status_code == 201
    return client.fake.clusters()[name].id


def said(answer: httpx2.Response) -> tuple[int, str]:
    """Return what Steve refused, and how."""
    return answer.status_code, answer.json()["code"] if answer.content else ""


def conditions(client: Replay, cluster: str) -> dict[str, str]:
    """Return the conditions of a management cluster."""
    status = client.call("GET", f"{MANAGEMENT}/{cluster}").json()["status"]
    return {one["type"]: one["status"] for one in status["conditions"]}


def test_rights_come_late(importer: Replay) -> None:
    """Right after a POST its creator is refused: 403, and an empty 404 for CRTs."""
    importer.fake.behaviour.rbac = Lag(requests=3)
    cid = created(importer)
    assert said(importer.call("GET", VC1)) == (403, "PermissionDenied")
    assert said(importer.call("GET", f"{MANAGEMENT}/{cid}")) == (403, "PermissionDenied")
    assert said(importer.call("GET", f"{TOKENS}/{cid}/default-token")) == (404, "")
    assert importer.call("GET", VC1).status_code == 200


def test_rights_come_late_beside_other_clusters(importer: Replay) -> None:
    """Who owns another cluster is refused in Kubernetes' words."""
    created(importer)
    importer.fake.behaviour.rbac = Lag(seconds=1)
    cid = created(importer, "vc2")
    assert said(importer.call("GET", f"{PROVISIONING}/fleet-default/vc2")) == (403, "Forbidden")
    assert said(importer.call("GET", f"{TOKENS}/{cid}/default-token")) == (403, "Forbidden")
    time.sleep(1.1)
    assert importer.call("GET", f"{TOKENS}/{cid}/default-token").status_code == 200


def test_the_token_comes_late(importer: Replay) -> None:
    """First there is no CRT, then one without a token."""
    importer.fake.behaviour.crt = Lag(requests=2)
    importer.fake.behaviour.crt_empty = Lag(requests=1)
    cid = created(importer)
    answers = [importer.call("GET", f"{TOKENS}/{cid}/default-token") for _ in range(4)]
    assert [said(one) for one in answers[:2]] == [(404, "NotFound")] * 2
    statuses = [one.json()["status"] for one in answers[2:]]
    assert (statuses[0]["token"], statuses[0]["manifestUrl"]) == ("", "")
    assert statuses[1]["manifestUrl"].endswith(f"{statuses[1]['token']}_{cid}.yaml")


def test_server_url_is_not_set(importer: Replay) -> None:
    """Without server-url there is a token but no URL, until the cluster changes."""
    importer.fake.set_setting("server-url", "")
    cid = created(importer)
    path = f"{TOKENS}/{cid}/default-token"
    status = importer.call("GET", path).json()["status"]
    assert (len(status["token"]), status["manifestUrl"]) == (54, "")
    importer.fake.set_setting("server-url", importer.fake.url)
    assert importer.call("GET", path).json()["status"]["manifestUrl"] == ""
    importer.call("PUT", f"/v3/clusters/{cid}", json={"annotations": {"a": "b"}})
    assert importer.call("GET", path).json()["status"]["manifestUrl"] != ""


def test_placeholder(importer: Replay) -> None:
    """Raw reads have `{token}`; the token itself is in a Secret."""
    cid = created(importer)
    raw = f"/apis/management.cattle.io/v3/namespaces/{cid}/clusterregistrationtokens/default-token"
    status = importer.call("GET", raw, "admin").json()["status"]
    assert (status["token"], "/{token}_c-m-" in status["manifestUrl"]) == ("", True)
    importer.fake.behaviour.placeholder_in_steve = True
    status = importer.call("GET", f"{TOKENS}/{cid}/default-token").json()["status"]
    assert "/{token}_c-m-" in status["command"]
    secret = importer.call("GET", f"/v1/secrets/{cid}/{status['tokenSecretName']}").json()
    token = base64.b64decode(secret["data"]["token"]).decode()
    url = status["manifestUrl"].replace("{token}", token)
    assert importer.client.get(url).status_code == 200


def test_the_token_is_replaced(importer: Replay) -> None:
    """A CRT gets a new token when it is old; the former one is good for some time."""
    importer.fake.set_setting("crt-token-ttl-rotation", "false")
    importer.fake.behaviour.crt_ttl_seconds = 0
    cid = created(importer)
    path = f"{TOKENS}/{cid}/default-token"
    first = importer.call("GET", path).json()["status"]["manifestUrl"]
    importer.fake.behaviour.crt_ttl_seconds = 3600
    importer.fake.set_setting("crt-token-ttl-rotation", "true")
    status = importer.call("GET", path).json()["status"]
    assert status["manifestUrl"] != first
    assert "gracePeriodExpiresAt" in status
    assert importer.client.get(first).status_code == 200
    importer.fake.rotate_token("vc1")
    assert importer.client.get(status["manifestUrl"]).status_code == 400


def test_an_agent_comes_and_goes(importer: Replay) -> None:
    """Connected, then Ready; what the provisioning cluster says of it sticks."""
    fake = importer.fake
    fake.behaviour.ready = Lag(requests=1)
    cid = created(importer)
    assert conditions(importer, cid).get("Connected", "False") == "False"
    fake.connect("vc1")
    assert conditions(importer, cid)["Ready"] == "False"
    assert importer.call("GET", VC1).json()["status"]["ready"]
    assert conditions(importer, cid)["Ready"] == "True"
    assert (fake.clusters()["vc1"].agents, fake.clusters()["vc1"].connections) == (1, 1)
    fake.disconnect("vc1")
    lost = conditions(importer, cid)
    assert (lost["Connected"], lost["Ready"]) == ("False", "False")
    assert importer.call("GET", VC1).json()["status"]["ready"]
    fake.connect(cid)
    conditions(importer, cid)
    assert conditions(importer, cid)["Ready"] == "True"
    assert fake.clusters()["vc1"].connections == 2


def test_slow_removal(importer: Replay) -> None:
    """The provisioning cluster is gone first, then the management cluster, then the rest."""
    behaviour = importer.fake.behaviour
    behaviour.prov_removal = Lag(requests=1)
    behaviour.hold_management_removal = True
    behaviour.namespace_removal = Lag(seconds=0.05)
    cid = created(importer)
    deleted = importer.call("DELETE", VC1)
    assert (deleted.status_code, "deletionTimestamp" in deleted.json()["metadata"]) == (200, True)
    assert said(post(importer)) == (409, "AlreadyExists")
    assert "object is being deleted" in post(importer).json()["message"]
    assert importer.call("GET", VC1).json()["metadata"]["state"]["name"] == "reconciling"
    assert said(importer.call("GET", VC1)) == (403, "PermissionDenied")
    metadata = importer.call("GET", f"{MANAGEMENT}/{cid}").json()["metadata"]
    assert "deletionTimestamp" in metadata
    crt = importer.call("GET", f"{TOKENS}/{cid}/default-token").json()
    assert importer.client.get(crt["status"]["manifestUrl"]).status_code == 200
    behaviour.hold_management_removal = False
    assert said(importer.call("GET", f"{MANAGEMENT}/{cid}")) == (403, "PermissionDenied")
    assert importer.client.get(crt["status"]["manifestUrl"]).status_code == 400
    assert importer.call("GET", f"{TOKENS}/{cid}/default-token").status_code == 200
    time.sleep(0.06)
    assert said(importer.call("GET", f"{TOKENS}/{cid}/default-token")) == (404, "")
    assert said(importer.call("DELETE", VC1)) == (403, "PermissionDenied")
    assert said(importer.call("GET", VC1, "admin")) == (404, "NotFound")
    assert importer.call("GET", PROVISIONING).json()["data"] == []
    assert created(importer) != cid


def test_removal_is_held(importer: Replay) -> None:
    """A finalizer can hold a cluster; a 204 is no proof that it is gone."""
    importer.fake.behaviour.hold_removal = True
    importer.fake.behaviour.delete_answers_204 = True
    created(importer)
    assert importer.call("DELETE", VC1).status_code == 204
    assert "deletionTimestamp" in importer.call("GET", VC1).json()["metadata"]


def test_deletion_by_norman(importer: Replay) -> None:
    """Each of the two clusters takes the other with it."""
    cid = created(importer)
    assert importer.call("DELETE", f"/v3/clusters/{cid}").json()["state"] == "removing"
    assert importer.fake.clusters() == {}


def test_norman_takes_all_or_nothing(importer: Replay) -> None:
    """A PUT removes what it does not name, but never Rancher's own; force.deploy is noted."""
    ours = {"example.org/owner": "us"}
    cid = created(importer, labels=ours, annotations={"example.org/note": "old"})
    path = f"/v3/clusters/{cid}"
    changed = importer.call("PUT", path, json={"annotations": {"example.org/new": "a"}}).json()
    assert "example.org/note" not in changed["annotations"]
    assert "objectset.rio.cattle.io/id" in changed["annotations"]
    assert changed["labels"]["example.org/owner"] == "us"
    forced = {**changed["annotations"], "io.cattle.agent.force.deploy": "true"}
    importer.call("PUT", path, json={"annotations": forced, "labels": {}})
    cluster = importer.fake.clusters()["vc1"]
    assert cluster.mgmt_annotations["io.cattle.agent.force.deploy"] == "true"
    assert (cluster.labels, "example.org/owner" in cluster.mgmt_labels) == (ours, False)
    assert importer.fake.state.forced_deploys == [cid]


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"resourceVersion": "1"}, (409, "Conflict")),
        ({"labels": {"a": "not a label"}}, (422, "Invalid")),
        ({"annotations": {"field.cattle.io/creatorId": "u-other"}}, (422, "Invalid")),
        ({"labels": {"a": "b"}}, (200, "")),
    ],
)
def test_patches(importer: Replay, metadata: Any, expected: tuple[int, str]) -> None:
    """A patch is checked like an object; a null removes a label."""
    created(importer, labels={"gone": "soon"})
    metadata.setdefault("labels", {})["gone"] = None
    answer = importer.call("PATCH", VC1, json={"metadata": metadata}, headers=MERGE)
    assert (answer.status_code, answer.json().get("code", "")) == expected
    if answer.status_code == 200:
        assert importer.fake.clusters()["vc1"].labels == {"a": "b"}


def test_other_patches_and_puts(importer: Replay) -> None:
    """JSON patches are taken, plain JSON is not; a PUT needs the right resourceVersion."""
    created(importer, labels={"a": "b"})
    headers = {"Content-Type": "application/json-patch+json"}
    patch = [{"op": "replace", "path": "/metadata/labels/a", "value": "c"}]
    changed = importer.call("PATCH", VC1, content=json.dumps(patch), headers=headers)
    assert changed.json()["metadata"]["labels"] == {"a": "c"}
    assert said(importer.call("PATCH", VC1, json={})) == (415, "UnsupportedMediaType")
    found = importer.call("GET", VC1).json()
    assert importer.call("PUT", VC1, json=found).status_code == 200
    found["metadata"]["labels"]["a"] = "d"
    assert importer.call("PUT", VC1, json=found).status_code == 200
    found["metadata"]["labels"]["a"] = "e"
    assert said(importer.call("PUT", VC1, json=found)) == (409, "Conflict")
    del found["metadata"]["resourceVersion"]
    assert said(importer.call("PUT", VC1, json=found)) == (500, "ServerError")


def test_odd_posts(importer: Replay) -> None:
    """What Steve makes of bodies and paths that are not quite right."""
    vc9 = {"metadata": {"name": "vc9"}, "spec": {}}
    assert importer.call("POST", f"{PROVISIONING}/fleet-default", json=vc9).status_code == 201
    assert said(importer.call("POST", PROVISIONING, json=vc9)) == (422, "InvalidBodyContent")
    assert said(importer.call("POST", PROVISIONING, content="[")) == (422, "InvalidBodyContent")
    assert said(importer.call("POST", VC1, json=vc9)) == (403, "PermissionDenied")
    nameless = {"metadata": {"namespace": "fleet-default"}}
    made = importer.call("POST", PROVISIONING, json=nameless).json()
    assert re.fullmatch(r"p-[a-z0-9]{5}", made["metadata"]["name"])
    body: dict[str, Any] = {"metadata": {"namespace": "fleet-default", "name": "dry"}}
    dry = f"{PROVISIONING}?dryRun=All"
    assert said(importer.call("POST", dry, json=body)) == (422, "Invalid")
    body["metadata"]["annotations"] = {"field.cattle.io/no-creator-rbac": "true"}
    assert importer.call("POST", dry, json=body).status_code == 201
    assert "dry" not in importer.fake.clusters()
    assert importer.call("GET", f"{PROVISIONING}/vc9").json()["data"] == []
    assert said(importer.call("GET", "/v1/nothing.like.this")) == (404, "")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("filter=metadata.name=vc1", ["vc1"]),
        ("filter=metadata.name=vc", []),
        ("filter=metadata.labels[example.org/a]=1", ["vc1"]),
        ("labelSelector=example.org/a", ["vc1", "vc11"]),
        ("labelSelector=example.org/a=2", ["vc11"]),
        ("labelSelector=example.org/a!=2", ["vc1", "vc2"]),
        ("labelSelector=!example.org/a", ["vc2"]),
        ("exclude=metadata.managedFields", ["vc1", "vc11", "vc2"]),
    ],
)
def test_lists(importer: Replay, query: str, names: list[str]) -> None:
    """Lists are filtered exactly."""
    created(importer, labels={"example.org/a": "1"})
    created(importer, "vc11", labels={"example.org/a": "2"})
    created(importer, "vc2")
    listed = importer.call("GET", f"{PROVISIONING}?{query}").json()
    assert [one["metadata"]["name"] for one in listed["data"]] == names


def test_bindings(importer: Replay) -> None:
    """An owner may bind others, who own the cluster then; bindings go when they are deleted."""
    cid = created(importer)
    body = {"metadata": {"namespace": cid, "name": "x"}, "clusterName": cid}
    body |= {"roleTemplateName": "cluster-owner", "userPrincipalName": "local://u-n9d6d"}
    assert said(importer.call("GET", VC1, "bare")) == (404, "")
    assert importer.call("POST", BINDINGS, json=body).status_code == 201
    assert importer.call("GET", VC1, "bare").status_code == 200
    refused = importer.call("POST", PROVISIONING, "bare", json={})
    assert refused.json()["message"] == "Method POST not supported"
    patch = {"metadata": {"labels": {"a": "b"}}}
    path = f"{BINDINGS}/{cid}/x"
    assert importer.call("PATCH", path, json=patch, headers=MERGE).status_code == 200
    assert importer.fake.clusters()["vc1"].bindings["x"] == ("cluster-owner", "local://u-n9d6d")
    assert importer.call("DELETE", path).status_code == 200
    assert said(importer.call("DELETE", path)) == (404, "NotFound")
    assert said(importer.call("GET", VC1, "bare")) == (404, "")


def test_tokens_end(importer: Replay) -> None:
    """A token ends by its TTL, by the test, or in the middle of something."""
    fake = importer.fake
    path = f"{fake.url}{PROVISIONING}"
    for token in (fake.new_token(ttl=0), fake.new_token(), "garbage"):
        if token in fake.state.tokens:
            fake.expire(token)
        answer = importer.client.get(path, headers={"Authorization": f"Bearer {token}"})
        assert answer.json()["status"] == "401"
    fake.unauthorize(skip=1)
    assert [importer.call("GET", PROVISIONING).status_code for _ in range(3)] == [200, 401, 200]
    listed = importer.call("GET", "/v3/tokens?current=true").json()["data"]
    assert [one["current"] for one in listed] == [False] * 3
    name = fake.token().partition(":")[0]
    assert importer.call("GET", f"/v3/tokens/{name}").json()["expiresAt"] == ""
    assert importer.call("GET", "/v3/tokens/token-xxxxx").status_code == 404


def test_ext_tokens(importer: Replay) -> None:
    """A token of ext.cattle.io shows its end by Steve; Norman does not know it."""
    value = importer.fake.new_token(ttl=3600, ext=True)
    name = value.removeprefix("ext/").partition(":")[0]
    headers = {"Authorization": f"Bearer {value}"}
    found = importer.client.get(f"/v1/ext.cattle.io.tokens/{name}", headers=headers)
    assert found.json()["status"]["expiresAt"].endswith("Z")
    assert importer.client.get(f"/v3/tokens/{name}", headers=headers).status_code == 404


def test_a_start(importer: Replay) -> None:
    """A Rancher that starts knows no types for a while, and no clusters (startup-window.txt)."""
    cid = created(importer)
    importer.fake.behaviour.starting = Lag(requests=7)
    importer.fake.restart()
    assert importer.call("GET", "/healthz", "").status_code == 200
    name = importer.fake.token().partition(":")[0]
    assert importer.call("GET", f"/v3/tokens/{name}").status_code == 200
    hidden = (PROVISIONING, VC1, f"{BINDINGS}/{cid}", f"{TOKENS}/{cid}/default-token")
    assert [said(importer.call("GET", path)) for path in hidden] == [(404, "")] * 4
    assert said(post(importer)) == (404, "")
    listed = importer.call("GET", MANAGEMENT).json()["data"]
    assert [one["metadata"]["name"] for one in listed] == ["local"]
    assert said(importer.call("GET", f"{MANAGEMENT}/{cid}")) == (404, "NotFound")
    assert importer.call("GET", PROVISIONING).status_code == 500
    assert importer.call("GET", VC1).status_code == 200


def test_a_binding_leaves_with_the_agent(importer: Replay) -> None:
    """A binding that the cluster knows of is held until its agent is there, and its name too."""
    cid = created(importer)
    importer.fake.connect(cid)
    body = {"metadata": {"namespace": cid, "name": "x"}, "clusterName": cid}
    body |= {"roleTemplateName": "cluster-member", "userPrincipalName": "local://u-n9d6d"}
    assert importer.call("POST", BINDINGS, json=body).status_code == 201
    importer.fake.clusters()
    importer.fake.disconnect(cid)
    assert importer.call("DELETE", f"{BINDINGS}/{cid}/x").status_code == 200
    again = importer.call("POST", BINDINGS, json=body)
    assert (said(again), again.json()["message"][:23]) == (
        (409, "AlreadyExists"),
        "object is being deleted",
    )
    found = importer.call("GET", f"{BINDINGS}/{cid}/x").json()["metadata"]
    assert found["finalizers"][-1].endswith(f"cluster-crtb-sync_{cid}")
    importer.fake.connect(cid)
    importer.fake.clusters()
    assert importer.call("POST", BINDINGS, json=body).status_code == 201


def test_the_removal_of_a_lost_cluster_takes_longer(importer: Replay) -> None:
    """Rancher tries to reach an agent that was there; one that never was is not waited for."""
    importer.fake.behaviour.lost_removal = Lag(seconds=3600)
    created(importer, "never-connected")
    cid = created(importer)
    importer.fake.connect(cid)
    importer.fake.clusters()
    importer.fake.disconnect(cid)
    for name in ("vc1", "never-connected"):
        importer.call("DELETE", f"{PROVISIONING}/fleet-default/{name}")
    (left,) = importer.fake.clusters().values()
    assert (left.name, left.prov_exists, left.mgmt_exists) == ("vc1", False, True)


def test_the_agents_image(importer: Replay) -> None:
    """It is written once, at the creation; only without it an upgrade reaches the agent."""
    fake = importer.fake
    cid = created(importer)
    fake.connect(cid)
    fake.clusters()
    fake.set_setting("agent-image", "rancher/rancher-agent:v2.15.1")
    path = f"/v3/clusters/{cid}"
    assert importer.call("GET", path).json()["agentImage"] == "rancher/rancher-agent:v2.15.0"
    put = importer.call("PUT", path, json={"name": "vc1", "desiredAgentImage": ""})
    assert (put.status_code, put.json()["desiredAgentImage"]) == (200, "")
    found = importer.call("GET", f"{MANAGEMENT}/{cid}").json()
    assert found["status"]["agentImage"] == "rancher/rancher-agent:v2.15.1"
    fake.set_setting("agent-image", "rancher/rancher-agent:v2.15.2")
    assert importer.call("GET", path).json()["agentImage"] == "rancher/rancher-agent:v2.15.2"
    (stored,) = fake.state.clusters
    assert len(stored.agent_restarts) == 2


def test_answers_that_are_no_answers(importer: Replay) -> None:
    """429, 5xx and redirects hit the requests that are meant, as often as they should."""
    fake = importer.fake
    fake.refuse(429, retry_after="1", method="GET", path="provisioning", times=2)
    first = importer.call("GET", PROVISIONING)
    assert (first.status_code, first.headers["Retry-After"]) == (429, "1")
    assert post(importer).status_code == 201
    assert importer.call("GET", PROVISIONING).status_code == 429
    assert importer.call("GET", PROVISIONING).status_code == 200
    endless = fake.refuse(503, times=None)
    assert importer.call("GET", VC1).headers["Content-Type"] == "text/html"
    endless.times = 0
    fake.redirect("https://elsewhere.example/", path=VC1)
    assert importer.call("GET", VC1).headers["Location"] == "https://elsewhere.example/"
    fake.hang_webhook(times=2)
    assert said(post(importer, "vc2")) == (500, "InternalError")
    fake.slow(0.05)
    start = time.monotonic()
    fake.refuse(502)
    assert importer.call("GET", VC1).status_code == 502
    assert time.monotonic() - start > 0.05


@pytest.mark.parametrize(("phase", "exists"), [("before", False), ("after", True)])
def test_lost_answers(importer: Replay, phase: Any, exists: bool) -> None:  # noqa: FBT001
    """A connection can end before a request is executed, or after."""
    importer.fake.drop(phase, method="POST")
    with pytest.raises(httpx2.TransportError):
        post(importer)
    assert ("vc1" in importer.fake.clusters()) is exists
    logged = importer.fake.requests[-1]
    assert (logged.method, logged.status, logged.executed) == ("POST", None, exists)


def test_hook(importer: Replay) -> None:
    """A test is told of each request twice, and may end it."""
    seen: list[tuple[str, str, str]] = []

    def hook(method: str, path: str, phase: str) -> None:
        seen.append((method, path, phase))
        if (method, phase) == ("POST", "after"):
            raise KeyboardInterrupt

    importer.fake.on_request = hook
    with pytest.raises(httpx2.TransportError):
        post(importer)
    assert seen == [("POST", PROVISIONING, "before"), ("POST", PROVISIONING, "after")]
    assert importer.call("GET", VC1).status_code == 200
    assert importer.fake.statuses() == [None, 200]


def test_dead_and_back(importer: Replay) -> None:
    """A dead Rancher refuses connections, and comes back as it was."""
    created(importer)
    importer.fake.die()
    with pytest.raises(httpx2.ConnectError):
        importer.call("GET", VC1)
    importer.fake.revive()
    assert importer.call("GET", VC1).status_code == 200


@pytest.mark.parametrize("kind", ["unknown-ca", "wrong-name", "expired"])
def test_bad_certificates(importer: Replay, kind: Any) -> None:
    """Clients refuse certificates that are not good."""
    assert importer.call("GET", "/ping", "").text == "pong"
    assert importer.client.get("/v3/settings/cacerts").json()["value"] == importer.fake.ca
    importer.fake.use_certificate(kind)
    with pytest.raises(httpx2.ConnectError, match="certificate"):
        importer.call("GET", "/ping", "")
    importer.fake.use_certificate("good")
    assert importer.call("GET", "/ping", "").text == "pong"


class Kube(ThreadingHTTPServer):
    """As much of an API server as an agent needs."""

    daemon_threads = True

    def __init__(self) -> None:
        """Listen."""
        self.objects: dict[str, Any] = {}
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def api(self) -> KubeApi:
        """How to reach it."""
        return KubeApi(f"http://127.0.0.1:{self.server_address[1]}")

    def apply(self, manifest: str) -> None:
        """Store the Secret and the Deployment of a manifest."""
        for one in filter(None, yaml.safe_load_all(manifest)):
            plural = {"Secret": "/api/v1", "Deployment": "/apis/apps/v1"}.get(one["kind"])
            if plural:
                name, kind = one["metadata"]["name"], f"{one['kind'].lower()}s"
                self.objects[f"{plural}/namespaces/cattle-system/{kind}/{name}"] = one


class Handler(BaseHTTPRequestHandler):
    """Reads, creates, and merges the lists of a Deployment by name."""

    server: Kube

    def do_GET(self) -> None:
        """Read."""
        self.reply(self.server.objects.get(self.path))

    def do_POST(self) -> None:
        """Create."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.objects[f"{self.path}/{body['metadata']['name']}"] = body
        self.reply(body)

    def do_PATCH(self) -> None:
        """Merge the agent's Deployment."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        ours = self.server.objects[self.path]["spec"]["template"]["spec"]
        theirs = body["spec"]["template"]["spec"]
        ours["containers"][0]["env"] += theirs["containers"][0]["env"]
        ours["volumes"] = theirs["volumes"]
        self.reply(self.server.objects[self.path])

    def reply(self, body: Any) -> None:
        """Answer."""
        self.send_response(200 if body else 404)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: Any) -> None:
        """Stay silent."""


@pytest.fixture
def kube() -> Iterator[Kube]:
    """Yield the API server of a virtual cluster."""
    with Kube() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def manifest_of(client: Replay, cid: str) -> str:
    """Fetch the import manifest."""
    status = client.call("GET", f"{TOKENS}/{cid}/default-token").json()["status"]
    return client.client.get(status["manifestUrl"]).text


def test_looks_for_the_agent(importer: Replay, kube: Kube) -> None:
    """Connected means: the Deployment is there, and its Secret has a token of this cluster."""
    fake = importer.fake
    fake.watch("vc1", kube.api)
    other = manifest_of(importer, created(importer, "other"))
    manifest = manifest_of(importer, created(importer))
    assert not fake.clusters()["vc1"].connected
    kube.apply(other)
    assert not fake.clusters()["vc1"].connected
    kube.apply(manifest)
    assert fake.clusters()["vc1"].ready
    (secret,) = [path for path in kube.objects if manifest_secret(manifest) in path]
    del kube.objects[secret]
    assert not fake.clusters()["vc1"].connected


def manifest_secret(manifest: str) -> str:
    """Return the name of the credentials."""
    found = filter(None, yaml.safe_load_all(manifest))
    return next(str(one["metadata"]["name"]) for one in found if one["kind"] == "Secret")


def test_rancher_deploys_its_own_agent(importer: Replay, kube: Kube) -> None:
    """A second apply breaks a connected cluster, and only force.deploy mends it."""
    fake = importer.fake
    fake.behaviour.redeploys = True
    fake.watch("vc1", kube.api)
    cid = created(importer)
    manifest = manifest_of(importer, cid)
    kube.apply(manifest)
    assert fake.clusters()["vc1"].ready
    assert len([path for path in kube.objects if "cattle-credentials-" in path]) == 2
    kube.apply(manifest)
    assert not fake.clusters()["vc1"].connected
    forced = {"annotations": {"io.cattle.agent.force.deploy": "true"}}
    importer.call("PUT", f"/v3/clusters/{cid}", json=forced)
    cluster = fake.clusters()["vc1"]
    assert (cluster.ready, cluster.mgmt_annotations["io.cattle.agent.force.deploy"]) == (
        True,
        "false",
    )
    importer.call("DELETE", VC1)
    assert fake.clusters() == {}
    assert any("jobs/cattle-cleanup-" in path for path in kube.objects)


def test_setup(importer: Replay) -> None:
    """An administrator can create roles by Norman, others cannot."""
    rules = [{"apiGroups": ["provisioning.cattle.io"], "resources": ["clusters"], "verbs": ["*"]}]
    body = {"type": "globalRole", "name": "vcluster-importer", "rules": rules}
    assert importer.call("POST", "/v3/globalroles", json=body).status_code == 403
    assert importer.call("POST", "/v3/globalroles", "admin", json=body).status_code == 201
    listed = importer.call("GET", "/v3/globalroles?name=vcluster-importer", "admin").json()
    assert [one["name"] for one in listed["data"]] == ["vcluster-importer"]


@contextmanager
def program(*flags: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """Run the program; yield it and what it says of itself."""
    command = [sys.executable, "-m", "dev.fake_rancher", *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        lines = [running.stdout.readline().strip() for _ in range(3)]
        try:
            yield running, dict(line.split("=", 1) for line in lines)
        finally:
            running.send_signal(signal.SIGTERM)
            running.wait(5)


def test_program(tmp_path: Path, kube: Kube) -> None:
    """The program says how to reach it, looks for agents, and ends at SIGTERM."""
    contexts = [{"name": "c", "context": {"cluster": "vc", "user": "u"}}]
    clusters = [{"name": "vc", "cluster": {"server": kube.api.server}}]
    config = {"contexts": contexts, "clusters": clusters, "users": [{"name": "u", "user": {}}]}
    flags = ("--folder", str(tmp_path), "--kubeconfigs", str(tmp_path), "--lag", "rbac=0.01")
    with program(*flags, "--user", "landscape-a", "--flag", "redeploys") as (running, said_):
        headers = {"Authorization": f"Bearer {(tmp_path / 'token-landscape-a').read_text()}"}
        context = tls(Path(said_["ca"]))
        with httpx2.Client(base_url=said_["url"], verify=context, headers=headers) as client:
            body = {"metadata": {"namespace": "fleet-default", "name": "vc1"}}
            assert client.post(PROVISIONING, json=body).status_code == 201
            wait(lambda: client.get(VC1).status_code == 200)
            cid = client.get(VC1).json()["status"]["clusterName"]
            crt = client.get(f"{TOKENS}/{cid}/default-token").json()
            kube.apply(client.get(crt["status"]["manifestUrl"], headers=None).text)
            (tmp_path / "vc1").write_text(json.dumps(config))
            wait(lambda: bool(client.get(VC1).json()["status"].get("ready")))
        assert Path(said_["token"]).read_text().startswith("token-")
    assert running.returncode == 0


def tls(ca: Path) -> ssl.SSLContext:
    """Return a TLS context."""
    return ssl.create_default_context(cafile=ca)


def wait(met: Callable[[], bool]) -> None:
    """Wait until something is true."""
    end = time.monotonic() + 5
    while not met():
        assert time.monotonic() < end
        time.sleep(0.05)
