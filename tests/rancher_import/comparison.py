"""How recorded answers are compared with those of the test Rancher."""

import re
from typing import Any

HEADERS = (
    "Cache-Control",
    "Content-Type",
    "Expires",
    "Warning",
    "X-Api-Cattle-Auth",
    "X-Api-Schemas",
    "X-Content-Type-Options",
)
"""Headers that must agree, and be absent where they were."""

HEADERS_OF_AUTHENTICATION = {"Cache-Control", "X-Api-Cattle-Auth", "X-Content-Type-Options"}
"""Headers that the recordings in webhook-*.json cannot have."""

VOLATILE = {
    "created",
    "createdTS",
    "creationTimestamp",
    "data.expiresAt",
    "data.token",
    "deletionTimestamp",
    "expiresAt",
    "lastTransitionTime",
    "lastUpdateTime",
    ".token",
    "objectset.rio.cattle.io/hash",
    "removedTS",
    "resourceVersion",
    "revision",
    "uid",
    "userPrincipal",
    "uuid",
}
"""Fields that differ each time; both sides must have them, empty or not alike."""

UNMODELLED = {
    # Steve's and Norman's extras that no client of ours reads.
    "_id",
    "filters",
    "managedFields",
    "relationships",
    "sort",
    # What Rancher's controllers write down for themselves.
    "authz.management.cattle.io/creator-role-bindings",
    "io.cattle.agent.registration-token-hash",
    "lifecycle.cattle.io/create.cluster-agent-controller-cleanup",
    "lifecycle.cattle.io/create.cluster-provisioner-controller",
    "lifecycle.cattle.io/create.cluster-scoped-gc",
    "lifecycle.cattle.io/create.mgmt-cluster-rbac-remove",
    "management.cattle.io/current-cluster-controllers-version",
    "objectset.rio.cattle.io/applied",
    "provisioner.cattle.io/ke-driver-update",
    # Management clusters: hardware, other kinds of clusters, what the agent was given.
    "agentFeatures",
    "agentImage",
    "agentImageOverride",
    "aksStatus",
    "aliStatus",
    "allocatable",
    "apiEndpoint",
    "appliedAgentEnvVars",
    "appliedEnableNetworkPolicy",
    "appliedSpec",
    "authImage",
    "caCert",
    "capabilities",
    "capacity",
    "clusterSecrets",
    "defaultClusterRoleForProjectMembers",
    "desiredAgentImage",
    "desiredAuthImage",
    "dockerRootDir",
    "eksStatus",
    "enableNetworkPolicy",
    "gkeStatus",
    "importedConfig",
    "info",
    "istioEnabled",
    "limits",
    "linuxWorkerCount",
    "nodeCount",
    "nodeVersion",
    "readyReconciling",
    "requested",
    "serviceAccountTokenSecret",
    "version",
    "windowsPreferedCluster",
    "windowsWorkerCount",
}
"""Fields that the test Rancher has not, or has otherwise; left out of the recordings here too."""
# -- end of the lists

# What differs inside of texts: URLs, ids, tokens, ages, times.
PATTERNS = (
    (re.compile(r"(https|wss)://(127\.0\.0\.1|localhost):\d+"), r"\1://<rancher>"),
    (re.compile(r"c-m-[a-z0-9]{8}"), "<cluster>"),
    (re.compile(r"exampletoken\w+?(?=_|\b)|\b[b-z2-9]{54}(?=_|\b)"), "<secret>"),
    (re.compile(r"token-[a-z0-9]{5}\b"), "<token>"),
    (re.compile(r"u-[a-z0-9]{10}\b"), "<ensured user>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "<time>"),
    (re.compile(r"^(\d+m)?\d+s$"), "<age>"),
    (re.compile(r"system:serviceaccount:default:admin"), "user-twrvb"),
    (re.compile(r"^Failed to parse body: .*"), "Failed to parse body: <why>"),
)


def comparable(value: Any, parent: str = "") -> Any:
    """Return an answer's body without what may differ."""
    if isinstance(value, dict):
        return {
            key: _masked(one)
            if key in VOLATILE or f"{parent}.{key}" in VOLATILE
            else comparable(one, key)
            for key, one in value.items()
            if key not in UNMODELLED
        }
    if isinstance(value, list):
        return [comparable(one, parent) for one in value]
    if isinstance(value, str):
        for pattern, name in PATTERNS:
            value = pattern.sub(name, value)
    return value


def _masked(value: Any) -> Any:
    return f"<some {type(value).__name__}>" if value else value


def differences(recorded: Any, ours: Any, path: str = "") -> list[str]:
    """Return the places at which two comparable bodies differ, in words."""
    if isinstance(recorded, dict) and isinstance(ours, dict):
        found = []
        for key in sorted({*recorded, *ours}):
            here = f"{path}.{key}"
            if key not in ours:
                found.append(f"{here}: recorded {recorded[key]!r}, ours has none")
            elif key not in recorded:
                found.append(f"{here}: not recorded, ours {ours[key]!r}")
            else:
                found += differences(recorded[key], ours[key], here)
        return found
    if isinstance(recorded, list) and isinstance(ours, list) and len(recorded) == len(ours):
        pairs = enumerate(zip(recorded, ours, strict=True))
        return [line for number, pair in pairs for line in differences(*pair, f"{path}[{number}]")]
    return [] if recorded == ours else [f"{path}: recorded {recorded!r}, ours {ours!r}"]
