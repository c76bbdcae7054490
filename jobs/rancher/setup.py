"""What a Rancher administrator does once: the importer's role, and the operators' role template."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from jobs.rancher.api import NAMESPACE, Rancher

IMPORTER = "vcluster-importer"
OPERATOR = "vcluster operator"


@dataclass(frozen=True)
class Step:
    """An object to create in Rancher."""

    path: str
    name: str
    why: str
    body: dict[str, Any]


STEPS = (
    Step(
        "/v3/globalroles",
        IMPORTER,
        "may create clusters in fleet-default, and nothing else; Rancher makes it owner of those "
        "that it created",
        {
            "type": "globalRole",
            "name": IMPORTER,
            "namespacedRules": {
                NAMESPACE: [
                    {
                        "apiGroups": ["provisioning.cattle.io"],
                        "resources": ["clusters"],
                        "verbs": ["create"],
                    }
                ]
            },
        },
    ),
    Step(
        "/v3/roletemplates",
        OPERATOR,
        "for members of a project: look at workloads, read logs, restart pods, scale; no Secrets",
        {
            "type": "roleTemplate",
            "name": OPERATOR,
            "context": "project",
            "rules": [
                {
                    "apiGroups": [""],
                    "resources": [
                        "pods",
                        "pods/log",
                        "services",
                        "events",
                        "persistentvolumeclaims",
                    ],
                    "verbs": ["get", "list", "watch"],
                },
                {"apiGroups": [""], "resources": ["pods"], "verbs": ["delete"]},
                {
                    "apiGroups": ["apps"],
                    "resources": ["statefulsets", "deployments", "replicasets"],
                    "verbs": ["get", "list", "watch"],
                },
                {
                    "apiGroups": ["apps"],
                    "resources": ["statefulsets/scale"],
                    "verbs": ["get", "patch", "update"],
                },
            ],
        },
    ),
)

AFTERWARDS = f"""\
Then, in Rancher:
1. Create a local user for the importer, one per landscape. It becomes owner of every cluster
   that it imports, so nobody else may use it.
2. Give it the global roles "{IMPORTER}" and "User-Base". The first suffices for import, owners and
   removal. Without the second Rancher does not let it change the agent's image of its own clusters,
   nor read which one is due: after an upgrade of Rancher their agents stay old.
3. Log in as that user and create an API key without a cluster scope. Note when it expires: by
   default after 90 days.
4. Put the key into the Secret that the Input names, in every host's platform namespace:
   kubectl -n vcluster-system create secret generic rancher-api --from-file=token
"""


def describe() -> Iterator[str]:
    """Say what would be created."""
    for step in STEPS:
        yield f"{step.path}: {step.name}: {step.why}"


def run(rancher: Rancher, say: Callable[[str], None]) -> None:
    """Create what is not there."""
    for step in STEPS:
        created = rancher.ensure(step.path, step.name, step.body)
        say(f"{step.path}: {step.name}: {'created' if created else 'is there already'}")
