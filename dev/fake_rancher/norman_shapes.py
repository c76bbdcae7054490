"""Norman's (`/v3`) views of the objects."""

from . import life
from .messages import Json
from .shapes import management
from .state import READ_ONLY_SETTINGS, Cluster, Object, Setting, stamp
from .steve_shapes import management_state

ENDPOINT = "localClusterAuthEndpoint"
# flow-impkey-05-norman-cluster.json
SUBRESOURCES = (
    "apiServices",
    "clusterRegistrationTokens",
    "clusterRoleTemplateBindings",
    "namespaces",
    "nodes",
    "persistentVolumes",
    "projects",
    "storageClasses",
    "subscribe",
    "tokens",
)


def common(base: str, path: str, kind: str, thing: Object) -> Json:
    """Return the fields of every object (norman-globalrole-importer.json)."""
    here = f"{base}/v3/{path}"
    return {
        "id": thing.name,
        "name": thing.name,
        "type": kind,
        "baseType": kind,
        "uuid": thing.uid,
        "created": stamp(thing.created),
        "createdTS": int(thing.created.timestamp() * 1000),
        "creatorId": None,
        "links": {"remove": here, "self": here, "update": here},
    }


def cluster(base: str, one: Cluster) -> Json:
    """Return Norman's view of a cluster: flow-impkey-05-norman-cluster.json."""
    made, readable = management(one), management_state(one)
    path = f"clusters/{one.id}"
    shown = common(base, path, "cluster", one)
    here = shown["links"]["self"]
    shown["links"] |= {sub: f"{here}/{sub.lower()}" for sub in SUBRESOURCES}
    shown["links"]["shell"] = f"{here.replace('https:', 'wss:')}?shell=true"
    actions = ("generateKubeconfig", "importYaml")
    conditions = made["status"]["conditions"]
    hidden = {life.CREATOR}
    if one.deleting:  # other-imp-norman-cluster-get.json, where Steve still says "pending"
        waiting = "waiting on wrangler.cattle.io/mgmt-cluster-remove"
        readable = {"name": "removing", "transitioning": True, "message": waiting}
        shown["removed"] = stamp(one.deleting)
        shown["removedTS"] = int(one.deleting.timestamp() * 1000)
    return shown | {
        "id": one.id,
        "uuid": one.mgmt_uid,
        "agentImage": one.agent_image,
        "agentImageOverride": "",
        "desiredAgentImage": one.desired_image,
        "actions": {action: f"{here}?action={action}" for action in actions},
        "annotations": {k: v for k, v in one.mgmt_annotations.items() if k not in hidden},
        "labels": dict(one.mgmt_labels),
        "conditions": [{k: v for k, v in each.items() if v} for each in conditions],
        "creatorId": one.mgmt_annotations.get(life.CREATOR),
        "description": made["spec"]["description"],
        "driver": made["status"]["driver"],
        "fleetWorkspaceName": one.namespace,
        "internal": False,
        "localClusterAuthEndpoint": {"enabled": False, "type": f"/v3/schemas/{ENDPOINT}"},
        "provider": "",
        "state": readable["name"],
        "transitioning": "yes" if readable["transitioning"] else "no",
        "transitioningMessage": readable["message"] if readable["transitioning"] else "",
    }


def setting(base: str, one: Setting, *, writable: bool) -> Json:
    """Return Norman's view of a setting; writable for an administrator."""
    shown = common(base, f"settings/{one.name}", "setting", one)
    if one.name in READ_ONLY_SETTINGS or not writable:
        del shown["links"]["update"]
    source = one.source or ("default" if one.value == one.default else "db")
    shown |= {"customized": False, "default": one.default, "source": source}
    return shown | {"value": one.value}
