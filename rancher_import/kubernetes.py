"""The two API servers: the host, for state and kubeconfig, and the virtual cluster.

lightkube, because of three clients it is the fastest to import (0.10 s against 0.16 of kr8s and
0.18 of kubernetes), the smallest in memory (30 MiB against 41 and 43), typed, and synchronous.
"""

import base64
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import httpx2
import msgspec
from lightkube import Client
from lightkube.config.client_adapter import verify_cluster
from lightkube.config.kubeconfig import SingleConfig
from lightkube.config.models import User
from lightkube.core.exceptions import ApiError
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.admissionregistration_v1 import (
    MutatingWebhookConfiguration,
    ValidatingWebhookConfiguration,
)
from lightkube.resources.apiextensions_v1 import CustomResourceDefinition
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
from lightkube.resources.rbac_authorization_v1 import (
    ClusterRole,
    ClusterRoleBinding,
)
from lightkube.types import PatchType

from rancher_import import kubeconfig, leftovers, tls
from rancher_import.errors import RefusedError, TransientError
from rancher_import.leftovers import Left
from rancher_import.manifest import CLUSTER_SCOPED, Object
from rancher_import.model import Agent, Inside, Marker, State

if TYPE_CHECKING:
    from lightkube.core.client import LabelSelector

AGENT_NAMESPACE = "cattle-system"
AGENT = "cattle-cluster-agent"

MARKER_NAMESPACE = "kube-system"
MARKER = "caas-rancher-import"

CLEAN_UP_PREFIX = "cattle-cleanup-"

RANCHERS_NAMESPACES = ("cattle-impersonation-system", "cattle-fleet-system", AGENT_NAMESPACE)
RANCHERS_FINALIZERS = "controller.cattle.io/"
WEBHOOK = "rancher-webhook"
WEBHOOK_CONFIGURATION = "rancher.cattle.io"

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
        found = maybe(
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
        found = maybe(lambda: self._client.get(Secret, name, namespace=namespace), what)
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

    def __init__(self, text: str, server: str = "") -> None:
        """Prepare a client from the text of a kubeconfig; nothing is sent yet.

        `server` takes the place of the kubeconfig's; it is verified by the kubeconfig's CA.
        """
        config = kubeconfig.read(text, server)
        try:
            self._client = client(config)
        except (ValueError, OSError):
            message = "The kubeconfig Secret holds no certificates that can be read."
            raise TransientError("BadKubeconfig", message) from None

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

    def remove_agent(self) -> None:
        """Remove Rancher's agent and its credentials."""
        self._delete(Deployment, AGENT, AGENT_NAMESPACE)
        for secret in call(
            lambda: list(self._client.list(Secret, namespace=AGENT_NAMESPACE)),
            "the agent's Secrets",
        ):
            name = (secret.metadata and secret.metadata.name) or ""
            if name.startswith("cattle-credentials-"):
                self._delete(Secret, name, AGENT_NAMESPACE)

    def remove_rights(self) -> None:
        """Remove the roles and role bindings that a Rancher made: nobody keeps rights by them."""
        found = call(lambda: list(leftovers.rights(self._client)), "Rancher's roles")
        for resource, name, namespace in found:
            self._delete(resource, name, namespace)

    def remove_rancher(self) -> Left:
        """Remove all that Rancher and its manifest made; return what is left.

        Its webhooks go before the namespaces, whose removal they refuse when nobody answers them.
        """
        for deployment in (AGENT, WEBHOOK):
            self._delete(Deployment, deployment, AGENT_NAMESPACE)
        for webhook in (ValidatingWebhookConfiguration, MutatingWebhookConfiguration):
            self._delete(webhook, WEBHOOK_CONFIGURATION)
        self.remove_rights()
        unwanted, kept = call(
            lambda: leftovers.definitions(self._client), "the CustomResourceDefinitions"
        )
        for name in unwanted:
            self._delete(CustomResourceDefinition, name)
        namespaces = {*RANCHERS_NAMESPACES}
        if self._is_local_unused(kept):
            namespaces.add(leftovers.LOCAL)
        for name in sorted(namespaces):
            self._delete(Namespace, name)
        going = sorted(self._release_namespaces() & namespaces)
        return Left(tuple(f"Namespace {name}" for name in going), tuple(kept))

    def _is_local_unused(self, kept: list[str]) -> bool:
        """Return whether namespace `local` can go; if it is there and cannot, note it as kept."""
        if not call(lambda: leftovers.has_local(self._client), "the namespaces"):
            return False
        if call(lambda: leftovers.is_empty(self._client, leftovers.LOCAL), "namespace local"):
            return True
        kept.append(f"Namespace {leftovers.LOCAL} (is not empty)")
        return False

    def rancher_cleans_up(self) -> bool:
        """Tell whether Rancher's Job that cleans up is at work."""
        jobs = call(lambda: list(self._client.list(Job, namespace="default")), "the Jobs")
        return any(_cleans_up(job) for job in jobs)

    def _release_namespaces(self) -> set[str]:
        """Return all namespaces, freed of the finalizers that only Rancher would take off."""
        found = call(lambda: list(self._client.list(Namespace)), "the namespaces")
        for namespace in found:
            metadata = namespace.metadata or ObjectMeta()
            name, finalizers = metadata.name or "", metadata.finalizers or []
            kept = [one for one in finalizers if not one.startswith(RANCHERS_FINALIZERS)]
            if kept != finalizers:
                patch = {"metadata": {"finalizers": kept}}
                maybe(
                    lambda name=name, patch=patch: self._client.patch(  # type: ignore[misc]
                        Namespace, name, patch, patch_type=PatchType.MERGE
                    ),
                    f"Namespace {name}",
                )
        return {(one.metadata and one.metadata.name) or "" for one in found}

    def _delete(self, resource: Any, name: str, namespace: str | None = None) -> None:  # noqa: ANN401
        where: dict[str, Any] = {"namespace": namespace} if namespace else {}
        maybe(lambda: self._client.delete(resource, name, **where), name)

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
        return any(_cleans_up(job) for job in self._client.list(Job, namespace="default"))

    def _get(self, resource: Any, name: str, namespace: str | None = None) -> Any:  # noqa: ANN401
        try:
            if namespace is None:
                return self._client.get(resource, name)
            return self._client.get(resource, name, namespace=namespace)
        except ApiError as error:
            if error.status.code == NOT_FOUND:
                return None
            raise


def _cleans_up(job: Job) -> bool:
    name = (job.metadata and job.metadata.name) or ""
    done = job.status and (job.status.succeeded or job.status.failed)
    return name.startswith(CLEAN_UP_PREFIX) and not done


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


def maybe(action: Callable[[], T], what: str) -> T | None:
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
