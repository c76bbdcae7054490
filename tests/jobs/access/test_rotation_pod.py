"""The pod that makes CA and certificates anew."""

from typing import Any

import pytest

from jobs.access import rotation_pod
from jobs.errors import RefusedError

TEMPLATE: dict[str, Any] = {
    "spec": {
        "serviceAccountName": "vc-kunde1",
        "tolerations": [{"key": "pool", "operator": "Exists"}],
        "initContainers": [{"name": "kubernetes", "image": "kubernetes:1.36.3"}],
        "volumes": [
            {"name": "vcluster-config", "secret": {"secretName": "vc-config-kunde1"}},
            {"name": "shared", "persistentVolumeClaim": {"claimName": "shared"}},
        ],
        "containers": [
            {
                "name": "syncer",
                "image": "vcluster:0.36.1",
                "env": [{"name": "VCLUSTER_NAME", "value": "kunde1"}],
                "readinessProbe": {"httpGet": {"port": 8443}},
                "resources": {"limits": {"memory": "2Gi"}},
                "securityContext": {"runAsUser": 0},
                "volumeMounts": [
                    {"name": "data", "mountPath": "/data"},
                    {"name": "shared", "mountPath": "/shared"},
                    {"name": "vcluster-config", "mountPath": "/var/lib/vcluster"},
                ],
            }
        ],
    }
}


def test_pod() -> None:
    """It has place and rights of the control plane, and none of its data."""
    pod = rotation_pod.pod(TEMPLATE, ("ns", "kunde1"), 2, "digest", 600)

    assert pod["metadata"] == {
        "name": "kunde1-rotate",
        "namespace": "ns",
        "labels": {"app": "vcluster-snapshot", "release": "kunde1"},
        "annotations": {"caas.telekom.de/rotate": "2", "caas.telekom.de/authority": "digest"},
    }
    spec = pod["spec"]
    [container] = spec["containers"]
    assert container["command"] == ["/vcluster", "certs", "rotate-ca", "--path", "/rotation/pki"]
    assert container["env"] == [{"name": "VCLUSTER_NAME", "value": "kunde1"}]
    assert "readinessProbe" not in container
    assert "initContainers" not in spec
    assert (spec["serviceAccountName"], spec["restartPolicy"]) == ("vc-kunde1", "Never")
    assert [each["mountPath"] for each in container["volumeMounts"]] == [
        "/var/lib/vcluster",
        "/rotation",
        "/rotation/pki",
        "/rotation/pki/sa.key",
        "/rotation/pki/sa.pub",
    ]
    volumes = {each["name"]: each for each in spec["volumes"]}
    assert {each["name"] for each in container["volumeMounts"]} == set(volumes)
    assert not any("persistentVolumeClaim" in each for each in spec["volumes"])
    assert volumes["rotation-keys"]["secret"] == {
        "secretName": "kunde1-certs",
        "items": [{"key": "sa.key", "path": "sa.key"}, {"key": "sa.pub", "path": "sa.pub"}],
    }


def test_it_asks_for_less_than_a_control_plane() -> None:
    """It runs beside one, in a quota that has room for one."""
    [container] = rotation_pod.pod(TEMPLATE, ("ns", "kunde1"), 1, "", 1)["spec"]["containers"]
    assert container["resources"]["limits"]["memory"] == "512Mi"


def test_a_workload_of_another_kind() -> None:
    """What is not understood is refused."""
    with pytest.raises(RefusedError, match="no container syncer"):
        rotation_pod.pod({"spec": {"containers": [{"name": "x"}]}}, ("ns", "kunde1"), 1, "", 1)
