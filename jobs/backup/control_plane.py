"""The control plane of a virtual cluster, on the host: its request for a snapshot, its workload."""

from typing import Any

from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import DeploymentScale, StatefulSetScale
from lightkube.resources.core_v1 import ConfigMap, PersistentVolumeClaim, Secret
from lightkube.types import PatchType

from jobs import host_names
from jobs.backup import host_objects, wire
from jobs.backup.model import ARCHIVE, Credentials, Goal, Request, VirtualCluster
from jobs.bounded_api import Api
from jobs.kubernetes import call, maybe

ETCD_REPLICAS = 3
"""Members of a deployed etcd, which the chart fixes."""


class ControlPlane:
    """The objects of a virtual cluster in its namespace on the host."""

    def __init__(self, client: Api, vcluster: VirtualCluster) -> None:
        """Hold the client and the place."""
        self._client = client
        self._vcluster = vcluster
        self._namespace = vcluster.namespace
        self._request = wire.request_name(vcluster.release)

    def replicas(self) -> int | None:
        """Return the desired replicas of the control plane, None without a workload."""
        workload = host_objects.workload(self._client, self._vcluster)
        return None if workload is None else int(workload.spec.replicas or 0)

    def wake(self) -> None:
        """Start a control plane that is asleep, and its etcd before it."""
        if self._vcluster.availability == "HA":
            self._scale(StatefulSetScale, f"{self._vcluster.release}-etcd", ETCD_REPLICAS)
            self._scale(DeploymentScale, self._vcluster.release, 1)
        else:
            self._scale(StatefulSetScale, self._vcluster.release, 1)

    def request(self) -> Request | None:
        """Return the request for a snapshot, None without one."""
        existing = maybe(
            lambda: self._client.get(ConfigMap, self._request, namespace=self._namespace),
            f"ConfigMap {self._namespace}/{self._request}",
        )
        if existing is None:
            return None
        metadata = existing.metadata or ObjectMeta()
        return wire.read_request(
            existing.data or {},
            metadata.annotations or {},
            is_ending=metadata.deletionTimestamp is not None,
        )

    def claims(self) -> list[str]:
        """Return the tenant's volume claims on the host, as namespace/name inside."""
        metadata = call(
            lambda: [
                *self._client.metadata(
                    PersistentVolumeClaim, namespace=self._namespace, selector=host_names.TENANTS
                )
            ],
            f"PersistentVolumeClaims in {self._namespace}",
        )
        notes = [each.annotations or {} for each in metadata]
        return [f"{each.get(host_names.NAMESPACE)}/{each.get(host_names.NAME)}" for each in notes]

    def has_secret(self) -> bool:
        """Return whether the credentials of a request are in the virtual cluster's namespace."""
        what = f"Secret {self._namespace}/{self._request}"
        existing = maybe(
            lambda: self._client.get(Secret, self._request, namespace=self._namespace), what
        )
        return existing is not None

    def ask(self, goal: Goal, credentials: Credentials, name: str, text: str) -> None:
        """Make a request: the Secret first, because the ConfigMap is what is looked for."""
        options = wire.options(goal.target, credentials, goal.target.key(name, ARCHIVE))
        metadata = self._metadata(goal, name)
        data = {wire.OPTIONS_KEY: wire.encoded(options)}
        host_objects.put_secret(self._client, self._namespace, metadata, data)
        body = ConfigMap(metadata=metadata, data={wire.REQUEST_KEY: text})
        call(
            lambda: self._client.create(body, namespace=self._namespace),
            f"ConfigMap {self._namespace}/{self._request}",
        )

    def remove_secret(self) -> None:
        """Remove the credentials."""
        self._delete(Secret, self._request)

    def remove_request(self) -> None:
        """Remove Secret and ConfigMap, and the finalizer by which a control plane holds it."""
        self._delete(Secret, self._request)
        if not self._delete(ConfigMap, self._request):
            return
        patch = {"metadata": {"finalizers": None}}
        maybe(
            lambda: self._client.patch(
                ConfigMap,
                self._request,
                patch,
                namespace=self._namespace,
                patch_type=PatchType.MERGE,
            ),
            f"ConfigMap {self._namespace}/{self._request}",
        )

    def _scale(
        self, kind: type[StatefulSetScale | DeploymentScale], name: str, replicas: int
    ) -> None:
        patch = {"spec": {"replicas": replicas}}
        call(
            lambda: self._client.patch(
                kind, name, patch, namespace=self._namespace, patch_type=PatchType.MERGE
            ),
            f"{kind.__name__} {self._namespace}/{name}",
        )

    def _metadata(self, goal: Goal, name: str) -> ObjectMeta:
        return ObjectMeta(
            name=self._request,
            labels=wire.labels(self._vcluster),
            annotations=wire.annotations(goal, name),
        )

    def _delete(self, kind: type[Any], name: str) -> bool:
        """Delete an object, and return whether there was one."""
        what = f"{kind.__name__} {self._namespace}/{name}"

        def delete() -> bool:
            self._client.delete(kind, name, namespace=self._namespace)
            return True

        return maybe(delete, what) or False
