"""The two API servers: the host, for state and kubeconfig, and the virtual cluster.

lightkube, because of three clients it is the fastest to import (0.10 s against 0.16 of kr8s and
0.18 of kubernetes), the smallest in memory (30 MiB against 41 and 43), typed, and synchronous.
"""

import base64
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import httpx2
import msgspec
import yaml
from lightkube import Client
from lightkube.config.client_adapter import verify_cluster
from lightkube.config.kubeconfig import KubeConfig, SingleConfig
from lightkube.config.models import User
from lightkube.core.exceptions import ApiError
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import DaemonSet, Deployment, ReplicaSet
from lightkube.resources.batch_v1 import Job
from lightkube.resources.core_v1 import (
    ConfigMap,
    Namespace,
    Pod,
    Secret,
    Service,
    ServiceAccount,
)
from lightkube.resources.policy_v1 import PodDisruptionBudget
from lightkube.resources.rbac_authorization_v1 import ClusterRole, ClusterRoleBinding
from lightkube.types import PatchType

from rancher_import import tls
from rancher_import.errors import RefusedError, TransientError
from rancher_import.manifest import CLUSTER_SCOPED, Object
from rancher_import.model import Agent, Inside, Marker, State

if TYPE_CHECKING:
    from lightkube.core.client import LabelSelector

AGENT_NAMESPACE = "cattle-system"
AGENT = "cattle-cluster-agent"

MARKER_NAMESPACE = "kube-system"
MARKER = "caas-rancher-import"

CLEAN_UP_PREFIX = "cattle-cleanup-"

RESOURCES: dict[str, Any] = {
    resource.__name__: resource
    for resource in (
        ClusterRole,
        ClusterRoleBinding,
        DaemonSet,
        Deployment,
        Namespace,
        PodDisruptionBudget,
        Secret,
        Service,
        ServiceAccount,
    )
}
"""What an import manifest may hold, by kind."""

TIMEOUT = httpx2.Timeout(10)
NOT_FOUND, CONFLICT = 404, 409

T = TypeVar("T")


class Host:
    """The host cluster, with rights on one ConfigMap and one Secret."""

    def __init__(self, client: Client, namespace: str, config_map: str) -> None:
        """Remember where the state is."""
        self._client = client
        self._namespace = namespace
        self._name = config_map

    def close(self) -> None:
        """Let the connections go."""
        self._client.close()

    def state(self) -> State:
        """Return what the state ConfigMap says; without one, nothing is wished for."""
        found = _maybe(
            lambda: self._client.get(ConfigMap, self._name, namespace=self._namespace),
            f"ConfigMap {self._namespace}/{self._name}",
        )
        return read_state((found.data if found else None) or {})

    def report(self, changes: Mapping[str, str]) -> None:
        """Write keys of the state ConfigMap."""
        call(
            lambda: self._client.patch(
                ConfigMap,
                self._name,
                {"data": dict(changes)},
                namespace=self._namespace,
                patch_type=PatchType.MERGE,
            ),
            f"ConfigMap {self._namespace}/{self._name}",
        )

    def kubeconfig(self, namespace: str, name: str, key: str) -> str | None:
        """Return a kubeconfig, or None while there is none."""
        what = f"Secret {namespace}/{name}"
        found = _maybe(lambda: self._client.get(Secret, name, namespace=namespace), what)
        encoded = (found.data or {}).get(key) if found else None
        return base64.b64decode(encoded).decode() if encoded else None

    def note(self, config_map: str, key: str, value: str) -> None:
        """Leave a line in a ConfigMap, which is made if it is not there."""
        changes = ConfigMap(metadata=ObjectMeta(name=config_map), data={key: value})
        what = f"ConfigMap {self._namespace}/{config_map}"
        try:
            self._client.create(changes, namespace=self._namespace)
        except ApiError as error:
            if error.status.code != CONFLICT:
                raise _refused(error, what) from None
            call(
                lambda: self._client.patch(
                    ConfigMap,
                    config_map,
                    {"data": {key: value}},
                    namespace=self._namespace,
                    patch_type=PatchType.MERGE,
                ),
                what,
            )


def client(config: SingleConfig) -> Client:
    """Return a client of an API server. Proxies are for Rancher, not for it."""
    user = config.user or User()
    context = verify_cluster(config.cluster, user, config.abs_file, trust_env=False)
    return Client(
        config=config,
        timeout=TIMEOUT,
        field_manager=MARKER,
        trust_env=False,
        transport=httpx2.HTTPTransport(verify=tls.as_others_verify(context)),
    )


class Tenant:
    """The virtual cluster, as its administrator."""

    def __init__(self, kubeconfig: str) -> None:
        """Prepare a client; nothing is sent yet."""
        try:
            config = KubeConfig.from_dict(yaml.safe_load(kubeconfig)).get()
        except Exception:  # noqa: BLE001  # whatever is wrong with it, its text must not be shown
            message = "The kubeconfig Secret holds no kubeconfig."
            raise TransientError("BadKubeconfig", message) from None
        if config is None:
            message = "The kubeconfig Secret names no current context."
            raise TransientError("BadKubeconfig", message)
        self._client = client(config)

    def close(self) -> None:
        """Let the connections go."""
        self._client.close()

    def look(self) -> Inside | None:
        """Return what is in the virtual cluster, or None while it does not answer."""
        try:
            system = self._client.get(Namespace, MARKER_NAMESPACE)
            return Inside(
                uid=(system.metadata and system.metadata.uid) or "",
                marker=self._marker(),
                agent=self._agent(),
                cleaning=self._is_cleaning(),
            )
        except (ApiError, httpx2.HTTPError):
            return None

    def write_marker(self, marker: Marker) -> None:
        """Write the marker down, whether or not there is one."""
        data = {
            "ownerUid": marker.owner_uid,
            "clusterId": marker.cluster_id,
            "applied": str(marker.applied).lower(),
        }
        body = ConfigMap(metadata=ObjectMeta(name=MARKER, namespace=MARKER_NAMESPACE), data=data)
        call(lambda: self._client.apply(body, field_manager=MARKER, force=True), "the marker")

    def remove_marker(self) -> None:
        """Remove the marker, if it is there."""
        self._delete(ConfigMap, MARKER, MARKER_NAMESPACE)

    def create_absent(self, objects: list[Object]) -> None:
        """Create what is absent and leave what is there.

        Rancher applies a fuller manifest of its own once the agent is connected; applying this
        one again would take away what that one set (rancher#38072).
        """
        for body in objects:
            resource = RESOURCES[body["kind"]]
            namespace = None if body["kind"] in CLUSTER_SCOPED else body["metadata"]["namespace"]
            try:
                self._client.create(resource.from_dict(body), namespace=namespace)
            except ApiError as error:
                if error.status.code != CONFLICT or error.status.reason != "AlreadyExists":
                    raise _refused(error, f"{body['kind']} {body['metadata']['name']}") from None
            except httpx2.HTTPError as error:
                raise _unreachable(error) from None
            except msgspec.ValidationError as error:
                message = f"{body['kind']} {body['metadata']['name']}: {error}"
                raise TransientError("BadManifest", message) from None

    def remove_agent(self, *, namespace: bool = False) -> None:
        """Remove Rancher's agent and its credentials, or its whole namespace."""
        if namespace:
            _maybe(lambda: self._client.delete(Namespace, AGENT_NAMESPACE), "the agent's namespace")
            return
        self._delete(Deployment, AGENT, AGENT_NAMESPACE)
        for secret in call(
            lambda: list(self._client.list(Secret, namespace=AGENT_NAMESPACE)),
            "the agent's Secrets",
        ):
            name = (secret.metadata and secret.metadata.name) or ""
            if name.startswith("cattle-credentials-"):
                self._delete(Secret, name, AGENT_NAMESPACE)

    def _delete(self, resource: Any, name: str, namespace: str) -> None:  # noqa: ANN401
        _maybe(lambda: self._client.delete(resource, name, namespace=namespace), name)

    def _marker(self) -> Marker | None:
        found = self._get(ConfigMap, MARKER, MARKER_NAMESPACE)
        if found is None:
            return None
        data = found.data or {}
        return Marker(
            owner_uid=data.get("ownerUid", ""),
            cluster_id=data.get("clusterId", ""),
            applied=data.get("applied") == "true",
        )

    def _agent(self) -> Agent | None:
        if self._get(Deployment, AGENT, AGENT_NAMESPACE) is None:
            return None
        selector: LabelSelector = {"app": AGENT}
        sets = self._client.list(ReplicaSet, namespace=AGENT_NAMESPACE, labels=selector)
        blocked = ""
        for replica_set in sets:
            conditions = (replica_set.status and replica_set.status.conditions) or []
            for condition in conditions:
                if condition.type == "ReplicaFailure" and condition.status == "True":
                    blocked = condition.message or condition.reason or "its pods cannot be made"
        pods = self._client.list(Pod, namespace=AGENT_NAMESPACE, labels=selector)
        running = any(pod.status and pod.status.phase == "Running" for pod in pods)
        return Agent(blocked=blocked, running=running)

    def _is_cleaning(self) -> bool:
        namespace = self._get(Namespace, AGENT_NAMESPACE)
        if namespace and namespace.metadata and namespace.metadata.deletionTimestamp:
            return True
        for job in self._client.list(Job, namespace="default"):
            name = (job.metadata and job.metadata.name) or ""
            done = job.status and (job.status.succeeded or job.status.failed)
            if name.startswith(CLEAN_UP_PREFIX) and not done:
                return True
        return False

    def _get(self, resource: Any, name: str, namespace: str | None = None) -> Any:  # noqa: ANN401
        try:
            if namespace is None:
                return self._client.get(resource, name)
            return self._client.get(resource, name, namespace=namespace)
        except ApiError as error:
            if error.status.code == NOT_FOUND:
                return None
            raise


def read_state(data: Mapping[str, str]) -> State:
    """Return the state that a ConfigMap's data holds."""
    return State(
        desired_inputs=data.get("desiredInputs", ""),
        phase=data.get("phase", ""),
        reason=data.get("reason", ""),
        message=data.get("message", ""),
        cluster_id=data.get("clusterId", ""),
        observed_inputs=data.get("observedInputs", ""),
    )


def call(action: Callable[[], T], what: str) -> T:
    """Do something in a cluster, with errors that say what it was."""
    try:
        return action()
    except ApiError as error:
        raise _refused(error, what) from None
    except httpx2.HTTPError as error:
        raise _unreachable(error) from None


def _maybe(action: Callable[[], T], what: str) -> T | None:
    """Do something to an object that may not be there."""
    try:
        return action()
    except ApiError as error:
        if error.status.code == NOT_FOUND:
            return None
        raise _refused(error, what) from None
    except httpx2.HTTPError as error:
        raise _unreachable(error) from None


def _refused(error: ApiError, what: str) -> RefusedError | TransientError:
    """Tell a missing right from what may pass. Kubernetes' words name objects, not contents."""
    words = f"{what}: {error.status.message}"
    if error.status.code == 403:  # noqa: PLR2004
        return RefusedError("MissingRight", words)
    return TransientError("KubernetesRefuses", words)


def _unreachable(error: httpx2.HTTPError) -> TransientError:
    """Say why: these errors tell of connections and certificates, not of what was sent."""
    message = f"An API server does not answer: {str(error) or type(error).__name__}"
    return TransientError("KubernetesUnreachable", message)
