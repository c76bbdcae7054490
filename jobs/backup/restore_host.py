"""The objects of a restoration on the host."""

from typing import Any

from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import StatefulSet
from lightkube.resources.core_v1 import PersistentVolumeClaim, Pod, Secret

from jobs.backup import host_objects, restore_pod, wire
from jobs.backup.model import Credentials, Target, VirtualCluster
from jobs.backup.restore_plan import RestorePod, Workload
from jobs.bounded_api import Api
from jobs.errors import ConflictError, TransientError
from jobs.kubernetes import call, maybe
from jobs.pod_log import last_line
from jobs.syncer_pod import LABELS


class RestoreHost:
    """Workload, pod, Secret and claim of a virtual cluster that is restored."""

    def __init__(self, client: Api, vcluster: VirtualCluster) -> None:
        """Hold the client and the place."""
        self._client = client
        self._vcluster = vcluster
        self._namespace = vcluster.namespace
        self._release = vcluster.release
        self._name = restore_pod.name(vcluster.release)

    def pod(self) -> RestorePod | None:
        """Return the pod, None without one."""
        pod = self._maybe(Pod, self._name)
        if pod is None:
            return None
        metadata = pod.metadata or ObjectMeta()
        return RestorePod(
            location=(metadata.annotations or {}).get(restore_pod.LOCATION, ""),
            phase=(pod.status and pod.status.phase) or "",
            is_ending=metadata.deletionTimestamp is not None,
        )

    def workload(self) -> Workload | None:
        """Return the workload, None without one."""
        workload = host_objects.workload(self._client, self._vcluster)
        if workload is None:
            return None
        running = workload.status.replicas if workload.status else 0
        return Workload(
            desired=int(workload.spec.replicas or 0),
            running=int(running or 0),
            has_store=self._has_store(),
        )

    def create_claim(self) -> None:
        """Create the claim for the data."""
        body = restore_pod.claim(self._body(), self._release, self._namespace)
        self._create(PersistentVolumeClaim.from_dict(body), restore_pod.claim_name(self._release))

    def start_pod(
        self,
        target: Target,
        credentials: Credentials,
        location: str,
        seconds: int,
        *,
        is_new: bool,
    ) -> None:
        """Create the Secret with the options, and then the pod that reads them."""
        template = self._body()["spec"]["template"]
        pod = Pod.from_dict(
            restore_pod.pod(template, self._vcluster, location, seconds, is_new=is_new)
        )
        options = wire.options(target, credentials, target.copy_key)
        metadata = ObjectMeta(name=self._name, labels={**LABELS, "release": self._release})
        data = {restore_pod.OPTIONS_KEY: restore_pod.encoded(options)}
        host_objects.put_secret(self._client, self._namespace, metadata, data)
        self._create(pod, self._name)

    def clear_away(self) -> None:
        """Remove pod and Secret."""
        for kind in (Secret, Pod):
            maybe(
                lambda kind=kind: self._client.delete(  # type: ignore[misc]
                    kind, self._name, namespace=self._namespace
                ),
                f"{kind.__name__} {self._namespace}/{self._name}",
            )

    def log(self) -> str:
        """Return the last line of the pod's log that says something, "" without one."""
        return last_line(self._client, self._namespace, self._name, restore_pod.CONTAINER)

    def _has_store(self) -> bool:
        if self._vcluster.availability == "Single":
            claim = restore_pod.claim_name(self._release)
            return self._maybe(PersistentVolumeClaim, claim) is not None
        # Not its members: they start with the certificates that the restoring pod makes.
        # https://github.com/loft-sh/vcluster/blob/v0.36.1/pkg/snapshot/store.go
        etcd = self._maybe(StatefulSet, f"{self._release}-etcd")
        return etcd is not None and bool(etcd.spec.replicas)

    def _body(self) -> dict[str, Any]:
        """Return the workload as plain data."""
        workload = host_objects.workload(self._client, self._vcluster)
        if workload is None:
            raise TransientError("WaitingForWorkload", "The control plane was removed.")
        body: dict[str, Any] = workload.to_dict()
        return body

    def _maybe(self, kind: Any, name: str) -> Any:  # noqa: ANN401  # any kind of lightkube
        return maybe(
            lambda: self._client.get(kind, name, namespace=self._namespace),
            f"{kind.__name__} {self._namespace}/{name}",
        )

    def _create(self, body: Any, name: str) -> None:  # noqa: ANN401  # any kind of lightkube
        """Create an object, unless an earlier run has."""
        what = f"{type(body).__name__} {self._namespace}/{name}"
        try:
            call(lambda: self._client.create(body, namespace=self._namespace), what)
        except ConflictError:
            return
