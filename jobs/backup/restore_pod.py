"""The pod that restores an archive, made of the control plane's."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from jobs import syncer_pod
from jobs.backup.model import VirtualCluster
from jobs.errors import RefusedError

LOCATION = "caas.telekom.de/location"
"""Annotation with the location of the archive that a pod restores."""

OPTIONS = "VCLUSTER_STORAGE_OPTIONS"
OPTIONS_KEY = "options"
"""Key of the Secret with the options, from which the pod reads them."""

COMMAND = ("/vcluster", "restore")
NEW = "--new-vcluster"
"""Option by which the names of another host's objects are left out."""

CONTAINER = "snapshot"
DATA = "data"


def pod(
    template: Mapping[str, Any],
    vcluster: VirtualCluster,
    location: str,
    seconds: int,
    *,
    is_new: bool,
) -> dict[str, Any]:
    """Return the pod for the template of the workload."""
    spec, release = template["spec"], vcluster.release
    command = (*COMMAND, NEW) if is_new else COMMAND
    container = syncer_pod.container(template, CONTAINER, command, ("POD_NAME", OPTIONS))
    reference = {"secretKeyRef": {"name": name(release), "key": OPTIONS_KEY}}
    container["env"] += [
        {"name": "POD_NAME", "value": f"{release}-0"},
        {"name": OPTIONS, "valueFrom": reference},
    ]
    metadata = {
        "name": name(release),
        "namespace": vcluster.namespace,
        "annotations": {LOCATION: location},
    }
    body = syncer_pod.pod(template, metadata, release, container, seconds)
    volumes = _volumes(spec.get("volumes", []), container, release)
    return {**body, "spec": {**body["spec"], "volumes": volumes}}


def name(release: str) -> str:
    """Return the name of the pod, and of the Secret with its options."""
    return f"{release}-restore"


def claim_name(release: str) -> str:
    """Return the name of the claim that the first pod of a StatefulSet takes."""
    return f"{DATA}-{release}-0"


def claim(workload: Mapping[str, Any], release: str, namespace: str) -> dict[str, Any]:
    """Return the claim that a StatefulSet would make for its first pod."""
    templates = workload["spec"].get("volumeClaimTemplates", [])
    template = next((one for one in templates if one["metadata"]["name"] == DATA), None)
    if template is None:
        message = "The control plane's workload has no claim template data for its volume."
        raise RefusedError("UnknownWorkload", message)
    labels = workload["spec"].get("selector", {}).get("matchLabels", {})
    metadata = template["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": claim_name(release),
            "namespace": namespace,
            "labels": {**metadata.get("labels", {}), **labels},
            "annotations": metadata.get("annotations", {}),
        },
        "spec": template["spec"],
    }


def encoded(options: Mapping[str, Any]) -> str:
    """Return options as the Secret's data holds them: the variable has them in Base64, too."""
    text = base64.b64encode(json.dumps(options, separators=(",", ":")).encode())
    return base64.b64encode(text).decode()


def _volumes(
    volumes: list[dict[str, Any]], container: Mapping[str, Any], release: str
) -> list[dict[str, Any]]:
    """Return the volumes of the pod, with the claim that a StatefulSet adds by itself."""
    mounts = {mount["name"] for mount in container.get("volumeMounts", ())}
    if DATA not in mounts or any(volume["name"] == DATA for volume in volumes):
        return volumes
    source = {"persistentVolumeClaim": {"claimName": claim_name(release)}}
    return [*volumes, {"name": DATA, **source}]
