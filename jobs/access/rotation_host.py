"""The objects of a rotation on the host."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment, StatefulSet
from lightkube.resources.core_v1 import ConfigMap, Pod
from lightkube.types import PatchType

from jobs.access import rotation_inside, rotation_pod
from jobs.access.rotation_plan import RotationPod, Running
from jobs.bounded_api import Api
from jobs.errors import ConflictError, TransientError
from jobs.host_names import copy_name
from jobs.kubernetes import call, maybe
from jobs.pod_log import last_line

PODS = ("vcluster", "vcluster-etcd")
"""Label `app` of the pods that have certificates of the control plane."""

SECONDS = 600
"""Longest time of the pod that makes certificates."""


class RotationHost:
    """Workload and pods of a control plane."""

    def __init__(self, client: Api, namespace: str, release: str) -> None:
        """Hold the client and the place."""
        self._client = client
        self._namespace = namespace
        self._release = release
        self._name = rotation_pod.name(release)

    def pod(self) -> RotationPod | None:
        """Return the pod that makes the certificates, None without one."""
        pod = maybe(
            lambda: self._client.get(Pod, self._name, namespace=self._namespace), self._what
        )
        if pod is None:
            return None
        metadata = pod.metadata or ObjectMeta()
        notes = metadata.annotations or {}
        number = notes.get(rotation_pod.NUMBER, "")
        return RotationPod(
            number=int(number) if number.isdecimal() else 0,
            phase=(pod.status and pod.status.phase) or "",
            authority=notes.get(rotation_pod.AUTHORITY, ""),
            old=_uids(notes.get(rotation_pod.OLD_PODS)),
            is_ending=metadata.deletionTimestamp is not None,
        )

    def running(self) -> tuple[Running, ...]:
        """Return the pods of the control plane and of its etcd."""
        return tuple(call(lambda: [*self._running()], f"the pods of {self._namespace}"))

    def stale(self, roots: Mapping[str, str], authority: str) -> dict[str, str]:
        """Return those of the CAs by namespace whose pods mount another one, from a copy here."""
        known = ("", authority)
        return {each: roots[each] for each in sorted(roots) if self._copy(each) not in known}

    def copy(self, namespace: str, pem: str) -> None:
        """Change the copy that the CA for the pods of a namespace inside is mounted from."""
        name = self._copy_name(namespace)
        maybe(
            lambda: self._client.patch(
                ConfigMap,
                name,
                {"data": {"ca.crt": pem}},
                namespace=self._namespace,
                patch_type=PatchType.MERGE,
            ),
            f"ConfigMap {self._namespace}/{name}",
        )

    def start_pod(self, number: int, authority: str) -> None:
        """Create the pod, unless an earlier run has."""
        place = self._namespace, self._release
        body = rotation_pod.pod(self._template(), place, number, authority, SECONDS)
        pod: Any = Pod.from_dict(body)
        try:
            call(lambda: self._client.create(pod, namespace=self._namespace), self._what)
        except ConflictError:
            return

    def note_pods(self, uids: frozenset[str]) -> None:
        """Write down which pods have to start anew."""
        notes = {rotation_pod.OLD_PODS: json.dumps(sorted(uids))}
        call(
            lambda: self._client.patch(
                Pod,
                self._name,
                {"metadata": {"annotations": notes}},
                namespace=self._namespace,
                patch_type=PatchType.MERGE,
            ),
            self._what,
        )

    def delete(self, names: tuple[str, ...]) -> None:
        """Delete pods."""
        for name in names:
            maybe(
                lambda name=name: self._client.delete(  # type: ignore[misc]
                    Pod, name, namespace=self._namespace
                ),
                f"Pod {self._namespace}/{name}",
            )

    def remove_pod(self) -> None:
        """Remove the pod that makes the certificates."""
        self.delete((self._name,))

    def log(self) -> str:
        """Return the last line of its log."""
        return last_line(self._client, self._namespace, self._name, rotation_pod.CONTAINER)

    def _copy(self, namespace: str) -> str:
        """Return a digest of the CA for the pods of a namespace, "" where none was needed yet."""
        name = self._copy_name(namespace)
        copy = maybe(
            lambda: self._client.get(ConfigMap, name, namespace=self._namespace),
            f"ConfigMap {self._namespace}/{name}",
        )
        return rotation_inside.digest((copy.data or {}).get("ca.crt", "")) if copy else ""

    def _copy_name(self, namespace: str) -> str:
        return copy_name(rotation_inside.ROOT_CA, namespace, self._release)

    def _running(self) -> Iterator[Running]:
        selector = f"app in ({','.join(PODS)}),release={self._release}"
        pods = self._client.metadata(Pod, namespace=self._namespace, selector=selector)
        for metadata in pods:
            is_ending = metadata.deletionTimestamp is not None
            yield Running(metadata.uid or "", metadata.name or "", is_ending)

    def _template(self) -> dict[str, Any]:
        """Return the pod template of the workload: its kind is by the store of the chart."""
        for kind in (StatefulSet, Deployment):
            what = f"{kind.__name__} {self._namespace}/{self._release}"
            workload = maybe(
                lambda kind=kind: self._client.get(  # type: ignore[misc]
                    kind, self._release, namespace=self._namespace
                ),
                what,
            )
            if workload is not None:
                template: dict[str, Any] = workload.to_dict()["spec"]["template"]
                return template
        raise TransientError("WaitingForWorkload", "The control plane was removed.")

    @property
    def _what(self) -> str:
        return f"Pod {self._namespace}/{self._name}"


def _uids(text: str | None) -> frozenset[str] | None:
    try:
        uids = json.loads(text or "")
    except ValueError:
        return None
    return frozenset(map(str, uids)) if isinstance(uids, list) else None
