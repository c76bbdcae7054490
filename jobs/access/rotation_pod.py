"""The pod that makes CA and certificates of a virtual cluster anew, beside its control plane.

It runs upstream's command in an empty folder, where the keys of ServiceAccounts are the only files:
their tokens stay valid. The command ends with one change of the Secret from which a control plane
takes its certificates when it starts, so nothing is changed before, and nothing is half done.
https://github.com/loft-sh/vcluster/blob/v0.36.1/pkg/certs/rotate.go
"""

from collections.abc import Mapping
from typing import Any

from jobs import syncer_pod

NUMBER = "caas.telekom.de/rotate"
"""Annotation with the number of the rotation."""

AUTHORITY = "caas.telekom.de/authority"
"""Annotation with the digest of the CA before it."""

OLD_PODS = "caas.telekom.de/pods"
"""Annotation with the UIDs of the pods that have to start anew, once they are known."""

CONTAINER = "rotate"
FOLDER = "/rotation"
PKI = f"{FOLDER}/pki"
COMMAND = ("/vcluster", "certs", "rotate-ca", "--path", PKI)

KEYS = ("sa.key", "sa.pub")
"""Files of the Secret that stay as they are."""

RESOURCES: Mapping[str, Any] = {
    "requests": {"cpu": "20m", "memory": "64Mi", "ephemeral-storage": "16Mi"},
    "limits": {"cpu": "500m", "memory": "512Mi", "ephemeral-storage": "128Mi"},
}
"""Less than a control plane has: it runs beside one, in the same quota."""


def name(release: str) -> str:
    """Return the name of the pod."""
    return f"{release}-rotate"


def certificates(release: str) -> str:
    """Return the name of the Secret with all certificates."""
    return f"{release}-certs"


def pod(
    template: Mapping[str, Any],
    place: tuple[str, str],
    number: int,
    authority: str,
    seconds: int,
) -> dict[str, Any]:
    """Return the pod of a rotation, for the template of the workload; place: namespace, release."""
    namespace, release = place
    spec = template["spec"]
    volumes = [each for each in spec.get("volumes", ()) if "persistentVolumeClaim" not in each]
    names = {each["name"] for each in volumes}
    container = syncer_pod.container(template, CONTAINER, COMMAND)
    mounts = [each for each in container.get("volumeMounts", ()) if each["name"] in names]
    container |= {"resources": RESOURCES, "volumeMounts": [*mounts, *_mounts()]}
    annotations = {NUMBER: str(number), AUTHORITY: authority}
    metadata = {"name": name(release), "namespace": namespace, "annotations": annotations}
    body = syncer_pod.pod(template, metadata, release, container, seconds)
    whole = {key: value for key, value in body["spec"].items() if key != "initContainers"}
    return {**body, "spec": {**whole, "volumes": [*volumes, *_volumes(release)]}}


def _mounts() -> list[dict[str, Any]]:
    """Return the mounts of the folder, whose parent gets the command's copy of it."""
    keys = [
        {"name": "rotation-keys", "mountPath": f"{PKI}/{key}", "subPath": key, "readOnly": True}
        for key in KEYS
    ]
    return [
        {"name": "rotation", "mountPath": FOLDER},
        {"name": "rotation-pki", "mountPath": PKI},
        *keys,
    ]


def _volumes(release: str) -> list[dict[str, Any]]:
    items = [{"key": key, "path": key} for key in KEYS]
    secret = {"secretName": certificates(release), "items": items}
    return [
        {"name": "rotation", "emptyDir": {"medium": "Memory"}},
        {"name": "rotation-pki", "emptyDir": {"medium": "Memory"}},
        {"name": "rotation-keys", "secret": secret},
    ]
