"""The test Rancher, as a context manager for tests."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from . import api, life, steve, tls
from .agent import Agents, KubeApi
from .behaviour import Behaviour, Fault, Phase
from .listener import Listener
from .messages import Answer, ConnectionDropped, Request, json_answer
from .mishaps import Mishaps
from .observed import Imported, Logged, imported
from .rights import USERS, owns
from .starting import Start
from .state import PUBLIC_SETTINGS, BearerToken, Cluster, Setting, State, User

Hook = Callable[[str, str, Phase], None]

# Rancher's pkg/clusterrouter, which writes its error before it names the type of the content.
UNAVAILABLE = Answer(
    503,
    b'{"Code":{"Code":"ClusterUnavailable","Status":503},"Message":"cluster agent disconnected",'
    b'"Cause":null,"FieldName":""}\n',
    "text/plain; charset=utf-8",
)


class FakeRancher(Mishaps):
    """A Rancher 2.15 that behaves as recorded, or misbehaves as a test configures it.

    A context manager. `behaviour` and the faults may be changed at any time.
    """

    def __init__(
        self,
        address: tuple[str, int] = ("127.0.0.1", 0),
        *,
        url: str = "",
        pair: tls.Pair | None = None,
        users: tuple[User, ...] = USERS,
        state: State | None = None,
    ) -> None:
        """Listen; `url` is the setting server-url, by default the address.

        `state` is that of an earlier one.
        """
        super().__init__()
        self.state = state or State(users={user.name: user for user in users})
        self.behaviour: Behaviour = self.state.behaviour
        self.requests: list[Logged] = []
        self.errors: list[Exception] = []
        self.on_request: Hook | None = None
        """Hook before and after the execution of a request; an exception drops the answer."""
        self.on_answer: Callable[[Logged], None] | None = None
        self.agents = Agents(self.state)
        self.agent_probe: Callable[[str], bool] = self.agents
        self.passwords = {user.name: f"password-of-{user.name}" for user in users}
        self._start = Start(self.state)
        self._pair = pair or tls.pair()
        self._lock = threading.RLock()
        self._listener: Listener | None = Listener(address, self._pair.context(), self.handle)
        host, port = self._listener.server_address[:2]
        self._address = (str(host), int(port))
        named = address[0] if address[0] not in ("", "0.0.0.0") else "127.0.0.1"  # noqa: S104
        self.url = f"https://{named}:{port}"
        self._configure(url or self.url)
        self._tokens = {user.name: self.state.new_token(user).value for user in users}

    def _configure(self, url: str) -> None:
        for name, value in PUBLIC_SETTINGS.items():
            self.state.settings[name] = Setting(name, value=value, default=value)
        # cacerts was empty in the recordings; a Rancher with a private CA has it there.
        # server-url is empty until it is set: setting-get-server-url.json.
        self.state.set_setting("server-url", "")
        values = {"cacerts": self.ca, "internal-cacerts": self.ca}
        values |= {"server-url": url, "internal-server-url": url}
        values |= {"crt-token-ttl-rotation": "true", "agent-image": "rancher/rancher-agent:v2.15.0"}
        for name, value in values.items():
            self.state.set_setting(name, value)

    def __enter__(self) -> Self:
        """Serve."""
        if self._listener:
            self._listener.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Stop, and fail if the test Rancher itself has."""
        self.die()
        if self.errors and error is None:
            raise self.errors[0]

    # -- what the importer is given ---------------------------------------------------------------

    @property
    def ca(self) -> str:
        """The PEM of the CA that signed the good certificate."""
        return self._pair.ca.read_text()

    @property
    def ca_file(self) -> Path:
        """The file with it."""
        return self._pair.ca

    def token(self, user: str = "importer") -> str:
        """Return a user's token, which never expires by itself."""
        return self._tokens[user]

    def use_token(self, value: str, user: str = "importer") -> None:
        """Accept a token of the caller's choice, which never expires by itself."""
        name = value.partition(":")[0]
        self.state.tokens.setdefault(value, BearerToken(name, value, self.state.users[user]))
        self._tokens[user] = value

    def new_token(
        self,
        user: str = "importer",
        ttl: float | None = None,
        cluster: str = "",
        *,
        ext: bool = False,
    ) -> str:
        """Return a further token: with a TTL in seconds (0: expired), cluster-scoped, or `ext/`."""
        with self._lock:
            return self.state.new_token(self.state.users[user], ttl, cluster, ext=ext).value

    def expire(self, token: str) -> None:
        """Expire a token now."""
        self.state.tokens[token].expires = 0

    # -- what happens to it -----------------------------------------------------------------------

    def die(self) -> None:
        """Refuse connections, and keep the state."""
        if self._listener:
            self._listener.stop()
        self._listener = None

    def revive(self) -> None:
        """Start again, at the same address."""
        if self._listener is None:
            self.restart()
            self._listener = Listener(self._address, self._pair.context(), self.handle)
            self._listener.start()

    def restart(self) -> None:
        """Start anew, for as long as `behaviour.starting`."""
        with self._lock:
            self._start.begin()

    def use_certificate(self, kind: tls.Certificate) -> None:
        """Use another certificate for new connections, and close the old ones."""
        if self._listener:
            pair = self._pair if kind == "good" else tls.pair(kind)
            self._listener.context = pair.context()
            self._listener.close_connections()

    def set_setting(self, name: str, value: str) -> None:
        """Set a setting, such as server-url or cacerts."""
        with self._lock:
            self.state.set_setting(name, value)

    def rotate_token(self, cluster: str, grace: float = 0) -> None:
        """Give the CRT of a cluster a new token; the old one is good for `grace` seconds."""
        with self._lock:
            self.behaviour.crt_grace_seconds = grace
            life.rotate(self.state, self._find(cluster))

    def connect(self, cluster: str) -> None:
        """Run a simulated agent, by the name or the id of its cluster."""
        self.agents.by_hand.add(cluster)

    def disconnect(self, cluster: str) -> None:
        """Stop the simulated agent."""
        self.agents.by_hand.discard(cluster)

    def watch(self, cluster: str, kube: KubeApi) -> None:
        """Look for the agent of a cluster in a virtual cluster from now on."""
        self.agents.watched[cluster] = kube

    def _find(self, name: str) -> Cluster:
        return next(one for one in self.state.clusters if name in (one.name, one.id))

    # -- what a test asserts ----------------------------------------------------------------------

    def clusters(self) -> dict[str, Imported]:
        """Return all clusters with anything left, by name."""
        with self._lock:
            self._advance()
            return {one.name: imported(one) for one in self.state.clusters}

    def statuses(self, method: str = "", path: str = "") -> list[int | None]:
        """Return the status codes of requests by their method and a text in their path."""
        requests = [one for one in self.requests if path in one.path]
        return [one.status for one in requests if method in ("", one.method)]

    # -- how requests are handled -----------------------------------------------------------------

    def _advance(self) -> None:
        for cluster in list(self.state.clusters):
            if cluster.deleting:
                self.agents.clean_up(cluster)
            life.advance(self.state, cluster, self.agent_probe)

    def handle(self, request: Request) -> Answer:
        """Answer a request, with faults and the hook, which may raise."""
        with self._lock:
            user = api.authenticate(self.state, request)
            name = user.name if user else ""
            query = request.target.partition("?")[2]
            bearer = bool(request.bearer)
            logged = Logged(request.method, request.path, query, name, bearer, request.body)
            self.requests.append(logged)
            faults = self.faults.take(request, name)
        self._hook(request, "before")
        answer = _suffer(faults, "before", request)
        if answer is None:
            answer = self._execute(request)
            logged.executed = True
        self._hook(request, "after")
        answer = _suffer(faults, "after", request) or answer
        logged.status = answer.status
        if self.on_answer:
            self.on_answer(logged)
        return answer

    def _hook(self, request: Request, phase: Phase) -> None:
        if self.on_request:
            try:
                self.on_request(request.method, request.path, phase)
            except BaseException as error:
                raise ConnectionDropped from error

    def _execute(self, request: Request) -> Answer:
        with self._lock:
            user = api.authenticate(self.state, request)
            try:
                self._advance()
                if user:
                    life.count(self.state, user, request)
                starting = self._start.answer(request) if user else None
                answer = (
                    (api.with_headers(user, starting) if starting else None)
                    or self._proxied(user, request)
                    or api.answer(self.state, user, request, self.passwords)
                )
                if request.method != "GET":
                    self._advance()  # what it set off begins now, not at the next request
            except Exception as error:
                self.errors.append(error)
                raise ConnectionDropped from error
            return answer

    def _proxied(self, user: User | None, request: Request) -> Answer | None:
        """Answer from the cluster itself, for its owner or an administrator."""
        match request.segments:
            case ["k8s", "clusters", cluster_id, *rest] if cluster_id != "local" and user:
                one = self.state.by_id(cluster_id)
                if one is None or not owns(user, one) or request.method != "GET":
                    return Answer(403)
                kube = self.agents.watched.get(one.id) or self.agents.watched.get(one.name)
                status, body = kube.call("/" + "/".join(rest)) if kube and one.agent else (0, None)
                return json_answer(status, body) if status else UNAVAILABLE
            case _:
                return None


def _suffer(faults: list[Fault], phase: Phase, request: Request) -> Answer | None:
    for fault in faults:
        if fault.phase == phase:
            time.sleep(fault.delay)
            if fault.drop:
                raise ConnectionDropped
            if fault.answer and fault.by_rancher:
                return steve.with_headers(request, api.with_headers(None, fault.answer))
            if fault.answer:
                return fault.answer
    return None
