"""Actions of the import, each one request or a few; the plan chooses, the loop executes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobs.rancher.model import Binding, Marker, Owner, Phase


@dataclass(frozen=True)
class Superseded:
    """End of this run, because another run has the newer inputs of the state."""


@dataclass(frozen=True)
class Wait:
    """A pause before the next look, with the reason for users."""

    phase: Phase
    reason: str
    message: str


@dataclass(frozen=True)
class CreateCluster:
    """Creation of the cluster in Rancher."""

    vcluster_uid: str


@dataclass(frozen=True)
class DeleteCluster:
    """Removal of our cluster from Rancher, because its virtual cluster was rebuilt."""


@dataclass(frozen=True)
class TakeOver:
    """Change of the owner to this VCluster, once the virtual cluster is proven to be the same."""

    cluster_id: str


@dataclass(frozen=True)
class WriteMarker:
    """Write of the marker, before anything else is created in the virtual cluster."""

    marker: Marker
    first: bool = False
    """Remove the rights of an earlier cluster in Rancher first."""


@dataclass(frozen=True)
class RemoveAgent:
    """Removal of the agent of an earlier import of ours."""


@dataclass(frozen=True)
class ApplyManifest:
    """Creation of the absent objects of Rancher's manifest."""

    cluster_id: str


@dataclass(frozen=True)
class FollowAgentImage:
    """Release of a fixed agent image, so that it follows Rancher's setting from the first start."""

    cluster_id: str
    default: str


@dataclass(frozen=True)
class RefreshRegistration:
    """Renewal of a registration token that was created without a URL."""

    cluster_id: str


@dataclass(frozen=True)
class ForceDeploy:
    """New deployment of the agent into a rebuilt virtual cluster, whose identity is recorded."""

    cluster_id: str
    vcluster_uid: str


@dataclass(frozen=True)
class SetAgent:
    """Environment and resources of Rancher's agent, as the platform sets them."""

    variables: tuple[Mapping[str, Any], ...]
    resources: Mapping[str, str]
    anew: bool
    """Remove the agent and deploy it again, because Rancher does not reach it to change it."""


@dataclass(frozen=True)
class Bind:
    """Creation of a role binding."""

    cluster_id: str
    owner: Owner


@dataclass(frozen=True)
class Unbind:
    """Removal of a managed role binding."""

    cluster_id: str
    binding: Binding


@dataclass(frozen=True)
class Label:
    """Labels to set, and managed labels to remove."""

    cluster_id: str
    labels: Mapping[str, str]
    stale: frozenset[str]


@dataclass(frozen=True)
class Done:
    """End of the import: Rancher reaches the cluster, and all owners have their role."""

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
