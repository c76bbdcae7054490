"""The state of the test Rancher."""

import secrets
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from .behaviour import Behaviour, Lag
from .messages import Json

# The letters of generated names and tokens, as in flow-impkey-99-cid.json.
ALPHABET = "bcdfghjklmnpqrstvwxz2456789"

READ_ONLY_SETTINGS = {"cacerts"}  # setting-put-cacerts.json
# auth-noauth-list-settings.json: the settings that are public.
PUBLIC_SETTINGS = {
    "first-login": "true",
    "ui-banner-footer": "",
    "ui-banner-header": "",
    "ui-banner-login-consent": "",
    "ui-banners": "{}",
    "ui-brand": "",
    "ui-favicon": "",
    "ui-link-color": "",
    "ui-login-background-dark": "",
    "ui-login-background-light": "",
    "ui-pl": "rancher",
    "ui-primary-color": "",
}


def random_name(length: int) -> str:
    """Return a name like the generated ones of Rancher and Kubernetes."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def now() -> datetime:
    """Return the time to the second, as Kubernetes keeps it."""
    return datetime.now(UTC).replace(microsecond=0)


def stamp(moment: datetime) -> str:
    """Return a time in the format of Kubernetes."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class User:
    """A local user of Rancher; `other-*.json` shows the effect of the rights."""

    name: str
    id: str
    admin: bool = False
    create_clusters: bool = False
    """GlobalRole {provisioning.cattle.io clusters create}, clusters-create or user."""
    base: bool = True
    """GlobalRole user-base: settings can be read."""


@dataclass
class BearerToken:
    """A token of a user."""

    name: str
    value: str
    user: User
    expires: float | None = None
    """In the time of time.monotonic()."""
    cluster: str = ""
    """Scope of the token, which is invalid elsewhere (auth-clusterscoped-token-get-v1.json)."""
    description: str = ""
    ttl: float = 0
    """Lifetime in seconds; 0 for no end."""
    session: bool = False
    """True for a token of a login."""
    uid: str = field(default_factory=lambda: str(uuid4()))
    created: datetime = field(default_factory=now)

    @property
    def expires_at(self) -> str:
        """The expiry, as Rancher writes it; empty for never."""
        if self.expires is None:
            return ""
        return stamp(now() + timedelta(seconds=self.expires - time.monotonic()))

    @property
    def valid(self) -> bool:
        """True for a token that is accepted by the API."""
        return not self.cluster and (self.expires is None or time.monotonic() < self.expires)


@dataclass
class Object:
    """Fields of every stored object."""

    name: str
    uid: str = field(default_factory=lambda: str(uuid4()))
    created: datetime = field(default_factory=now)
    generation: int = 1
    version: int = 0
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)


@dataclass
class Setting(Object):
    """A setting of Rancher."""

    value: str = ""
    default: str = ""
    source: str = ""
    """Source of the value: "env", or nothing."""


@dataclass
class RegistrationToken(Object):
    """A ClusterRegistrationToken and its Secret."""

    token: str = field(default_factory=lambda: random_name(54))
    server_url: str = ""
    """The setting server-url when the cluster last changed."""
    expires: datetime = field(default_factory=now)
    replaced: dict[str, datetime] = field(default_factory=dict)
    """Former tokens, with the end of their period of grace."""

    def accepts(self, token: str) -> bool:
        """Return whether an agent with the token may connect."""
        return token == self.token or self.replaced.get(token, now()) > now()


@dataclass
class Binding(Object):
    """A ClusterRoleTemplateBinding."""

    role: str = ""
    subject: dict[str, str] = field(default_factory=dict)
    """userName, userPrincipalName, groupName, groupPrincipalName, as far as present."""
    user: str = ""
    """The user that Rancher ensures for it."""
    unknown: bool = False
    """It names an unknown user."""
    synced: bool = False
    """It exists in the virtual cluster too, from which Rancher removes it first."""
    whole: bool = False
    """It was created with all its fields: Rancher has added none."""
    leaving: bool = False
    """The first of its finalizers is gone."""
    deleting: datetime | None = None


@dataclass
class Cluster(Object):
    """A provisioning cluster, its management cluster, and the objects of that one's namespace."""

    namespace: str = ""
    spec: Json = field(default_factory=dict)
    creator: str = ""
    id: str = field(default_factory=lambda: f"c-m-{random_name(8)}")
    mgmt_generation: int = 2
    mgmt_uid: str = field(default_factory=lambda: str(uuid4()))
    mgmt_labels: dict[str, str] = field(default_factory=dict)
    mgmt_annotations: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, RegistrationToken] = field(default_factory=dict)
    bindings: dict[str, Binding] = field(default_factory=dict)

    named: bool = False
    granted: bool = False
    pending: bool = False
    checked: bool = False
    token_filled: bool = False
    prov_exists: bool = True
    mgmt_exists: bool = False
    namespace_exists: bool = False
    deleting: datetime | None = None

    agent: bool = False
    tunnel: bool = False
    deployed: bool = False
    connected: bool = False
    ready: bool = False
    was_ready: bool = False
    prov_ready: bool = False
    connections: int = 0
    desired_image: str = ""
    """`spec.desiredAgentImage`: written at the creation, and only changed by a person."""
    image_writer: str = "rancher"
    """Field manager of `spec.desiredAgentImage`: Rancher's controllers, or Norman's client."""
    agent_image: str = ""
    """`status.agentImage`: the current image."""
    agent_restarts: list[float] = field(default_factory=list)
    """Monotonic time at which the agent was replaced by one of another image."""
    probed: float = 0
    inside: set[str] = field(default_factory=set)
    """Names of the bindings with objects in the virtual cluster."""
    redeployed: bool = False
    """Rancher has deployed its own version of the agent."""

    touches: Counter[str] = field(default_factory=Counter)
    waits: dict[str, tuple[float, int]] = field(default_factory=dict)

    def reached(self, stage: str, lag: Lag, counted: str = "any") -> bool:
        """Start a wait on the first call; return whether it is over."""
        began, touches = self.waits.setdefault(stage, (time.monotonic(), self.touches[counted]))
        enough = self.touches[counted] - touches >= lag.requests
        return enough and time.monotonic() - began >= lag.seconds


@dataclass
class State:
    """All objects."""

    behaviour: Behaviour = field(default_factory=Behaviour)
    users: dict[str, User] = field(default_factory=dict)
    tokens: dict[str, BearerToken] = field(default_factory=dict)
    settings: dict[str, Setting] = field(default_factory=dict)
    namespaces: set[str] = field(default_factory=lambda: {"default", "fleet-default"})
    clusters: list[Cluster] = field(default_factory=list)
    leftovers: dict[str, tuple[str, float]] = field(default_factory=dict)
    """Removed clusters whose bindings still matter, each with the end of that time, by user."""
    roles: dict[str, list[Json]] = field(
        default_factory=lambda: {"globalroles": [], "roletemplates": []}
    )
    tokens_used: dict[str, float] = field(default_factory=dict)
    """Unix time of the last use of a token, by its name."""
    ext_tokens: set[str] = field(default_factory=set)
    """Names of the tokens of group ext.cattle.io; all others are Norman's."""
    heard: dict[str, float] = field(default_factory=dict)
    """Monotonic time of the last report of an agent, by the id of its cluster."""
    cut_off: set[str] = field(default_factory=set)
    """Names of the clusters whose agents cannot connect."""
    forced_deploys: list[str] = field(default_factory=list)
    last_version: int = 1000

    def touch(self, thing: Object) -> None:
        """Give an object a new resourceVersion."""
        self.last_version += 1
        thing.version = self.last_version

    def setting(self, name: str) -> str:
        """Return a setting, or nothing."""
        return self.settings[name].value if name in self.settings else ""

    def set_setting(self, name: str, value: str) -> None:
        """Set a setting, read-only ones too."""
        setting = self.settings.setdefault(name, Setting(name, generation=0))
        setting.value = value
        setting.generation += 1
        self.touch(setting)

    def provisioning(self, namespace: str, name: str) -> Cluster | None:
        """Return a cluster by the name of its provisioning cluster."""
        for cluster in self.clusters:
            if cluster.prov_exists and (cluster.namespace, cluster.name) == (namespace, name):
                return cluster
        return None

    def by_id(self, cluster_id: str) -> Cluster | None:
        """Return a cluster with anything left."""
        return next((cluster for cluster in self.clusters if cluster.id == cluster_id), None)

    def new_token(
        self, user: User, ttl: float | None = None, cluster: str = "", *, ext: bool = False
    ) -> BearerToken:
        """Create a token, valid for `ttl` seconds: of Norman's, or of the group ext.cattle.io."""
        name = f"token-{random_name(5)}"
        expires = None if ttl is None else time.monotonic() + ttl
        value = f"{'ext/' if ext else ''}{name}:{random_name(54)}"
        token = BearerToken(name, value, user, expires, cluster, ttl=ttl or 0)
        self.ext_tokens |= {name} if ext else set()
        self.tokens[token.value] = token
        return token

    def new_registration_token(self, cluster: Cluster, name: str) -> RegistrationToken:
        """Create a CRT."""
        lifetime = timedelta(seconds=self.behaviour.crt_ttl_seconds)
        token = RegistrationToken(name, generation=2, expires=now() + lifetime)
        token.server_url = self.setting("server-url")
        self.touch(token)
        cluster.tokens[name] = token
        return token

    def due_image(self, cluster: Cluster) -> str:
        """Return the due image of a cluster's agent."""
        return cluster.desired_image or self.setting("agent-image")

    def management_changed(self, cluster: Cluster) -> None:
        """Refresh what Rancher derives when a management cluster changes: the URLs of its CRTs."""
        self.touch(cluster)
        for token in cluster.tokens.values():
            token.server_url = self.setting("server-url")
