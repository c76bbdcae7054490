"""Roles that a Rancher administrator creates once: the importer's, and the operators' template."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from jobs.rancher.api import Rancher
from jobs.rancher.steve import NAMESPACE

IMPORTER = "vcluster-importer"
OPERATOR = "vcluster operator"


@dataclass(frozen=True)
class Step:
    """An object to create in Rancher."""

    path: str
    name: str
    purpose: str
    body: dict[str, Any]


STEPS = (
    Step(
        "/v3/globalroles",
        IMPORTER,
        "may create clusters in fleet-default, and nothing else; Rancher makes the user the owner "
        "of the clusters that they create",
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
   that it imports, so no person may use it.
2. Give it the global roles "{IMPORTER}" and "User-Base". The first suffices for import, owners and
   removal. The second lets it read Rancher's agent image and set it in its own clusters: without it
   their agents stay old after an upgrade of Rancher.
3. Log in as that user and create an API key without a cluster scope. Note when it expires: by
   default after 90 days.
4. Put the key into the Secret that the Input names, in every host's platform namespace:
   kubectl -n vcluster-system create secret generic rancher-api --from-file=token
"""


def describe() -> Iterator[str]:
    """Yield a line for each object of the setup."""
    for step in STEPS:
        yield f"{step.path}: {step.name}: {step.purpose}"


def create(rancher: Rancher, say: Callable[[str], None]) -> None:
    """Create absent objects."""
    for step in STEPS:
        created = rancher.ensure(step.path, step.name, step.body)
        say(f"{step.path}: {step.name}: {'created' if created else 'exists already'}")
