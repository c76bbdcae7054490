"""Values from the JSON of Rancher's answers.

A value of another type raises TypeError, which `Connection.read` turns into an error of the answer.
"""

import base64
from collections.abc import Mapping
from typing import Any

from jobs.rancher import agents
from jobs.rancher.model import (
    MANAGED,
    MANAGED_LABELS,
    MANAGER,
    Binding,
    Cluster,
    Management,
    SubjectKind,
)

SUBJECT_EXISTS = "SubjectExists"
"""Condition of a role binding since Rancher 2.11: False for an unknown user."""

SUBJECT_FIELDS: dict[SubjectKind, str] = {
    "user": "userName",
    "userPrincipal": "userPrincipalName",
    "group": "groupPrincipalName",
}


def read_management(body: Mapping[str, Any]) -> Management:
    """Return a management cluster; its conditions show whether Rancher reaches it.

    The provisioning cluster's `ready` never returns to false.
    """
    conditions = {c["type"]: c for c in (body.get("status") or {}).get("conditions") or ()}
    states = [conditions.get(typ, {}) for typ in ("Connected", "Ready")]
    return Management(
        connected=all(state.get("status") == "True" for state in states),
        terminating="deletionTimestamp" in body["metadata"],
        message=next((_text(s["message"]) for s in states if s.get("message")), ""),
        images=agents.read(body),
        labels=_texts(body["metadata"].get("labels")),
        managed_labels=_managed_labels(body["metadata"].get("annotations")),
    )


def read_managed(body: Mapping[str, Any]) -> dict[str, Management]:
    """Return management clusters by their ids."""
    return {_text(one["metadata"]["name"]): read_management(one) for one in body.get("data") or ()}


def read_cluster(body: Mapping[str, Any]) -> Cluster:
    """Return a provisioning cluster."""
    metadata = body["metadata"]
    labels = (metadata.get("labels") or {}).items()
    return Cluster(
        name=_text(metadata["name"]),
        namespace=_text(metadata["namespace"]),
        uid=_text(metadata["uid"]),
        labels={key: _text(value) for key, value in labels},
        cluster_id=_text((body.get("status") or {}).get("clusterName") or ""),
        terminating="deletionTimestamp" in metadata,
        agent_variables=_variables(body),
        agent_resources=_resources(body),
    )


def read_bindings(body: Mapping[str, Any]) -> tuple[Binding, ...]:
    """Return the role bindings of a list."""
    return tuple(_binding(one) for one in body.get("data") or ())


def read_unknown_owners(body: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the owners of managed bindings that Rancher does not know, by cluster id."""
    unknown: dict[str, list[str]] = {}
    for one in body.get("data") or ():
        subjects = sorted(name for _, name in _binding(one).subjects)
        conditions = (one.get("status") or {}).get("localConditions") or ()
        missing = any(c["type"] == SUBJECT_EXISTS and c["status"] == "False" for c in conditions)
        if missing and _binding(one).ours:
            unknown.setdefault(_text(one["clusterName"]), []).extend(subjects)
    return {cluster: sorted(names) for cluster, names in unknown.items()}


def read_token(body: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return URL, token and name of the Secret with the token."""
    status = body.get("status") or {}
    url, token, secret = (status.get(key) for key in ("manifestUrl", "token", "tokenSecretName"))
    return _text(url or ""), _text(token or ""), _text(secret or "")


def read_secret_token(body: Mapping[str, Any]) -> str:
    """Return the registration token of a Secret."""
    return base64.b64decode((body.get("data") or {}).get("token") or "").decode()


def read_uid(body: Mapping[str, Any]) -> str:
    """Return the uid of an object."""
    return _text((body.get("metadata") or {}).get("uid") or "")


def read_nonce(body: Mapping[str, Any]) -> str:
    """Return the nonce of the proof."""
    return _text((body.get("data") or {}).get("nonce") or "")


def read_expiry(body: Mapping[str, Any]) -> str:
    """Return the time at which a token expires; a token of ext.cattle.io has it in its status."""
    return _text((body.get("status") or body).get("expiresAt") or "")


def read_names(body: Mapping[str, Any]) -> list[str]:
    """Return the names of a list of Norman."""
    return [_text(one.get("name") or "") for one in body.get("data") or ()]


def read_setting(body: Mapping[str, Any]) -> str:
    """Return the value of a setting."""
    return _text(body.get("value") or body.get("default") or "")


def read_image(body: Mapping[str, Any]) -> tuple[str, str]:
    """Return name and agent image of a cluster."""
    return _text(body["name"]), _text(body.get("desiredAgentImage") or "")


def read_metadata(body: Mapping[str, Any]) -> tuple[str, dict[str, str], dict[str, str]]:
    """Return name, labels and annotations of a cluster of Norman."""
    return _text(body["name"]), _texts(body.get("labels")), _texts(body.get("annotations"))


def _binding(body: Mapping[str, Any]) -> Binding:
    metadata = body["metadata"]
    return Binding(
        name=_text(metadata["name"]),
        role=_text(body.get("roleTemplateName") or ""),
        subjects=frozenset(
            (kind, _text(body[field])) for kind, field in SUBJECT_FIELDS.items() if body.get(field)
        ),
        ours=(metadata.get("labels") or {}).get(MANAGED) == MANAGER,
        terminating="deletionTimestamp" in metadata,
    )


def _variables(body: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    return tuple({**variable} for variable in (body.get("spec") or {}).get("agentEnvVars") or ())


def _resources(body: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    customization = (body.get("spec") or {}).get("clusterAgentDeploymentCustomization") or {}
    return {**(customization.get("overrideResourceRequirements") or {})}


def join_keys(labels: Mapping[str, str]) -> str:
    """Return the keys of labels, as `MANAGED_LABELS` holds them."""
    return ",".join(sorted(labels))


def _managed_labels(annotations: Mapping[str, Any] | None) -> frozenset[str]:
    keys = _texts(annotations).get(MANAGED_LABELS, "")
    return frozenset(key for key in keys.split(",") if key)


def _texts(body: Mapping[str, Any] | None) -> dict[str, str]:
    return {key: _text(value) for key, value in (body or {}).items()}


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
