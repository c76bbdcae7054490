"""The namespace chart, installed by real Helm on a real API server."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from function import fn
from function.compose import compose
from scripts import life

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from tests.apiserver.control_plane import Client

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
    answer = compose(fn.decode(life.request(example, "nothing")))
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
    namespace = platform.get("v1", "Namespace", given["name"]).body["metadata"]
    assert namespace["labels"]["pod-security.kubernetes.io/enforce"] == "baseline"
    found = platform.get("v1", "ResourceQuota", "quota", namespace=given["name"])
    assert found.body["spec"]["hard"] == given["quota"]


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
