"""The namespace chart, installed by real Helm on a real API server."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from dev.scripts import life
from function import protobuf
from function.compose import compose
from function.desired import namespace
from function.k8s.fieldpath import digest
from function.observed.state import Observed
from tests.support.factories import config, decided, vcluster, wanted

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from dev.apiserver.client import Client

    Install = Callable[[dict[str, Any]], subprocess.CompletedProcess[str]]

CHART = life.ROOT / "charts" / "vcluster-namespace"
PLATFORM = "vcluster-system"


@pytest.fixture
def platform(apiserver: Client) -> Client:
    """Yield a client of a cluster that has the platform's namespace."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": PLATFORM}}
    assert apiserver.apply(namespace).status in (200, 201)
    return apiserver


def values(example: str, name: str) -> dict[str, Any]:
    """Return what the function gives the chart, for a namespace of another name."""
    answer = compose(protobuf.decode(life.request(example, "nothing")))
    emitted = answer.resources["namespace"].resource["spec"]["forProvider"]["values"]
    return {**without_restoring(emitted), "name": name}


def without_restoring(emitted: dict[str, Any]) -> dict[str, Any]:
    """Return values of a VCluster that restores nothing: there is nothing to restore here."""
    return {key: value for key, value in emitted.items() if key != "restoreFrom"}


@pytest.fixture
def install(
    run_helm: Callable[..., subprocess.CompletedProcess[str]], platform: Client, tmp_path: Path
) -> Install:
    """Return a function that installs or upgrades the chart as provider-helm does."""
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(json.dumps(platform.kubeconfig))

    def upgrade(given: dict[str, Any]) -> subprocess.CompletedProcess[str]:
        return run_helm(
            "upgrade",
            "--install",
            f"{given['name']}-namespace",
            CHART,
            f"--namespace={PLATFORM}",
            values=given,
            kubeconfig=kubeconfig,
        )

    return upgrade


@pytest.mark.parametrize("example", life.names())
def test_every_example_installs(platform: Client, install: Install, example: str) -> None:
    """What the function emits is taken by the API server, object by object."""
    given = values(example, f"chart-{example}")
    done = install(given)
    assert done.returncode == 0, done.stderr
    metadata = platform.get("v1", "Namespace", given["name"]).body["metadata"]
    assert metadata["labels"]["pod-security.kubernetes.io/enforce"] == "baseline"
    found = platform.get("v1", "ResourceQuota", "quota", namespace=given["name"])
    assert found.body["spec"]["hard"] == given["quota"]


def values_of_plan(plan: dict[str, Any], name: str) -> dict[str, Any]:
    """Return what the function gives the chart for a VCluster of a plan."""
    found = config({"plans.small": plan})
    granted = wanted(vcluster(name), found)
    emitted = namespace.desired(decided(granted, found), Observed(), is_earned=False)
    return dict(emitted["spec"]["forProvider"]["values"])


def pod(name: str, namespace: str, resources: dict[str, Any]) -> dict[str, Any]:
    """Return a pod as a syncer makes it."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "automountServiceAccountToken": False,
            "containers": [{"name": "a", "image": "example.org/a:1", "resources": resources}],
        },
    }


REQUESTS = {"requests": {"memory": "1Gi"}}
"""What most pods of charts say that say anything."""


@pytest.mark.parametrize(
    ("limit_range", "resources", "limit"),
    [
        ({}, {}, "512Mi"),
        ({}, {**REQUESTS, "limits": {"memory": "2Gi"}}, "2Gi"),
        ({"default": {"memory": "2Gi"}}, REQUESTS, "2Gi"),
        ({"default": {}}, REQUESTS, None),
        ({"default": {}, "max": {"memory": "4Gi"}}, REQUESTS, "4Gi"),
    ],
)
def test_a_pod_within_the_limit_range(
    platform: Client,
    install: Install,
    limit_range: dict[str, Any],
    resources: dict[str, Any],
    limit: str | None,
) -> None:
    """A pod that names no limit gets the plan's, or none where the quota counts requests."""
    name = f"within-{digest({'plan': limit_range, 'pod': resources})[:8]}"
    given = values_of_plan({"quota": {"memory": "10Gi"}, "limitRange": limit_range}, name)
    done = install(given)
    assert done.returncode == 0, done.stderr
    status = {"status": {"hard": given["quota"], "used": dict.fromkeys(given["quota"], "0")}}
    where = {"namespace": name, "subresource": "status"}
    assert platform.patch("v1", "ResourceQuota", "quota", status, **where).status == 200
    made = platform.apply(pod("a", name, resources))
    assert made.status == 201, made.body
    got = made.body["spec"]["containers"][0]["resources"]
    assert got.get("limits", {}).get("memory") == limit
    used = platform.get("v1", "ResourceQuota", "quota", namespace=name).body["status"]["used"]
    requested = resources.get("requests", {}).get("memory", "64Mi")
    assert used == {"requests.memory": requested} | ({"limits.memory": limit} if limit else {})


def test_a_request_above_the_default_limit(platform: Client, install: Install) -> None:
    """Kubernetes refuses what the LimitRange of the plan makes of such a pod."""
    assert install(values_of_plan({"quota": {"memory": "10Gi"}}, "above")).returncode == 0
    refused = platform.apply(pod("a", "above", REQUESTS))
    assert refused.status == 422
    assert "must be less than or equal to memory limit of 512Mi" in refused.body["message"]


def test_other_resources_of_a_quota(platform: Client, install: Install) -> None:
    """Each name that the Input takes is one that the API server takes."""
    other = {
        "requests.nvidia.com/gpu": "1",
        "requests.hugepages-2Mi": "1Gi",
        "fast.storageclass.storage.k8s.io/requests.storage": "1Gi",
        "fast.storageclass.storage.k8s.io/persistentvolumeclaims": "3",
        "gpu.deviceclass.resource.k8s.io/devices": "1",
        "count/secrets": "100",
        "count/ingresses.networking.k8s.io": "5",
        "count/certificates.cert-manager.io": "5",
    }
    quota = {"ephemeralStorage": "20Gi", "volumeClaims": 5, "nodePorts": 2, "other": other}
    given = values_of_plan({"quota": quota}, "others")
    done = install(given)
    assert done.returncode == 0, done.stderr
    found = platform.get("v1", "ResourceQuota", "quota", namespace="others").body["spec"]["hard"]
    assert found == given["quota"]
    assert found.keys() == {
        *other,
        "requests.ephemeral-storage",
        "limits.ephemeral-storage",
        "persistentvolumeclaims",
        "services.nodeports",
    }


def test_a_namespace_of_somebody_else_is_left_alone(platform: Client, install: Install) -> None:
    """A VCluster whose name is a foreign namespace gets Helm's refusal, not that namespace."""
    theirs = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "theirs"}}
    assert platform.apply(theirs).status == 201
    done = install(values("kunde1", "theirs"))
    assert done.returncode != 0
    assert "exists and cannot be imported into the current release" in done.stderr


def test_the_pull_secret_is_copied(platform: Client, install: Install) -> None:
    """A named pull Secret turns up in the namespace; a missing one is named in words."""
    given = {**values("kunde1", "pulling"), "pullSecret": "registry"}
    missing = install(given)
    assert missing.returncode != 0
    assert "registry" in missing.stderr
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/dockerconfigjson",
        "metadata": {"name": "registry", "namespace": PLATFORM},
        "data": {".dockerconfigjson": base64.b64encode(b'{"auths":{}}').decode()},
    }
    assert platform.apply(secret).status == 201
    done = install(given)
    assert done.returncode == 0, done.stderr
    copy = platform.get("v1", "Secret", "registry", namespace="pulling").body
    assert (copy["type"], copy["data"]) == (secret["type"], secret["data"])
