"""Steve's (`/v1`) views of the objects: id, links, state, and readable conditions."""

from typing import Any

from .kinds import BINDING, MANAGEMENT, PROVISIONING, SECRET, SETTING, TOKEN, Kind
from .messages import Json
from .rights import owns
from .shapes import DISCONNECTED, WAITING
from .state import READ_ONLY_SETTINGS, Cluster, User, now

CURRENT = "Resource is current"


def state_of(name: str, message: str = CURRENT, *, busy: bool = False) -> Json:
    """Return metadata.state."""
    return {"error": False, "message": message, "name": name, "transitioning": busy}


def provisioning_state(cluster: Cluster) -> Json:
    """Return the state of a provisioning cluster: flow-impkey-timeline.json, connect-prov.json.

    While terminating it is "removing" only if nothing else is wrong (rancher-live.md, section 2).
    """
    if not cluster.named:
        message = "Cluster generation is 2, but latest observed generation is 0"
        return state_of("in-progress", message, busy=True)
    if not cluster.prov_ready:
        return state_of("reconciling", "", busy=True)
    return state_of("removing", "", busy=True) if cluster.deleting else state_of("active")


def management_state(cluster: Cluster) -> Json:
    """Return the state of a management cluster: flow-impkey-timeline.json, disconnect-mgmt.json."""
    if not cluster.pending:
        return state_of("active")
    if not cluster.tunnel:
        return state_of("pending", "", busy=True)
    if cluster.ready:
        ready = state_of("active", "Resource is Ready")
        return state_of("removing", "", busy=True) if cluster.deleting else ready
    if cluster.was_ready:
        return state_of("unavailable", DISCONNECTED, busy=True)
    return state_of("waiting", WAITING, busy=True)


def identity(kind: Kind, made: Json) -> str:
    """Return Steve's id of an object."""
    metadata = made["metadata"]
    return f"{metadata['namespace']}/{metadata['name']}" if kind.namespaced else metadata["name"]


def links(kind: Kind, made: Json, base: str, *, full: bool) -> Json:
    """Return the links; `full` for users that may change the object.

    A method is "blocked" where Rancher offers it to no user, and absent where the caller lacks the
    right: flow-impkey-01-create.json, other-bare-setting-server-url.json.
    """
    me = f"{base}/v1/{kind.collection}/{identity(kind, made)}"
    blocked = dict.fromkeys(("patch", "remove", "update"), "blocked")
    changes = dict.fromkeys(("patch", "remove", "update"), me)
    name, namespace = made["metadata"]["name"], made["metadata"].get("namespace")
    shown = {"self": me, "view": me}
    if kind == PROVISIONING:
        raw = f"{base}/apis/{kind.api_version}/namespaces/{namespace}/{kind.plural}/{name}"
        return {**shown, **changes, "view": raw} if full else {"self": me}
    if kind == MANAGEMENT:
        subs = {one: f"{me}?link={one}" for one in ("log", "projects", "schemas", "subscribe")}
        shell = f"{base.replace('https:', 'wss:')}/v3/clusters/{name}?shell=true"
        return {**shown, **blocked, **subs, "shell": shell}
    if kind == SECRET:
        return {**shown, "view": f"{base}/api/v1/namespaces/{namespace}/secrets/{name}"}
    if kind == SETTING:
        writable = {} if name in READ_ONLY_SETTINGS else {"update": me}
        return {**shown, "patch": "blocked", "remove": "blocked", **writable} if full else shown
    return {**shown, **(blocked if kind == TOKEN else changes)}


def fields(kind: Kind, made: Json, *, listed: bool) -> list[Any]:
    """Return the cells of the table: ages for one object, times in a list."""
    metadata, status = made["metadata"], made.get("status", {})
    created = metadata["creationTimestamp"]
    age = created if listed else f"{max(0, int((now() - parsed(created)).total_seconds()))}s"
    name = metadata["name"]
    if kind == PROVISIONING:
        ready = "true" if status.get("ready") else None
        seen = [status.get("clientSecretName"), ready]
        return [name, None, status.get("clusterName"), age, *seen]
    if kind == SECRET:
        return [name, made["type"], len(made["data"]), age]
    if kind == SETTING:
        return [name, "" if made["value"] == made["default"] else made["value"]]
    return [name, status.get("summary"), age] if kind == BINDING else [name, age]


def parsed(moment: str) -> Any:
    """Return a time of Kubernetes."""
    return now().fromisoformat(moment)


def summarised(one: Json) -> Json:
    """Return a condition with Steve's reading of it (connect-mgmt.json, disconnect-mgmt.json)."""
    kind, status = one["type"], one["status"]
    lost = kind == "Ready" and status == "False"
    busy = lost or (kind == "Reconciling" and status == "True")
    busy = busy or (status == "Unknown" and kind != "PreBootstrapped")
    return {**one, "error": lost, "transitioning": busy}


def wrapped(kind: Kind, made: Json, base: str, user: User, cluster: Cluster | None = None) -> Json:
    """Return an object as Steve shows it, without the table's cells."""
    full = user.admin if cluster is None else owns(user, cluster)
    state = state_of("active")
    if cluster and kind == PROVISIONING and "status" in made:
        state = provisioning_state(cluster)
    if cluster and kind == MANAGEMENT:
        state = management_state(cluster)
    if kind == SECRET:
        state = state_of("active", "Resource is always ready")
    if kind == BINDING and "deletionTimestamp" in made["metadata"]:  # crtb-delete-connected.json
        state = state_of("removing", "Resource scheduled for deletion", busy=True)
    made["metadata"] |= {"relationships": None, "state": state}
    if kind in (PROVISIONING, MANAGEMENT) and "status" in made:
        conditions = [summarised(one) for one in made["status"]["conditions"]]
        made["status"]["conditions"] = conditions
    shown: Json = {"id": identity(kind, made), "type": kind.type}
    shown["links"] = links(kind, made, base, full=full)
    if kind == MANAGEMENT:
        norman = f"{base}/v3/clusters/{made['metadata']['name']}?action="
        shown["actions"] = {
            "apply": f"{base}/v1/{kind.collection}/{made['metadata']['name']}?action=apply",
            "generateKubeconfig": f"{norman}generateKubeconfig",
            "importYaml": f"{norman}importYaml",
        }
    if kind == SECRET:
        made["_type"] = made.pop("type")
        return {**made, **shown}
    return {**shown, **made}
