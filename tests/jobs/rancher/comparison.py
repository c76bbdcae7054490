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

CLOCK = "it is a time"
RANDOM = "it is made anew for each object"

VOLATILE = {
    "created": CLOCK,
    "createdTS": CLOCK,
    "creationTimestamp": CLOCK,
    "data.expiresAt": CLOCK,
    "deletionTimestamp": CLOCK,
    "expiresAt": CLOCK,
    "lastTransitionTime": CLOCK,
    "lastUpdateTime": CLOCK,
    "lastUsedAt": CLOCK,
    "lastUsedAtTS": CLOCK,
    "removedTS": CLOCK,
    "data.token": RANDOM,
    ".token": RANDOM,
    "createTypes.token": "the recorder took this URL for a token",
    "objectset.rio.cattle.io/hash": "it is a hash of names and uids",
    "resourceVersion": "it counts all writes to the server",
    "revision": "it counts all writes to the server",
    "uid": RANDOM,
    "userPrincipal": "it is Go's print of a map with the user's names",
    "uuid": RANDOM,
}
"""Fields that differ each time, and why; both sides must have them, empty or not alike."""

EXTRA = "of Steve and Norman, for their own pages"
NOTE = "a note of Rancher's controllers for themselves"
HARDWARE = "what the cluster's nodes have; the agent reports it"
OTHERS = "for kinds of clusters that are not imported"
GIVEN = "what Rancher's controllers gave the agent, or know of its API server"

UNMODELLED = {
    "_id": EXTRA,
    "filters": EXTRA,
    "relationships": EXTRA,
    "sort": EXTRA,
    "managedFields": "the server's; `fake_rancher` has those that say who wrote an agent's image",
    "authz.management.cattle.io/creator-role-bindings": NOTE,
    "io.cattle.agent.registration-token-hash": NOTE,
    "lifecycle.cattle.io/create.cluster-agent-controller-cleanup": NOTE,
    "lifecycle.cattle.io/create.cluster-provisioner-controller": NOTE,
    "lifecycle.cattle.io/create.cluster-scoped-gc": NOTE,
    "lifecycle.cattle.io/create.mgmt-cluster-rbac-remove": NOTE,
    "management.cattle.io/current-cluster-controllers-version": NOTE,
    "objectset.rio.cattle.io/applied": NOTE,
    "provisioner.cattle.io/encrypt-migrated": NOTE,
    "provisioner.cattle.io/ke-driver-update": NOTE,
    "agentFeatures": GIVEN,
    "apiEndpoint": GIVEN,
    "appliedAgentEnvVars": GIVEN,
    "appliedEnableNetworkPolicy": GIVEN,
    "appliedSpec": GIVEN,
    "authImage": GIVEN,
    "caCert": GIVEN,
    "serviceAccountTokenSecret": GIVEN,
    "allocatable": HARDWARE,
    "capabilities": HARDWARE,
    "capacity": HARDWARE,
    "info": HARDWARE,
    "limits": HARDWARE,
    "linuxWorkerCount": HARDWARE,
    "nodeCount": HARDWARE,
    "nodeVersion": HARDWARE,
    "requested": HARDWARE,
    "version": HARDWARE,
    "windowsWorkerCount": HARDWARE,
    "aksStatus": OTHERS,
    "aliStatus": OTHERS,
    "clusterSecrets": OTHERS,
    "defaultClusterRoleForProjectMembers": OTHERS,
    "desiredAuthImage": OTHERS,
    "dockerRootDir": OTHERS,
    "eksStatus": OTHERS,
    "enableNetworkPolicy": OTHERS,
    "gkeStatus": OTHERS,
    "importedConfig": OTHERS,
    "istioEnabled": OTHERS,
    "readyReconciling": OTHERS,
    "windowsPreferedCluster": OTHERS,
}
"""Fields that the test Rancher has not, or has otherwise, and why no client sees the difference."""

UNMODELLED_CONDITIONS = {"AgentTlsStrictCheck"}
"""Conditions that only a real agent sets off; the others are compared, in no order."""
# -- end of the lists

# What differs inside of texts: URLs, ids, tokens, ages, times.
PATTERNS = (
    (re.compile(r"(https|wss)://(127\.0\.0\.1|localhost):\d+"), r"\1://<rancher>"),
    (re.compile(r"c-m-[a-z0-9]{8}"), "<cluster>"),
    (re.compile(r"exampletoken\w+?(?=_|\b)|\b[b-z2-9]{54}(?=_|\b)"), "<secret>"),
    (re.compile(r"token-[a-z0-9]{5}\b"), "<token>"),
    (re.compile(r"u-[a-z0-9]{10}\b"), "<ensured user>"),
    (re.compile(r"u-(ttc95|fljg2)\b"), "<importer>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "<time>"),
    (re.compile(r"^(\d+m)?\d+s$|^\d+m$"), "<age>"),
    (re.compile(r"system:serviceaccount:default:admin"), "user-twrvb"),
    (re.compile(r"^Failed to parse body: .*"), "Failed to parse body: <why>"),
)


def comparable(value: Any, parent: str = "") -> Any:
    """Return an answer's body without what may differ."""
    if isinstance(value, dict):
        return {
            _plain(key): _masked(one)
            if key in VOLATILE or f"{parent}.{key}" in VOLATILE
            else comparable(one, key)
            for key, one in value.items()
            if key not in UNMODELLED
        }
    if isinstance(value, list):
        if parent == "conditions":
            kept = [one for one in value if one["type"] not in UNMODELLED_CONDITIONS]
            value = sorted(kept, key=lambda one: str(one["type"]))
        return [comparable(one, parent) for one in value]
    return _plain(value) if isinstance(value, str) else value


def _plain(text: str) -> str:
    """Return a text without what differs inside of it."""
    for pattern, name in PATTERNS:
        text = pattern.sub(name, text)
    return text


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
