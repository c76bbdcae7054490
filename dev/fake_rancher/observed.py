"""Views of the test Rancher for tests."""

from dataclasses import dataclass

from .state import Cluster


@dataclass
class Logged:
    """A request that arrived."""

    method: str
    path: str
    query: str
    user: str
    """User of the valid token; empty without one."""
    bearer: bool
    """True for a request with a token, valid or not."""
    body: bytes
    executed: bool = False
    status: int | None = None
    """None if no answer was sent."""


@dataclass(frozen=True)
class Imported:
    """A cluster in Rancher."""

    namespace: str
    name: str
    uid: str
    id: str
    labels: dict[str, str]
    annotations: dict[str, str]
    mgmt_labels: dict[str, str]
    mgmt_annotations: dict[str, str]
    creator: str
    owners: frozenset[str]
    """Subjects that are cluster-owner by a CRTB: the principal if it has one."""
    bindings: dict[str, tuple[str, str]]
    """Name of each CRTB -> role, subject."""
    agents: int
    """1 if its agent runs now."""
    connections: int
    """Number of connections of an agent."""
    connected: bool
    ready: bool
    prov_ready: bool
    deleting: bool
    prov_exists: bool
    mgmt_exists: bool


def imported(one: Cluster) -> Imported:
    """Return a cluster for assertions."""
    bindings = {name: (each.role, _subject(each.subject)) for name, each in one.bindings.items()}
    return Imported(
        namespace=one.namespace,
        name=one.name,
        uid=one.uid,
        id=one.id,
        labels=dict(one.labels),
        annotations=dict(one.annotations),
        mgmt_labels=dict(one.mgmt_labels),
        mgmt_annotations=dict(one.mgmt_annotations),
        creator=one.creator,
        owners=frozenset(who for role, who in bindings.values() if role == "cluster-owner"),
        bindings=bindings,
        agents=int(one.agent),
        connections=one.connections,
        connected=one.connected,
        ready=one.ready,
        prov_ready=one.prov_ready,
        deleting=one.deleting is not None,
        prov_exists=one.prov_exists,
        mgmt_exists=one.mgmt_exists,
    )


def _subject(subject: dict[str, str]) -> str:
    order = ("userPrincipalName", "groupPrincipalName", "userName", "groupName")
    return next((subject[key] for key in order if key in subject), "")
