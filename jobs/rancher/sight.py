"""A look at Rancher, in which absence is proven.

A Rancher that starts accepts requests before it knows its types: it has no list of clusters, and
does not find management clusters. So every look begins with the list; only after it has answered,
"not found" means that an object is absent.
"""

from collections.abc import Mapping
from typing import Any

from jobs.errors import TransientError
from jobs.rancher.answers import read_bindings, read_cluster, read_managed, read_management
from jobs.rancher.api import Rancher
from jobs.rancher.connection import FORBIDDEN, NOT_FOUND, is_typeless
from jobs.rancher.model import OWNER_UID, Binding, Cluster, Management, Registration
from jobs.rancher.steve import BINDINGS, CLUSTERS, MANAGEMENT, NAMESPACE, TOKENS

WITHOUT_MANAGED_FIELDS = {"exclude": "metadata.managedFields"}


class Sight:
    """The clusters that Rancher lists, and access to their details."""

    def __init__(self, rancher: Rancher, name: str, clusters: list[Cluster]) -> None:
        """Hold the list, which is of one namespace if there is a name."""
        self._rancher = rancher
        self._name = name
        self._clusters = clusters

    @property
    def cluster(self) -> Cluster | None:
        """The cluster of the name, or None if it is absent or hidden from the user."""
        return next((one for one in self._clusters if one.name == self._name), None)

    @property
    def cluster_ids(self) -> frozenset[str]:
        """Ids of the management clusters of all clusters that are not being removed."""
        stable = (one for one in self._clusters if not one.terminating)
        return frozenset(one.cluster_id for one in stable if one.cluster_id)

    def owned(self) -> list[Cluster]:
        """Return all clusters with the label of an owner."""
        return [cluster for cluster in self._clusters if OWNER_UID in cluster.labels]

    def management(self, cluster_id: str) -> Management | None:
        """Return the management cluster, or None while it is absent or hidden from the user."""
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
        """Return whether a management cluster is absent.

        The second list proves that Rancher has not restarted since the first.
        """
        if self.management(cluster_id) is not None:
            return False
        look(self._rancher, self._name)
        return True

    def managed(self) -> dict[str, Management]:
        """Return all visible management clusters, by id.

        A cluster of the list that is not among them is unclear, not gone. Managed fields are read
        too: they show the writer of the agent's image.
        """
        answer = self._rancher.call("GET", MANAGEMENT)
        return self._rancher.read(answer, "list management.cattle.io/clusters", read_managed)

    def registration(self, cluster_id: str) -> Registration | None:
        """Return the registration token, or None while there is none."""
        answer = self._rancher.call("GET", f"{TOKENS}/{cluster_id}/default-token")
        if answer.status_code in (FORBIDDEN, NOT_FOUND):
            return None
        return self._rancher.registration(answer, cluster_id)

    def bindings(self, cluster_id: str) -> tuple[Binding, ...] | None:
        """Return the role bindings in a cluster, or None while they are hidden from the user."""
        answer = self._rancher.call("GET", f"{BINDINGS}/{cluster_id}")
        if answer.status_code in (FORBIDDEN, NOT_FOUND):
            return None
        right = "list management.cattle.io/clusterroletemplatebindings"
        return self._rancher.read(answer, right, read_bindings)


def look(rancher: Rancher, name: str = "") -> Sight:
    """Look at a cluster in Rancher, or at all.

    A user who may create clusters always gets a list, which may be empty.
    """
    query = WITHOUT_MANAGED_FIELDS | ({"filter": f"metadata.name={name}"} if name else {})
    answer = rancher.call("GET", CLUSTERS, params=query)
    clusters = rancher.read(answer, "create provisioning.cattle.io/clusters", _read_clusters)
    if name:
        # Older Ranchers list all clusters whose name contains it.
        clusters = [one for one in clusters if (one.name, one.namespace) == (name, NAMESPACE)]
    return Sight(rancher, name, clusters)


def _read_clusters(body: Mapping[str, Any]) -> list[Cluster]:
    return [read_cluster(one) for one in body.get("data") or ()]
