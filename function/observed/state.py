"""The observed state of one call, as frozen values without protobuf."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Truth = Literal["True", "False", "Unknown"]


class Condition(NamedTuple):
    """A condition of the VCluster, or of an observed object."""

    type: str
    status: Truth
    reason: str
    message: str = ""


@dataclass(frozen=True)
class ObservedRelease:
    """A Release of provider-helm as observed."""

    name: str
    namespace: str
    api_version: str
    kind: str
    terminating: bool = False
    generation: int | None = None
    observed_generation: int | None = None
    """Generation of the condition Synced."""
    provider_config: str = ""
    chart_version: str = ""
    """Requested version."""
    values: Mapping[str, object] = field(default_factory=dict)
    connection_keys: frozenset[str] = frozenset()
    """Keys of the requested connection details."""
    deployed_version: str = ""
    """Version that Helm deployed last."""
    state: str = ""
    """Helm's state of the release: deployed, failed, pending-install..."""
    revision: int = 0
    description: str = ""
    """Helm's description of the last action."""
    ready: Condition | None = None
    synced: Condition | None = None
    details: Mapping[str, str] = field(default_factory=dict)
    """Connection details without secrets."""
    has_kubeconfig: bool = False
    external_name: str = ""
    """Name of the Helm release; empty if it is the Release's."""
    record: str = ""
    """Annotation with the record of the granted spec, on the Release of the namespace."""
    interval: str = ""
    """Annotation with the interval of the looks."""
    may_delete: bool = False
    """True if its deletion uninstalls the Helm release."""
    external_server: str = ""
    """Server in the external kubeconfig; empty while there is none."""

    @property
    def helm_release(self) -> str:
        """Name of the Helm release."""
        return self.external_name or self.name


@dataclass(frozen=True)
class ObservedUsage:
    """A Usage as observed."""

    ready: bool


@dataclass(frozen=True)
class ForeignRelease:
    """A Release under one of our names that this VCluster does not control."""

    name: str
    namespace: str
    terminating: bool


@dataclass(frozen=True)
class Observed:
    """Everything that Crossplane observed of one VCluster."""

    namespace: ObservedRelease | None = None
    vcluster: ObservedRelease | None = None
    rancher: ObservedRelease | None = None
    backup: ObservedRelease | None = None
    access: ObservedRelease | None = None
    usages: Mapping[str, ObservedUsage] = field(default_factory=dict)
    """Usages by resource key."""
    foreign_releases: tuple[ForeignRelease, ...] = ()
    control_plane: str = ""
    """Identity of this control plane; empty while it is unknown."""

    @functools.cached_property
    def releases(self) -> tuple[ObservedRelease, ...]:
        """The Releases that exist."""
        each = (self.namespace, self.vcluster, self.rancher, self.backup, self.access)
        return tuple(r for r in each if r)


@dataclass(frozen=True)
class Request:
    """A call of the function."""

    input: Mapping[str, object] | None
    composite: Mapping[str, object]
    """The VCluster as plain nested values."""
    observed: Observed = Observed()
    taken: frozenset[str] = frozenset()
    """Resource keys that earlier steps of the pipeline desire."""
