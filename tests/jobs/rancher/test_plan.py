"""The plan: from what was found to the next action, case by case."""

from dataclasses import replace
from typing import Any

import pytest

from jobs.errors import RefusedError
from jobs.rancher.import_plan import (
    ApplyManifest,
    Bind,
    CreateCluster,
    DeleteCluster,
    Done,
    FollowAgentImage,
    ForceDeploy,
    Label,
    RefreshRegistration,
    RemoveAgent,
    Superseded,
    TakeOver,
    Unbind,
    Wait,
    WriteMarker,
    plan,
)
from jobs.rancher.model import (
    OWNER_UID,
    VCLUSTER_UID,
    Agent,
    AgentImages,
    Binding,
    Cluster,
    Found,
    Inside,
    Management,
    Marker,
    Owner,
    Registration,
    State,
    Wish,
)

OWNER = Owner("group", "github_team://1", "cluster-owner")
OTHER = Owner("user", "u-1", "cluster-member")
WISH = Wish("kunde1", "kunde1", "xr-1", frozenset({OWNER}), "in-1")


def binding(name: str, owner: Owner, *, ours: bool) -> Binding:
    """Return a binding of one subject."""
    return Binding(name, owner.role, frozenset({(owner.kind, owner.name)}), ours)


def leaving(name: str, owner: Owner, *, ours: bool) -> Binding:
    """Return a binding that is being removed."""
    return replace(binding(name, owner, ours=ours), terminating=True)


MARKER = Marker("xr-1", "c-m-1", applied=True)
CLUSTER = Cluster("kunde1", "u-1", {OWNER_UID: "xr-1", VCLUSTER_UID: "vc-1"}, "c-m-1")
CONNECTED = Found(
    state=State("in-1"),
    inside=Inside("vc-1", MARKER, Agent(running=True)),
    has_kubeconfig=True,
    cluster=CLUSTER,
    management=Management(connected=True),
    bindings=(binding("vc-a", OWNER, ours=True),),
    registration=Registration("/v3/import/x.yaml"),
)
STARTING = replace(CONNECTED, management=Management(connected=False, message="No agent."))


def inside(found: Found, **changes: Any) -> Found:
    """Return what was found with another inside."""
    assert found.inside
    return replace(found, inside=replace(found.inside, **changes))


def with_default(found: Found) -> Found:
    """Return what was found with the agent's image of the day of creation."""
    assert found.management
    images = AgentImages("agent:v1", default="agent:v1")
    return replace(found, management=replace(found.management, images=images))


def cluster(found: Found, **changes: Any) -> Found:
    """Return what was found with another cluster."""
    return replace(found, cluster=replace(CLUSTER, **changes))


@pytest.mark.parametrize(
    ("found", "action"),
    [
        pytest.param(replace(CONNECTED, state=State("in-2")), Superseded(), id="newer-inputs"),
        pytest.param(
            Found(State("in-1")),
            Wait("Pending", "WaitingForKubeconfig", "The virtual cluster has no kubeconfig yet."),
            id="no-kubeconfig",
        ),
        pytest.param(
            Found(State("in-1"), has_kubeconfig=True),
            Wait("Pending", "WaitingForApi", "The virtual cluster's API does not answer yet."),
            id="no-api",
        ),
        pytest.param(replace(CONNECTED, cluster=None), CreateCluster("vc-1"), id="nothing-there"),
        pytest.param(
            inside(replace(CONNECTED, cluster=None), cleaning=True),
            Wait("Importing", "CleaningUp", "Rancher still removes an earlier import."),
            id="earlier-import-leaves",
        ),
        pytest.param(
            cluster(CONNECTED, terminating=True),
            Wait("Importing", "BeingDeleted", "Rancher still removes a cluster of this name."),
            id="terminating",
        ),
        pytest.param(
            replace(CONNECTED, management=Management(connected=True, terminating=True)),
            Wait("Importing", "BeingDeleted", "Rancher still removes a cluster of this name."),
            id="management-terminating",
        ),
        pytest.param(
            cluster(CONNECTED, cluster_id=""),
            Wait("Importing", "WaitingForRancher", "Rancher has not taken the cluster up yet."),
            id="no-id",
        ),
        pytest.param(
            replace(CONNECTED, management=None),
            Wait(
                "Importing",
                "WaitingForPermissions",
                "Rancher has not yet given the importer its rights in the cluster.",
            ),
            id="no-rights-yet",
        ),
        pytest.param(
            replace(CONNECTED, bindings=None),
            Wait(
                "Importing",
                "WaitingForPermissions",
                "Rancher has not yet given the importer its rights in the cluster.",
            ),
            id="no-rights-on-bindings-yet",
        ),
        pytest.param(
            inside(STARTING, marker=None, agent=None),
            WriteMarker(Marker("xr-1", "c-m-1", applied=False), first=True),
            id="marker-before-the-first-apply",
        ),
        pytest.param(
            inside(STARTING, marker=None, agent=None, cleaning=True),
            Wait("Importing", "CleaningUp", "Rancher still removes an earlier import."),
            id="ranchers-own-clean-up-goes-before-the-marker",
        ),
        pytest.param(
            inside(STARTING, marker=replace(MARKER, applied=False), agent=None),
            ApplyManifest("c-m-1"),
            id="apply",
        ),
        pytest.param(
            inside(STARTING, marker=replace(MARKER, applied=False)),
            ApplyManifest("c-m-1"),
            id="finish-an-interrupted-apply",
        ),
        pytest.param(
            with_default(inside(STARTING, marker=replace(MARKER, applied=False), agent=None)),
            FollowAgentImage("c-m-1", "agent:v1"),
            id="the-image-before-the-agent",
        ),
        pytest.param(
            with_default(STARTING),
            Wait(
                "Registered",
                "AgentNotConnected",
                "Rancher's agent runs, but Rancher does not see it. No agent.",
            ),
            id="no-other-image-for-an-agent-that-is-there",
        ),
        pytest.param(
            with_default(CONNECTED), Done("c-m-1"), id="no-other-image-for-a-connected-agent"
        ),
        pytest.param(inside(STARTING, agent=None), ApplyManifest("c-m-1"), id="agent-vanished"),
        pytest.param(
            replace(inside(STARTING, agent=None), registration=None),
            Wait(
                "Importing",
                "WaitingForRegistration",
                "Rancher has not made the registration token yet.",
            ),
            id="no-token-yet",
        ),
        pytest.param(
            replace(inside(STARTING, agent=None), registration=Registration("")),
            Wait(
                "Importing",
                "ServerUrlUnset",
                "Rancher's setting server-url is empty: set it in Rancher. If the importer's user "
                "has not the role User-Base, change the cluster once after that.",
            ),
            id="no-server-url",
        ),
        pytest.param(
            replace(
                inside(STARTING, agent=None),
                registration=Registration(""),
                server_url="https://rancher.example.org",
            ),
            RefreshRegistration("c-m-1"),
            id="server-url-came-later",
        ),
        pytest.param(
            inside(STARTING, marker=Marker("xr-1", "c-m-0", applied=True)),
            RemoveAgent(),
            id="agent-of-our-earlier-cluster",
        ),
        pytest.param(
            inside(STARTING, marker=Marker("xr-0", "c-m-0", applied=True), agent=None),
            WriteMarker(Marker("xr-1", "c-m-1", applied=False), first=True),
            id="marker-of-another-import-without-agent",
        ),
        pytest.param(
            inside(CONNECTED, marker=None),
            WriteMarker(Marker("xr-1", "c-m-1", applied=True)),
            id="never-apply-to-a-connected-cluster",
        ),
        pytest.param(
            inside(STARTING, agent=Agent()),
            Wait("Registered", "AgentStarting", "Rancher's agent starts in the virtual cluster."),
            id="agent-starts",
        ),
        pytest.param(
            inside(STARTING, agent=Agent(blocked="violates PodSecurity")),
            Wait("Registered", "AgentBlocked", "Rancher's agent is refused: violates PodSecurity"),
            id="agent-blocked",
        ),
        pytest.param(
            STARTING,
            Wait(
                "Registered",
                "AgentNotConnected",
                "Rancher's agent runs, but Rancher does not see it. No agent.",
            ),
            id="agent-not-connected",
        ),
        pytest.param(
            replace(STARTING, bindings=()), Bind("c-m-1", OWNER), id="owners-before-connected"
        ),
        pytest.param(
            replace(CONNECTED, bindings=(binding("theirs", OWNER, ours=False),)),
            Done("c-m-1"),
            id="somebody-else-gave-the-role",
        ),
        pytest.param(
            replace(
                CONNECTED, bindings=(*(CONNECTED.bindings or ()), binding("b", OTHER, ours=True))
            ),
            Unbind("c-m-1", binding("b", OTHER, ours=True)),
            id="prune-ours",
        ),
        pytest.param(
            replace(
                CONNECTED, bindings=(*(CONNECTED.bindings or ()), binding("b", OTHER, ours=False))
            ),
            Done("c-m-1"),
            id="leave-theirs",
        ),
        pytest.param(
            replace(
                CONNECTED, bindings=(*(CONNECTED.bindings or ()), leaving("b", OTHER, ours=True))
            ),
            Done("c-m-1"),
            id="what-leaves-is-not-removed-again",
        ),
        pytest.param(
            replace(CONNECTED, bindings=(leaving("vc-a", OWNER, ours=True),)),
            Wait(
                "Importing",
                "BindingBeingDeleted",
                "Rancher still removes a binding of cluster-owner that is wished for again.",
            ),
            id="what-leaves-and-is-wished-for-is-waited-for",
        ),
        pytest.param(
            replace(STARTING, bindings=(leaving("vc-a", OWNER, ours=True),)),
            Wait(
                "Registered",
                "AgentNotConnected",
                "Rancher's agent runs, but Rancher does not see it. No agent.",
            ),
            id="it-leaves-when-the-agent-is-back",
        ),
        pytest.param(CONNECTED, Done("c-m-1"), id="done"),
    ],
)
def test_plan(found: Found, action: object) -> None:
    """Each finding has one next step."""
    assert plan(WISH, found) == action


REBUILT = inside(STARTING, uid="vc-2", marker=None, agent=None)


@pytest.mark.parametrize(
    ("policy", "found", "action"),
    [
        pytest.param("Recreate", REBUILT, DeleteCluster(), id="recreate"),
        pytest.param(
            "Redeploy",
            REBUILT,
            WriteMarker(Marker("xr-1", "c-m-1", applied=False), first=True),
            id="redeploy-marker",
        ),
        pytest.param(
            "Redeploy",
            inside(STARTING, uid="vc-2"),
            ForceDeploy("c-m-1", "vc-2"),
            id="redeploy-by-rancher",
        ),
        pytest.param(
            "Redeploy",
            inside(CONNECTED, uid="vc-2"),
            ForceDeploy("c-m-1", "vc-2"),
            id="redeploy-even-if-it-looks-connected",
        ),
    ],
)
def test_a_rebuilt_virtual_cluster(policy: Any, found: Found, action: object) -> None:
    """Another virtual cluster under the same name is not taken for the old one."""
    assert plan(replace(WISH, on_rebuild=policy), found) == action


@pytest.mark.parametrize(
    ("wish", "found", "reason"),
    [
        pytest.param(
            WISH, cluster(CONNECTED, labels={OWNER_UID: "xr-0"}), "NameTaken", id="another-owner"
        ),
        pytest.param(WISH, cluster(CONNECTED, labels={}), "NameTaken", id="imported-by-hand"),
        pytest.param(
            WISH, replace(CONNECTED, cluster=None, name_taken=True), "NameTaken", id="hidden"
        ),
        pytest.param(
            WISH, inside(STARTING, marker=None), "ForeignAgent", id="agent-of-another-import"
        ),
        pytest.param(replace(WISH, on_rebuild="Fail"), REBUILT, "Rebuilt", id="rebuilt"),
    ],
)
def test_refused(wish: Wish, found: Found, reason: str) -> None:
    """Where only a person can help, the import says so and touches nothing."""
    with pytest.raises(RefusedError) as refused:
        plan(wish, found)
    assert refused.value.reason == reason


HEIR = replace(WISH, owner_uid="xr-2", former_owner_uid="xr-1")
"""What the VCluster wishes for that has the data of xr-1."""

OURS = {OWNER_UID: "xr-2", VCLUSTER_UID: "vc-1"}
UNPROVEN = Wait(
    "Importing",
    "WaitingForProof",
    "Rancher does not reach the cluster of the former VCluster, so it cannot show that this "
    "virtual cluster is behind it. If this stays, remove that cluster in Rancher: "
    "`rancher-import sweep` lists it.",
)
TAKEN = Wait("Importing", "BeingDeleted", "Rancher still removes a cluster of this name.")


@pytest.mark.parametrize(
    ("found", "action"),
    [
        pytest.param(CONNECTED, TakeOver("c-m-1"), id="connected"),
        pytest.param(STARTING, UNPROVEN, id="not-connected"),
        pytest.param(
            inside(CONNECTED, marker=None, agent=None), TakeOver("c-m-1"), id="without-agent"
        ),
        pytest.param(cluster(CONNECTED, cluster_id=""), UNPROVEN, id="no-id"),
        pytest.param(cluster(CONNECTED, terminating=True), TAKEN, id="terminating"),
        pytest.param(
            cluster(CONNECTED, labels=OURS),
            WriteMarker(Marker("xr-2", "c-m-1", applied=True)),
            id="the-marker-follows",
        ),
        pytest.param(
            cluster(STARTING, labels=OURS),
            WriteMarker(Marker("xr-2", "c-m-1", applied=True)),
            id="the-marker-follows-before-the-agent-is-back",
        ),
        pytest.param(
            inside(cluster(STARTING, labels=OURS), marker=Marker("xr-1", "c-m-1", applied=False)),
            WriteMarker(Marker("xr-2", "c-m-1", applied=False)),
            id="an-apply-that-was-not-finished",
        ),
        pytest.param(
            inside(cluster(CONNECTED, labels=OURS), marker=replace(MARKER, owner_uid="xr-2")),
            Done("c-m-1"),
            id="nothing-else-changes",
        ),
        pytest.param(
            inside(cluster(STARTING, labels=OURS), marker=Marker("xr-1", "c-m-0", applied=True)),
            RemoveAgent(),
            id="agent-of-the-former-in-another-cluster",
        ),
        pytest.param(replace(CONNECTED, cluster=None), CreateCluster("vc-1"), id="not-in-rancher"),
    ],
)
def test_an_heir(found: Found, action: object) -> None:
    """The cluster of the VCluster whose data was taken over becomes that of the new one."""
    assert plan(HEIR, found) == action


@pytest.mark.parametrize(
    ("wish", "found", "reason"),
    [
        pytest.param(HEIR, inside(CONNECTED, uid="vc-2"), "NameTaken", id="another-cluster"),
        pytest.param(HEIR, inside(CONNECTED, uid=""), "NameTaken", id="no-identity"),
        pytest.param(
            HEIR, cluster(CONNECTED, labels={OWNER_UID: "xr-1"}), "NameTaken", id="unknown-identity"
        ),
        pytest.param(
            HEIR,
            inside(cluster(CONNECTED, labels={OWNER_UID: "xr-1", VCLUSTER_UID: ""}), uid=""),
            "NameTaken",
            id="two-empty-identities",
        ),
        pytest.param(
            HEIR,
            cluster(CONNECTED, labels={OWNER_UID: "xr-0", VCLUSTER_UID: "vc-1"}),
            "NameTaken",
            id="another-owner",
        ),
        pytest.param(
            replace(HEIR, former_owner_uid=""), CONNECTED, "NameTaken", id="nothing-inherited"
        ),
        pytest.param(
            replace(HEIR, former_owner_uid=""),
            cluster(CONNECTED, labels={OWNER_UID: "", VCLUSTER_UID: "vc-1"}),
            "NameTaken",
            id="two-empty-owners",
        ),
        pytest.param(
            HEIR,
            inside(cluster(STARTING, labels=OURS), marker=Marker("xr-0", "c-m-0", applied=True)),
            "ForeignAgent",
            id="agent-of-somebody-else",
        ),
        pytest.param(
            replace(HEIR, former_owner_uid=""),
            inside(cluster(STARTING, labels=OURS), marker=Marker("", "c-m-0", applied=True)),
            "ForeignAgent",
            id="marker-without-owner",
        ),
    ],
)
def test_no_heir(wish: Wish, found: Found, reason: str) -> None:
    """Whoever knows another's uid gains nothing: the virtual cluster must be the same one."""
    with pytest.raises(RefusedError) as refused:
        plan(wish, found)
    assert refused.value.reason == reason


LABELS = {"tier": "gold"}


@pytest.mark.parametrize(
    ("labels", "managed", "action"),
    [
        pytest.param({**LABELS, "by-hand": "x"}, {"tier"}, Done("c-m-1"), id="as-wished"),
        pytest.param({}, set(), Label("c-m-1", LABELS, frozenset()), id="missing"),
        pytest.param(
            {"tier": "silver"}, {"tier"}, Label("c-m-1", LABELS, frozenset()), id="another-value"
        ),
        pytest.param(
            {**LABELS, "team": "shop"},
            {"tier", "team"},
            Label("c-m-1", LABELS, frozenset({"team"})),
            id="stale",
        ),
        pytest.param(LABELS, set(), Label("c-m-1", LABELS, frozenset()), id="not-known-as-ours"),
    ],
)
def test_labels(labels: dict[str, str], managed: set[str], action: object) -> None:
    """Labels are set where they differ, and those of an earlier wish are taken away."""
    management = replace(
        CONNECTED.management or Management(connected=True),
        labels=labels,
        managed_labels=frozenset(managed),
    )
    found = replace(CONNECTED, management=management)
    assert plan(replace(WISH, labels=LABELS), found) == action
