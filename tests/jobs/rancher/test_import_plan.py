"""The plan: from what was found to the next action, case by case."""

from dataclasses import replace
from typing import Any

import pytest

from jobs.errors import RefusedError
from jobs.rancher.actions import (
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
)
from jobs.rancher.import_plan import plan
from jobs.rancher.model import (
    OWNER_UID,
    VCLUSTER_UID,
    Agent,
    AgentImages,
    Binding,
    Cluster,
    Goal,
    Management,
    Marker,
    Owner,
    Registration,
    Snapshot,
    State,
    VirtualClusterState,
)

OWNER = Owner("group", "github_team://1", "cluster-owner")
OTHER = Owner("user", "u-1", "cluster-member")
GOAL = Goal("kunde1", "kunde1", "xr-1", frozenset({OWNER}), "in-1")


def binding(name: str, owner: Owner, *, ours: bool) -> Binding:
    """Return a binding of one subject."""
    return Binding(name, owner.role, frozenset({(owner.kind, owner.name)}), ours)


def leaving(name: str, owner: Owner, *, ours: bool) -> Binding:
    """Return a binding that is being removed."""
    return replace(binding(name, owner, ours=ours), terminating=True)


MARKER = Marker("xr-1", "c-m-1", applied=True)
CLUSTER = Cluster("kunde1", "u-1", {OWNER_UID: "xr-1", VCLUSTER_UID: "vc-1"}, "c-m-1")
CONNECTED = Snapshot(
    state=State("in-1"),
    virtual_cluster=VirtualClusterState("vc-1", MARKER, Agent(running=True)),
    has_kubeconfig=True,
    cluster=CLUSTER,
    management=Management(connected=True),
    bindings=(binding("vc-a", OWNER, ours=True),),
    registration=Registration("/v3/import/x.yaml"),
)
STARTING = replace(CONNECTED, management=Management(connected=False, message="No agent."))


def with_state(snapshot: Snapshot, **changes: Any) -> Snapshot:
    """Return what was found with another inside."""
    assert snapshot.virtual_cluster
    return replace(snapshot, virtual_cluster=replace(snapshot.virtual_cluster, **changes))


def with_default(snapshot: Snapshot) -> Snapshot:
    """Return what was found with the agent's image of the day of creation."""
    assert snapshot.management
    images = AgentImages("agent:v1", default="agent:v1")
    return replace(snapshot, management=replace(snapshot.management, images=images))


def cluster(snapshot: Snapshot, **changes: Any) -> Snapshot:
    """Return what was found with another cluster."""
    return replace(snapshot, cluster=replace(CLUSTER, **changes))


@pytest.mark.parametrize(
    ("snapshot", "action"),
    [
        pytest.param(replace(CONNECTED, state=State("in-2")), Superseded(), id="newer-inputs"),
        pytest.param(
            Snapshot(State("in-1")),
            Wait("Pending", "WaitingForKubeconfig", "The virtual cluster has no kubeconfig yet."),
            id="no-kubeconfig",
        ),
        pytest.param(
            Snapshot(State("in-1"), has_kubeconfig=True),
            Wait("Pending", "WaitingForApi", "The virtual cluster's API does not answer yet."),
            id="no-api",
        ),
        pytest.param(replace(CONNECTED, cluster=None), CreateCluster("vc-1"), id="nothing-there"),
        pytest.param(
            with_state(replace(CONNECTED, cluster=None), cleaning=True),
            Wait("Importing", "CleaningUp", "Rancher is still removing an earlier import."),
            id="earlier-import-leaves",
        ),
        pytest.param(
            cluster(CONNECTED, terminating=True),
            Wait("Importing", "BeingDeleted", "Rancher is still removing a cluster of this name."),
            id="terminating",
        ),
        pytest.param(
            replace(CONNECTED, management=Management(connected=True, terminating=True)),
            Wait("Importing", "BeingDeleted", "Rancher is still removing a cluster of this name."),
            id="management-terminating",
        ),
        pytest.param(
            cluster(CONNECTED, cluster_id=""),
            Wait("Importing", "WaitingForRancher", "Rancher has not processed the cluster yet."),
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
            with_state(STARTING, marker=None, agent=None),
            WriteMarker(Marker("xr-1", "c-m-1", applied=False), first=True),
            id="marker-before-the-first-apply",
        ),
        pytest.param(
            with_state(STARTING, marker=None, agent=None, cleaning=True),
            Wait("Importing", "CleaningUp", "Rancher is still removing an earlier import."),
            id="ranchers-own-clean-up-goes-before-the-marker",
        ),
        pytest.param(
            with_state(STARTING, marker=replace(MARKER, applied=False), agent=None),
            ApplyManifest("c-m-1"),
            id="apply",
        ),
        pytest.param(
            with_state(STARTING, marker=replace(MARKER, applied=False)),
            ApplyManifest("c-m-1"),
            id="finish-an-interrupted-apply",
        ),
        pytest.param(
            with_default(with_state(STARTING, marker=replace(MARKER, applied=False), agent=None)),
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
        pytest.param(with_state(STARTING, agent=None), ApplyManifest("c-m-1"), id="agent-vanished"),
        pytest.param(
            replace(with_state(STARTING, agent=None), registration=None),
            Wait(
                "Importing",
                "WaitingForRegistration",
                "Rancher has not made the registration token yet.",
            ),
            id="no-token-yet",
        ),
        pytest.param(
            replace(with_state(STARTING, agent=None), registration=Registration("")),
            Wait(
                "Importing",
                "ServerUrlUnset",
                "Rancher's setting server-url is empty: set it in Rancher. If the importer's user "
                "does not have the role User-Base, change the cluster once after that.",
            ),
            id="no-server-url",
        ),
        pytest.param(
            replace(
                with_state(STARTING, agent=None),
                registration=Registration(""),
                server_url="https://rancher.example.org",
            ),
            RefreshRegistration("c-m-1"),
            id="server-url-came-later",
        ),
        pytest.param(
            with_state(STARTING, marker=Marker("xr-1", "c-m-0", applied=True)),
            RemoveAgent(),
            id="agent-of-our-earlier-cluster",
        ),
        pytest.param(
            with_state(STARTING, marker=Marker("xr-0", "c-m-0", applied=True), agent=None),
            WriteMarker(Marker("xr-1", "c-m-1", applied=False), first=True),
            id="marker-of-another-import-without-agent",
        ),
        pytest.param(
            with_state(CONNECTED, marker=None),
            WriteMarker(Marker("xr-1", "c-m-1", applied=True)),
            id="never-apply-to-a-connected-cluster",
        ),
        pytest.param(
            with_state(STARTING, agent=Agent()),
            Wait("Registered", "AgentStarting", "Rancher's agent starts in the virtual cluster."),
            id="agent-starts",
        ),
        pytest.param(
            with_state(STARTING, agent=Agent(blocked="violates PodSecurity")),
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
                "Rancher is still removing a binding of cluster-owner that is needed again.",
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
def test_plan(snapshot: Snapshot, action: object) -> None:
    """Each finding has one next step."""
    assert plan(GOAL, snapshot) == action


REBUILT = with_state(STARTING, uid="vc-2", marker=None, agent=None)


@pytest.mark.parametrize(
    ("policy", "snapshot", "action"),
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
            with_state(STARTING, uid="vc-2"),
            ForceDeploy("c-m-1", "vc-2"),
            id="redeploy-by-rancher",
        ),
        pytest.param(
            "Redeploy",
            with_state(CONNECTED, uid="vc-2"),
            ForceDeploy("c-m-1", "vc-2"),
            id="redeploy-even-if-it-looks-connected",
        ),
    ],
)
def test_a_rebuilt_virtual_cluster(policy: Any, snapshot: Snapshot, action: object) -> None:
    """Another virtual cluster under the same name is not taken for the old one."""
    assert plan(replace(GOAL, on_rebuild=policy), snapshot) == action


@pytest.mark.parametrize(
    ("goal", "snapshot", "reason"),
    [
        pytest.param(
            GOAL, cluster(CONNECTED, labels={OWNER_UID: "xr-0"}), "NameTaken", id="another-owner"
        ),
        pytest.param(GOAL, cluster(CONNECTED, labels={}), "NameTaken", id="imported-by-hand"),
        pytest.param(
            GOAL, replace(CONNECTED, cluster=None, name_taken=True), "NameTaken", id="hidden"
        ),
        pytest.param(
            GOAL, with_state(STARTING, marker=None), "ForeignAgent", id="agent-of-another-import"
        ),
        pytest.param(replace(GOAL, on_rebuild="Fail"), REBUILT, "Rebuilt", id="rebuilt"),
    ],
)
def test_refused(goal: Goal, snapshot: Snapshot, reason: str) -> None:
    """Where only a person can help, the import says so and touches nothing."""
    with pytest.raises(RefusedError) as refused:
        plan(goal, snapshot)
    assert refused.value.reason == reason


HEIR = replace(GOAL, owner_uid="xr-2", former_owner_uid="xr-1")
"""What the VCluster wishes for that has the data of xr-1."""

OURS = {OWNER_UID: "xr-2", VCLUSTER_UID: "vc-1"}
UNPROVEN = Wait(
    "Importing",
    "WaitingForProof",
    "Rancher does not reach the cluster of the former VCluster, so it cannot show that this "
    "virtual cluster is behind it. If this stays, remove that cluster in Rancher: "
    "`rancher-import sweep` lists it.",
)
TAKEN = Wait("Importing", "BeingDeleted", "Rancher is still removing a cluster of this name.")


@pytest.mark.parametrize(
    ("snapshot", "action"),
    [
        pytest.param(CONNECTED, TakeOver("c-m-1"), id="connected"),
        pytest.param(STARTING, UNPROVEN, id="not-connected"),
        pytest.param(
            with_state(CONNECTED, marker=None, agent=None), TakeOver("c-m-1"), id="without-agent"
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
            with_state(
                cluster(STARTING, labels=OURS), marker=Marker("xr-1", "c-m-1", applied=False)
            ),
            WriteMarker(Marker("xr-2", "c-m-1", applied=False)),
            id="an-apply-that-was-not-finished",
        ),
        pytest.param(
            with_state(cluster(CONNECTED, labels=OURS), marker=replace(MARKER, owner_uid="xr-2")),
            Done("c-m-1"),
            id="nothing-else-changes",
        ),
        pytest.param(
            with_state(
                cluster(STARTING, labels=OURS), marker=Marker("xr-1", "c-m-0", applied=True)
            ),
            RemoveAgent(),
            id="agent-of-the-former-in-another-cluster",
        ),
        pytest.param(replace(CONNECTED, cluster=None), CreateCluster("vc-1"), id="not-in-rancher"),
    ],
)
def test_an_heir(snapshot: Snapshot, action: object) -> None:
    """The cluster of the VCluster whose data was taken over becomes that of the new one."""
    assert plan(HEIR, snapshot) == action


@pytest.mark.parametrize(
    ("goal", "snapshot", "reason"),
    [
        pytest.param(HEIR, with_state(CONNECTED, uid="vc-2"), "NameTaken", id="another-cluster"),
        pytest.param(HEIR, with_state(CONNECTED, uid=""), "NameTaken", id="no-identity"),
        pytest.param(
            HEIR, cluster(CONNECTED, labels={OWNER_UID: "xr-1"}), "NameTaken", id="unknown-identity"
        ),
        pytest.param(
            HEIR,
            with_state(cluster(CONNECTED, labels={OWNER_UID: "xr-1", VCLUSTER_UID: ""}), uid=""),
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
            with_state(
                cluster(STARTING, labels=OURS), marker=Marker("xr-0", "c-m-0", applied=True)
            ),
            "ForeignAgent",
            id="agent-of-somebody-else",
        ),
        pytest.param(
            replace(HEIR, former_owner_uid=""),
            with_state(cluster(STARTING, labels=OURS), marker=Marker("", "c-m-0", applied=True)),
            "ForeignAgent",
            id="marker-without-owner",
        ),
    ],
)
def test_no_heir(goal: Goal, snapshot: Snapshot, reason: str) -> None:
    """Whoever knows another's uid gains nothing: the virtual cluster must be the same one."""
    with pytest.raises(RefusedError) as refused:
        plan(goal, snapshot)
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
    snapshot = replace(CONNECTED, management=management)
    assert plan(replace(GOAL, labels=LABELS), snapshot) == action
