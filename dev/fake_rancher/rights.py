"""Rights of users: the tables other-*.json, and those that remain after a removal."""

import time
from typing import NoReturn

from .kinds import BINDING, EXT_TOKEN, MANAGEMENT, PROVISIONING, SECRET, SETTING, TOKEN, Kind
from .messages import Invisible, Refusal, not_supported
from .state import Cluster, State, User

# The users of the recordings. `imp` is called importer here.
USERS = (
    User("admin", "user-twrvb", admin=True, create_clusters=True),
    User("importer", "u-fljg2", create_clusters=True),
    User("cc", "u-5jszd", create_clusters=True),
    User("std", "u-9bttv", create_clusters=True),
    User("bare", "u-n9d6d"),
    User("norole", "u-bmxhx", base=False),
)
VERBS = {"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete", "POST": "create"}
READ_ONLY = (MANAGEMENT, TOKEN, SECRET, EXT_TOKEN)


def exists(cluster: Cluster, kind: Kind) -> bool:
    """Return whether a cluster's object of the kind, or its namespace, exists."""
    if kind == PROVISIONING:
        return cluster.prov_exists
    if kind == MANAGEMENT:
        return cluster.mgmt_exists
    return cluster.namespace_exists


def owns(user: User, cluster: Cluster) -> bool:
    """Return whether the user is the cluster's owner and the roles have arrived."""
    return user.admin or (
        cluster.granted
        and any(
            binding.role == "cluster-owner" and binding.user == user.id
            for binding in cluster.bindings.values()
        )
    )


def accessible(state: State, user: User, kind: Kind) -> list[Cluster]:
    """Return the clusters whose objects of a kind the user may read."""
    return [one for one in state.clusters if exists(one, kind) and owns(user, one)]


def may_create(state: State, user: User, kind: Kind) -> bool:
    """Return whether lists of a kind have createTypes, and a POST is considered."""
    if kind == PROVISIONING:
        return user.create_clusters
    return kind == BINDING and bool(accessible(state, user, kind))


def require_visible(state: State, user: User, kind: Kind) -> None:
    """Hide a type from users without a right on it."""
    if user.admin or kind == MANAGEMENT or may_create(state, user, kind):
        return
    if kind in (SETTING, EXT_TOKEN) and user.base:
        return
    if not accessible(state, user, kind):
        raise Invisible


def require(state: State, user: User, kind: Kind, method: str, place: tuple[str, str]) -> None:
    """Refuse a verb that the user may not use on the object at (namespace or cluster id, name)."""
    require_visible(state, user, kind)
    if method != "GET" and (kind in READ_ONLY or (kind == SETTING and not user.admin)):
        raise not_supported(method)
    if user.admin or kind in (SETTING, EXT_TOKEN):
        return
    allowed = accessible(state, user, kind)
    if not allowed:
        raise not_supported(method)
    if any(_is_at(one, kind, place) for one in allowed):
        return
    forbid(state, user, kind, VERBS[method], place)


def _is_at(cluster: Cluster, kind: Kind, place: tuple[str, str]) -> bool:
    if kind == PROVISIONING:
        return (cluster.namespace, cluster.name) == place
    return cluster.id == place[not kind.namespaced]


def forbid(state: State, user: User, kind: Kind, verb: str, place: tuple[str, str]) -> NoReturn:
    """Refuse with the message of Kubernetes (other-imp-prov-get-missing.json).

    Shortly after a removal it names the former role (delete-impkey-02-after-prov.json); no
    longer so eight minutes later (the cluster that was removed before that recording).
    """
    namespace, name = place
    scope = f'in the namespace "{namespace}"' if kind.namespaced else "at the cluster scope"
    group = f' in API group "{kind.group}"'
    named = f'{kind.resource} "{name}"' if name else kind.resource
    message = f'{named} is forbidden: User "{user.id}" cannot {verb} resource "{kind.plural}"'
    message += f"{group} {scope}"
    removed, until = state.leftovers.get(user.id, ("", 0))
    if time.monotonic() < until:
        role = f"{removed}-clustermember"
        message += f': RBAC: clusterrole.rbac.authorization.k8s.io "{role}" not found'
    raise Refusal(403, "Forbidden", message, **kind.details(name))
