"""Rancher's API Norman, `/v3`, for requests that Steve refuses to the owner of a cluster."""

import os
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from jobs.rancher import answers
from jobs.rancher.connection import CREATED, FORBIDDEN, NOT_FOUND, Connection, ignore
from jobs.rancher.model import MANAGED_LABELS

FORCE_DEPLOY = "io.cattle.agent.force.deploy"
REFRESHED = "caas.telekom.de/refreshed"
"""Annotation of a management cluster with a random value, which makes an update a change."""


class Norman(Connection):
    """Requests to `/v3`."""

    def force_deploy(self, cluster_id: str) -> None:
        """Make Rancher deploy its agent again."""
        path = f"/v3/clusters/{cluster_id}"
        body = self.read(self.call("GET", path), "get clusters", _request_deployment)
        self.read(self.call("PUT", path, json=body), "update clusters", ignore)

    def refresh_registration(self, cluster_id: str) -> None:
        """Change the management cluster, so that Rancher renews its registration tokens."""
        path = f"/v3/clusters/{cluster_id}"
        cluster = self.read(self.call("GET", path), "get clusters", dict)
        body = _annotate(cluster, {REFRESHED: os.urandom(4).hex()})
        self.read(self.call("PUT", path, json=body), "update clusters", ignore)

    def set_labels(
        self, cluster_id: str, labels: Mapping[str, str], stale: AbstractSet[str]
    ) -> None:
        """Set labels of a management cluster, which Fleet reads, and remove stale ones.

        Norman removes all labels and annotations that an update does not name.
        """
        path = f"/v3/clusters/{cluster_id}"
        name, before, annotations = self.read(
            self.call("GET", path), "get clusters", answers.read_metadata
        )
        others = {key: value for key, value in before.items() if key not in stale}
        body = {
            "name": name,
            "labels": {**others, **labels},
            "annotations": {**annotations, MANAGED_LABELS: answers.join_keys(labels)},
        }
        self.read(self.call("PUT", path, json=body), "update clusters", ignore)

    def follow_agent_image(self, cluster_id: str, default: str) -> bool:
        """Make the agent's image follow Rancher's setting; return False if that is refused.

        A value other than `default` was set by a person and stays.
        """
        path = f"/v3/clusters/{cluster_id}"
        answer = self.call("GET", path)
        if answer.status_code in (FORBIDDEN, NOT_FOUND):
            return False
        name, desired = self.read(answer, "get clusters", answers.read_image)
        if desired != default:
            return True
        answer = self.call("PUT", path, json={"name": name, "desiredAgentImage": ""})
        if answer.status_code in (FORBIDDEN, NOT_FOUND):
            return False
        self.read(answer, "update clusters", ignore)
        return True

    def has_user(self, user_id: str) -> bool:
        """Return whether a user exists, which only an administrator may read."""
        answer = self.call("GET", f"/v3/users/{user_id}")
        if answer.status_code == NOT_FOUND and answer.content:
            return False
        self.read(answer, "get users", ignore)
        return True

    def ensure(self, path: str, name: str, body: Mapping[str, Any]) -> bool:
        """Create an object unless one of that name exists; return whether it was created."""
        answer = self.call("GET", path, params={"name": name})
        if name in self.read(answer, f"list {path}", answers.read_names):
            return False
        answer = self.call("POST", path, json=dict(body))
        if answer.status_code != CREATED:
            raise self.refusal(answer, f"create {path}")
        return True


def _request_deployment(cluster: Mapping[str, Any]) -> dict[str, Any]:
    """Return an update that makes Rancher deploy its agent."""
    return _annotate(cluster, {FORCE_DEPLOY: "true"})


def _annotate(cluster: Mapping[str, Any], annotations: Mapping[str, str]) -> dict[str, Any]:
    """Return an update that adds annotations; it names all, or Norman would remove the others."""
    others = cluster.get("annotations") or {}
    return {"name": cluster.get("name"), "annotations": {**others, **annotations}}
