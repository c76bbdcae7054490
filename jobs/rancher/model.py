"""What is wished for, and what was found: frozen values without I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from jobs.rancher import quantities

OWNER_UID = "caas.telekom.de/owner-uid"
"""Label of a cluster in Rancher: the uid of the VCluster that claims it."""

OWNER_NAME = "caas.telekom.de/owner-name"
VCLUSTER_UID = "caas.telekom.de/vcluster-uid"
"""Label of a cluster in Rancher: the identity of the virtual cluster that it was made for."""

PROOF = "caas-rancher-proof"
"""ConfigMap in kube-system with a nonce: what is written by the kubeconfig and read through Rancher
is one virtual cluster."""

MANAGED = "caas.telekom.de/managed-by"
"""Label of the role bindings that are ours to prune."""

MANAGER = "rancher-import"

MANAGED_LABELS = "caas.telekom.de/labels"
"""Annotation of a cluster in Rancher: the keys of the labels that are ours to prune."""

Phase = Literal["Pending", "Importing", "Registered", "Connected", "Lost", "Failed"]
OnRebuild = Literal["Recreate", "Redeploy", "Fail"]
SubjectKind = Literal["user", "userPrincipal", "group"]


@dataclass(frozen=True, order=True)
class Owner:
    """Who gets a role in the cluster."""

    kind: SubjectKind
    name: str
    role: str


@dataclass(frozen=True)
class Wish:
    """What one run of the import is to bring about."""

    cluster_name: str
    owner_name: str
    owner_uid: str
    owners: frozenset[Owner]
    inputs: str
    """Hash of all that the import acts on; another one in the state supersedes this run."""
    on_rebuild: OnRebuild = "Recreate"
    former_owner_uid: str = ""
    """Uid of the VCluster that had this virtual cluster before; empty if none had."""
    agent_variables: Mapping[str, str] = field(default_factory=dict)
    """Environment of Rancher's agent that the platform sets; empty leaves it to Rancher."""
    agent_resources: Mapping[str, str] = field(default_factory=dict)
    """Its `requests.memory` and the like, in the same way."""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class State:
    """What the state ConfigMap says."""

    desired_inputs: str
    phase: str = ""
    reason: str = ""
    message: str = ""
    cluster_id: str = ""
    observed_inputs: str = ""


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
    """Environment of Rancher's agent, as Kubernetes writes it."""
    agent_resources: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Its requests and limits, as Kubernetes writes them."""

    def has_variables(self, variables: Mapping[str, str]) -> bool:
        """Return whether the agent's environment has all of these."""
        own = {each.get("name"): each.get("value") for each in self.agent_variables}
        return all(own.get(name) == value for name, value in variables.items())

    def has_resources(self, resources: Mapping[str, str]) -> bool:
        """Return whether the agent has all of these requests and limits."""
        for name, amount in resources.items():
            kind, _, resource = name.partition(".")
            if not quantities.is_equal(
                (self.agent_resources.get(kind) or {}).get(resource), amount
            ):
                return False
        return True


@dataclass(frozen=True)
class AgentImages:
    """Images of Rancher's agent in a cluster."""

    running: str = ""
    chosen: str = ""
    """What a person chose for this cluster."""
    default: str = ""
    """What Rancher wrote down when it created the cluster; nobody chose it."""


@dataclass(frozen=True)
class Management:
    """A management cluster: whether Rancher reaches the virtual cluster."""

    connected: bool
    """Its conditions Connected and Ready are both True."""
    terminating: bool = False
    message: str = ""
    images: AgentImages = AgentImages()
    labels: Mapping[str, str] = field(default_factory=dict)
    """By these Fleet chooses: those of the provisioning cluster count at its creation only."""
    managed_labels: frozenset[str] = frozenset()
    """Keys of those that an import set."""


@dataclass(frozen=True)
class Binding:
    """A role binding in the cluster."""

    name: str
    role: str
    subjects: frozenset[tuple[SubjectKind, str]]
    """Whom it names. Rancher adds the user that it made for a principal."""
    ours: bool
    terminating: bool = False
    """It is being removed, which takes until Rancher reaches the virtual cluster."""

    def gives(self, owner: Owner) -> bool:
        """Tell whether somebody has the wished role by this binding."""
        return self.role == owner.role and (owner.kind, owner.name) in self.subjects


@dataclass(frozen=True)
class Marker:
    """What we wrote into the virtual cluster before the first apply."""

    owner_uid: str
    cluster_id: str
    applied: bool


@dataclass(frozen=True)
class Agent:
    """Rancher's agent in the virtual cluster."""

    blocked: str = ""
    """Why its pods are refused, in the API server's words."""
    running: bool = False


@dataclass(frozen=True)
class Inside:
    """What was found in the virtual cluster."""

    uid: str
    """Uid of namespace kube-system: the identity of the virtual cluster."""
    marker: Marker | None = None
    agent: Agent | None = None
    cleaning: bool = False
    """Rancher's clean-up of an earlier import is still at work."""


@dataclass(frozen=True)
class Found:
    """Everything that was found, as far as it was needed to decide."""

    state: State
    inside: Inside | None = None
    """None while the virtual cluster has no kubeconfig or does not answer."""
    has_kubeconfig: bool = False
    cluster: Cluster | None = None
    """None if there is none, or none that we may see: Rancher does not tell which."""
    name_taken: bool = False
    """Creating it was refused because of its name, for longer than permissions lag behind."""
    management: Management | None = None
    bindings: tuple[Binding, ...] | None = None
    """None while we may not see them yet."""
    registration: "Registration | None" = None
    server_url: str = ""
    """Rancher's setting, if there was a reason to ask for it and we may read it."""


@dataclass(frozen=True)
class Registration:
    """The registration token of a cluster. Its URL is a secret."""

    path: str = field(repr=False)
    """Path of the manifest; empty while Rancher has no server URL."""
