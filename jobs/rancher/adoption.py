"""Hand a cluster that was imported manually over to the import, as Rancher administrator.

The import looks for its cluster by labels, and as a user that owns it. With both in place it finds
the cluster connected, creates no other one and does not touch the agent.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from jobs.errors import RefusedError
from jobs.rancher.api import Rancher
from jobs.rancher.model import OWNER_NAME, OWNER_UID, VCLUSTER_UID, Binding, Cluster, Owner
from jobs.rancher.sight import Sight, look

LEGACY = re.compile(r"c-[a-z0-9]{5}")
"""Names of clusters that were created by the API `/v3`."""

UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
USER = re.compile(r"(u|user)-[a-z0-9]+")
NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")

ROLE = "cluster-owner"


@dataclass(frozen=True)
class Claim:
    """The cluster in Rancher and its new owner."""

    cluster_name: str
    owner_name: str
    """Namespace of the virtual cluster on the host."""
    owner_uid: str
    """Uid of the VCluster."""
    vcluster_uid: str
    """Identity of the virtual cluster: the uid of its namespace kube-system."""
    importer: str
    """Id of the Rancher user whose token the import has."""


def adopt(claim: Claim, rancher: Rancher, say: Callable[[str], None], *, dry_run: bool) -> None:
    """Hand the cluster over to the VCluster. Raises RefusedError if that is impossible.

    The labels are set last: without them the import leaves the cluster alone.
    """
    _check_form(claim)
    sight = look(rancher, claim.cluster_name)
    cluster = _check_cluster(claim, rancher, sight)
    if not rancher.has_user(claim.importer):
        message = f"Rancher has no user {claim.importer}: --importer is the id of a user."
        raise RefusedError("UnknownUser", message)
    owner = Owner("user", claim.importer, ROLE)
    bindings = sight.bindings(cluster.cluster_id) or ()
    verb = "would get" if dry_run else "gets"
    if _is_bound(bindings, owner):
        say(f"{claim.importer} is {ROLE} of {cluster.name} already.")
    else:
        say(f"{claim.importer} {verb} the role {ROLE} in {cluster.name}.")
        if not dry_run:
            name = owner.binding_name(claim.owner_uid)
            # Unmanaged, because the import would remove a managed one.
            rancher.bind(cluster.cluster_id, name, owner, managed=False)
    labels = _labels(claim)
    if {key: cluster.labels.get(key) for key in labels} == labels:
        say(f"{cluster.name} has the labels already.")
        return
    for key, value in labels.items():
        say(f"{cluster.name} {verb} the label {key}={value}.")
    if not dry_run:
        rancher.label(cluster.name, labels)


def _check_form(claim: Claim) -> None:
    """Refuse malformed options before the first request."""
    if LEGACY.fullmatch(claim.cluster_name):
        message = (
            f"{claim.cluster_name} was created by Rancher's API /v3. Rancher reserves such names, "
            "so spec.rancher.clusterName cannot be one: remove the cluster in Rancher, and let the "
            "import create a new one."
        )
        raise RefusedError("LegacyCluster", message)
    forms = (
        ("the cluster's name", NAME, claim.cluster_name),
        ("--namespace", NAME, claim.owner_name),
        ("--vcluster-uid", UID, claim.owner_uid),
        ("--identity", UID, claim.vcluster_uid),
        ("--importer", USER, claim.importer),
    )
    for option, form, value in forms:
        if not form.fullmatch(value):
            raise RefusedError("BadOptions", f"{option} is not of the form {form.pattern}.")


def _check_cluster(claim: Claim, rancher: Rancher, sight: Sight) -> Cluster:
    """Return the cluster to adopt, if it is free, connected and the right one."""
    name = claim.cluster_name
    cluster = sight.cluster
    if cluster is None:
        message = (
            f"There is no cluster {name} in fleet-default. The name is that of the object "
            "clusters.provisioning.cattle.io."
        )
        raise RefusedError("NotFound", message)
    if cluster.labels.get(OWNER_UID, claim.owner_uid) != claim.owner_uid:
        other = cluster.labels.get(OWNER_NAME, "")
        message = f"{name} belongs to another VCluster, in namespace {other or 'unknown'}."
        raise RefusedError("NameTaken", message)
    if cluster.terminating:
        raise RefusedError("BeingDeleted", f"Rancher is removing {name}.")
    management = sight.management(cluster.cluster_id) if cluster.cluster_id else None
    if management is None or not management.connected:
        message = f"{name} is not Connected and Ready in Rancher. Repair that first."
        raise RefusedError("NotConnected", message)
    if rancher.identity(cluster.cluster_id) != claim.vcluster_uid:
        message = (
            f"{name} is another virtual cluster than --identity: the uid of its namespace "
            "kube-system differs."
        )
        raise RefusedError("AnotherCluster", message)
    return cluster


def _is_bound(bindings: tuple[Binding, ...], owner: Owner) -> bool:
    """Return whether the owner has the role by a binding that stays."""
    stable = (one for one in bindings if not one.ours and not one.terminating)
    return any(binding.gives(owner) for binding in stable)


def _labels(claim: Claim) -> dict[str, str]:
    return {
        OWNER_UID: claim.owner_uid,
        OWNER_NAME: claim.owner_name,
        VCLUSTER_UID: claim.vcluster_uid,
    }
