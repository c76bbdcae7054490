"""Norman: `/v3`, and the login beside it."""

from datetime import timedelta

from . import life, norman_roles
from .kinds import MANAGEMENT, SETTING, TOKEN, Kind
from .merge import norman_merged
from .messages import EXPIRES, INVISIBLE, Answer, Invisible, Json, Refusal, Request, json_answer
from .norman_shapes import cluster, common, setting
from .rights import accessible, forbid, require_visible
from .state import Cluster, State, User, now, stamp
from .token_shapes import commands

FORCE_DEPLOY = "io.cattle.agent.force.deploy"
SESSION_SECONDS = 16 * 3600


def answer(state: State, user: User | None, request: Request) -> Answer:
    """Answer a request; without a user only the public setting."""
    _, *place = request.segments
    kind, name = ([*place, "", ""])[:2]
    schemas = "/v3/schemas"
    if kind == "clusters":  # other-bare-norman-cluster-get.json, ...-norman-clusters-byname.json
        schemas = f"/v3/cluster/{name}/schemas" if name else "/v3/cluster/schemas"
    headers = {"Expires": EXPIRES, "X-Api-Schemas": f"{request.base}{schemas}"}
    try:
        return _answer(state, user, request, kind.lower(), name).with_headers(headers)
    except Invisible:
        return INVISIBLE
    except Refusal as refusal:
        return refusal.norman().with_headers(headers)


def _answer(state: State, user: User | None, request: Request, kind: str, name: str) -> Answer:
    if kind == "settings":
        return _setting(state, user, request, name)
    assert user  # api.py has refused all others
    if kind == "clusters":
        return _clusters(state, user, request, name)
    if kind == "clusterregistrationtokens" and ":" in name:
        return _registration_token(state, user, request, name)
    status, shown = norman_roles.answer(state, user, request, kind)
    return json_answer(status, shown)


def _owned(state: State, user: User, kind: Kind, verb: str, place: tuple[str, str]) -> Cluster:
    """Return a cluster, or Norman's 403, which is always Kubernetes' own (other-*-norman-*.json).

    Its message for a removed cluster: delete-impkey-02-after-norman.json, ...-norman-admin.json.
    """
    cluster_id = place[0] if kind.namespaced else place[1]
    for one in accessible(state, user, kind):
        if one.id == cluster_id:
            return one
    if user.admin:
        raise kind.not_found(place[1])
    return forbid(state, user, kind, verb, place)


def _clusters(state: State, user: User, request: Request, name: str) -> Answer:
    """Answer for `/v3/clusters`: flow-impkey-05-norman-*.json, norman-cluster-put-*.json."""
    base = request.base
    if not name:
        if request.method != "GET":
            raise Refusal(405, "MethodNotAllowed", "Method not allowed")
        wanted = request.query.get("name")
        clusters = accessible(state, user, MANAGEMENT)
        data = [cluster(base, one) for one in clusters if not wanted or one.name in wanted]
        me = f"{base}/v3/clusters"
        listed: Json = {"type": "collection", "resourceType": "cluster", "links": {"self": me}}
        listed |= {"createTypes": {"cluster": me}, "data": data}
        listed["actions"] = {"createFromTemplate": f"{me}?action=createFromTemplate"}
        return json_answer(200, listed | {"pagination": {"limit": 1000, "total": len(data)}})
    verbs = {"PUT": "update", "DELETE": "delete"}
    one = _owned(state, user, MANAGEMENT, verbs.get(request.method, "get"), ("", name))
    if request.method == "PUT":
        _put(state, one, request.json())
    elif request.method == "DELETE":
        life.delete(state, one)
    return json_answer(200, cluster(base, one))


def _put(state: State, one: Cluster, body: Json) -> None:
    """Change labels, annotations and image; a map of the request replaces the stored one."""
    before = (one.mgmt_annotations, one.mgmt_labels, one.desired_image)
    one.mgmt_annotations = norman_merged(one.mgmt_annotations, body.get("annotations"))
    one.mgmt_labels = norman_merged(one.mgmt_labels, body.get("labels"))
    # norman-cluster-put-desired-agent-image.json
    if body.get("desiredAgentImage", one.desired_image) != one.desired_image:
        one.desired_image = body["desiredAgentImage"]
        one.mgmt_generation += 1
        one.image_writer = "Go-http-client"  # mgmt-after-upgrade.json
    if one.mgmt_annotations.get(FORCE_DEPLOY) == "true":
        state.forced_deploys.append(one.id)
    if before != (one.mgmt_annotations, one.mgmt_labels, one.desired_image):
        state.management_changed(one)  # what changes nothing sets nothing off


def _registration_token(state: State, user: User, request: Request, name: str) -> Answer:
    """Answer for a CRT: flow-impkey-05-norman-crt.json, other-bare-norman-crt-get.json."""
    cluster_id, _, token_name = name.partition(":")
    one = _owned(state, user, TOKEN, "get", (cluster_id, token_name))
    if request.method != "GET":
        raise Refusal(405, "MethodNotAllowed", "Method not allowed")
    if token_name not in one.tokens:
        raise TOKEN.not_found(token_name)
    crt = one.tokens[token_name]
    status = commands(state, one, crt, raw=False)
    for key in status:  # Norman's templates begin with a blank
        if "ode" in key and status[key]:
            status[key] = f" {status[key]}"
    shown = common(
        request.base, f"clusterRegistrationTokens/{name}", "clusterRegistrationToken", crt
    )
    shown |= {"id": name, "clusterId": cluster_id, "namespaceId": None, "state": "active"}
    return json_answer(200, shown | {"transitioning": "no", "transitioningMessage": ""} | status)


def _setting(state: State, user: User | None, request: Request, name: str) -> Answer:
    """Answer for a setting: auth-noauth-setting-cacerts-v3.json."""
    if user:
        require_visible(state, user, SETTING)
    one = state.settings.get(name)
    if one is None or request.method != "GET":
        raise SETTING.not_found(name)
    writable = user is not None and user.admin
    return json_answer(200, setting(request.base, one, writable=writable))


def login(state: State, request: Request, passwords: dict[str, str]) -> Answer:
    """Log in by a password: login-admin.json, login-wrong-password.json."""
    body = request.json()
    user = state.users.get(body.get("username", ""))
    if user is None or body.get("password") != passwords.get(user.name):
        refused = Refusal(401, "Unauthorized", "authentication failed")
        return refused.norman()
    made = state.new_token(user, SESSION_SECONDS)
    made.session = True
    end = stamp(now() + timedelta(seconds=SESSION_SECONDS))
    token = {"id": made.name, "token": made.value, "expiresAt": end}
    return json_answer(201, {"type": "token", "baseType": "token"} | token)
