"""Kubernetes itself: `/api`, `/apis`, and both under `/k8s/clusters/local`."""

from . import clusters
from .kinds import PROVISIONING, SECRET, TOKEN
from .messages import Answer, Invisible, Refusal, Request, json_answer, text_answer
from .rights import accessible, forbid, require
from .shapes import management, provisioning
from .state import State, User
from .token_shapes import registration_token, secret

# rkapi-noauth.json
NOT_AUTHORIZED = text_answer(401, "not authorized\n", "text/plain; charset=utf-8")
CLOSED = Answer(403)
HEADERS = {"Cache-Control": "no-cache, private"}


def answer(state: State, user: User, request: Request) -> Answer:
    """Answer a request."""
    segments = list(request.segments)
    if segments[:3] == ["k8s", "clusters", "local"]:
        segments = segments[3:]
    try:
        answer = _answer(state, user, request, segments)
        return answer if answer is CLOSED else answer.with_headers(HEADERS)
    except Invisible:
        return CLOSED
    except Refusal as refusal:
        return refusal.kubernetes().with_headers(HEADERS)


def _answer(state: State, user: User, request: Request, segments: list[str]) -> Answer:
    match segments:
        case ["apis", "provisioning.cattle.io", "v1", "namespaces", namespace, "clusters", *rest]:
            return _provisioning(state, user, request, (namespace, "".join(rest[:1])))
        case ["api", "v1", "namespaces", cluster_id, "secrets", name] if request.method == "GET":
            return _secret(state, user, (cluster_id, name))
        case ["apis", "management.cattle.io", "v3", *rest] if user.admin:
            return _management(state, rest)
        case _:
            pass
    # rkapi-mgmt-get.json, rkapi-mgmt-patch-force-deploy.json, rkapi-crt-get.json: not even to the
    # owner. What is not recorded is closed too.
    return CLOSED


def _provisioning(state: State, user: User, request: Request, place: tuple[str, str]) -> Answer:
    """Answer as rkapi-prov-*.json: these are open to the owner, without an empty list."""
    namespace, name = place
    if request.method == "POST":
        require(state, user, PROVISIONING, "POST", place) if not user.create_clusters else None
        return json_answer(201, clusters.create(state, user, request.json(), namespace, dry=False))
    if request.method != "GET":
        return CLOSED
    matches = [one for one in accessible(state, user, PROVISIONING) if one.namespace == namespace]
    if name:
        for one in matches:
            if one.name == name:
                return json_answer(200, provisioning(one))
        if user.admin:
            raise PROVISIONING.not_found(name)
        forbid(state, user, PROVISIONING, "get", place)
    if not user.admin:
        forbid(state, user, PROVISIONING, "list", place)
    items = [provisioning(one) for one in matches]
    return json_answer(
        200,
        {"apiVersion": "provisioning.cattle.io/v1", "kind": "ClusterList", "items": items},
    )


def _secret(state: State, user: User, place: tuple[str, str]) -> Answer:
    """Answer as rkapi-secret-get.json and flow-impkey-05-raw-secret-k8s-proxy.json."""
    cluster_id, name = place
    for one in accessible(state, user, SECRET):
        crt = one.tokens.get(name.removeprefix("crt-token-"))
        if one.id == cluster_id:
            if crt and one.token_filled:
                return json_answer(200, secret(one, crt))
            raise SECRET.not_found(name)
    return forbid(state, user, SECRET, "get", place)


def _management(state: State, rest: list[str]) -> Answer:
    """Answer the admin: CRTs have `{token}` (rancher-import.md, section 0)."""
    match rest:
        case ["clusters", cluster_id]:
            one = state.by_id(cluster_id)
            if one and one.mgmt_exists:
                return json_answer(200, management(one))
        case ["namespaces", cluster_id, TOKEN.plural, name]:
            one = state.by_id(cluster_id)
            if one and name in one.tokens:
                crt = one.tokens[name]
                return json_answer(200, registration_token(state, one, crt, raw=True))
        case _:
            pass
    raise Refusal(404, "NotFound", "the server could not find the requested resource")
