"""The next action of the import, as one pure function of a snapshot.

Every action leaves a state from which the next snapshot leads on, so the program may die at any
line. Rancher and the virtual cluster hold all that is remembered between two snapshots.
"""

from collections.abc import Callable
from dataclasses import replace

from jobs.errors import RefusedError
from jobs.rancher.actions import (
    Action,
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
    SetAgent,
    Superseded,
    TakeOver,
    Unbind,
    Wait,
    WriteMarker,
)
from jobs.rancher.model import (
    OWNER_UID,
    VCLUSTER_UID,
    Cluster,
    Goal,
    Marker,
    OwnCluster,
    Snapshot,
    VirtualClusterState,
)


def plan(goal: Goal, snapshot: Snapshot) -> Action:
    """Return the next action. Raises RefusedError where only a person can help."""
    if snapshot.state.desired_inputs != goal.inputs:
        return Superseded()
    if not snapshot.has_kubeconfig:
        return Wait("Pending", "WaitingForKubeconfig", "The virtual cluster has no kubeconfig yet.")
    virtual_cluster = snapshot.virtual_cluster
    if virtual_cluster is None:
        return Wait("Pending", "WaitingForApi", "The virtual cluster's API does not answer yet.")
    if snapshot.cluster is None:
        return _create(goal, snapshot, virtual_cluster)
    return _check_owner(goal, snapshot, virtual_cluster, snapshot.cluster) or _register(
        goal, snapshot, virtual_cluster, snapshot.cluster
    )


def name_conflict(goal: Goal) -> str:
    """Return the message about a name of another VCluster's cluster."""
    return (
        f"Rancher has a cluster {goal.cluster_name} that is not this VCluster's. "
        "Choose another spec.rancher.clusterName, or remove that cluster."
    )


def _create(goal: Goal, snapshot: Snapshot, virtual_cluster: VirtualClusterState) -> Action:
    if snapshot.name_taken:
        raise RefusedError("NameTaken", name_conflict(goal))
    return _await_clean_up(virtual_cluster) or CreateCluster(virtual_cluster.uid)


def _check_owner(
    goal: Goal, snapshot: Snapshot, virtual_cluster: VirtualClusterState, cluster: Cluster
) -> Action | None:
    """Return the step towards a cluster that is ours and stays, None if it is."""
    is_ours = cluster.labels.get(OWNER_UID) == goal.owner_uid
    if not is_ours and not _is_inherited(goal, virtual_cluster, cluster):
        raise RefusedError("NameTaken", name_conflict(goal))
    if cluster.terminating or (snapshot.management and snapshot.management.terminating):
        message = "Rancher is still removing a cluster of this name."
        return Wait("Importing", "BeingDeleted", message)
    return None if is_ours else _take_over(snapshot, cluster)


def _register(
    goal: Goal, snapshot: Snapshot, virtual_cluster: VirtualClusterState, cluster: Cluster
) -> Action:
    """Return the next step of a cluster that is ours."""
    if not cluster.cluster_id:
        return Wait("Importing", "WaitingForRancher", "Rancher has not processed the cluster yet.")
    if snapshot.management is None or snapshot.bindings is None:
        message = "Rancher has not yet given the importer its rights in the cluster."
        return Wait("Importing", "WaitingForPermissions", message)
    own = OwnCluster(
        goal, snapshot, virtual_cluster, cluster, snapshot.management, snapshot.bindings
    )
    actions = (step(own) for step in _STEPS)
    return next((action for action in actions if action), Done(cluster.cluster_id))


def _is_inherited(goal: Goal, virtual_cluster: VirtualClusterState, cluster: Cluster) -> bool:
    """Return whether the former VCluster owns the cluster, for this virtual cluster.

    A tenant can forge the identity of a virtual cluster; `TakeOver` proves it.
    """
    former = goal.former_owner_uid
    return (
        bool(former and virtual_cluster.uid)
        and cluster.labels.get(OWNER_UID) == former
        and cluster.labels.get(VCLUSTER_UID) == virtual_cluster.uid
    )


def _take_over(snapshot: Snapshot, cluster: Cluster) -> Action:
    """Return the change of the owner, for which Rancher has to reach the virtual cluster."""
    if cluster.cluster_id and snapshot.management and snapshot.management.connected:
        return TakeOver(cluster.cluster_id)
    message = (
        "Rancher does not reach the cluster of the former VCluster, so it cannot show that this "
        "virtual cluster is behind it. If this stays, remove that cluster in Rancher: "
        "`rancher-import sweep` lists it."
    )
    return Wait("Importing", "WaitingForProof", message)


def _handle_rebuild(own: OwnCluster) -> Action | None:
    """Return the removal of the cluster of a rebuilt virtual cluster, if the policy says so."""
    if own.is_rebuilt and own.goal.on_rebuild == "Fail":
        message = (
            "The virtual cluster was rebuilt. Remove the cluster in Rancher to import it again."
        )
        raise RefusedError("Rebuilt", message)
    return DeleteCluster() if own.is_rebuilt and own.goal.on_rebuild == "Recreate" else None


def _set_agent(own: OwnCluster) -> Action | None:
    """Return the change of the agent's settings, None if they are as desired."""
    goal, cluster = own.goal, own.cluster
    has_resources = cluster.has_resources(goal.agent_resources)
    if has_resources and cluster.has_variables(goal.agent_variables):
        return None
    others = (v for v in cluster.agent_variables if v.get("name") not in goal.agent_variables)
    ours = ({"name": name, "value": value} for name, value in goal.agent_variables.items())
    has_agent = own.is_marked_as_ours and own.virtual_cluster.agent is not None
    anew = has_agent and not own.management.connected
    return SetAgent((*others, *ours), goal.agent_resources, anew)


def _mark(own: OwnCluster) -> Action | None:
    """Return the step to a marker of this VCluster and this cluster, None if it is there."""
    marker = own.virtual_cluster.marker
    if own.management.connected and not own.is_rebuilt:
        complete = Marker(own.goal.owner_uid, own.cluster_id, applied=True)
        return None if marker == complete else WriteMarker(complete)
    if marker is None or marker.cluster_id != own.cluster_id:
        return _mark_first(own)
    if marker.owner_uid != own.goal.owner_uid:
        return WriteMarker(replace(marker, owner_uid=own.goal.owner_uid))
    return None


def _mark_first(own: OwnCluster) -> Action:
    """Return the step to the first marker of a cluster, before which an old agent is removed."""
    if own.virtual_cluster.agent is None:
        marker = Marker(own.goal.owner_uid, own.cluster_id, applied=False)
        return _await_clean_up(own.virtual_cluster) or WriteMarker(marker, first=True)
    if not own.is_marked_as_ours:
        message = (
            "The virtual cluster has an agent of another Rancher import. Remove its namespace "
            "cattle-system to import it here."
        )
        raise RefusedError("ForeignAgent", message)
    return RemoveAgent()


def _deploy(own: OwnCluster) -> Action | None:
    """Return the step to an agent of this cluster, None if it is deployed."""
    virtual_cluster = own.virtual_cluster
    if own.management.connected and not own.is_rebuilt:
        return None
    if wait := _await_clean_up(virtual_cluster):
        return wait
    marker = virtual_cluster.marker
    has_agent = bool(marker and marker.applied and virtual_cluster.agent)
    if has_agent and not own.is_rebuilt:
        return None
    if default := own.management.images.default:
        return FollowAgentImage(own.cluster_id, default)
    if has_agent and virtual_cluster.uid:
        return ForceDeploy(own.cluster_id, virtual_cluster.uid)
    return _apply(own)


def _apply(own: OwnCluster) -> Action:
    """Return the creation of the agent, which needs a registration token with a URL."""
    registration = own.snapshot.registration
    if registration is None:
        message = "Rancher has not made the registration token yet."
        return Wait("Importing", "WaitingForRegistration", message)
    if registration.path:
        return ApplyManifest(own.cluster_id)
    if own.snapshot.server_url:
        return RefreshRegistration(own.cluster_id)
    message = (
        "Rancher's setting server-url is empty: set it in Rancher. If the importer's user does not "
        "have the role User-Base, change the cluster once after that."
    )
    return Wait("Importing", "ServerUrlUnset", message)


def _bind(own: OwnCluster) -> Action | None:
    """Return a binding to create or to remove, None if all are as desired.

    Rancher refuses a second binding of the same role to the same owner, even if a person made the
    first. The name of a binding that is being removed is not free before it is gone.
    """
    owners, bindings = own.goal.owners, own.bindings
    for owner in sorted(owners):
        if not any(binding.gives(owner) for binding in bindings):
            return Bind(own.cluster_id, owner)
    for binding in bindings:
        stays = binding.ours and not binding.terminating
        if stays and not any(binding.gives(owner) for owner in owners):
            return Unbind(own.cluster_id, binding)
    return None


def _label(own: OwnCluster) -> Action | None:
    """Return the labels to set and to remove, None if all are as desired."""
    labels, management = own.goal.labels, own.management
    stale = management.managed_labels - labels.keys()
    missing = labels.keys() - management.managed_labels
    if labels.items() <= management.labels.items() and not stale and not missing:
        return None
    return Label(own.cluster_id, labels, stale)


def _await_connection(own: OwnCluster) -> Action | None:
    """Return a wait for the connection of the agent, None if it is connected."""
    management, agent = own.management, own.virtual_cluster.agent
    if management.connected:
        return None
    if agent and agent.blocked:
        return Wait("Registered", "AgentBlocked", f"Rancher's agent is refused: {agent.blocked}")
    if agent and agent.running:
        message = f"Rancher's agent runs, but Rancher does not see it. {management.message}".strip()
        return Wait("Registered", "AgentNotConnected", message)
    return Wait("Registered", "AgentStarting", "Rancher's agent starts in the virtual cluster.")


def _await_bindings(own: OwnCluster) -> Action | None:
    """Return a wait for the removal of a binding that is needed again, None if there is none."""
    for owner in own.goal.owners:
        if all(binding.terminating for binding in own.bindings if binding.gives(owner)):
            message = f"Rancher is still removing a binding of {owner.role} that is needed again."
            return Wait("Importing", "BindingBeingDeleted", message)
    return None


def _await_clean_up(virtual_cluster: VirtualClusterState) -> Action | None:
    """Return a wait for Rancher's clean-up of an earlier import, None if there is none."""
    if virtual_cluster.cleaning:
        return Wait("Importing", "CleaningUp", "Rancher is still removing an earlier import.")
    return None


_STEPS: tuple[Callable[[OwnCluster], Action | None], ...] = (
    _handle_rebuild,
    _set_agent,
    _mark,
    _deploy,
    _bind,
    _label,
    _await_connection,
    _await_bindings,
)
"""Steps of a cluster that is ours; the first that returns an action is next."""
