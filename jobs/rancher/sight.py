"""What Rancher shows at one moment. Nothing is missing before its list of clusters has answered.

A Rancher that starts accepts requests before it knows its types: lists of clusters do not exist,
and management clusters are not found. The list is the first request of every look, and whatever
could mean "missing" is only asked after it.
"""

from collections.abc import Mapping
from typing import Any

from jobs.errors import TransientError
from jobs.rancher.api import (
    BINDINGS,
    CLUSTERS,
    FORBIDDEN,
    MANAGEMENT,
    NAMESPACE,
    NOT_FOUND,
    TOKENS,
    Rancher,
    is_typeless,
    read_bindings,
    read_cluster,
    read_managed,
    read_management,
)
from jobs.rancher.model import OWNER_UID, Binding, Cluster, Management, Registration

WITHOUT_MANAGED_FIELDS = {"exclude": "metadata.managedFields"}


class Sight:
    """The clusters that Rancher lists, and what it shows of each after that."""

    def __init__(self, rancher: Rancher, name: str, clusters: list[Cluster]) -> None:
        """Remember what was listed, in one namespace if a name was asked for."""
        self._rancher = rancher
        self._name = name
        self._clusters = clusters

    @property
    def cluster(self) -> Cluster | None:
        """The cluster of the name, or None if there is none that we may see."""
        return next((one for one in self._clusters if one.name == self._name), None)

    @property
    def cluster_ids(self) -> frozenset[str]:
        """Ids of the management clusters of all that are listed and stay."""
        stay = (one for one in self._clusters if not one.terminating)
        return frozenset(one.cluster_id for one in stay if one.cluster_id)

    def owned(self) -> list[Cluster]:
        """Return all clusters that bear an owner of ours."""
        return [cluster for cluster in self._clusters if OWNER_UID in cluster.labels]

    def management(self, cluster_id: str) -> Management | None:
        """Return the management cluster, or None while there is none that we may see."""
        answer = self._rancher.call("GET", f"{MANAGEMENT}/{cluster_id}")
        if answer.status_code == FORBIDDEN:
            return None
        right = "get management.cattle.io/clusters"
        if answer.status_code == NOT_FOUND and not is_typeless(answer):
            if cluster_id in self.cluster_ids:
                message = "Rancher lists the cluster and does not find it: it is starting."
                raise TransientError("RancherStarting", message)
            return None
        return self._rancher.read(answer, right, read_management)

    def is_gone(self, cluster_id: str) -> bool:
        """Return whether there is no such management cluster.

        It was asked of a Rancher that has not started in between, if that still lists.
        """
        if self.management(cluster_id) is not None:
            return False
        look(self._rancher, self._name)
        return True

    def managed(self) -> dict[str, Management]:
        """Return all management clusters that we may see, by id.

        One that is listed and not among them is unclear, not gone. Managed fields are read too:
        they tell who wrote the agent's image.
        """
        answer = self._rancher.call("GET", MANAGEMENT)
        return self._rancher.read(answer, "list management.cattle.io/clusters", read_managed)

    def registration(self, cluster_id: str) -> Registration | None:
        """Return the registration token, or None while Rancher has not made it."""
        answer = self._rancher.call("GET", f"{TOKENS}/{cluster_id}/default-token")
        if answer.status_code in (FORBIDDEN, NOT_FOUND):
            return None
        return self._rancher.registration(answer, cluster_id)

    def bindings(self, cluster_id: str) -> tuple[Binding, ...] | None:
        """Return the role bindings in a cluster, or None while we may not see them."""
        answer = self._rancher.call("GET", f"{BINDINGS}/{cluster_id}")
        if answer.status_code in (FORBIDDEN, NOT_FOUND):
            return None
        right = "list management.cattle.io/clusterroletemplatebindings"
        return self._rancher.read(answer, right, read_bindings)


def look(rancher: Rancher, name: str = "") -> Sight:
    """Return what Rancher shows of a cluster, or of all.

    A user who may create clusters is always answered, with an empty list if there is none.
    """
    query = WITHOUT_MANAGED_FIELDS | ({"filter": f"metadata.name={name}"} if name else {})
    answer = rancher.call("GET", CLUSTERS, params=query)
    clusters = rancher.read(answer, "create provisioning.cattle.io/clusters", _listed)
    if name:
        # Older Ranchers answer all that have it as a part of theirs.
        clusters = [one for one in clusters if (one.name, one.namespace) == (name, NAMESPACE)]
    return Sight(rancher, name, clusters)


def _listed(found: Mapping[str, Any]) -> list[Cluster]:
    return [read_cluster(one) for one in found.get("data") or ()]
