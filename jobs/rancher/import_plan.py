"""From what was found to the next action: the whole import as one pure function.

Every action leaves a state from which the next look finds the way, so the program may die at
any line. Nothing is remembered between looks but what Rancher and the virtual cluster hold.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from jobs.errors import RefusedError
from jobs.rancher.model import (
    OWNER_UID,
    VCLUSTER_UID,
    Binding,
    Cluster,
    Found,
    Inside,
    Management,
    Marker,
    Owner,
    Phase,
    Wish,
)


@dataclass(frozen=True)
class Superseded:
    """Newer inputs are wanted: leave the field to the run that has them."""


@dataclass(frozen=True)
class Wait:
    """Nothing to do but look again."""

    phase: Phase
    reason: str
    message: str


@dataclass(frozen=True)
class CreateCluster:
    """Claim the name in Rancher."""

    vcluster_uid: str


@dataclass(frozen=True)
class DeleteCluster:
    """Remove our cluster from Rancher, because the virtual cluster behind it is another one."""


@dataclass(frozen=True)
class TakeOver:
    """Make the cluster of the former VCluster ours, once it is proven to be the same."""

    cluster_id: str


@dataclass(frozen=True)
class WriteMarker:
    """Write down in the virtual cluster which import it belongs to, before the first apply."""

    marker: Marker
    first: bool = False
    """Rancher has not been in there under this cluster: what an earlier one left goes first."""


@dataclass(frozen=True)
class RemoveAgent:
    """Remove the agent of an earlier import of ours."""


@dataclass(frozen=True)
class ApplyManifest:
    """Create what Rancher's manifest lists, where it is absent."""

    cluster_id: str


@dataclass(frozen=True)
class FollowAgentImage:
    """Have the agent's image follow Rancher's setting, before there is an agent to restart."""

    cluster_id: str
    default: str


@dataclass(frozen=True)
class RefreshRegistration:
    """Make Rancher write its registration token anew, which had no URL when it was made."""

    cluster_id: str


@dataclass(frozen=True)
class ForceDeploy:
    """Make Rancher deploy its agent anew and take the virtual cluster for the cluster's own."""

    cluster_id: str
    vcluster_uid: str


@dataclass(frozen=True)
class SetAgent:
    """Give Rancher's agent the platform's environment, the way to Rancher, and its resources."""

    variables: tuple[Mapping[str, Any], ...]
    resources: Mapping[str, str]
    anew: bool
    """Rancher does not reach the agent to change it: it is removed, and deployed again."""


@dataclass(frozen=True)
class Bind:
    """Give somebody a role."""

    cluster_id: str
    owner: Owner


@dataclass(frozen=True)
class Unbind:
    """Take a role away that we gave."""

    cluster_id: str
    binding: Binding


@dataclass(frozen=True)
class Label:
    """Set the wished labels, and take those away that an import set and that are not wished."""

    cluster_id: str
    labels: Mapping[str, str]
    stale: frozenset[str]


@dataclass(frozen=True)
class Done:
    """Rancher reaches the cluster, and everybody has their role."""

    cluster_id: str


Action = (
    Superseded
    | Wait
    | CreateCluster
    | DeleteCluster
    | TakeOver
    | WriteMarker
    | RemoveAgent
    | ApplyManifest
    | FollowAgentImage
    | RefreshRegistration
    | ForceDeploy
    | SetAgent
    | Bind
    | Unbind
    | Label
    | Done
)


def plan(wish: Wish, found: Found) -> Action:
    """Return the next action. Raises RefusedError where only a person can help."""
    if found.state.desired_inputs != wish.inputs:
        return Superseded()
    if not found.has_kubeconfig:
        return Wait("Pending", "WaitingForKubeconfig", "The virtual cluster has no kubeconfig yet.")
    if found.inside is None:
        return Wait("Pending", "WaitingForApi", "The virtual cluster's API does not answer yet.")
    if found.cluster is None:
        return _claim(wish, found, found.inside)
    return _claimed(wish, found, found.inside, found.cluster)


def _claim(wish: Wish, found: Found, inside: Inside) -> Action:
    if found.name_taken:
        raise RefusedError("NameTaken", taken(wish))
    if inside.cleaning:
        return Wait("Importing", "CleaningUp", "Rancher still removes an earlier import.")
    return CreateCluster(inside.uid)


def _claimed(wish: Wish, found: Found, inside: Inside, cluster: Cluster) -> Action:
    ours = cluster.labels.get(OWNER_UID) == wish.owner_uid
    if not ours and not _is_inherited(wish, inside, cluster):
        raise RefusedError("NameTaken", taken(wish))
    if cluster.terminating or (found.management and found.management.terminating):
        return Wait("Importing", "BeingDeleted", "Rancher still removes a cluster of this name.")
    if not ours:
        return _take_over(found, cluster)
    if not cluster.cluster_id:
        return Wait("Importing", "WaitingForRancher", "Rancher has not taken the cluster up yet.")
    if found.management is None or found.bindings is None:
        message = "Rancher has not yet given the importer its rights in the cluster."
        return Wait("Importing", "WaitingForPermissions", message)
    rebuilt = cluster.labels.get(VCLUSTER_UID) != inside.uid
    if rebuilt and wish.on_rebuild == "Recreate":
        return DeleteCluster()
    if rebuilt and wish.on_rebuild == "Fail":
        message = "The virtual cluster was rebuilt. Remove the cluster in Rancher to import anew."
        raise RefusedError("Rebuilt", message)
    return (
        _set_agent(wish, inside, cluster, found.management)
        or _connect(wish, found, inside, cluster, found.management, rebuilt=rebuilt)
        or _bind(wish, found.bindings, cluster.cluster_id)
        or _label(wish, found.management, cluster.cluster_id)
        or _finish(found.management, inside)
        or _await_bindings(wish, found.bindings)
        or Done(cluster.cluster_id)
    )


def _set_agent(
    wish: Wish, inside: Inside, cluster: Cluster, management: Management
) -> Action | None:
    """Return what gives the agent the platform's settings, or None if it has them."""
    has_resources = cluster.has_resources(wish.agent_resources)
    if has_resources and cluster.has_variables(wish.agent_variables):
        return None
    others = (v for v in cluster.agent_variables if v.get("name") not in wish.agent_variables)
    own = ({"name": name, "value": value} for name, value in wish.agent_variables.items())
    is_ours = inside.marker is not None and _is_ours(wish, inside.marker)
    anew = is_ours and inside.agent is not None and not management.connected
    return SetAgent((*others, *own), wish.agent_resources, anew)


def _take_over(found: Found, cluster: Cluster) -> Action:
    """Return the taking over, for which Rancher has to reach the virtual cluster."""
    if cluster.cluster_id and found.management and found.management.connected:
        return TakeOver(cluster.cluster_id)
    message = (
        "Rancher does not reach the cluster of the former VCluster, so it cannot show that this "
        "virtual cluster is behind it. If this stays, remove that cluster in Rancher: "
        "`rancher-import sweep` lists it."
    )
    return Wait("Importing", "WaitingForProof", message)


def _is_inherited(wish: Wish, inside: Inside, cluster: Cluster) -> bool:
    """Return whether the cluster may be the former VCluster's, and of this very virtual cluster.

    The identity is what the virtual cluster itself says, which a tenant can choose: the taking over
    proves it.
    """
    former = wish.former_owner_uid
    return (
        bool(former and inside.uid)
        and cluster.labels.get(OWNER_UID) == former
        and cluster.labels.get(VCLUSTER_UID) == inside.uid
    )


def _connect(  # noqa: PLR0911, PLR0913  # a list of cases, and all that they depend on
    wish: Wish,
    found: Found,
    inside: Inside,
    cluster: Cluster,
    management: Management,
    *,
    rebuilt: bool,
) -> Action | None:
    """Return what brings Rancher's agent into the virtual cluster, or None if it is there."""
    marker = inside.marker
    marked = marker is not None and marker.cluster_id == cluster.cluster_id
    if management.connected and not rebuilt:
        if marked and marker and marker.applied and marker.owner_uid == wish.owner_uid:
            return None
        return WriteMarker(Marker(wish.owner_uid, cluster.cluster_id, applied=True))
    if not marked:
        if inside.agent is None:
            return _mark_first(wish, inside, cluster.cluster_id)
        if marker is None or not _is_ours(wish, marker):
            message = (
                "The virtual cluster has an agent of another Rancher import. Remove its namespace "
                "cattle-system to import it here."
            )
            raise RefusedError("ForeignAgent", message)
        return RemoveAgent()
    if marker and marker.owner_uid != wish.owner_uid:
        return WriteMarker(replace(marker, owner_uid=wish.owner_uid))
    if inside.cleaning:
        return Wait("Importing", "CleaningUp", "Rancher still removes an earlier import.")
    deployed = bool(marker and marker.applied and inside.agent)
    if deployed and not rebuilt:
        return None
    return _deploy(found, cluster.cluster_id, inside.uid if deployed else "")


def _deploy(found: Found, cluster_id: str, redeployed: str) -> Action:
    """Return what deploys the agent; `redeployed` is the virtual cluster that has one already."""
    if found.management and found.management.images.default:
        return FollowAgentImage(cluster_id, found.management.images.default)
    return ForceDeploy(cluster_id, redeployed) if redeployed else _apply(found, cluster_id)


def _mark_first(wish: Wish, inside: Inside, cluster_id: str) -> Action:
    if inside.cleaning:
        return Wait("Importing", "CleaningUp", "Rancher still removes an earlier import.")
    return WriteMarker(Marker(wish.owner_uid, cluster_id, applied=False), first=True)


def _is_ours(wish: Wish, marker: Marker) -> bool:
    """Tell whether an import of this VCluster, or of the one whose data it has, wrote the marker.

    The customer can write it too: it only says what may be replaced in the customer's own cluster.
    """
    return marker.owner_uid == wish.owner_uid or (
        bool(wish.former_owner_uid) and marker.owner_uid == wish.former_owner_uid
    )


def _apply(found: Found, cluster_id: str) -> Action:
    if found.registration is None:
        message = "Rancher has not made the registration token yet."
        return Wait("Importing", "WaitingForRegistration", message)
    if not found.registration.path:
        if found.server_url:
            return RefreshRegistration(cluster_id)
        message = (
            "Rancher's setting server-url is empty: set it in Rancher. If the importer's user has "
            "not the role User-Base, change the cluster once after that."
        )
        return Wait("Importing", "ServerUrlUnset", message)
    return ApplyManifest(cluster_id)


def _bind(wish: Wish, bindings: tuple[Binding, ...], cluster_id: str) -> Action | None:
    """Return a binding to make or to prune, or None if all are as wished.

    Who has the role by a binding of others has it: Rancher refuses a second one. The name of a
    binding that is being removed is not free before it is gone.
    """
    for owner in sorted(wish.owners):
        if not any(binding.gives(owner) for binding in bindings):
            return Bind(cluster_id, owner)
    for binding in bindings:
        stays = binding.ours and not binding.terminating
        if stays and not any(binding.gives(owner) for owner in wish.owners):
            return Unbind(cluster_id, binding)
    return None


def _label(wish: Wish, management: Management, cluster_id: str) -> Action | None:
    """Return the labels to set and to prune, or None if all are as wished."""
    stale = management.managed_labels - wish.labels.keys()
    missing = wish.labels.keys() - management.managed_labels
    if wish.labels.items() <= management.labels.items() and not stale and not missing:
        return None
    return Label(cluster_id, wish.labels, stale)


def _await_bindings(wish: Wish, bindings: tuple[Binding, ...]) -> Wait | None:
    """Return a wait for the removal of a binding that is wished for again, or None."""
    for owner in wish.owners:
        if all(binding.terminating for binding in bindings if binding.gives(owner)):
            message = f"Rancher still removes a binding of {owner.role} that is wished for again."
            return Wait("Importing", "BindingBeingDeleted", message)
    return None


def _finish(management: Management, inside: Inside) -> Wait | None:
    """Return a wait for the connection, or None if it is there."""
    if management.connected:
        return None
    agent = inside.agent
    if agent and agent.blocked:
        return Wait("Registered", "AgentBlocked", f"Rancher's agent is refused: {agent.blocked}")
    if agent and agent.running:
        message = f"Rancher's agent runs, but Rancher does not see it. {management.message}".strip()
        return Wait("Registered", "AgentNotConnected", message)
    return Wait("Registered", "AgentStarting", "Rancher's agent starts in the virtual cluster.")


def taken(wish: Wish) -> str:
    """Return the sentence on a name that another one has."""
    return (
        f"Rancher has a cluster {wish.cluster_name} that is not this VCluster's. "
        "Choose another spec.rancher.clusterName, or remove that cluster."
    )
