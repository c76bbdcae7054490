"""Kubernetes objects, made from the state."""

from .kinds import BINDING, MANAGEMENT, PROVISIONING, SETTING, Kind
from .messages import Json
from .state import Binding, Cluster, Object, Setting, stamp

# flow-impkey-02-prov.json, flow-impkey-03-mgmt.json, flow-impkey-08-crtb-get.json
FINALIZERS = {
    PROVISIONING: [
        "wrangler.cattle.io/provisioning-cluster-remove",
        "wrangler.cattle.io/rke-cluster-remove",
        "wrangler.cattle.io/cloud-config-secret-remover",
        "auth.cattle.io/capi-resources-cleanup",
    ],
    MANAGEMENT: [
        "wrangler.cattle.io/mgmt-cluster-remove",
        "controller.cattle.io/cluster-agent-controller-cleanup",
        "controller.cattle.io/cluster-scoped-gc",
        "controller.cattle.io/cluster-provisioner-controller",
        "controller.cattle.io/mgmt-cluster-rbac-remove",
    ],
    BINDING: [
        "wrangler.cattle.io/mgmt-crtb-remove-handler",
        "controller.cattle.io/mgmt-auth-crtb-controller",
    ],
}
LOCAL_STEPS = ("SubjectExists", "LabelsReconciled", "BindingExists")
REMOTE_STEPS = (
    "CRTBLabelsUpdated",
    "ClusterRolesExists",
    "ClusterRoleBindingsExists",
    "ServiceAccountImpersonatorExists",
)
DISCONNECTED = "Cluster agent is not connected"
WAITING = "Waiting for API to be available"


def kubernetes_object(kind: Kind, thing: Object, namespace: str = "", **metadata: object) -> Json:
    """Return an object without spec and status."""
    inner: Json = {
        "name": thing.name,
        "uid": thing.uid,
        "creationTimestamp": stamp(thing.created),
        "generation": thing.generation,
        "resourceVersion": str(thing.version),
    }
    inner |= {"namespace": namespace} if namespace else {}
    inner |= {"labels": dict(thing.labels)} if thing.labels else {}
    inner |= {"annotations": dict(thing.annotations)} if thing.annotations else {}
    fields = {key: value for key, value in metadata.items() if value is not None}
    return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": inner | fields}


def _deletion(cluster: Cluster) -> Json:
    if cluster.deleting is None:
        return {}
    return {"deletionTimestamp": stamp(cluster.deleting), "deletionGracePeriodSeconds": 0}


def condition(thing: Cluster, kind: str, status: str, reason: str = "", message: str = "") -> Json:
    """Return a condition; one that was never set has an empty time."""
    unset = status == "Unknown" and kind != "Waiting"
    made: Json = {"type": kind, "status": status}
    made["lastUpdateTime"] = "" if unset else stamp(thing.created)
    made |= {"reason": reason} if reason else {}
    return made | ({"message": message} if message else {})


def provisioning(cluster: Cluster, *, fresh: bool = False) -> Json:
    """Return a provisioning cluster; fresh as the answer to its POST (flow-impkey-01-create.json).

    The status: flow-impkey-timeline.json, connect-prov.json.
    """
    finalizers = None if fresh else FINALIZERS[PROVISIONING]
    made = kubernetes_object(
        PROVISIONING, cluster, cluster.namespace, finalizers=finalizers, **_deletion(cluster)
    )
    made["spec"] = dict(cluster.spec)
    if fresh:
        return made
    made["metadata"]["generation"] = max(2, cluster.generation)
    made["spec"].setdefault("localClusterAuthEndpoint", {})
    status: Json = {"observedGeneration": 2 if cluster.named else 0}
    conditions = [condition(cluster, "RKECluster", "True")]
    if cluster.named:
        status |= {"clusterName": cluster.id, "fleetWorkspaceName": cluster.namespace}
        busy = ("False", "") if cluster.prov_ready else ("True", "Reconciling")
        conditions.append(condition(cluster, "Reconciling", *busy))
        conditions.append(condition(cluster, "Stalled", "False"))
        conditions.append(condition(cluster, "Created", "True"))
    status |= {"agentDeployed": True} if cluster.deployed else {}
    if cluster.prov_ready:
        status |= {"ready": True, "clientSecretName": f"{cluster.name}-kubeconfig"}
    made["status"] = status | {"conditions": conditions}
    return made


def management_conditions(cluster: Cluster) -> list[Json]:
    """Return the conditions in their order: flow-impkey-timeline.json, connect-timeline.json."""
    names = ["CreatorMadeOwner", "InitialRolesPopulated", "BackingNamespaceCreated"]
    names += ["DefaultProjectCreated", "SystemProjectCreated"]
    made = [condition(cluster, name, "True") for name in names]
    if not cluster.pending:
        return made
    seen = "True" if cluster.tunnel else "Unknown"
    made += [condition(cluster, name, seen) for name in ("Pending", "Provisioned")]
    waiting = ("True", "", "") if cluster.was_ready else ("Unknown", "", WAITING)
    made.append(condition(cluster, "Waiting", *waiting))
    names = ["NoDiskPressure", "NoMemoryPressure", "ServiceAccountSecretsMigrated"]
    made += [condition(cluster, name, "True") for name in names]
    if not cluster.tunnel:
        lost = [condition(cluster, "Connected", "False")]  # other-imp-mgmt-get.json
        return made + (lost if cluster.checked else [])
    made.append(condition(cluster, "PreBootstrapped", "Unknown"))
    made.append(condition(cluster, "Connected", str(cluster.connected)))
    ready = ("True", "", "") if cluster.ready else ("False", "Disconnected", DISCONNECTED)
    made.append(condition(cluster, "Ready", *ready))
    if cluster.deployed:
        names = ["AgentDeployed", "SystemAccountCreated", "Updated", "GlobalAdminsSynced"]
        made += [condition(cluster, name, "True") for name in names]
    return made


def management(cluster: Cluster) -> Json:
    """Return a management cluster (flow-impkey-03-mgmt.json, connect-mgmt.json)."""
    made = kubernetes_object(
        MANAGEMENT, cluster, finalizers=FINALIZERS[MANAGEMENT], **_deletion(cluster)
    )
    made["metadata"] |= {
        "name": cluster.id,
        "uid": cluster.mgmt_uid,
        "generation": cluster.mgmt_generation,
        "labels": dict(cluster.mgmt_labels),
        "annotations": dict(cluster.mgmt_annotations),
        "managedFields": [_managed(cluster.image_writer, "f:desiredAgentImage")],
    }
    made["spec"] = {
        "agentImageOverride": "",
        "description": cluster.mgmt_annotations.get("field.cattle.io/description", ""),
        "desiredAgentImage": cluster.desired_image,
        "displayName": cluster.name,
        "fleetWorkspaceName": cluster.namespace,
        "internal": False,
        "localClusterAuthEndpoint": {"enabled": False},
    }
    made["status"] = {
        "agentImage": cluster.agent_image,
        "conditions": management_conditions(cluster),
        "driver": "imported" if cluster.tunnel else "",
        "provider": "",
    }
    return made


def _managed(manager: str, field: str) -> Json:
    """Return an entry of managedFields for a field of the spec: mgmt-after-upgrade.json."""
    fields: Json = {"f:spec": {field: {}}}
    return {
        "apiVersion": MANAGEMENT.api_version,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
        "manager": manager,
        "operation": "Update",
    }


def binding(cluster: Cluster, crtb: Binding, *, fresh: bool = False) -> Json:
    """Return a CRTB; fresh as the answer to its POST (flow-impkey-08-crtb-create.json).

    Later: flow-impkey-08-crtb-get.json.
    """
    finalizers = list(FINALIZERS[BINDING])
    if crtb.synced:  # crtb-delete-connected.json
        finalizers.append(f"clusterscoped.controller.cattle.io/cluster-crtb-sync_{cluster.id}")
    finalizers = finalizers[crtb.leaving :]
    made = kubernetes_object(BINDING, crtb, cluster.id, finalizers=None if fresh else finalizers)
    made |= {"clusterName": cluster.id, "roleTemplateName": crtb.role, **crtb.subject}
    if fresh:
        return made
    made |= {"userName": crtb.user} if crtb.user else {}
    metadata = made["metadata"]
    metadata["generation"] = _generation(crtb) + (crtb.deleting is not None)
    done = {"lifecycle.cattle.io/create.mgmt-auth-crtb-controller": "true"}
    updated = {"auth.management.cattle.io/crb-rb-labels-updated": "true"}
    if crtb.synced:
        done[f"lifecycle.cattle.io/create.cluster-crtb-sync_{cluster.id}"] = "true"
        updated["authz.cluster.cattle.io/crb-rb-labels-updated"] = "true"
    metadata["annotations"] = {**crtb.annotations, **done}
    metadata["labels"] = {**crtb.labels, **updated}
    if crtb.deleting:
        metadata |= {"deletionTimestamp": stamp(crtb.deleting), "deletionGracePeriodSeconds": 0}
    made["status"] = _binding_status(crtb)
    return made


def _binding_status(crtb: Binding) -> Json:
    """Return the status of a CRTB: here, and in the cluster (crtb-list-deleting.json)."""
    generation = _generation(crtb)
    if crtb.unknown:  # not recorded: rancher-live.md, second visit, names the condition
        words = f'users.management.cattle.io "{crtb.user}" not found'
        failed = {"type": "SubjectExists", "status": "False", "reason": "FailedToGetSubject"}
        failed |= {"lastTransitionTime": stamp(crtb.created), "message": words}
        return {"localConditions": [failed], "summaryLocal": "Error"}
    status: Json = {
        "lastUpdateTime": stamp(crtb.created),
        "localConditions": _steps(crtb, LOCAL_STEPS),
        "observedGenerationLocal": generation,
        "summaryLocal": "Completed",
    }
    if crtb.synced:
        status |= {
            "observedGenerationRemote": generation,
            "remoteConditions": _steps(crtb, REMOTE_STEPS),
            "summary": "Completed",
            "summaryRemote": "Completed",
        }
    return status


def _generation(crtb: Binding) -> int:
    """Return the generation, which is 2 if Rancher has added the user."""
    return 2 if crtb.user and not crtb.whole else 1


def _steps(crtb: Binding, steps: tuple[str, ...]) -> list[Json]:
    shared = {"lastTransitionTime": stamp(crtb.created), "message": "", "status": "True"}
    return [{**shared, "type": step, "reason": step} for step in steps]


def setting(one: Setting) -> Json:
    """Return a setting (setting-get-server-url.json)."""
    made = kubernetes_object(SETTING, one)
    values = {"customized": False, "default": one.default, "value": one.value}
    values["source"] = one.source
    return made | values
