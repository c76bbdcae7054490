"""ClusterRoleTemplateBindings, and the webhook's rules for them."""

import copy

from .kinds import BINDING
from .life import user_of
from .merge import patched
from .messages import Json, Refusal, Request
from .rights import require
from .shapes import binding
from .state import Binding, Cluster, State, User, now, random_name

SUBJECTS = ("userName", "userPrincipalName", "groupName", "groupPrincipalName")
# Built-in roles by their context, and those of webhook-crtb-create-roletemplate-*.json.
ROLES = {
    "cluster-owner": "cluster",
    "cluster-member": "cluster",
    "clusters-view": "cluster",
    "nodes-view": "cluster",
    "locked-role": "cluster",
    "project-owner": "project",
    "project-member": "project",
    "read-only": "project",
    "project-x": "project",
}
LOCKED = {"locked-role": "Locked"}


def _bad(message: str, field: str = "") -> Refusal:
    return BINDING.denied(400, "BadRequest", f"clusterroletemplatebinding{field}: {message}")


def create(state: State, user: User, body: Json, namespace: str = "") -> Json:
    """Create a binding and return it as flow-impkey-08-crtb-create.json does."""
    metadata = body.get("metadata") or {}
    namespace = metadata.get("namespace") or namespace
    if not namespace:
        message = "metadata.namespace or apiOp.namespace are required"
        raise Refusal(422, "InvalidBodyContent", message)
    name = metadata.get("name") or f"{metadata.get('generateName') or 'crtb-'}{random_name(5)}"
    require(state, user, BINDING, "POST", (namespace, ""))
    for key in ("clusterName", "roleTemplateName"):
        if not body.get(key):
            raise BINDING.invalid(name, f"{key}: Required value")
    subject = {key: body[key] for key in SUBJECTS if body.get(key)}
    cluster = admit(state, namespace, body, subject)
    existing = cluster.bindings.get(name)
    _refuse_duplicate(cluster, name, body["roleTemplateName"], subject)
    if existing:
        raise BINDING.already_exists(name, deleting=existing.deleting is not None)
    made = Binding(
        name,
        role=body["roleTemplateName"],
        subject=subject,
        labels=dict(metadata.get("labels") or {}),
        annotations=dict(metadata.get("annotations") or {}),
    )
    principal = subject.get("userPrincipalName", "")
    made.user = subject.get("userName") or (user_of(principal) if principal else "")
    known = {one.id for one in state.users.values()}
    made.unknown = "userName" in subject and subject["userName"] not in known
    state.touch(made)
    cluster.bindings[name] = made
    return binding(cluster, made, fresh=True)


def admit(state: State, namespace: str, body: Json, subject: dict[str, str]) -> Cluster:
    """Refuse what webhook-crtb-create-*.json refuse, and return the cluster."""
    if len({key.startswith("user") for key in subject}) != 1:
        choice = "Forbidden: binding must target either a user [userName]/[userPrincipalName] "
        choice += "OR a group [groupName]/[groupPrincipalName]"
        raise _bad(choice)
    if body["clusterName"] != namespace:
        same = "Forbidden: clusterName and namespace must be the same value"
        raise _bad(same)
    cluster = state.by_id(namespace)
    if cluster is None or not cluster.mgmt_exists:
        missing = f'Invalid value: "{namespace}": specified cluster {namespace} not found'
        raise _bad(missing, ".clusterName")
    role = body["roleTemplateName"]
    if role not in ROLES:
        missing = f'Invalid value: "{role}": the referenced role template was not found'
        raise _bad(missing, ".roleTemplateName")
    if role in LOCKED:
        locked = f"Forbidden: referenced role {LOCKED[role]} is locked and cannot be assigned"
        raise _bad(locked, ".roleTemplate")
    if ROLES[role] != "cluster":
        context = f'Unsupported value: "{ROLES[role]}": supported values: "cluster"'
        raise _bad(context, ".roleTemplate.context")
    return cluster


def _refuse_duplicate(cluster: Cluster, name: str, role: str, subject: dict[str, str]) -> None:
    """Refuse a second binding of the same subject to the same role.

    Under the same name the error is AlreadyExists: flow-impkey-08-crtb-create-again.json,
    flow-impkey-08-crtb-same-subject-other-name.json.
    """
    for other in cluster.bindings.values():
        same = any(other.subject.get(key) == value for key, value in subject.items())
        if other.name != name and other.role == role and same:
            raise BINDING.denied(409, "Conflict", "duplicate crtb not allowed")


def find(state: State, user: User, method: str, place: tuple[str, str]) -> tuple[Cluster, Binding]:
    """Return a binding on which the user may use the verb, or refuse."""
    require(state, user, BINDING, method, place)
    cluster = state.by_id(place[0])
    if cluster is None or place[1] not in cluster.bindings:
        raise BINDING.not_found(place[1])
    return cluster, cluster.bindings[place[1]]


def change(state: State, cluster: Cluster, one: Binding, request: Request) -> Json:
    """Carry out a PUT or PATCH: webhook-crtb-put-change-*.json."""
    old = binding(cluster, one)
    new = patched(copy.deepcopy(old), request) if request.method == "PATCH" else request.json()
    for key in ("clusterName", "roleTemplateName", *SUBJECTS):
        if new.get(key) != old.get(key) and not (key == "userName" and key not in one.subject):
            fixed = f'Invalid value: "{new.get(key)}": field is immutable'
            raise _bad(fixed, f".{key}")
    metadata = new.get("metadata") or {}
    if metadata.get("resourceVersion", str(one.version)) != str(one.version):
        raise BINDING.conflict(one.name)
    one.labels = dict(metadata.get("labels") or {})
    one.annotations = dict(metadata.get("annotations") or {})
    state.touch(one)
    return binding(cluster, one)


def delete(state: State, cluster: Cluster, one: Binding) -> Json:
    """Start the removal of a binding; its finalizers delay it a bit (rancher-live.md, 5)."""
    one.deleting = one.deleting or now()
    state.touch(one)
    return binding(cluster, one)
