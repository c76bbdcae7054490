"""Norman's global roles, role templates and tokens.

Sources: norman-globalrole-importer.json; role templates are not recorded and follow it.
"""

from datetime import UTC, datetime

from .messages import Invisible, Json, Refusal, Request
from .norman_shapes import common
from .state import BearerToken, Object, State, User, random_name, stamp

TYPES = {"globalroles": ("globalRole", "gr"), "roletemplates": ("roleTemplate", "rt")}


def answer(state: State, user: User, request: Request, kind: str) -> tuple[int, Json]:
    """Answer for all types of `/v3` other than clusters."""
    if kind in TYPES:
        return _roles(state, user, request, kind)
    if kind == "tokens" and request.method == "POST":
        return 201, _new_token(state, user, request)
    if kind == "users":
        return 200, _user(state, user, request)
    if kind == "tokens":
        return 200, _tokens(state, user, request)
    raise Invisible


def _roles(state: State, user: User, request: Request, kind: str) -> tuple[int, Json]:
    """List roles by name, or create one."""
    singular, prefix = TYPES[kind]
    if request.method == "GET":
        wanted = request.query.get("name")
        roles = [one for one in state.roles[kind] if not wanted or one["name"] in wanted]
        return 200, {"type": "collection", "resourceType": singular, "data": roles}
    if request.method != "POST" or not user.admin:
        message = f'{kind}.management.cattle.io is forbidden: User "{user.id}" cannot create'
        raise Refusal(403, "Forbidden", message)
    body = request.json()
    thing = Object(f"{prefix}-{random_name(5)}", labels={"cattle.io/creator": "norman"})
    shown = common(request.base, f"{singular}s/{thing.name}", singular, thing)
    policy = "/v3/schemas/policyRule"
    shown |= {"annotations": {}, "builtin": False, "creatorId": user.id, "labels": thing.labels}
    shown["rules"] = [{**rule, "type": policy} for rule in body.get("rules", [])]
    if "namespacedRules" in body:
        shown["namespacedRules"] = body["namespacedRules"]
    shown |= {"name": body.get("name", thing.name), "newUserDefault": False}
    shown |= {key: body[key] for key in body if key in ("context", "roleTemplateIds")}
    if kind == "globalroles":
        bindings = f"{request.base}/v3/globalRoleBindings?globalRoleId={thing.name}"
        shown["links"]["globalRoleBindings"] = bindings
    state.roles[kind].append(shown)
    return 201, shown


def _user(state: State, user: User, request: Request) -> Json:
    """Return a user, for administrators only: norman-user-imp.json."""
    wanted = request.segments[-1]
    match = next((one for one in state.users.values() if one.id == wanted), None)
    if not user.admin:
        message = f'users.management.cattle.io is forbidden: User "{user.id}" cannot get'
        raise Refusal(403, "Forbidden", message)
    if match is None or request.method != "GET":
        raise Refusal(404, "NotFound", f'users.management.cattle.io "{wanted}" not found')
    shown = common(request.base, f"users/{match.id}", "user", Object(match.id))
    return shown | {"name": match.name, "username": match.name, "enabled": True}


def _tokens(state: State, user: User, request: Request) -> Json:
    """Show the user's tokens, or one by its name: tokens-current.json, token-by-id.json.

    Filters are ignored, and no API key is ever current.
    """
    mine = [_token(state, one, request) for one in state.tokens.values() if one.user == user]
    mine = [one for one in mine if one["name"] not in state.ext_tokens]
    name = "".join(request.segments[2:3])
    if name:
        for one in mine:
            if one["name"] == name:
                return one
        raise Refusal(404, "NotFound", "not found")
    me = f"{request.base}/v3/tokens"
    listed: Json = {"type": "collection", "links": {"self": me}, "createTypes": {"token": me}}
    listed |= {"actions": {}, "pagination": {"limit": 1000}, "resourceType": "token"}
    return listed | {"data": mine}


def _token(state: State, token: BearerToken, request: Request) -> Json:
    """Return a token as Norman shows it; "" as expiresAt means never."""
    user = token.user
    thing = Object(token.name, created=token.created, uid=token.uid)
    shown = common(request.base, f"tokens/{token.name}", "token", thing)
    principal = f"displayName:{user.name} loginName:{user.name} me:true"
    principal += f" metadata:map[name:local://{user.id}] principalType:user provider:local"
    labels = {"authn.management.cattle.io/token-userId": user.id}
    labels |= {"authn.management.cattle.io/kind": "session"} if token.session else {}
    used = state.tokens_used.get(token.name)
    if used:
        moment = datetime.fromtimestamp(used, UTC)
        shown |= {"lastUsedAt": stamp(moment), "lastUsedAtTS": int(used * 1000)}
    return shown | {
        "authProvider": "local",
        "clusterId": token.cluster or None,
        "current": False,
        "description": token.description,
        "enabled": True,
        "expired": not token.valid and not token.cluster,
        "expiresAt": token.expires_at,
        "isDerived": not token.session,
        "labels": labels,
        "ttl": int(token.ttl * 1000),
        "userId": user.id,
        "userPrincipal": f"map[{principal}]",
    }


def _new_token(state: State, user: User, request: Request) -> Json:
    """Create an API key: norman-token-create-imp.json, ...-clusterscoped.json."""
    body = request.json()
    ttl = body.get("ttl") or 0
    made = state.new_token(user, ttl / 1000 if ttl else None, body.get("clusterId") or "")
    made.description = body.get("description", "")
    shown = _token(state, made, request)
    # Expiry of every new token, independent of its ttl.
    return shown | {"expired": False, "expiresAt": "", "ttl": ttl, "token": made.value}
