"""Pods that run the control plane's own program, made of its workload as upstream makes them.

https://github.com/loft-sh/vcluster/blob/v0.36.1/pkg/snapshot/pod/pod.go
"""

from collections.abc import Iterable, Mapping
from typing import Any

from jobs.errors import RefusedError

LABELS = {"app": "vcluster-snapshot"}
"""The label of upstream's pods, by which network policies know them. No Service selects it."""

SYNCER = "syncer"

COPIED = ("image", "imagePullPolicy", "securityContext", "resources", "envFrom", "volumeMounts")
"""Fields of the control plane's container that the pod's has too."""


def container(
    template: Mapping[str, Any], name: str, command: Iterable[str], without: Iterable[str] = ()
) -> dict[str, Any]:
    """Return a container with the place and variables of the control plane's, but for a few."""
    syncer = next((one for one in template["spec"]["containers"] if one["name"] == SYNCER), None)
    if syncer is None:
        message = "The control plane's workload has no container syncer, so nothing can be run."
        raise RefusedError("UnknownWorkload", message)
    return {
        "name": name,
        "command": list(command),
        "env": [one for one in syncer.get("env", ()) if one["name"] not in {*without}],
        **{field: syncer[field] for field in COPIED if field in syncer},
    }


def pod(
    template: Mapping[str, Any],
    metadata: Mapping[str, Any],
    release: str,
    container: Mapping[str, Any],
    seconds: int,
) -> dict[str, Any]:
    """Return a pod that runs the container once, where the control plane may run."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**metadata, "labels": {**LABELS, "release": release}},
        "spec": {
            **template["spec"],
            "containers": [container],
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 1,
            "activeDeadlineSeconds": seconds,
        },
    }
