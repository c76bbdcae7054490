"""The two API servers: the host, for state and kubeconfig, and the virtual cluster.

lightkube, because of three clients it is the fastest to import (0.10 s against 0.16 of kr8s and
0.18 of kubernetes), the smallest in memory (30 MiB against 41 and 43), typed, and synchronous.
"""

import base64
from collections.abc import Callable, Mapping
from itertools import islice
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

from jobs import kubeconfig
from jobs.bounded_api import Api
from jobs.errors import RefusedError, TransientError
from jobs.rancher import leftovers, tls
from jobs.rancher.leftovers import Left
from jobs.rancher.manifest import CLUSTER_SCOPED, Object
from jobs.rancher.model import PROOF, Agent, Inside, Marker, State
from jobs.transport import Transport

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

FEW = 20
"""How many objects are read in full, where their number is the tenant's choice."""

LONGEST_VALUE = 1000
"""Characters of a value that is written into a ConfigMap: what is quoted may have any number."""

NO_MODEL = (ValueError, TypeError, LookupError, AttributeError, RecursionError)
"""Errors of an answer that is not what an API server answers, such as HTML, or other JSON."""

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
        write_data(self._client, self._namespace, self._name, changes)

    def kubeconfig(self, namespace: str, name: str, key: str) -> str | None:
        """Return a kubeconfig, or None while there is none."""
        what = f"Secret {namespace}/{name}"
        found = maybe(lambda: self._client.get(Secret, name, namespace=namespace), what)
        encoded = (found.data or {}).get(key) if found else None
        try:
            return base64.b64decode(encoded).decode() if encoded else None
        except ValueError:
            message = "The kubeconfig Secret holds no text."
            raise TransientError("BadKubeconfig", message) from None


def client(config: SingleConfig) -> Api:
    """Return a client of an API server. Proxies are for Rancher, not for it."""
    user = config.user or User()
    context = verify_cluster(config.cluster, user, config.abs_file, trust_env=False)
    return Api(
        config=config,
        timeout=TIMEOUT,
        field_manager=MARKER,
        trust_env=False,
        transport=Transport(tls.as_others_verify(context)),
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
        except (ApiError, httpx2.HTTPError, *NO_MODEL):
            return None

    def marker(self) -> Marker | None:
        """Return the marker alone: all that a removal has to know."""
        return call(self._marker, "the marker")

    def write_marker(self, marker: Marker) -> None:
        """Write the marker down, whether or not there is one."""
        data = {
            "ownerUid": marker.owner_uid,
            "clusterId": marker.cluster_id,
            "applied": str(marker.applied).lower(),
        }
        body = ConfigMap(metadata=ObjectMeta(name=MARKER, namespace=MARKER_NAMESPACE), data=data)
        call(lambda: self._client.apply(body, field_manager=MARKER, force=True), "the marker")

    def write_proof(self, nonce: str) -> None:
        """Write a nonce down, for Rancher to show."""
        metadata = ObjectMeta(name=PROOF, namespace=MARKER_NAMESPACE)
        body = ConfigMap(metadata=metadata, data={"nonce": nonce})
        call(lambda: self._client.apply(body, field_manager=MARKER, force=True), "the proof")

    def remove_proof(self) -> None:
        """Remove the nonce."""
        self._delete(ConfigMap, PROOF, MARKER_NAMESPACE)

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
        for secret in self._metadata(Secret, "the agent's Secrets", AGENT_NAMESPACE):
            name = secret.name or ""
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
        return call(self._has_clean_up, "the Jobs")

    def _release_namespaces(self) -> set[str]:
        """Return all namespaces, freed of the finalizers that only Rancher would take off."""
        found = self._metadata(Namespace, "the namespaces")
        for metadata in found:
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
        return {one.name or "" for one in found}

    def _metadata(
        self,
        resource: Any,  # noqa: ANN401
        what: str,
        namespace: str | None = None,
        selector: str | None = None,
    ) -> list[ObjectMeta]:
        pages = self._client.metadata(resource, namespace=namespace, selector=selector)
        return call(lambda: list(pages), what)

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
        where: dict[str, Any] = {"namespace": AGENT_NAMESPACE, "labels": selector}
        blocked = ""
        for replica_set in islice(self._client.list(ReplicaSet, chunk_size=FEW, **where), FEW):
            conditions = (replica_set.status and replica_set.status.conditions) or []
            for condition in conditions:
                if condition.type == "ReplicaFailure" and condition.status == "True":
                    blocked = condition.message or condition.reason or "its pods cannot be made"
        pods = islice(self._client.list(Pod, chunk_size=FEW, **where), FEW)
        running = any(pod.status and pod.status.phase == "Running" for pod in pods)
        return Agent(blocked=blocked, running=running)

    def _is_cleaning(self) -> bool:
        namespace = self._get(Namespace, AGENT_NAMESPACE)
        if namespace and namespace.metadata and namespace.metadata.deletionTimestamp:
            return True
        return self._has_clean_up()

    def _has_clean_up(self) -> bool:
        jobs = self._client.metadata(Job, namespace="default")
        names = (job.name or "" for job in jobs)
        clean_ups = (name for name in names if name.startswith(CLEAN_UP_PREFIX))
        found = (self._get(Job, name, "default") for name in islice(clean_ups, FEW))
        return any(job and not _is_done(job) for job in found)

    def _get(self, resource: Any, name: str, namespace: str | None = None) -> Any:  # noqa: ANN401
        try:
            if namespace is None:
                return self._client.get(resource, name)
            return self._client.get(resource, name, namespace=namespace)
        except ApiError as error:
            if error.status.code == NOT_FOUND:
                return None
            raise


def _is_done(job: Job) -> bool:
    return bool(job.status and (job.status.succeeded or job.status.failed))


def write_data(client: Client, namespace: str, name: str, changes: Mapping[str, str]) -> None:
    """Write keys of a ConfigMap, each of a bounded length."""
    data = {key: shorten(value) for key, value in changes.items()}
    call(
        lambda: client.patch(
            ConfigMap, name, {"data": data}, namespace=namespace, patch_type=PatchType.MERGE
        ),
        f"ConfigMap {namespace}/{name}",
    )


def shorten(value: str) -> str:
    """Return the beginning of a text."""
    return value if len(value) <= LONGEST_VALUE else f"{value[: LONGEST_VALUE - 1]}…"


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
    except NO_MODEL:
        raise _unreadable(what) from None


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
    except NO_MODEL:
        raise _unreadable(what) from None


def _unreadable(what: str) -> TransientError:
    message = f"{what}: what is answered is not what an API server answers."
    return TransientError("BadAnswer", message)


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
