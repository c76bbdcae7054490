"""The agent in the virtual cluster, which is looked up there instead of by its tunnel."""

import base64
import json
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import inside
from .manifest import secret_name
from .messages import JSON, Json
from .norman import FORCE_DEPLOY
from .state import Cluster, State, random_name

NAMESPACE = "cattle-system"
DEPLOYMENT = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/cattle-cluster-agent"
SECRETS = f"/api/v1/namespaces/{NAMESPACE}/secrets"
FEATURES = "CATTLE_FEATURES"
STRATEGIC = "application/strategic-merge-patch+json"


@dataclass(frozen=True)
class KubeApi:
    """The API server of a virtual cluster, with credentials."""

    server: str
    ca: str = ""
    """The PEM of its CA; empty for plain HTTP."""
    token: str = ""
    certificate: tuple[Path, Path] | None = None
    """A client certificate and its key."""
    timeout: float = 5

    def call(
        self, path: str, method: str = "GET", body: Json | None = None, content_type: str = JSON
    ) -> tuple[int, Any]:
        """Return the status and the JSON of an answer; 0 for none."""
        headers = {"Content-Type": content_type, "Accept": JSON}
        headers |= {"Authorization": f"Bearer {self.token}"} if self.token else {}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 -- the test says which
            self.server + path, data, headers, method=method
        )
        try:
            with urllib.request.urlopen(  # noqa: S310
                request, timeout=self.timeout, context=self._context()
            ) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, None
        except (OSError, ValueError):
            return 0, None

    def _context(self) -> ssl.SSLContext | None:
        if not self.ca:
            return None
        context = ssl.create_default_context(cadata=self.ca)
        if self.certificate:
            context.load_cert_chain(*self.certificate)
        return context


@dataclass
class Agents:
    """The agents: simulated by a test, or looked up in watched virtual clusters.

    Both are keyed by the name of the provisioning cluster, or by the id of the management one.
    """

    state: State
    by_hand: set[str] = field(default_factory=set)
    watched: dict[str, KubeApi] = field(default_factory=dict)
    cleaned: set[str] = field(default_factory=set)

    def __call__(self, cluster_id: str) -> bool:
        """Return whether the cluster's agent could connect."""
        cluster = self.state.by_id(cluster_id)
        if cluster is None:
            return False
        if self.by_hand & {cluster.id, cluster.name}:
            return True
        api = self.watched.get(cluster.id) or self.watched.get(cluster.name)
        return api is not None and self._runs(api, cluster)

    def _runs(self, api: KubeApi, cluster: Cluster) -> bool:
        """Require the Deployment, and that the Secret it mounts has a token of this cluster."""
        status, deployment = api.call(DEPLOYMENT)
        if status != 200 or deployment["metadata"].get("deletionTimestamp"):
            return False
        volumes = deployment["spec"]["template"]["spec"].get("volumes", [])
        names = [one["secret"]["secretName"] for one in volumes if "secret" in one]
        tokens = [_token(api, name) for name in names]
        if not any(crt.accepts(token) for token in tokens for crt in cluster.tokens.values()):
            return False
        if not self.state.behaviour.redeploys:
            return True
        runs = self._redeployed(api, cluster, deployment)
        if runs:
            self._bring_in(api, cluster)
        return runs

    def _bring_in(self, api: KubeApi, cluster: Cluster) -> None:
        """Create Rancher's objects inside, and remove those of former bindings."""
        known = {one.name: one for one in cluster.bindings.values() if not one.deleting}
        if cluster.inside == known.keys():
            return
        if not cluster.inside:
            for body in inside.of_cluster():
                api.call(inside.PATHS[body["kind"]], "POST", body)
        for name in known.keys() - cluster.inside:
            for body in inside.of_binding(cluster.id, name, known[name].user):
                api.call(inside.PATHS[body["kind"]], "POST", body)
        for name in cluster.inside - known.keys():
            for body in inside.of_binding(cluster.id, name, "")[:2]:
                path = f"{inside.PATHS[body['kind']]}/{body['metadata']['name']}"
                api.call(path, "DELETE")
        cluster.inside = set(known)

    def _redeployed(self, api: KubeApi, cluster: Cluster, deployment: Json) -> bool:
        """Deploy Rancher's own version of the agent, once or on request.

        That version has CATTLE_FEATURES, without which the agent stays away; Rancher does not
        look again (rancher-import.md, section 0.2; rancher clusterdeploy.go: redeployAgent). The
        annotation becomes "false" then.
        """
        forced = cluster.mgmt_annotations.get(FORCE_DEPLOY) == "true"
        if cluster.redeployed and not forced:
            [container] = deployment["spec"]["template"]["spec"]["containers"]
            return any(variable["name"] == FEATURES for variable in container["env"])
        crt = cluster.tokens.get("system") or self.state.new_registration_token(cluster, "system")
        url = self.state.setting("server-url")
        name = secret_name(url, crt.token)
        values = {"url": url, "token": crt.token, "namespace": ""}
        data = {key: base64.b64encode(one.encode()).decode() for key, one in values.items()}
        metadata = {"name": name, "namespace": NAMESPACE}
        api.call(SECRETS, "POST", {"metadata": metadata, "type": "Opaque", "data": data})
        status, _ = api.call(DEPLOYMENT, "PATCH", _own_version(name), STRATEGIC)
        if status != 200:
            return False
        cluster.redeployed = True
        if forced:
            cluster.mgmt_annotations[FORCE_DEPLOY] = "false"
        return True

    def clean_up(self, cluster: Cluster) -> None:
        """Start the Job that cleans up, which Rancher does not wait for (rancher-live.md, 4)."""
        api = self.watched.get(cluster.id) or self.watched.get(cluster.name)
        wanted = self.state.behaviour.redeploys and cluster.connected
        if api is None or not wanted or cluster.id in self.cleaned:
            return
        self.cleaned.add(cluster.id)
        container = {
            "name": "cleanup-agent",
            "image": self.state.due_image(cluster),
            "command": ["agent"],
        }
        pod = {"containers": [container], "restartPolicy": "Never"}
        metadata = {"name": f"cattle-cleanup-{random_name(5)}", "namespace": "default"}
        job = {"metadata": metadata, "spec": {"template": {"spec": pod}}}
        api.call("/apis/batch/v1/namespaces/default/jobs", "POST", job)


def _own_version(secret: str) -> Json:
    environment = [
        {"name": FEATURES, "value": "multi-cluster-management-agent=true"},
        {"name": "CATTLE_CREDENTIAL_NAME", "value": secret},
    ]
    container = {"name": "cluster-register", "env": environment}
    volume = {"name": "cattle-credentials", "secret": {"secretName": secret}}
    pod = {"containers": [container], "volumes": [volume]}
    return {"spec": {"template": {"spec": pod}}}


def _token(api: KubeApi, name: str) -> str:
    status, secret = api.call(f"{SECRETS}/{name}")
    if status != 200:
        return ""
    encoded = secret.get("data", {}).get("token", "")
    try:
        return base64.b64decode(encoded).decode()
    except ValueError:
        return ""
