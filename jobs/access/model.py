"""The frozen values that the plan of the access is made of."""

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

SubjectKind = Literal["User", "Group"]

NAME_PREFIX = "caas-access-"
"""Begin of the names of our bindings in a virtual cluster."""

OWNED_BY = ("caas.telekom.de/owned-by", "access")
"""Label of all that is ours. A binding is ours by label and name, others are never touched."""


@dataclass(frozen=True, order=True)
class Place:
    """Namespace and name of a binding."""

    namespace: str
    """Namespace of a RoleBinding, "" for a ClusterRoleBinding."""
    name: str

    @property
    def kind(self) -> str:
        """The kind of the binding."""
        return "RoleBinding" if self.namespace else "ClusterRoleBinding"

    def __str__(self) -> str:
        """Return kind and name for people."""
        name = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind} {name} in the virtual cluster"


@dataclass(frozen=True, order=True)
class Subject:
    """A subject of a binding. The namespace is that of a ServiceAccount, which we never bind."""

    kind: str
    name: str
    namespace: str = ""


Subjects = frozenset[Subject]


@dataclass(frozen=True, order=True)
class Grant:
    """A ClusterRole in a namespace, or without one in the whole virtual cluster.

    It is one binding with all its subjects, so nothing that a spec says changes a roleRef.
    """

    cluster_role: str
    namespace: str = ""

    @property
    def place(self) -> Place:
        """The place of its binding."""
        text = json.dumps([self.cluster_role, self.namespace])
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        return Place(self.namespace, f"{NAME_PREFIX}{digest}")


@dataclass(frozen=True)
class Binding:
    """A binding of ours, as it was read in the virtual cluster."""

    place: Place
    cluster_role: str
    """The ClusterRole, "" for what is none."""
    subjects: Subjects
    uid: str
    version: str
    is_ending: bool = False
    """True while a finalizer keeps it."""


@dataclass(frozen=True)
class Obstacle:
    """A reason for which a binding could not be made, changed or removed in this run."""

    reason: str
    message: str


Obstacles = Mapping[Place, Obstacle]


@dataclass(frozen=True)
class Issuer:
    """An issuer of tokens, as the plugin of kubectl needs it."""

    name: str
    url: str
    client_id: str
    scopes: tuple[str, ...] = ()
    certificate_authority: str = ""
    """Certificates of a private CA in PEM, "" for the CAs of the system."""


@dataclass(frozen=True)
class Login:
    """The kubeconfig for people."""

    context: str
    issuers: tuple[Issuer, ...] = ()
    """Issuers that people log in by; without one there is no such kubeconfig."""
    server: str = ""
    """Address of the API for people, "" for that of the certificate's kubeconfig."""


@dataclass(frozen=True)
class Goal:
    """The access to one virtual cluster."""

    inputs: str
    grants: Mapping[Grant, Subjects]
    login: Login


@dataclass(frozen=True)
class Connection:
    """The public part of the certificate's kubeconfig."""

    server: str
    certificate_authority: str
    """Certificates of the virtual cluster's CA, in base64 of PEM."""
    ca_until: dt.datetime | None = None
    client_until: dt.datetime | None = None


@dataclass(frozen=True)
class LoginSecret:
    """The Secret with the kubeconfig for people, as it was read."""

    text: str
    is_ours: bool
    is_fixed: bool = False
    """True where its content cannot be changed, only replaced."""


@dataclass(frozen=True)
class Sight:
    """All that the next action depends on, no larger than it needs."""

    desired_inputs: str
    now: dt.datetime
    connection: Connection | None = None
    """None while there is no kubeconfig."""
    login_secret: LoginSecret | None = None
    bindings: tuple[Binding, ...] | None = None
    """Our bindings, None while the API does not answer."""
    problem: str = ""
    """The error of an API that does not answer."""
    obstacles: Obstacles = field(default_factory=dict)
