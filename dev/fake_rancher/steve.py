"""Steve: `/v1/<type>[/<namespace>][/<name>]`."""

from collections.abc import Iterator

from . import bindings, clusters, life
from .filters import excluded, selected
from .kinds import BINDING, EXT_TOKEN, KINDS, MANAGEMENT, PROVISIONING, SETTING, TOKEN, Kind
from .messages import (
    EXPIRES,
    INVISIBLE,
    Answer,
    Invisible,
    Json,
    Refusal,
    Request,
    json_answer,
    not_supported,
)
from .rights import accessible, may_create, require, require_visible
from .shapes import binding, management, provisioning, setting
from .state import PUBLIC_SETTINGS, READ_ONLY_SETTINGS, Cluster, State, User
from .steve_shapes import fields, wrapped
from .token_shapes import ext_token, registration_token, secret

# Steve's table of kinds; secrets are requested by their name without a group.
BY_COLLECTION = {kind.collection: kind for kind in KINDS}
# flow-impkey-01-create.json: Kubernetes warns of Steve's own field.
TYPE_WARNING = {"Warning": '299 - unknown field "type"'}
Item = tuple[Json, Cluster | None]
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def answer(state: State, user: User | None, request: Request) -> Answer:
    """Answer a request; without a user only public settings."""
    _, collection, *place = request.segments
    kind = BY_COLLECTION.get(collection)
    try:
        if kind is None or request.method not in METHODS:
            return INVISIBLE
        if user is None:
            return with_headers(request, _anonymous(state, request, place))
        return with_headers(request, _Call(state, user, request, kind).answer(place))
    except Invisible:
        return INVISIBLE
    except Refusal as refusal:
        return with_headers(request, refusal.steve())


def with_headers(request: Request, response: Answer) -> Answer:
    """Add Steve's own headers, which an empty 404 lacks."""
    if response is INVISIBLE:
        return response
    schemas = f"{request.base}/v1/schemas"
    return response.with_headers({"Expires": EXPIRES, "X-Api-Schemas": schemas})


def _anonymous(state: State, request: Request, place: list[str]) -> Answer:
    """Answer without a token: auth-noauth-list-settings.json, auth-noauth-setting-*-v1.json."""
    nobody = User("", "system:cattle:error", base=False)
    if place and place[0] not in PUBLIC_SETTINGS:
        scope = 'in API group "management.cattle.io" at the cluster scope'
        message = (
            f'settings.management.cattle.io "{place[0]}" is forbidden: User "{nobody.id}" cannot '
            f'get resource "settings" {scope}'
        )
        raise Refusal(403, "Forbidden", message)
    call = _Call(state, nobody, request, SETTING)
    settings = [one for one in call.all() if one[0]["metadata"]["name"] in PUBLIC_SETTINGS]
    return json_answer(200, call.collection(settings, ""))


class _Call:
    """One request for one kind of objects."""

    def __init__(self, state: State, user: User, request: Request, kind: Kind) -> None:
        self.state = state
        self.user = user
        self.request = request
        self.kind = kind

    def answer(self, place: list[str]) -> Answer:
        """Dispatch by list or object, and by verb."""
        method = "GET" if self.request.method == "HEAD" else self.request.method
        whole = 2 if self.kind.namespaced else 1
        if len(place) == whole:
            where = (place[0], place[1]) if self.kind.namespaced else ("", place[0])
            if method == "POST":
                require_visible(self.state, self.user, self.kind)
                raise not_supported(method)
            return self.one(method, where)
        if len(place) > whole:
            return INVISIBLE
        require_visible(self.state, self.user, self.kind)
        namespace = place[0] if place else ""
        if method == "POST":
            return self.create(namespace)
        if method != "GET":
            raise not_supported(method)
        return json_answer(200, self.collection(list(self.all()), namespace))

    def one(self, method: str, where: tuple[str, str]) -> Answer:
        """Read, change or delete one object."""
        if self.kind == PROVISIONING:
            return self.provisioning(method, where)
        if self.kind == BINDING:
            return self.binding(method, where)
        require(self.state, self.user, self.kind, method, where)
        if self.kind == SETTING and method == "PUT":
            return self.put_setting(where[1])
        if method != "GET":
            raise not_supported(method)
        for made, cluster in self.all():
            metadata = made["metadata"]
            if (metadata.get("namespace", ""), metadata["name"]) == where:
                return self.shown(200, made, cluster)
        raise self.kind.not_found(where[1])

    def provisioning(self, method: str, where: tuple[str, str]) -> Answer:
        """Act on a provisioning cluster."""
        cluster = clusters.find(self.state, self.user, method, where)
        if method in ("PUT", "PATCH"):
            made = clusters.change(self.state, cluster, self.request)
            return self.shown(200, made, cluster, cells=False)
        if method == "DELETE" and not self.dry:
            life.delete(self.state, cluster)
            if self.state.behaviour.delete_answers_204:
                return Answer(204)
        return self.shown(200, provisioning(cluster), cluster)

    def binding(self, method: str, where: tuple[str, str]) -> Answer:
        """Act on a CRTB."""
        cluster, one = bindings.find(self.state, self.user, method, where)
        if method in ("PUT", "PATCH"):
            made = bindings.change(self.state, cluster, one, self.request)
            return self.shown(200, made, cluster, cells=False)
        if method == "DELETE" and not self.dry:
            return self.shown(200, bindings.delete(self.state, cluster, one), cluster)
        return self.shown(200, binding(cluster, one), cluster)

    @property
    def dry(self) -> bool:
        """True for a dry run."""
        return self.request.query.get("dryRun") == ["All"]

    def create(self, namespace: str) -> Answer:
        """Create a cluster or a binding."""
        if not may_create(self.state, self.user, self.kind) and not self.user.admin:
            raise not_supported(self.request.method)
        body = self.request.json()
        cluster: Cluster | None
        if self.kind == PROVISIONING:
            made = clusters.create(self.state, self.user, body, namespace, dry=self.dry)
            metadata = made["metadata"]
            cluster = self.state.provisioning(metadata["namespace"], metadata["name"])
        elif self.kind == BINDING:
            made = bindings.create(self.state, self.user, body, namespace)
            cluster = self.state.by_id(made["clusterName"])
        else:
            raise not_supported(self.request.method)
        shown = self.shown(201, made, cluster, cells=False)
        return shown.with_headers(TYPE_WARNING if "type" in body else {})

    def put_setting(self, name: str) -> Answer:
        """Change a setting: setting-put-*.json."""
        one = self.state.settings.get(name)
        if one is None:
            raise SETTING.not_found(name)
        body = self.request.json()
        version = (body.get("metadata") or {}).get("resourceVersion", "")
        if not version:
            raise Refusal(500, "ServerError", "metadata.resourceVersion is required for update")
        if version != str(one.version):
            raise SETTING.conflict(name)
        if name in READ_ONLY_SETTINGS:
            raise SETTING.denied(400, "BadRequest", "setting is read only")
        if body.get("value", "") != one.value:
            self.state.set_setting(name, body.get("value", ""))
        return self.shown(200, setting(one), cells=False)

    def all(self) -> Iterator[Item]:
        """Return all objects of the kind that the user may read."""
        state = self.state
        if self.kind == SETTING:
            yield from ((setting(one), None) for one in state.settings.values())
            return
        if self.kind == EXT_TOKEN:
            mine = (one for one in state.tokens.values() if one.user == self.user)
            yield from ((ext_token(one), None) for one in mine if one.name in state.ext_tokens)
            return
        for cluster in accessible(state, self.user, self.kind):
            for made in _objects(state, self.kind, cluster):
                yield made, cluster

    def shown(
        self, status: int, made: Json, cluster: Cluster | None = None, *, cells: bool = True
    ) -> Answer:
        """Return one object."""
        return json_answer(status, self.dressed(made, cluster, cells=cells, listed=False))

    def dressed(
        self, made: Json, cluster: Cluster | None, *, cells: bool = True, listed: bool = True
    ) -> Json:
        """Return an object as Steve has it."""
        excluded(self.request, made)
        if cells:
            made["metadata"]["fields"] = fields(self.kind, made, listed=listed)
        return wrapped(self.kind, made, self.request.base, self.user, cluster)

    def collection(self, objects: list[Item], namespace: str) -> Json:
        """Return a list: flow-impkey-02-list.json, other-cc-prov-list.json."""
        me = f"{self.request.base}/v1/{self.kind.collection}"
        data = []
        for made, cluster in objects:
            if namespace in ("", made["metadata"].get("namespace")) and selected(
                self.request, self.kind, made
            ):
                data.append(self.dressed(made, cluster))
                if cluster and self.kind == MANAGEMENT:
                    made["status"]["connected"] = cluster.connected
        listed: Json = {
            "type": "collection",
            "links": {"self": f"{me}/{namespace}" if namespace else me},
            "actions": {},
            "resourceType": self.kind.type,
            "revision": str(self.state.last_version),
            "data": data,
        }
        if may_create(self.state, self.user, self.kind):
            listed["createTypes"] = {self.kind.type: me}
        return listed | ({"count": len(data)} if data else {})


def _objects(state: State, kind: Kind, cluster: Cluster) -> list[Json]:
    if kind == PROVISIONING:
        return [provisioning(cluster)]
    if kind == MANAGEMENT:
        return [management(cluster)]
    if kind == BINDING:
        bindings = sorted(cluster.bindings.values(), key=lambda one: one.name)
        return [binding(cluster, one) for one in bindings]
    tokens = cluster.tokens.values()
    if kind == TOKEN:
        return [registration_token(state, cluster, one) for one in tokens]
    return [secret(cluster, one) for one in tokens if cluster.token_filled]
