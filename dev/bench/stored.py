"""Objects as the API server stores them, with the additions of all field managers.

Most of these are managedFields, which are almost half of a function's request in the steady state:
https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management. The managers
and their additions are those of a request recorded from Crossplane 2.3 and provider-helm
1.3.
"""

import hashlib
import json

from dev.scripts.life import Object
from function.commands.plan.simulated_host import CLOCK
from function.k8s.helm_values import merge
from function.observed.release import KIND as RELEASE

COMPOSITE = "apiextensions.crossplane.io/composite"
CORE = "crossplane-core"
HELM = "provider-helm"
USER = "kubectl-client-side-apply"

_OUTLIVES_ITS_USER = {"metadata": {"labels": {"crossplane.io/in-use": "true"}}}

_BY_HELM = {
    "metadata": {
        "annotations": {
            "crossplane.io/external-create-pending": CLOCK,
            "crossplane.io/external-create-succeeded": CLOCK,
        },
        "finalizers": ["finalizer.managedresource.crossplane.io"],
    },
    "spec": {"forProvider": {"chart": {"pullSecretRef": {"name": ""}}}},
}
_BY_USAGES = {
    "metadata": {
        "annotations": {"crossplane.io/usage-details": "Release/a uses Release/b"},
        "finalizers": ["usage.apiextensions.crossplane.io"],
    },
}
_BY_DEFAULT = {"spec": {"managementPolicies": ["*"]}}


def composed(seen: Object) -> Object:
    """Return a composed resource, a Release or a Usage, as it is stored."""
    is_release = seen["kind"] == RELEASE
    metadata = seen["metadata"]
    (owner,) = metadata["ownerReferences"]
    group = owner["apiVersion"].partition("/")[0]
    seed = f"{owner['name']}{owner['kind'].lower()}.{group}"
    ours = ("annotations", "labels", "ownerReferences")
    applied = {"metadata": {key: metadata[key] for key in ours}, "spec": seen["spec"]}
    manager = HELM if is_release else CORE
    added = _BY_HELM if is_release else _BY_USAGES
    composer = f"apiextensions.crossplane.io/composed/{hashlib.sha256(seed.encode()).hexdigest()}"
    managed = [
        _managed(seen, composer, applied, operation="Apply"),
        _managed(seen, manager, added),
        _managed(seen, manager, {"status": seen["status"]}, subresource="status"),
    ]
    if is_release:
        managed.append(_managed(seen, CORE, _OUTLIVES_ITS_USER))
        seen = merge(seen, _BY_DEFAULT, _OUTLIVES_ITS_USER)
    return _stored(merge(seen, added), managed)


def composite(vcluster: Object, status: Object, references: list[Object]) -> Object:
    """Return a VCluster as it is stored, with its status and its references."""
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(vcluster) + "\n"}
    by_user = {"metadata": {"annotations": annotations}, "spec": {}}
    name = vcluster["metadata"]["name"]
    by_core = {
        "metadata": {
            "labels": {"crossplane.io/composite": name},
            "finalizers": ["composite.apiextensions.crossplane.io"],
        },
        "spec": {
            "crossplane": {
                "compositionRef": {"name": "vcluster.caas.telekom.de"},
                "compositionRevisionRef": {"name": "vcluster.caas.telekom.de-d963253"},
                "compositionUpdatePolicy": "Automatic",
            }
        },
    }
    composed_of = {"spec": {"crossplane": {"resourceRefs": references}}}
    conditions = {"status": {"conditions": status["conditions"]}}
    managed = [
        _managed(vcluster, COMPOSITE, composed_of, operation="Apply"),
        _managed(vcluster, COMPOSITE, {"status": status}, operation="Apply", subresource="status"),
        _managed(vcluster, CORE, by_core),
        _managed(vcluster, USER, by_user),
        _managed(vcluster, CORE, conditions, subresource="status"),
    ]
    born = {"metadata": {"generation": 7, "creationTimestamp": CLOCK}}
    whole = merge(vcluster, born, by_user, by_core, composed_of, {"status": status})
    return _stored(whole, managed)


def _stored(whole: Object, managed: list[Object]) -> Object:
    return merge(whole, {"metadata": {"resourceVersion": "548", "managedFields": managed}})


def _managed(
    of: Object, manager: str, part: Object, operation: str = "Update", subresource: str = ""
) -> Object:
    entry = {
        "manager": manager,
        "operation": operation,
        "apiVersion": of["apiVersion"],
        "time": CLOCK,
        "fieldsType": "FieldsV1",
        "fieldsV1": _fields(part),
    }
    return {**entry, "subresource": subresource} if subresource else entry


def _fields(value: object) -> Object:
    """Return the tree of the fields in a value; lists are leaves unless they have keys."""
    if isinstance(value, dict):
        return {f"f:{key}": _fields(below) for key, below in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        for key in ("type", "uid"):
            if key in value[0]:
                return {f"k:{json.dumps({key: e[key]})}": {".": {}, **_fields(e)} for e in value}
    return {}
