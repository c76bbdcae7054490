"""The pod that restores an archive, made of the control plane's."""

import base64
import json
from typing import Any

import pytest

from jobs.backup import restore_pod
from jobs.backup.model import VirtualCluster
from jobs.errors import RefusedError

VCLUSTER = VirtualCluster("kunde1", "u", "vc-kunde1", "kunde1", "0.36.1", "1.36.3", "Single")
TEMPLATE: dict[str, Any] = {
    "metadata": {"labels": {"app": "vcluster", "release": "kunde1"}},
    "spec": {
        "serviceAccountName": "vc-kunde1",
        "nodeSelector": {"pool": "a"},
        "tolerations": [{"key": "pool", "operator": "Exists"}],
        "terminationGracePeriodSeconds": 15,
        "initContainers": [{"name": "kubernetes", "image": "kubernetes:1.36.3"}],
        "volumes": [{"name": "binaries", "emptyDir": {}}],
        "containers": [
            {
                "name": "syncer",
                "image": "vcluster:0.36.1",
                "command": ["/vcluster", "start"],
                "args": ["--x"],
                "env": [
                    {"name": "VCLUSTER_NAME", "value": "kunde1"},
                    {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                ],
                "livenessProbe": {"httpGet": {"port": 8443}},
                "readinessProbe": {"httpGet": {"port": 8443}},
                "resources": {"limits": {"memory": "1Gi"}},
                "securityContext": {"runAsUser": 12345},
                "volumeMounts": [{"name": "data", "mountPath": "/data"}],
            },
            {"name": "sidecar", "image": "x"},
        ],
    },
}


def test_pod() -> None:
    """It has place, rights, limits and volumes of the control plane, and runs once."""
    pod = restore_pod.pod(TEMPLATE, VCLUSTER, "old/20260110T020000Z", 1800, is_new=True)
    assert pod["metadata"] == {
        "name": "kunde1-restore",
        "namespace": "vc-kunde1",
        "labels": {"app": "vcluster-snapshot", "release": "kunde1"},
        "annotations": {"caas.telekom.de/location": "old/20260110T020000Z"},
    }
    spec = pod["spec"]
    (container,) = spec.pop("containers")
    assert spec == {
        "serviceAccountName": "vc-kunde1",
        "nodeSelector": {"pool": "a"},
        "tolerations": [{"key": "pool", "operator": "Exists"}],
        "terminationGracePeriodSeconds": 1,
        "initContainers": [{"name": "kubernetes", "image": "kubernetes:1.36.3"}],
        "restartPolicy": "Never",
        "activeDeadlineSeconds": 1800,
        "volumes": [
            {"name": "binaries", "emptyDir": {}},
            {"name": "data", "persistentVolumeClaim": {"claimName": "data-kunde1-0"}},
        ],
    }
    assert container == {
        "name": "snapshot",
        "image": "vcluster:0.36.1",
        "command": ["/vcluster", "restore", "--new-vcluster"],
        "resources": {"limits": {"memory": "1Gi"}},
        "securityContext": {"runAsUser": 12345},
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        "env": [
            {"name": "VCLUSTER_NAME", "value": "kunde1"},
            {"name": "POD_NAME", "value": "kunde1-0"},
            {
                "name": "VCLUSTER_STORAGE_OPTIONS",
                "valueFrom": {"secretKeyRef": {"name": "kunde1-restore", "key": "options"}},
            },
        ],
    }


def test_volume_of_the_template() -> None:
    """A control plane with a deployed etcd has its folder in its template."""
    volumes = [{"name": "data", "emptyDir": {}}]
    template = {**TEMPLATE, "spec": {**TEMPLATE["spec"], "volumes": volumes}}
    pod = restore_pod.pod(template, VCLUSTER, "x", 1, is_new=True)
    assert pod["spec"]["volumes"] == volumes


def test_claim() -> None:
    """The claim is the one that the StatefulSet would make."""
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "5Gi"}}}
    workload = {
        "spec": {
            "selector": {"matchLabels": {"app": "vcluster"}},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": spec}],
        }
    }
    assert restore_pod.claim(workload, "kunde1", "vc-kunde1") == {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": "data-kunde1-0",
            "namespace": "vc-kunde1",
            "labels": {"app": "vcluster"},
            "annotations": {},
        },
        "spec": spec,
    }


def test_unknown_workload() -> None:
    """A workload of another form is refused, before anything is made."""
    with pytest.raises(RefusedError, match="UnknownWorkload"):
        restore_pod.pod({"spec": {"containers": []}}, VCLUSTER, "x", 1, is_new=True)
    with pytest.raises(RefusedError, match="UnknownWorkload"):
        restore_pod.claim({"spec": {}}, "kunde1", "vc")


def test_options() -> None:
    """The variable has the options in Base64, in a Secret that has it so again."""
    variable = base64.b64decode(restore_pod.encoded({"type": "s3"}))
    assert json.loads(base64.b64decode(variable)) == {"type": "s3"}


def test_pod_in_place() -> None:
    """In place what is restored keeps the names that its objects have on this host."""
    pod = restore_pod.pod(TEMPLATE, VCLUSTER, "x", 1, is_new=False)
    (container,) = pod["spec"]["containers"]
    assert container["command"] == ["/vcluster", "restore"]
