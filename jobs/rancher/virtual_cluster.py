"""The virtual cluster, as its administrator: its state, and changes inside it."""

from itertools import islice
from typing import TYPE_CHECKING, Any

import httpx2
import msgspec
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
from jobs.bounded_api import CALL_SECONDS
from jobs.errors import TransientError
from jobs.kubeconfig_secret import connect
from jobs.kubernetes import CONFLICT, FIELD_MANAGER, NO_MODEL, NOT_FOUND, call, maybe
from jobs.rancher import leftovers
from jobs.rancher.leftovers import Remainder
from jobs.rancher.manifest import CLUSTER_SCOPED, Object
from jobs.rancher.model import PROOF, Agent, Marker, VirtualClusterState

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
"""Kinds of objects in an import manifest, by name."""

FEW = 20
"""Objects that are read in full, where their number is the tenant's choice."""


class VirtualCluster:
    """A client of one virtual cluster."""

    def __init__(self, text: str, server: str = "", connect_seconds: float = CALL_SECONDS) -> None:
        """Prepare a client from the text of a kubeconfig; nothing is sent yet.

        `server` takes the place of the kubeconfig's; it is verified by the kubeconfig's CA.
        """
        self._client = connect(kubeconfig.read(text, server), connect_seconds)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def look(self) -> VirtualClusterState | None:
        """Return the state of the virtual cluster, or None while it does not answer."""
        try:
            system = self._client.get(Namespace, MARKER_NAMESPACE)
            return VirtualClusterState(
                uid=(system.metadata and system.metadata.uid) or "",
                marker=self._marker(),
                agent=self._agent(),
                cleaning=self._is_cleaning(),
            )
        except (ApiError, httpx2.HTTPError, *NO_MODEL):
            return None

    def marker(self) -> Marker | None:
        """Return the marker alone, which is all that a removal needs."""
        return call(self._marker, "the marker")

    def write_marker(self, marker: Marker) -> None:
        """Write the marker, or overwrite it."""
        data = {
            "ownerUid": marker.owner_uid,
            "clusterId": marker.cluster_id,
            "applied": str(marker.applied).lower(),
        }
        body = ConfigMap(metadata=ObjectMeta(name=MARKER, namespace=MARKER_NAMESPACE), data=data)
        call(
            lambda: self._client.apply(body, field_manager=FIELD_MANAGER, force=True), "the marker"
        )

    def write_proof(self, nonce: str) -> None:
        """Write a nonce, to be read back through Rancher."""
        metadata = ObjectMeta(name=PROOF, namespace=MARKER_NAMESPACE)
        body = ConfigMap(metadata=metadata, data={"nonce": nonce})
        call(lambda: self._client.apply(body, field_manager=FIELD_MANAGER, force=True), "the proof")

    def remove_proof(self) -> None:
        """Remove the nonce."""
        self._delete(ConfigMap, PROOF, MARKER_NAMESPACE)

    def remove_marker(self) -> None:
        """Remove the marker, if any."""
        self._delete(ConfigMap, MARKER, MARKER_NAMESPACE)

    def create_absent(self, objects: list[Object]) -> None:
        """Create absent objects and leave existing ones unchanged.

        Rancher applies a fuller manifest of its own once the agent is connected; applying this one
        again would undo it: https://github.com/rancher/rancher/issues/38072.
        """
        for body in objects:
            self._create_absent(body)

    def _create_absent(self, body: Object) -> None:
        what = f"{body['kind']} {body['metadata']['name']}"
        namespace = None if body["kind"] in CLUSTER_SCOPED else body["metadata"]["namespace"]

        def create() -> None:
            try:
                self._client.create(RESOURCES[body["kind"]].from_dict(body), namespace=namespace)
            except ApiError as error:
                if error.status.code != CONFLICT or error.status.reason != "AlreadyExists":
                    raise
            except msgspec.ValidationError as error:
                raise TransientError("BadManifest", f"{what}: {error}") from None

        call(create, what)

    def remove_agent(self) -> None:
        """Remove Rancher's agent and its credentials."""
        self._delete(Deployment, AGENT, AGENT_NAMESPACE)
        for secret in self._metadata(Secret, "the agent's Secrets", AGENT_NAMESPACE):
            name = secret.name or ""
            if name.startswith("cattle-credentials-"):
                self._delete(Secret, name, AGENT_NAMESPACE)

    def remove_rights(self) -> None:
        """Remove Rancher's roles and role bindings, so that former owners lose their rights."""
        rights = call(lambda: list(leftovers.rights(self._client)), "Rancher's roles")
        for resource, name, namespace in rights:
            self._delete(resource, name, namespace)

    def remove_rancher(self) -> Remainder:
        """Remove all objects of Rancher and of its manifest; return the rest.

        Webhooks are removed before the namespaces: without a backend they would refuse the removal.
        """
        for deployment in (AGENT, WEBHOOK):
            self._delete(Deployment, deployment, AGENT_NAMESPACE)
        for webhook in (ValidatingWebhookConfiguration, MutatingWebhookConfiguration):
            self._delete(webhook, WEBHOOK_CONFIGURATION)
        self.remove_rights()
        unwanted, foreign = call(
            lambda: leftovers.definitions(self._client), "the CustomResourceDefinitions"
        )
        for name in unwanted:
            self._delete(CustomResourceDefinition, name)
        namespaces = {*RANCHERS_NAMESPACES}
        if self._is_local_unused(foreign):
            namespaces.add(leftovers.LOCAL)
        for name in sorted(namespaces):
            self._delete(Namespace, name)
        pending = sorted(self._release_namespaces() & namespaces)
        return Remainder(tuple(f"Namespace {name}" for name in pending), tuple(foreign))

    def _is_local_unused(self, foreign: list[str]) -> bool:
        """Return whether namespace `local` can be removed; if it is in use, add it to `foreign`."""
        if not call(lambda: leftovers.has_local(self._client), "the namespaces"):
            return False
        if call(lambda: leftovers.is_empty(self._client, leftovers.LOCAL), "namespace local"):
            return True
        foreign.append(f"Namespace {leftovers.LOCAL} (is not empty)")
        return False

    def rancher_cleans_up(self) -> bool:
        """Return whether Rancher's clean-up Job is running."""
        return call(self._has_clean_up, "the Jobs")

    def _release_namespaces(self) -> set[str]:
        """Return all namespaces, after removing the finalizers of Rancher's controllers."""
        namespaces = self._metadata(Namespace, "the namespaces")
        for metadata in namespaces:
            name, finalizers = metadata.name or "", metadata.finalizers or []
            others = [one for one in finalizers if not one.startswith(RANCHERS_FINALIZERS)]
            if others != finalizers:
                patch = {"metadata": {"finalizers": others}}
                maybe(
                    lambda name=name, patch=patch: self._client.patch(  # type: ignore[misc]
                        Namespace, name, patch, patch_type=PatchType.MERGE
                    ),
                    f"Namespace {name}",
                )
        return {one.name or "" for one in namespaces}

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
        config_map = self._get(ConfigMap, MARKER, MARKER_NAMESPACE)
        if config_map is None:
            return None
        data = config_map.data or {}
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
        names = (job.name or "" for job in self._client.metadata(Job, namespace="default"))
        clean_ups = (name for name in names if name.startswith(CLEAN_UP_PREFIX))
        jobs = (self._get(Job, name, "default") for name in islice(clean_ups, FEW))
        return any(job and not _is_done(job) for job in jobs)

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
