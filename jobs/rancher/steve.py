"""Rancher's API Steve, `/v1`: clusters, role bindings, registration tokens and settings.

Reading clusters and what belongs to them is in sight.py, which knows when absence is proven.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx2

from jobs.errors import TransientError
from jobs.rancher import answers
from jobs.rancher.connection import (
    CONFLICT,
    CREATED,
    FORBIDDEN,
    NO_CONTENT,
    NOT_FOUND,
    OK,
    Connection,
    raise_if_terminating,
    read_answer,
)
from jobs.rancher.model import (
    MANAGED,
    MANAGED_LABELS,
    MANAGER,
    OWNER_NAME,
    OWNER_UID,
    VCLUSTER_UID,
    Goal,
    Owner,
    Registration,
)

NAMESPACE = "fleet-default"
CLUSTERS = "/v1/provisioning.cattle.io.clusters"
MANAGEMENT = "/v1/management.cattle.io.clusters"
TOKENS = "/v1/management.cattle.io.clusterregistrationtokens"
BINDINGS = "/v1/management.cattle.io.clusterroletemplatebindings"
SETTINGS = "/v1/management.cattle.io.settings"

PLACEHOLDER = "{token}"


class Steve(Connection):
    """Requests to `/v1`."""

    def may_create(self) -> bool:
        """Return whether the token's user may create clusters, without creating one.

        Rancher's webhook writes no creator into a dry run and then rejects it for that, unless the
        creator gets no role.
        """
        body = {
            "type": "provisioning.cattle.io.cluster",
            "metadata": {
                "namespace": NAMESPACE,
                "name": "vcluster-import-check",
                "annotations": {"field.cattle.io/no-creator-rbac": "true"},
            },
            "spec": {},
        }
        answer = self.call("POST", CLUSTERS, json=body, params={"dryRun": "All"})
        if answer.status_code not in (CREATED, CONFLICT, FORBIDDEN):
            raise self.refusal(answer, "create provisioning.cattle.io/clusters")
        return answer.status_code != FORBIDDEN

    def create(self, goal: Goal, vcluster_uid: str) -> bool:
        """Create the cluster; return False if the name is taken."""
        body = {
            "type": "provisioning.cattle.io.cluster",
            "metadata": {
                "namespace": NAMESPACE,
                "name": goal.cluster_name,
                "labels": {
                    **goal.labels,
                    OWNER_UID: goal.owner_uid,
                    OWNER_NAME: goal.owner_name,
                    VCLUSTER_UID: vcluster_uid,
                },
                # Rancher would upgrade the Kubernetes of a cluster that looks like k3s.
                "annotations": {
                    "rancher.io/imported-cluster-version-management": "false",
                    MANAGED_LABELS: answers.join_keys(goal.labels),
                },
            },
            "spec": _spec(_environment(goal.agent_variables), goal.agent_resources),
        }
        answer = self.call("POST", CLUSTERS, json=body)
        if answer.status_code == CREATED:
            return True
        raise_if_terminating(answer, "cluster")
        if answer.status_code == CONFLICT:
            return False
        raise self.refusal(answer, "create provisioning.cattle.io/clusters")

    def delete(self, name: str) -> None:
        """Request the removal of a cluster."""
        answer = self.call("DELETE", f"{CLUSTERS}/{NAMESPACE}/{name}")
        if answer.status_code not in (OK, NO_CONTENT, FORBIDDEN, NOT_FOUND):
            raise self.refusal(answer, "delete provisioning.cattle.io/clusters")

    def adopt(self, name: str, vcluster_uid: str) -> None:
        """Label a cluster with the identity of its virtual cluster."""
        self.label(name, {VCLUSTER_UID: vcluster_uid})

    def take_over(self, goal: Goal) -> None:
        """Label a cluster with its new owner."""
        self.label(goal.cluster_name, {OWNER_UID: goal.owner_uid, OWNER_NAME: goal.owner_name})

    def label(self, name: str, labels: Mapping[str, str]) -> None:
        """Set labels of a cluster."""
        self._patch(name, {"metadata": {"labels": dict(labels)}})

    def set_agent(
        self, name: str, variables: Sequence[Mapping[str, Any]], resources: Mapping[str, str]
    ) -> None:
        """Set environment and resources of the agent, which Rancher redeploys if it reaches it."""
        self._patch(name, {"spec": _spec(variables, resources)})

    def _patch(self, name: str, patch: Mapping[str, Any]) -> None:
        answer = self.call(
            "PATCH",
            f"{CLUSTERS}/{NAMESPACE}/{name}",
            json=patch,
            headers={"Content-Type": "application/merge-patch+json"},
        )
        if answer.status_code != OK:
            raise self.refusal(answer, "patch provisioning.cattle.io/clusters")

    def bind(self, cluster_id: str, name: str, owner: Owner, *, managed: bool = True) -> None:
        """Bind a role; succeed if the owner has it already.

        The import removes a `managed` binding when the owner leaves the list of owners.
        """
        labels = {MANAGED: MANAGER} if managed else {}
        body = {
            "type": "management.cattle.io.clusterroletemplatebinding",
            "metadata": {"namespace": cluster_id, "name": name, "labels": labels},
            "clusterName": cluster_id,
            "roleTemplateName": owner.role,
            answers.SUBJECT_FIELDS[owner.kind]: owner.name,
        }
        answer = self.call("POST", BINDINGS, json=body)
        raise_if_terminating(answer, "role binding")
        if answer.status_code not in (CREATED, CONFLICT):
            raise self.refusal(answer, f"bind {owner.role} to {owner.name}")

    def unbind(self, cluster_id: str, name: str) -> None:
        """Remove a role binding."""
        answer = self.call("DELETE", f"{BINDINGS}/{cluster_id}/{name}")
        if answer.status_code not in (OK, NO_CONTENT, NOT_FOUND):
            raise self.refusal(answer, "delete management.cattle.io/clusterroletemplatebindings")

    def unknown_owners(self) -> dict[str, list[str]]:
        """Return the owners of managed bindings that Rancher does not know, by cluster id."""
        answer = self.call("GET", BINDINGS)
        right = "list management.cattle.io/clusterroletemplatebindings"
        return self.read(answer, right, answers.read_unknown_owners)

    def registration(self, answer: httpx2.Response, cluster_id: str) -> Registration | None:
        """Return the registration of an answer, or None while there is no token."""
        right = "get management.cattle.io/clusterregistrationtokens"
        url, token, secret = self.read(answer, right, answers.read_token)
        if token in ("", PLACEHOLDER) or PLACEHOLDER in url:
            token = self._token_in_secret(cluster_id, secret) or token
        if token in ("", PLACEHOLDER):
            return None
        return Registration(path=_path(url.replace(PLACEHOLDER, token)))

    def _token_in_secret(self, cluster_id: str, name: str) -> str:
        """Return the token from its Secret.

        Raw reads show a placeholder instead since Rancher 2.13.8, 2.14.4 and 2.15.0.
        """
        if not name:
            return ""
        answer = self.call("GET", f"/v1/secrets/{cluster_id}/{name}")
        if answer.status_code != OK:
            return ""
        return read_answer(answer, answers.read_secret_token)

    def agent_image(self) -> str:
        """Return the setting `agent-image`; empty if the user may not read it."""
        return self._setting("agent-image")

    def server_url(self) -> str:
        """Return the setting `server-url`; empty if the user may not read it."""
        return self._setting("server-url")

    def _setting(self, name: str) -> str:
        answer = self.call("GET", f"{SETTINGS}/{name}")
        if answer.status_code in (FORBIDDEN, NOT_FOUND):
            return ""
        return self.read(answer, "get management.cattle.io/settings", answers.read_setting)


def _environment(variables: Mapping[str, str]) -> list[Mapping[str, Any]]:
    return [{"name": name, "value": value} for name, value in variables.items()]


def _spec(variables: Sequence[Mapping[str, Any]], resources: Mapping[str, str]) -> dict[str, Any]:
    """Return the spec of an imported cluster with the settings of its agent."""
    spec: dict[str, Any] = {"agentEnvVars": list(variables)} if variables else {}
    if resources:
        nested: dict[str, dict[str, str]] = {}
        for name, amount in resources.items():
            kind, _, resource = name.partition(".")
            nested.setdefault(kind, {})[resource] = amount
        spec["clusterAgentDeploymentCustomization"] = {"overrideResourceRequirements": nested}
    return spec


def _path(url: str) -> str:
    """Return the path of a URL; its host is ignored in favour of RANCHER_URL.

    There is no URL while Rancher has no server-url.
    """
    if not url:
        return ""
    try:
        path = urlsplit(url).path
    except ValueError:
        path = ""
    if not path.startswith("/"):
        message = "Rancher's URL of the import manifest has no path: is its server-url a URL?"
        raise TransientError("BadAnswer", message)
    return path
