"""The goal of an import, and snapshots of Rancher and the virtual cluster: values without I/O."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from jobs.rancher import quantity

OWNER_UID = "caas.telekom.de/owner-uid"
"""Label of a cluster in Rancher: the uid of the VCluster that claims it."""

OWNER_NAME = "caas.telekom.de/owner-name"
VCLUSTER_UID = "caas.telekom.de/vcluster-uid"
"""Label of a cluster in Rancher: the identity of its virtual cluster."""

PROOF = "caas-rancher-proof"
"""ConfigMap in kube-system with a nonce, written with the kubeconfig and read through Rancher. Both
lead to one virtual cluster if the nonce is the same."""

MANAGED = "caas.telekom.de/managed-by"
"""Label of the role bindings that the import may remove."""

MANAGER = "rancher-import"

MANAGED_LABELS = "caas.telekom.de/labels"
"""Annotation of a cluster in Rancher: the keys of the labels that the import may remove."""

Phase = Literal["Pending", "Importing", "Registered", "Connected", "Lost", "Failed", "Sleeping"]
OnRebuild = Literal["Recreate", "Redeploy", "Fail"]
SubjectKind = Literal["user", "userPrincipal", "group"]


@dataclass(frozen=True, order=True)
class Owner:
    """A user or group with their role in the cluster."""

    kind: SubjectKind
    name: str
    role: str

    def binding_name(self, owner_uid: str) -> str:
        """Return the name of the owner's binding, the same in every run."""
        text = f"{owner_uid}\0{self.kind}\0{self.name}\0{self.role}"
        return f"vc-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


@dataclass(frozen=True)
class Goal:
    """The goal of one run of the import."""

    cluster_name: str
    owner_name: str
    owner_uid: str
    owners: frozenset[Owner]
    inputs: str
    """Hash of all inputs; another one in the state supersedes this run."""
    on_rebuild: OnRebuild = "Recreate"
    former_owner_uid: str = ""
    """Uid of the VCluster that had this virtual cluster before; empty if none had."""
    agent_variables: Mapping[str, str] = field(default_factory=dict)
    """Environment of Rancher's agent; empty leaves it to Rancher."""
    agent_resources: Mapping[str, str] = field(default_factory=dict)
    """Requests and limits of the agent, such as `requests.memory`; empty leaves them to Rancher."""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class State:
    """The state ConfigMap."""

    desired_inputs: str
    phase: str = ""
    reason: str = ""
    message: str = ""
    cluster_id: str = ""
    observed_inputs: str = ""
    is_asleep: bool = False
    """True while the virtual cluster is stopped."""


@dataclass(frozen=True)
class Cluster:
    """A provisioning cluster in Rancher."""

    name: str
    uid: str
    labels: Mapping[str, str] = field(default_factory=dict)
    cluster_id: str = ""
    """Name of its management cluster, `c-m-…`; empty while there is none."""
    terminating: bool = False
    namespace: str = "fleet-default"
    agent_variables: tuple[Mapping[str, Any], ...] = ()
    """Environment of Rancher's agent, as a list of `name` and `value`."""
    agent_resources: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Requests and limits of Rancher's agent."""

    def has_variables(self, variables: Mapping[str, str]) -> bool:
        """Return whether the agent's environment has all of these."""
        own = {each.get("name"): each.get("value") for each in self.agent_variables}
        return all(own.get(name) == value for name, value in variables.items())

    def has_resources(self, resources: Mapping[str, str]) -> bool:
        """Return whether the agent has all of these requests and limits."""
        for name, amount in resources.items():
            kind, _, resource = name.partition(".")
            if not quantity.is_equal((self.agent_resources.get(kind) or {}).get(resource), amount):
                return False
        return True


@dataclass(frozen=True)
class AgentImages:
    """Images of Rancher's agent in a cluster."""

    running: str = ""
    chosen: str = ""
    """Image that a person chose for this cluster."""
    default: str = ""
    """Image that Rancher wrote when it created the cluster."""


@dataclass(frozen=True)
class Management:
    """A management cluster, which shows whether Rancher reaches the virtual cluster."""

    connected: bool
    """Its conditions Connected and Ready are both True."""
    terminating: bool = False
    message: str = ""
    images: AgentImages = AgentImages()
    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels for Fleet; those of the provisioning cluster count at its creation only."""
    managed_labels: frozenset[str] = frozenset()
    """Keys of the labels that an import set."""


@dataclass(frozen=True)
class Binding:
    """A role binding in the cluster."""

    name: str
    role: str
    subjects: frozenset[tuple[SubjectKind, str]]
    """Users and groups. Rancher adds the user that it created for a principal."""
    ours: bool
    terminating: bool = False
    """Being removed, which lasts until Rancher reaches the virtual cluster."""

    def gives(self, owner: Owner) -> bool:
        """Return whether the binding gives an owner their role."""
        return self.role == owner.role and (owner.kind, owner.name) in self.subjects


@dataclass(frozen=True)
class Marker:
    """The import's ConfigMap in the virtual cluster, written before the first apply."""

    owner_uid: str
    cluster_id: str
    applied: bool


@dataclass(frozen=True)
class Agent:
    """Rancher's agent in the virtual cluster."""

    blocked: str = ""
    """Message of the API server if it refuses the agent's pods."""
    running: bool = False


@dataclass(frozen=True)
class VirtualClusterState:
    """The state of the virtual cluster."""

    uid: str
    """Uid of namespace kube-system: the identity of the virtual cluster."""
    marker: Marker | None = None
    agent: Agent | None = None
    cleaning: bool = False
    """Rancher's clean-up of an earlier import is still running."""


@dataclass(frozen=True)
class Snapshot:
    """All that the next action depends on."""

    state: State
    virtual_cluster: VirtualClusterState | None = None
    """None while the virtual cluster has no kubeconfig or does not answer."""
    has_kubeconfig: bool = False
    cluster: Cluster | None = None
    """None if it is absent or hidden from the user, which Rancher does not distinguish."""
    name_taken: bool = False
    """The creation was refused because of the name, for longer than permissions lag behind."""
    management: Management | None = None
    bindings: tuple[Binding, ...] | None = None
    """None while they are hidden from the user."""
    registration: "Registration | None" = None
    server_url: str = ""
    """Rancher's setting, if it was read."""


@dataclass(frozen=True)
class Registration:
    """The registration token of a cluster. Its URL is a secret."""

    path: str = field(repr=False)
    """Path of the manifest; empty while Rancher has no server URL."""


@dataclass(frozen=True)
class OwnCluster:
    """A cluster of ours in Rancher with all that the steps towards its connection depend on."""

    goal: Goal
    snapshot: Snapshot
    virtual_cluster: VirtualClusterState
    cluster: Cluster
    management: Management
    bindings: tuple[Binding, ...]

    @property
    def cluster_id(self) -> str:
        """Id of the management cluster."""
        return self.cluster.cluster_id

    @property
    def is_rebuilt(self) -> bool:
        """Return whether the cluster was created for another virtual cluster."""
        return self.cluster.labels.get(VCLUSTER_UID) != self.virtual_cluster.uid

    @property
    def is_marked_as_ours(self) -> bool:
        """Return whether an import of this VCluster, or of the former one, wrote the marker.

        A tenant can write it too; it only allows replacing things in their own virtual cluster.
        """
        marker = self.virtual_cluster.marker
        owners = {self.goal.owner_uid, self.goal.former_owner_uid} - {""}
        return marker is not None and marker.owner_uid in owners
