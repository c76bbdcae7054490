"""The test Rancher answers as the real one did: recorded requests are sent to it again."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from dev.fake_rancher import FakeRancher, Lag
from dev.fake_rancher.state import Binding
from tests.jobs.rancher.comparison import differences
from tests.jobs.rancher.replay import Case, Replay, each, recorded, timelines

PROVISIONING = "/v1/provisioning.cattle.io.clusters"
BINDINGS = "/v1/management.cattle.io.clusterroletemplatebindings"
JANE = "keycloakoidc_user://4711"
OWNER_UID = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
def fake() -> Iterator[FakeRancher]:
    """Yield a test Rancher as the real one was: without cacerts."""
    with FakeRancher() as running:
        running.set_setting("cacerts", "")
        yield running


@pytest.fixture
def replay(fake: FakeRancher) -> Iterator[Replay]:
    """Yield a replay, and fail with all differences at the end."""
    player = Replay(fake)
    with player.client:
        yield player
    if player.failures:
        pytest.fail("\n".join(player.failures))


def imported(replay: Replay, name: str, theirs: str) -> str:
    """Import a cluster as the recordings did, and return its id."""
    labels = {"example.org/owner-uid": OWNER_UID}
    annotations = {
        "rancher.io/imported-cluster-version-management": "false",
        "field.cattle.io/description": "team a",
    }
    metadata = {"namespace": "fleet-default", "name": name, "labels": labels}
    body = {"metadata": {**metadata, "annotations": annotations}, "spec": {}}
    assert replay.call("POST", PROVISIONING, json=body).status_code == 201
    replay.know(theirs, name)
    return replay.names[theirs]


@each("auth")
def test_authentication(replay: Replay, case: Case) -> None:
    """Tokens that are absent, wrong or scoped, and what needs none."""
    if "password" in case["request"].get("body", {}) and case["response"]["status"] == 201:
        user = "admin" if case["request"]["body"]["username"] == "admin" else "importer"
        body = {"username": user, "password": f"password-of-{user}"}
        case["request"]["body"].update(body)
    if case["case"] == "auth-noauth-list-settings":
        replay.fake.state.settings["first-login"].generation = 1
    replay.play(case)


@pytest.mark.parametrize("user", ["bare", "cc", "std", "norole"])
def test_rights_of_others(replay: Replay, user: str) -> None:
    """What users without a right, or with the right to create only, get for another's cluster."""
    imported(replay, "real-vc1", "c-m-fhlrnp7b")
    replay.play(*(case for case in recorded("rights") if case["request"]["caller"] == user))


def test_import(replay: Replay, fake: FakeRancher) -> None:
    """The importer's way: create, provisioning, management, CRT, CRTBs, patch, manifest."""
    replay.play_flow("import", before="flow-impkey-02-prov")
    replay.know("c-m-6p9mm7l5", "real-vc2")
    replay.play_flow("import", since="flow-impkey-02-prov")
    (cluster,) = fake.clusters().values()
    assert cluster.owners == {
        "local://u-fljg2",
        JANE,
        "keycloakoidc_group://team-a",
    }


def test_connect_and_disconnect(replay: Replay, fake: FakeRancher) -> None:
    """An agent comes and goes: Ready falls, the provisioning cluster's ready stays."""
    cid = imported(replay, "real-vc2", "c-m-6p9mm7l5")
    path = f"{PROVISIONING}/fleet-default/real-vc2"
    patch = {"metadata": {"labels": {"example.org/vcluster-uid": "u2"}}}
    headers = {"Content-Type": "application/merge-patch+json"}
    assert replay.call("PATCH", path, json=patch, headers=headers).status_code == 200
    fake.connect(cid)
    replay.play_flow("connect")
    fake.disconnect("real-vc2")
    fake.disconnect(cid)
    replay.play_flow("disconnect")


def test_owner(replay: Replay) -> None:
    """What the owner may do by Steve, Norman and raw Kubernetes, until the cluster terminates."""
    replay.fake.behaviour.first_check = Lag()
    cid = imported(replay, "real-vc1", "c-m-fhlrnp7b")
    for name, subject in (
        ("vc-abc", {"userPrincipalName": JANE}),
        ("vc-grp", {"groupPrincipalName": "keycloakoidc_group://team-a"}),
    ):
        metadata: dict[str, Any] = {"namespace": cid, "name": name}
        if name == "vc-abc":
            metadata["annotations"] = {"auth.cattle.io/principal-display-name": "Jane"}
        body = {"metadata": metadata, "clusterName": cid, "roleTemplateName": "cluster-owner"}
        assert replay.call("POST", BINDINGS, json=body | subject).status_code == 201
    replay.play_flow("owner", before="rkapi-prov-get")
    patch = {"metadata": {"labels": {"example.org/vcluster-uid": "u2"}}}
    headers = {"Content-Type": "application/merge-patch+json"}
    path = f"{PROVISIONING}/fleet-default/real-vc1"
    assert replay.call("PATCH", path, json=patch, headers=headers).status_code == 200
    replay.fake.behaviour.hold_removal = True
    replay.play_flow("owner", since="rkapi-prov-get")
    assert replay.fake.state.forced_deploys == [cid]


def test_recreate_and_delete(replay: Replay) -> None:
    """A name is free again after a removal; what is gone answers 403, with the role that was."""
    replay.play_flow("delete", before="recreate-02-get")
    replay.know("c-m-rwz9ggr8", "real-vc2")
    replay.know("c-m-j28gg79w", "indefault")
    replay.play_flow("delete", since="recreate-02-get")


def test_settings(replay: Replay, fake: FakeRancher) -> None:
    """Settings as the admin sees and changes them."""
    for name in ("server-url", "internal-cacerts"):
        fake.set_setting(name, "")
    for name in ("server-url", "cacerts", "internal-cacerts", "agent-image"):
        fake.state.settings[name].generation = 1
    fake.state.settings["internal-server-url"].generation = 2
    image = "rancher/rancher-agent:head"
    fake.state.settings["agent-image"].value = fake.state.settings["agent-image"].default = image
    for name, setting in fake.state.settings.items():
        theirs = {"server-url": "560", "cacerts": "553", "agent-image": "698"}
        theirs |= {"internal-cacerts": "679", "internal-server-url": "1429"}
        if name in theirs:
            replay.names[f'"{theirs[name]}"'] = f'"{setting.version}"'
    replay.play_flow("settings")


def test_second_visit(replay: Replay, fake: FakeRancher) -> None:
    """Dry runs, tokens, an upgraded agent, and bindings that leave (samples, folder second)."""
    fake.state.tokens.clear()
    body = {"username": "importer", "password": "password-of-importer"}
    login = replay.call("POST", "/v1-public/login", "", json=body).json()["token"]
    fake.use_token(login)
    assert replay.call("GET", "/v3/tokens").status_code == 200
    fake.use_token(fake.new_token(ttl=90 * 86400))
    token = fake.state.tokens[fake.token()]
    token.description = "importer"
    replay.names["token-fmf7q"] = token.name
    uids = {"uid": "601fc551-d190-4cfb-9994-a6fde31b9960"}
    labels = {f"caas.telekom.de/owner-{key}": value for key, value in uids.items()}
    labels["caas.telekom.de/owner-name"] = "shop"
    labels["caas.telekom.de/vcluster-uid"] = "c17b5e3e-d409-4325-91cd-934104899756"
    annotations = {"rancher.io/imported-cluster-version-management": "false"}
    metadata = {"namespace": "fleet-default", "name": "shop", "labels": labels}
    made = {"metadata": {**metadata, "annotations": annotations}, "spec": {}}
    assert replay.call("POST", PROVISIONING, json=made).status_code == 201
    replay.know("c-m-f4dfn6rw", "shop")
    cid = replay.names["c-m-f4dfn6rw"]
    fake.connect(cid)
    setting = fake.state.settings["agent-image"]
    setting.value, setting.default = "rancher/rancher-agent:v2.15.2", "rancher/rancher-agent:head"
    setting.source, setting.generation = "env", 3
    (stored,) = fake.state.clusters
    put = {"name": "shop", "desiredAgentImage": ""}
    assert replay.call("PUT", f"/v3/clusters/{cid}", json=put).status_code == 200
    subject = {"userName": "u-bg49k", "userPrincipalName": "local://u-bg49k"}
    owner = Binding("vc-5dfa40bea3f24578", role="cluster-member", subject=subject, user="u-bg49k")
    owner.labels["caas.telekom.de/managed-by"] = "rancher-import"
    stored.bindings[owner.name] = owner
    fake.behaviour.binding_removal = Lag(seconds=3600)
    fake.clusters()
    replay.play_flow("second")


@each("webhook-clusters")
def test_admission_of_clusters(replay: Replay, case: Case) -> None:
    """Names, variables and creators that Rancher's webhook changes or refuses."""
    if "create-409" in case["case"] or "put" in case["case"]:
        body = {"metadata": {"namespace": "fleet-default", "name": "wh-ok"}, "spec": {}}
        assert replay.call("POST", PROVISIONING, "admin", json=body).status_code == 201
        path = f"{PROVISIONING}/fleet-default/wh-ok"
        version = replay.call("GET", path, "admin").json()["metadata"]["resourceVersion"]
        replay.names['"1696"'] = f'"{version}"'
    if "timeout" in case["case"]:
        replay.fake.hang_webhook()
    replay.play(case)


@each("webhook-bindings")
def test_admission_of_bindings(replay: Replay, case: Case) -> None:
    """Bindings that Rancher's webhook refuses: above all the second of a subject to a role."""
    for number, theirs in enumerate(("c-m-7v7fm8zl", "c-m-cmmfhhk5")):
        imported(replay, f"wh-{number}", theirs)
    if "create-201" not in case["case"]:
        for theirs in ("c-m-7v7fm8zl", "c-m-cmmfhhk5"):
            cid = replay.names[theirs]
            body = {"metadata": {"namespace": cid, "name": "vc-1"}, "clusterName": cid}
            body |= {"roleTemplateName": "cluster-owner", "userPrincipalName": JANE}
            answer = replay.call("POST", BINDINGS, "admin", json=body)
            version = answer.json()["metadata"]["resourceVersion"]
            replay.names.setdefault('"1764"', f'"{version}"')
    replay.play(case)


def step(replay: Replay, name: str, theirs: str, what: str) -> dict[str, Any]:
    """Look as the recorder of the timelines did."""
    kind, _, admin = what.partition("(")
    cid = replay.names.get(theirs, "c-m-none")
    tokens = f"/v1/management.cattle.io.clusterregistrationtokens/{cid}"
    paths = {"crt": f"{tokens}/default-token", "crtlist": tokens}
    paths |= {"prov": f"{PROVISIONING}/fleet-default/{name}"}
    paths |= {"mgmt": f"/v1/management.cattle.io.clusters/{cid}"}
    answer = replay.call("GET", paths[kind], "admin" if admin else "importer")
    body = answer.json() if answer.content else {}
    state = body.get("metadata", {}).get("state", {})
    status = {} if answer.is_error else body.get("status", {})
    conditions = [
        [one["type"], one["status"], one.get("reason", ""), one.get("message", "")]
        for one in status.get("conditions", [])
    ]
    return {
        "what": what,
        "http": answer.status_code,
        "code": body.get("code"),
        "empty": not answer.content,
        "state": state.get("name"),
        "message": state.get("message"),
        "ready": status.get("ready"),
        "conditions": conditions,
    }


def same(replay: Replay, name: str, theirs: str, entry: dict[str, Any]) -> None:
    """Look, and compare with an entry of a timeline."""
    ours = step(replay, name, theirs, entry["what"])
    replay.failures += differences(entry, {key: ours[key] for key in entry}, entry["what"])


def test_timeline_of_an_import(replay: Replay, fake: FakeRancher) -> None:
    """Rights, clusters and CRT come in the recorded order (flow-impkey-timeline.json)."""
    behaviour = fake.behaviour
    behaviour.cluster_name, behaviour.rbac = Lag(seconds=3600), Lag(requests=3)
    behaviour.crt, behaviour.pending = Lag(requests=2), Lag(requests=3)
    metadata = {"namespace": "fleet-default", "name": "vc1"}
    assert replay.call("POST", PROVISIONING, json={"metadata": metadata}).status_code == 201
    first, second, *rest = timelines()["import"]
    for entry in (first, second):
        same(replay, "vc1", "", without_conditions(entry))
    behaviour.cluster_name = Lag()
    replay.know("theirs", "vc1")
    for entry in rest:
        same(replay, "vc1", "theirs", without_conditions(entry))


def without_conditions(entry: dict[str, Any]) -> dict[str, Any]:
    """Leave out conditions: the fake does not fill them in one by one."""
    return {key: value for key, value in entry.items() if key != "conditions"}


def test_timeline_of_a_connection(replay: Replay, fake: FakeRancher) -> None:
    """All conditions as in connect-timeline.json and disconnect-timeline.json."""
    cid = imported(replay, "vc1", "theirs")
    fake.behaviour.connected, fake.behaviour.ready = Lag(requests=2), Lag(requests=1)
    fake.connect(cid)
    for entry in timelines()["connect"]:
        same(replay, "vc1", "theirs", entry)
    *before, after = timelines()["disconnect"]
    for entry in before:
        same(replay, "vc1", "theirs", entry)
    fake.disconnect(cid)
    same(replay, "vc1", "theirs", after)


def test_timeline_of_a_removal(replay: Replay, fake: FakeRancher) -> None:
    """The provisioning cluster goes first (delete-impkey-timeline.json)."""
    imported(replay, "vc2", "another")
    imported(replay, "vc1", "theirs")
    fake.behaviour.prov_removal = fake.behaviour.mgmt_removal = Lag(seconds=3600)
    path = f"{PROVISIONING}/fleet-default/vc1"
    assert replay.call("DELETE", path).status_code == 200
    for entry in timelines()["delete"]:
        if (entry["what"], entry["http"]) == ("prov", 403):
            fake.behaviour.prov_removal = Lag()
        if (entry["what"], entry["http"]) == ("mgmt(admin)", 404):
            fake.behaviour.mgmt_removal = Lag()
        same(replay, "vc1", "theirs", entry)


def test_manifest(replay: Replay, fake: FakeRancher) -> None:
    """The manifest has Rancher's nine objects, for agents of this Rancher and this cluster."""
    cid = imported(replay, "real-vc2", "c-m-6p9mm7l5")
    fake.set_setting("cacerts", fake.ca)
    crt = replay.call("GET", f"/v1/management.cattle.io.clusterregistrationtokens/{cid}").json()
    url = crt["data"][0]["status"]["manifestUrl"]
    found = [one for one in yaml.safe_load_all(replay.client.get(url).text) if one]
    names = [(one["kind"], one["metadata"]["name"]) for one in found]
    secret = next(one for one in found if one["kind"] == "Secret")
    assert names == [
        ("ClusterRole", "proxy-clusterrole-kubeapiserver"),
        ("ClusterRoleBinding", "proxy-role-binding-kubernetes-master"),
        ("Namespace", "cattle-system"),
        ("ServiceAccount", "cattle"),
        ("ClusterRoleBinding", "cattle-admin-binding"),
        ("Secret", secret["metadata"]["name"]),
        ("ClusterRole", "cattle-admin"),
        ("Deployment", "cattle-cluster-agent"),
        ("Service", "cattle-cluster-agent"),
    ]
    assert replay.client.head(url).status_code == 200
    assert replay.client.post(url).status_code == 200
    answer = replay.client.get(f"/v3/import/%7Btoken%7D_{cid}.yaml")
    assert (answer.status_code, answer.text) == (400, "cluster not found or invalid token")
    assert replay.client.get("/v3/import/nothing.yaml").status_code == 404
