"""The import and the deregistration, against a real API server and the test Rancher."""

import json
import threading
from dataclasses import dataclass, replace
from typing import Any

import pytest

from dev.fake_rancher import KubeApi, Lag, inside
from dev.fake_rancher.state import now
from jobs.errors import RefusedError
from jobs.rancher.deregistration import Deregistration
from jobs.rancher.model import OWNER_UID, PROOF, VCLUSTER_UID, Owner
from tests.jobs.rancher.world import GOAL, World, kills
from tests.support.kills import KilledError

ENDED_WELL = (["kunde1"], 1, 1)


def test_from_nothing_to_connected(world: World) -> None:
    """An import ends with one cluster, one agent, its owner, and a state that says so."""
    assert world.run()
    assert world.end() == ENDED_WELL
    state = world.state()
    cluster = world.fake.clusters()["kunde1"]
    assert (state["phase"], state["observedInputs"]) == ("Connected", "in-1")
    assert state["clusterId"] == cluster.id
    assert cluster.labels[OWNER_UID] == GOAL.owner_uid
    assert "keycloakoidc_user://4711" in cluster.owners


def test_again_changes_nothing(world: World) -> None:
    """A second run finds all done, its own state too: it writes to nobody."""
    world.run()
    world.wire.lines.clear()
    assert world.run()
    written = [line for line in world.wire.lines if not line.startswith("GET ")]
    assert written == []


def test_killed_at_every_line(world: World) -> None:
    """A run that dies anywhere is finished by the next one, while Rancher starts anew."""
    world.run()
    points = [*kills(world.wire)]
    ends = {}
    for number, phase in points:
        world.reset()
        world.wire.kill_at, world.wire.phase = number, phase
        with pytest.raises(KilledError):
            world.run()
        line = world.wire.lines[-1]
        world.restart()
        assert world.run(), (number, phase, line)
        ends[number, phase, line] = (world.end(), world.state()["phase"])
    assert {key: end for key, end in ends.items() if end != (ENDED_WELL, "Connected")} == {}
    assert len(points) > 10


def test_deregistration_killed_at_every_line(world: World) -> None:
    """A deregistration that dies anywhere is finished by the next one, while Rancher starts."""
    world.run()
    world.wire.sent = 0
    assert world.deregister()
    points = [*kills(world.wire)]
    for number, phase in points:
        world.reset()
        world.run()
        world.wire.sent, world.wire.kill_at, world.wire.phase = 0, number, phase
        with pytest.raises(KilledError):
            world.deregister()
        world.restart()
        assert world.deregister(), (number, phase)
        assert world.end()[0] == [], (number, phase)
    assert world.abandoned() == {}


def test_deregistration_in_the_middle_of_an_import(world: World) -> None:
    """A deletion while the import is at any line leaves no cluster in Rancher."""
    world.run()
    points = [*kills(world.wire)]
    for number, phase in points:
        world.reset()
        world.wire.kill_at, world.wire.phase = number, phase
        with pytest.raises(KilledError):
            world.run()
        world.restart()
        assert world.deregister(), (number, phase)
        assert world.end()[0] == [], (number, phase)


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param({"rbac": Lag(requests=4)}, id="permissions-lag"),
        pytest.param({"crt": Lag(requests=3)}, id="late-registration-token"),
        pytest.param({"crt_empty": Lag(requests=3)}, id="empty-registration-token"),
        pytest.param({"cluster_name": Lag(requests=3)}, id="late-management-cluster"),
        pytest.param({"ready": Lag(requests=4)}, id="ready-comes-last"),
        pytest.param({"placeholder_in_steve": True}, id="placeholder-for-the-token"),
        pytest.param({"redeploys": True}, id="rancher-redeploys-its-agent"),
    ],
)
def test_rancher_takes_its_time(world: World, behaviour: dict[str, Any]) -> None:
    """What comes late is waited for."""
    for name, value in behaviour.items():
        setattr(world.fake.behaviour, name, value)
    assert world.run()
    assert world.end() == ENDED_WELL


@pytest.mark.parametrize("phase", ["before", "after"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_lost_answers(world: World, method: str, phase: Any) -> None:
    """An answer that is lost, executed or not, is asked for again."""
    world.fake.drop(phase, method=method)
    assert world.run()
    assert world.end() == ENDED_WELL


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_rancher_fails_for_a_while(world: World, status: int) -> None:
    """Failures of Rancher pass."""
    world.fake.refuse(status, times=3)
    assert world.run()
    assert world.end() == ENDED_WELL


def test_a_hanging_webhook(world: World) -> None:
    """A creation that Rancher's webhook hangs on is tried again."""
    world.fake.hang_webhook(times=2)
    assert world.run()
    assert world.end() == ENDED_WELL


def test_a_dead_rancher(world: World) -> None:
    """While Rancher is down the attempt ends in time, with a reason; later it goes on."""
    world.fake.die()
    assert not world.run(timeout=60)
    assert world.state()["reason"] == "RancherUnreachable"
    world.fake.revive()
    assert world.run()
    assert world.end() == ENDED_WELL


def test_no_kubeconfig_yet(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the virtual cluster is up the import waits, and asks Rancher nothing."""
    monkeypatch.setattr(World, "tenant", lambda *_: None)
    assert not world.run(timeout=30)
    assert world.state()["reason"] == "WaitingForKubeconfig"
    assert world.fake.requests == []


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        pytest.param(lambda w: w.fake.unauthorize(times=None), "TokenRejected", id="expired-token"),
        pytest.param(
            lambda w: w.token_file.write_text(w.fake.new_token("bare")),
            "MissingRight",
            id="no-right",
        ),
        pytest.param(
            lambda w: w.token_file.write_text(w.fake.new_token(cluster="c-m-1")),
            "TokenRejected",
            id="scoped-token",
        ),
        pytest.param(lambda w: w.token_file.unlink(), "NoToken", id="no-token"),
        pytest.param(lambda w: w.token_file.write_text("\n"), "NoToken", id="empty-token"),
        pytest.param(
            lambda w: w.fake.redirect("https://elsewhere.example.org/", times=None),
            "UrlRedirects",
            id="redirect",
        ),
        pytest.param(
            lambda w: w.fake.use_certificate("unknown-ca"), "TlsNotTrusted", id="untrusted"
        ),
    ],
)
def test_refused(world: World, prepare: Any, reason: str) -> None:
    """What only a person can mend is told apart, and written down in words."""
    prepare(world)
    with pytest.raises(RefusedError) as refused:
        world.run()
    assert refused.value.reason == reason
    state = world.state()
    assert (state["phase"], state["reason"]) == ("Failed", reason)
    assert world.end()[0] == []


def test_the_token_goes_nowhere_else(world: World) -> None:
    """The manifest is fetched without the token."""
    world.run()
    imports = [r for r in world.fake.requests if r.path.startswith("/v3/import/")]
    assert imports
    assert not any(r.bearer for r in imports)


def test_a_name_of_somebody_else(world: World) -> None:
    """A cluster that another VCluster claims is refused and left alone."""
    world.run(replace(GOAL, owner_uid="another"))
    world.desire("in-1", fresh=True)
    with pytest.raises(RefusedError) as refused:
        world.run()
    assert refused.value.reason == "NameTaken"
    assert world.fake.clusters()["kunde1"].labels[OWNER_UID] == "another"
    assert world.state()["clusterId"] == ""
    assert world.deregister()
    assert [*world.fake.clusters()] == ["kunde1"]


def test_a_name_that_we_may_not_see(world: World) -> None:
    """A cluster of somebody else that Rancher hides is refused once permissions cannot lag."""
    world.token_file.write_text(world.fake.token("admin"))
    world.run(replace(GOAL, owner_uid="another"))
    world.token_file.write_text(world.fake.token())
    with pytest.raises(RefusedError) as refused:
        world.run()
    assert refused.value.reason == "NameTaken"


def test_owners_follow_the_wish(world: World) -> None:
    """Owners that leave the list lose their role; a binding by somebody else stays."""
    world.run()
    cluster = world.fake.clusters()["kunde1"].id
    other = Owner("group", "keycloakoidc_group://admins", "cluster-member")
    world.desire("in-2")
    assert world.run(replace(GOAL, owners=frozenset({other}), inputs="in-2"))
    bindings = world.fake.clusters()["kunde1"].bindings
    ours = {value for name, value in bindings.items() if name.startswith("vc-")}
    assert ours == {("cluster-member", "keycloakoidc_group://admins")}
    assert "creator-cluster-owner" in bindings
    assert cluster == world.fake.clusters()["kunde1"].id


MEMBER = Owner("user", "u-bg49k", "cluster-member")


def test_owners_of_a_lost_cluster(world: World) -> None:
    """A binding stays until the agent is back: it is removed once, and waited for if need be."""
    world.run(replace(GOAL, owners=frozenset({MEMBER})))
    probe = world.fake.agent_probe
    world.fake.agent_probe = lambda _: False
    world.desire("in-2")
    assert not world.run(replace(GOAL, owners=frozenset(), inputs="in-2"), timeout=60)
    assert world.fake.statuses("DELETE", "clusterroletemplatebindings") == [200]
    assert world.state()["reason"] == "AgentStarting"
    world.desire("in-3")
    again = replace(GOAL, owners=frozenset({MEMBER}), inputs="in-3")
    bound = world.fake.statuses("POST", "clusterroletemplatebindings")
    assert not world.run(again, timeout=60)
    assert world.fake.statuses("POST", "clusterroletemplatebindings") == bound
    world.fake.agent_probe = probe
    assert world.run(again)
    assert ("cluster-member", "u-bg49k") in world.fake.clusters()["kunde1"].bindings.values()


def test_a_name_that_leaves_is_not_taken_for_ours(world: World) -> None:
    """A binding is removed after it was looked at: the 409 of its name is no success."""
    world.run(replace(GOAL, owners=frozenset({MEMBER})))
    world.fake.behaviour.binding_removal = Lag(requests=4)
    (cluster,) = world.fake.state.clusters

    def remove(method: str, path: str, phase: str) -> None:
        if (method, phase) == ("GET", "after") and path.endswith(cluster.id):
            for binding in list(cluster.bindings.values()):
                if binding.name.startswith("vc-") and not binding.deleting:
                    binding.deleting = now()
                    world.fake.on_request = None

    world.fake.on_request = remove
    world.desire("in-2")
    both = frozenset({MEMBER, *GOAL.owners})
    assert world.run(replace(GOAL, owners=both, inputs="in-2"))
    stay = [one for one in cluster.bindings.values() if not one.deleting]
    assert {"vc"} == {one.name[:2] for one in stay if one.subject.get("userName") == "u-bg49k"}


def test_what_has_no_effect_is_not_repeated_at_once(world: World) -> None:
    """An action that Rancher accepts, and that changes nothing, is repeated with growing pauses."""
    world.run()
    world.fake.redirect("", status=200, method="DELETE", times=None)
    world.desire("in-2")
    assert not world.run(replace(GOAL, owners=frozenset(), inputs="in-2"), timeout=60)
    assert 2 < len(world.fake.statuses("DELETE")) < 20


def test_a_server_url_that_comes_later(world: World) -> None:
    """Without server-url the reason says so; once it is set the import goes on by itself."""
    url = world.fake.url
    world.fake.set_setting("server-url", "")
    assert not world.run(timeout=30)
    assert world.state()["reason"] == "ServerUrlUnset"
    world.fake.set_setting("server-url", url)
    assert world.run()
    assert world.end() == ENDED_WELL
    # The agent's image, and the refresh.
    assert world.fake.statuses("PUT", "/v3/clusters/") == [200, 200]


def test_a_known_id_stays_in_the_state(world: World) -> None:
    """A run that does not get as far as to look does not write an empty id over a known one."""
    world.run()
    known = world.state()["clusterId"]
    world.fake.die()
    world.desire("in-2")
    assert not world.run(replace(GOAL, inputs="in-2"), timeout=20)
    assert (world.state()["reason"], world.state()["clusterId"]) == ("RancherUnreachable", known)


def test_two_runs_at_once(world: World) -> None:
    """Of two Jobs with different inputs the newer ones win, and there is one cluster."""
    newer = replace(GOAL, inputs="in-2", owners=frozenset())
    world.desire("in-2")
    results: list[bool] = []
    runs = [
        threading.Thread(target=lambda w=goal: results.append(world.run(w)))
        for goal in (GOAL, newer)
    ]
    for thread in runs:
        thread.start()
    for thread in runs:
        thread.join()
    assert results == [True, True]
    assert world.state()["observedInputs"] == "in-2"
    assert world.end() == ENDED_WELL


def test_a_cluster_removed_in_rancher(world: World) -> None:
    """When somebody removed the cluster, the next run imports anew and replaces the agent."""
    world.run()
    first = world.fake.clusters()["kunde1"].id
    world.fake.state.clusters.clear()
    assert world.run()
    assert world.end() == ENDED_WELL
    assert world.fake.clusters()["kunde1"].id != first


def rebuild(world: World) -> str:
    """Let the virtual cluster be another one under the same name; return the old cluster's id."""
    world.run()
    (cluster,) = world.fake.state.clusters
    cluster.labels[VCLUSTER_UID] = "the-one-before"
    for kind, api_version, namespace, name in world.ours():
        world.api.delete(api_version, kind, name, namespace=namespace)
    return cluster.id


def test_a_rebuilt_virtual_cluster_is_recreated(world: World) -> None:
    """By default the cluster in Rancher is made anew for it."""
    before = rebuild(world)
    assert world.run()
    assert world.end() == ENDED_WELL
    assert world.fake.clusters()["kunde1"].id != before


def test_a_rebuilt_virtual_cluster_is_redeployed(world: World) -> None:
    """On wish the cluster in Rancher stays, and its agent is deployed into the new one."""
    before = rebuild(world)
    assert world.run(replace(GOAL, on_rebuild="Redeploy"))
    assert world.end() == ENDED_WELL
    cluster = world.fake.clusters()["kunde1"]
    assert cluster.id == before
    assert cluster.labels[VCLUSTER_UID] != "the-one-before"
    assert world.fake.statuses("PUT", "/v3/clusters/") == [200, 200]


def test_labels_follow_the_wish(world: World) -> None:
    """They are there from the creation, changed and pruned where Fleet looks; others' stay."""
    first = replace(GOAL, labels={"caas.telekom.de/plan": "small", "team": "shop"})
    assert world.run(first)
    (cluster,) = world.fake.state.clusters
    assert first.labels.items() <= cluster.labels.items()
    assert first.labels.items() <= cluster.mgmt_labels.items()
    assert world.fake.statuses("PUT", "/v3/clusters/") == [200], "the agent's image only"
    cluster.mgmt_labels["by-hand"] = "stays"
    world.desire("in-2")
    labels = {"caas.telekom.de/plan": "large", "tier": "gold"}
    assert world.run(replace(GOAL, labels=labels, inputs="in-2"))
    ours = {"caas.telekom.de/owner-uid", "caas.telekom.de/owner-name"}
    seen = {key: value for key, value in cluster.mgmt_labels.items() if "cattle.io" not in key}
    kept = {key: seen.pop(key) for key in (*ours, VCLUSTER_UID)}
    assert seen == {**labels, "by-hand": "stays"}
    assert kept[OWNER_UID] == GOAL.owner_uid
    world.desire("in-3")
    world.fake.requests.clear()
    assert world.run(replace(GOAL, labels=labels, inputs="in-3"))
    assert not [one for one in world.fake.requests if one.method != "GET"]


NEW_IMAGE = "rancher/rancher-agent:v2.15.1"


def test_the_agent_follows_an_upgrade_of_rancher(world: World) -> None:
    """The image that Rancher writes down at the creation is cleared before there is an agent."""
    assert world.run()
    (cluster,) = world.fake.state.clusters
    assert (cluster.desired_image, cluster.agent_restarts) == ("", [])
    world.fake.set_setting("agent-image", NEW_IMAGE)
    world.fake.clusters()
    assert cluster.agent_image == NEW_IMAGE


def test_an_import_restarts_no_agent(world: World) -> None:
    """All imports run again with a new version of ours: a connected agent is the watcher's turn."""
    world.run()
    (cluster,) = world.fake.state.clusters
    cluster.desired_image, cluster.image_writer = "rancher/rancher-agent:v2.14.0", "rancher"
    world.desire("in-2")
    assert world.run(replace(GOAL, inputs="in-2"))
    assert cluster.desired_image == "rancher/rancher-agent:v2.14.0"


def test_an_agent_that_is_deployed_anew_is_the_new_one(world: World) -> None:
    """A redeployment does not bring back the image of the day the cluster was created."""
    rebuild(world)
    (cluster,) = world.fake.state.clusters
    cluster.desired_image, cluster.image_writer = cluster.agent_image, "rancher"
    world.fake.set_setting("agent-image", NEW_IMAGE)
    assert world.run(replace(GOAL, on_rebuild="Redeploy"))
    assert cluster.agent_image == NEW_IMAGE


def test_an_import_without_the_right_on_the_image(world: World) -> None:
    """Without User-Base the image stays Rancher's; the cluster is imported all the same."""
    world.fake.forbid(method="GET", path="/v3/clusters/", times=None)
    assert world.run()
    assert world.end() == ENDED_WELL


def test_a_rebuilt_virtual_cluster_is_refused(world: World) -> None:
    """On wish a person decides."""
    rebuild(world)
    with pytest.raises(RefusedError) as refused:
        world.run(replace(GOAL, on_rebuild="Fail"))
    assert refused.value.reason == "Rebuilt"


def test_a_deregistration_of_nothing(world: World) -> None:
    """Nothing was registered: nothing happens, at once."""
    assert world.deregister()
    assert world.time.seconds < 1


def test_a_deregistration_from_a_dead_rancher(world: World) -> None:
    """A dead Rancher holds no deletion for ever, and what was left behind is noted."""
    world.run()
    world.fake.die()
    assert not world.deregister()
    assert world.time.seconds < 300
    (line,) = world.abandoned().values()
    assert json.loads(line).items() >= {"cluster": "kunde1", "ownerUid": GOAL.owner_uid}.items()


@pytest.mark.parametrize("flag", ["hold_removal", "hold_management_removal"])
def test_a_deregistration_that_rancher_holds(world: World, flag: str) -> None:
    """A cluster whose finalizers hang is noted; ours never strips them."""
    world.run()
    world.fake.requests.clear()
    setattr(world.fake.behaviour, flag, True)
    assert not world.deregister()
    assert [*world.abandoned()] == [f"{GOAL.owner_uid}.cluster"]
    assert not [r for r in world.fake.requests if r.method in ("PUT", "PATCH")]


def test_no_secret_is_told(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither token nor manifest URL nor kubeconfig is in the log or the state."""
    world.fake.refuse(500, times=2)
    world.run()
    told = "".join(capfd.readouterr()) + json.dumps(world.state())
    registration = {r.path for r in world.fake.requests if r.path.startswith("/v3/import/")}
    for secret in (world.fake.token(), world.api.token, *registration):
        assert secret not in told


HEIR = replace(GOAL, owner_uid="0c9ab3a7-53de-4c3f-9ec4-cc0c7a0d1e35", inputs="in-2")
HEIR = replace(HEIR, former_owner_uid=GOAL.owner_uid)
"""What a VCluster wishes for that has taken over the data of the first one."""


def marker(world: World) -> dict[str, str]:
    """Return the marker in the virtual cluster; empty if there is none."""
    found = world.api.get("v1", "ConfigMap", "caas-rancher-import", namespace="kube-system")
    return dict(found.body.get("data", {}))


def test_an_heir_takes_the_cluster_over(world: World) -> None:
    """The virtual cluster lives on under a new VCluster: the same cluster, agent and connection."""
    world.run()
    before = world.fake.clusters()["kunde1"]
    world.desire("in-2")
    world.wire.lines.clear()
    assert world.run(HEIR)
    assert world.end() == ENDED_WELL
    after = world.fake.clusters()["kunde1"]
    assert after.id == before.id
    assert after.labels[OWNER_UID] == HEIR.owner_uid
    assert after.labels[VCLUSTER_UID] == before.labels[VCLUSTER_UID]
    assert after.bindings == before.bindings
    assert marker(world)["ownerUid"] == HEIR.owner_uid
    assert world.fake.statuses("POST", "/v1/") == [201, 201]
    deleted = [line for line in world.wire.lines if line.startswith("DELETE ")]
    assert deleted == ["DELETE /api/v1/namespaces/kube-system/configmaps/caas-rancher-proof"]
    # What the former VCluster still does finds nothing of its own.
    assert world.deregister()
    assert [*world.fake.clusters()] == ["kunde1"]


def test_an_heir_killed_at_every_line(world: World) -> None:
    """A taking over that dies anywhere is finished by the next run."""
    world.run()
    world.desire("in-2")
    world.wire.sent = 0
    world.run(HEIR)
    points = [*kills(world.wire)]
    for number, phase in points:
        world.reset()
        world.run()
        before = world.fake.clusters()["kunde1"].id
        world.desire("in-2")
        world.wire.sent, world.wire.kill_at, world.wire.phase = 0, number, phase
        with pytest.raises(KilledError):
            world.run(HEIR)
        world.restart()
        assert world.run(HEIR), (number, phase)
        assert world.end() == ENDED_WELL, (number, phase)
        assert world.fake.clusters()["kunde1"].id == before, (number, phase)
        assert marker(world)["ownerUid"] == HEIR.owner_uid, (number, phase)


def test_knowing_a_uid_takes_nothing_over(world: World) -> None:
    """Who names another's uid and cluster, but has another virtual cluster, is refused."""
    world.run()
    (cluster,) = world.fake.state.clusters
    cluster.labels[VCLUSTER_UID] = "the-victims"
    world.desire("in-2")
    with pytest.raises(RefusedError) as refused:
        world.run(HEIR)
    assert refused.value.reason == "NameTaken"
    assert world.fake.clusters()["kunde1"].labels[OWNER_UID] == GOAL.owner_uid


@pytest.mark.parametrize(
    "proof",
    [
        pytest.param((200, {"data": {"nonce": "the-victims"}}), id="another-nonce"),
        pytest.param((200, {}), id="empty"),
        pytest.param((404, {"kind": "Status", "message": "not found"}), id="no-nonce"),
    ],
)
def test_a_chosen_identity_takes_nothing_over(
    world: World, proof: tuple[int, dict[str, Any]]
) -> None:
    """A virtual cluster that says to be the victim's is not: what is written here is not there."""
    world.run()
    world.desire("in-2")
    (cluster,) = world.fake.state.clusters
    before = dict(cluster.labels)
    kube = world.fake.agents.watched["kunde1"]
    world.fake.watch("kunde1", Victim(kube.server, kube.ca, kube.token, proof=proof))
    with pytest.raises(RefusedError) as refused:
        world.run(HEIR)
    assert refused.value.reason == "NameTaken"
    assert cluster.labels == before
    assert world.api.get("v1", "ConfigMap", PROOF, namespace="kube-system").status == 404


@dataclass(frozen=True)
class Victim(KubeApi):
    """The virtual cluster behind Rancher's cluster: another one, with the same identity."""

    proof: tuple[int, dict[str, Any]] = (404, {})

    def call(self, path: str, *request: Any, **more: Any) -> tuple[int, Any]:
        """Answer what another virtual cluster answers."""
        return self.proof if path.endswith(PROOF) else super().call(path, *request, **more)


def test_a_retained_cluster_leaves_no_trace(world: World) -> None:
    """Where data is retained the agent and the marker go too; a later import begins anew."""
    world.time.meanwhile = world.end_namespaces
    world.run()
    first = world.fake.clusters()["kunde1"].id
    assert world.deregister(retain=True)
    assert world.end() == ([], 0, 0)
    assert world.api.get("v1", "Namespace", "cattle-system").status == 404
    assert marker(world) == {}
    world.desire("in-2", fresh=True)
    world.make_namespaces()
    assert world.run(HEIR)
    assert world.end() == ENDED_WELL
    assert world.fake.clusters()["kunde1"].id != first


CRDS = inside.CRDS
RBAC = inside.RBAC


def left_by_rancher() -> list[dict[str, Any]]:
    """Return what Rancher left inside of an earlier import, in which somebody was an owner."""
    former = inside.of_binding("c-m-former", "vc-5dfa40bea3f24578", "u-former")
    return [*former, *inside.of_cluster()]


def everything(world: World) -> set[str]:
    """Return all that is in the virtual cluster, but what an API server makes by itself."""
    paths = [
        *(f"/apis/{RBAC}/{kind}" for kind in ("clusterroles", "clusterrolebindings")),
        *(f"/apis/{RBAC}/{kind}" for kind in ("roles", "rolebindings")),
        f"/apis/{CRDS}/customresourcedefinitions",
        *(f"/api/v1/{kind}" for kind in ("namespaces", "secrets", "serviceaccounts", "services")),
        *(f"/apis/apps/v1/{kind}" for kind in ("deployments", "daemonsets")),
        "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
    ]
    found = set()
    for path in paths:
        for one in world.api.request("GET", path).body["items"]:
            metadata = one["metadata"]
            found.add(f"{path}/{metadata.get('namespace', '')}/{metadata['name']}")
    return found


def test_nothing_is_left_of_a_retained_cluster(world: World) -> None:
    """What was there before the import is there after the removal, and nothing more."""
    world.time.meanwhile = world.end_namespaces
    before = everything(world)
    world.fake.behaviour.redeploys = True
    assert world.run()
    assert any("/crb-" in name for name in everything(world) - before)
    assert world.deregister(retain=True)
    world.api.request(
        "DELETE", "/apis/batch/v1/namespaces/default/jobs?propagationPolicy=Background"
    )
    assert everything(world) - before == set()
    world.make_namespaces()


def test_former_owners_lose_their_rights_with_the_next_import(world: World) -> None:
    """Rancher leaves their bindings inside; a person who is no owner now must not have them."""
    for body in left_by_rancher():
        assert world.api.apply(body).status in (200, 201)
    assert world.run()
    for path in ("clusterrolebindings", "rolebindings"):
        found = world.api.request("GET", f"/apis/{RBAC}/{path}").body["items"]
        subjects = [who["name"] for one in found for who in one.get("subjects") or ()]
        assert "u-former" not in subjects
    assert world.run(), "again changes nothing"


def test_retaining_a_cluster_that_rancher_does_not_reach(world: World) -> None:
    """The 100 seconds that Rancher takes for its removal are waited for, and nothing is noted."""
    world.run()
    world.fake.behaviour.hold_management_removal = True

    def meanwhile() -> None:
        world.end_namespaces()
        world.fake.behaviour.hold_management_removal = world.time.seconds < 100

    world.time.meanwhile = meanwhile
    assert world.deregister(retain=True)
    assert world.time.seconds > 100
    assert world.abandoned() == {}
    assert world.end() == ([], 0, 0)
    world.make_namespaces()


def test_a_removal_that_ends_while_the_inside_is_cleaned(world: World) -> None:
    """What is noted is true: the line goes when Rancher has removed the cluster after all."""
    world.run()
    world.fake.behaviour.hold_management_removal = True
    noted: list[bool] = []

    def meanwhile() -> None:
        if world.time.seconds > 170:
            noted.append(bool(world.abandoned()))
            world.end_namespaces()
            world.fake.behaviour.hold_management_removal = False

    world.time.meanwhile = meanwhile
    assert world.deregister(retain=True)
    assert any(noted)
    assert world.abandoned() == {}
    world.make_namespaces()


def test_a_rancher_that_never_was_reached_leaves_nothing_behind(world: World) -> None:
    """Of an import that never began nothing is noted, whatever Rancher answers."""
    world.token_file.write_text("wrong")
    assert world.deregister()
    assert world.abandoned() == {}


def test_retaining_killed_at_every_line(world: World) -> None:
    """A deregistration that dies while it cleans the virtual cluster is finished by the next."""
    world.time.meanwhile = world.end_namespaces
    world.run()
    world.wire.sent = 0
    world.deregister(retain=True)
    points = [*kills(world.wire)]
    for number, phase in points:
        world.make_namespaces()
        world.reset()
        world.run()
        world.wire.sent, world.wire.kill_at, world.wire.phase = 0, number, phase
        with pytest.raises(KilledError):
            world.deregister(retain=True)
        world.restart()
        assert world.deregister(retain=True), (number, phase)
        assert world.end() == ([], 0, 0), (number, phase)
        assert marker(world) == {}, (number, phase)
    world.make_namespaces()


def test_retaining_with_a_dead_rancher(world: World) -> None:
    """The agent is removed all the same; what Rancher has is removed before a new cluster comes.

    Without an agent there Rancher can show nobody that it is the same virtual cluster.
    """
    world.time.meanwhile = world.end_namespaces
    world.run()
    first = world.fake.clusters()["kunde1"].id
    world.fake.die()
    assert not world.deregister(retain=True)
    assert marker(world) == {}
    assert [*world.abandoned()] == [f"{GOAL.owner_uid}.cluster"]
    world.fake.revive()
    world.make_namespaces()
    world.desire("in-2", fresh=True)
    assert not world.run(HEIR, timeout=60)
    assert world.state()["reason"] == "WaitingForProof"
    world.fake.state.clusters.clear()
    assert world.run(HEIR)
    assert world.end() == ENDED_WELL
    assert world.fake.clusters()["kunde1"].id != first


def test_a_restore_over_what_a_dead_control_plane_left(world: World) -> None:
    """Agent and marker of the former import do not hold the new one up."""
    world.run()
    assert world.deregister()
    assert marker(world)["ownerUid"] == GOAL.owner_uid
    world.desire("in-2", fresh=True)
    assert world.run(HEIR)
    assert world.end() == ENDED_WELL
    assert marker(world)["ownerUid"] == HEIR.owner_uid


def test_leaving_rancher_asleep(world: World) -> None:
    """Rancher does not reach it, and removes it by itself: the deletion does not wait for that."""
    world.run()
    world.fake.behaviour.hold_management_removal = True
    started = world.time.seconds
    with world.connected() as (host, client):
        out = Deregistration(
            "kunde1",
            GOAL.owner_uid,
            host,
            client,
            timeout=240,
            is_asleep=True,
            clock=world.time.clock(),
        )
        assert out.run()
    assert world.time.seconds - started < 5
    assert world.state()["reason"] == "Deregistered"
    world.fake.behaviour.hold_management_removal = False
    assert [*world.fake.clusters()] == []
    world.make_namespaces()
