"""What an administrator sets up by Norman: global roles and role templates; and all tokens.

Sources: norman-globalrole-importer.json; role templates are not recorded and follow it.
"""

from .messages import Invisible, Json, Refusal, Request
from .norman_shapes import common
from .state import Object, State, User, random_name

TYPES = {"globalroles": ("globalRole", "gr"), "roletemplates": ("roleTemplate", "rt")}


def answer(state: State, user: User, request: Request, kind: str) -> tuple[int, Json]:
    """Answer for all types of `/v3` that have nothing to do with clusters."""
    if kind in TYPES:
        return _roles(state, user, request, kind)
    if kind == "tokens":
        made = request.method == "POST"
        return (201, _token(state, user, request)) if made else (200, _tokens(state, user, request))
    raise Invisible


def _roles(state: State, user: User, request: Request, kind: str) -> tuple[int, Json]:
    """List roles by name, or create one."""
    singular, prefix = TYPES[kind]
    if request.method == "GET":
        wanted = request.query.get("name")
        found = [one for one in state.roles[kind] if not wanted or one["name"] in wanted]
        return 200, {"type": "collection", "resourceType": singular, "data": found}
    if request.method != "POST" or not user.admin:
        message = f'{kind}.management.cattle.io is forbidden: User "{user.id}" cannot create'
        raise Refusal(403, "Forbidden", message)
    body = request.json()
    thing = Object(f"{prefix}-{random_name(5)}", labels={"cattle.io/creator": "norman"})
    shown = common(request.base, f"{singular}s/{thing.name}", singular, thing)
    policy = "/v3/schemas/policyRule"
    shown |= {"annotations": {}, "builtin": False, "creatorId": user.id, "labels": thing.labels}
    shown["rules"] = [{**rule, "type": policy} for rule in body.get("rules", [])]
    shown |= {"name": body.get("name", thing.name), "newUserDefault": False}
    shown |= {key: body[key] for key in body if key in ("context", "roleTemplateIds")}
    if kind == "globalroles":
        bindings = f"{request.base}/v3/globalRoleBindings?globalRoleId={thing.name}"
        shown["links"]["globalRoleBindings"] = bindings
    state.roles[kind].append(shown)
    return 201, shown


def _tokens(state: State, user: User, request: Request) -> Json:
    """List the user's tokens; "" as expiresAt means never (rancher-live.md, section 6)."""
    data = []
    for one in state.tokens.values():
        if one.user == user:
            shown = common(request.base, f"tokens/{one.name}", "token", Object(one.name))
            shown |= {"current": one.value == request.bearer, "expired": not one.valid}
            data.append(shown | {"expiresAt": one.expires_at, "userId": user.id})
    if request.query.get("current") == ["true"]:
        data = [one for one in data if one["current"]]
    return {"type": "collection", "resourceType": "token", "data": data}


def _token(state: State, user: User, request: Request) -> Json:
    """Make an API key: norman-token-create-imp.json, ...-clusterscoped.json."""
    body = request.json()
    ttl = body.get("ttl") or 0
    scope = body.get("clusterId") or ""
    made = state.new_token(user, ttl / 1000 if ttl else None, scope)
    thing = Object(made.name, labels={"authn.management.cattle.io/token-userId": user.id})
    shown = common(request.base, f"tokens/{made.name}", "token", thing)
    principal = f"displayName:{user.name} loginName:{user.name} me:true"
    principal += f" metadata:map[name:local://{user.id}] principalType:user provider:local"
    return shown | {
        "authProvider": "local",
        "clusterId": scope or None,
        "current": False,
        "description": body.get("description", ""),
        "enabled": True,
        "expired": False,
        "expiresAt": "",
        "isDerived": True,
        "labels": thing.labels,
        "token": made.value,
        "ttl": ttl,
        "userId": user.id,
        "userPrincipal": f"map[{principal}]",
    }
