"""What a Rancher administrator does once for a cluster that was imported by hand: give it away.

The import looks for its cluster by labels, and as a user that owns what it created. Both are put
in place here, so that it finds the cluster connected and neither makes another one nor touches the
agent.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from jobs.errors import RefusedError
from jobs.rancher.api import Rancher
from jobs.rancher.import_loop import binding_name
from jobs.rancher.model import OWNER_NAME, OWNER_UID, VCLUSTER_UID, Binding, Cluster, Owner
from jobs.rancher.sight import Sight, look

LEGACY = re.compile(r"c-[a-z0-9]{5}")
"""Names that Rancher gives to clusters that came by its API `/v3`, and to no others."""

UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
USER = re.compile(r"(u|user)-[a-z0-9]+")
NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")

ROLE = "cluster-owner"


@dataclass(frozen=True)
class Claim:
    """Which cluster becomes whose."""

    cluster_name: str
    owner_name: str
    """Namespace of the virtual cluster on the host, by which the import's objects are called."""
    owner_uid: str
    """Uid of the VCluster."""
    vcluster_uid: str
    """Identity of the virtual cluster: the uid of its namespace kube-system."""
    importer: str
    """Id of the Rancher user whose token the import has."""


def adopt(claim: Claim, rancher: Rancher, say: Callable[[str], None], *, dry_run: bool) -> None:
    """Make the cluster the VCluster's. Raises RefusedError where it cannot be.

    The labels come last: they are the claim, and without them the import leaves the cluster alone.
    """
    _check_form(claim)
    sight = look(rancher, claim.cluster_name)
    cluster = _found(claim, rancher, sight)
    if not rancher.has_user(claim.importer):
        message = f"Rancher has no user {claim.importer}: --importer is the id of a user."
        raise RefusedError("UnknownUser", message)
    owner = Owner("user", claim.importer, ROLE)
    bindings = sight.bindings(cluster.cluster_id) or ()
    done = "would get" if dry_run else "gets"
    if _is_bound(bindings, owner):
        say(f"{claim.importer} is {ROLE} of {cluster.name} already.")
    else:
        say(f"{claim.importer} {done} the role {ROLE} in {cluster.name}.")
        if not dry_run:
            name = binding_name(claim.owner_uid, owner)
            # Not one of the import's own, which it would take away again.
            rancher.bind(cluster.cluster_id, name, owner, managed=False)
    labels = _labels(claim)
    if {key: cluster.labels.get(key) for key in labels} == labels:
        say(f"{cluster.name} bears the labels already.")
        return
    for key, value in labels.items():
        say(f"{cluster.name} {done} the label {key}={value}.")
    if not dry_run:
        rancher.label(cluster.name, labels)


def _check_form(claim: Claim) -> None:
    """Refuse what cannot be right before Rancher is asked."""
    if LEGACY.fullmatch(claim.cluster_name):
        message = (
            f"{claim.cluster_name} came by Rancher's API /v3. Rancher keeps such names to itself, "
            "so spec.rancher.clusterName cannot have it: remove the cluster in Rancher, and let "
            "the import make a new one."
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


def _found(claim: Claim, rancher: Rancher, sight: Sight) -> Cluster:
    name = claim.cluster_name
    cluster = sight.cluster
    if cluster is None:
        message = (
            f"There is no cluster {name} in fleet-default. The name is that of the object "
            "clusters.provisioning.cattle.io."
        )
        raise RefusedError("NotFound", message)
    whose = cluster.labels.get(OWNER_UID, claim.owner_uid)
    if whose != claim.owner_uid:
        other = cluster.labels.get(OWNER_NAME, "")
        message = f"{name} belongs to another VCluster, in namespace {other or 'unknown'}."
        raise RefusedError("NameTaken", message)
    if cluster.terminating:
        raise RefusedError("BeingDeleted", f"Rancher removes {name}.")
    management = sight.management(cluster.cluster_id) if cluster.cluster_id else None
    if management is None or not management.connected:
        message = f"{name} is not Connected and Ready in Rancher. Repair that first."
        raise RefusedError("NotConnected", message)
    if rancher.identity(cluster.cluster_id) != claim.vcluster_uid:
        message = (
            f"Behind {name} is another cluster than --identity says: the uid of its namespace "
            "kube-system differs."
        )
        raise RefusedError("AnotherCluster", message)
    return cluster


def _is_bound(bindings: tuple[Binding, ...], owner: Owner) -> bool:
    """Return whether they have the role by a binding that stays."""
    fixed = (one for one in bindings if not one.ours and not one.terminating)
    return any(binding.gives(owner) for binding in fixed)


def _labels(claim: Claim) -> dict[str, str]:
    return {
        OWNER_UID: claim.owner_uid,
        OWNER_NAME: claim.owner_name,
        VCLUSTER_UID: claim.vcluster_uid,
    }
