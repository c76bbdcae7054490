"""Without access to the source registries: every image comes from its mirror.

The mirror exists on the node only: what the list says is tagged there under the mirrors' names, so
an image that is asked for by any other name than the list's is never found.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from dev.platform import install, node
from function.api import validate
from function.commands import images
from function.k8s.image_reference import parse
from tests.e2e.kube import PLATFORM, VCLUSTERS, Kube, Object, await_ready, by, until, vcluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dev.platform.machine import Machine

pytestmark = pytest.mark.further

NAME = "airgap"
MIRROR = "mirror.local:5000"
MIRRORS = {
    "ghcr.io": f"{MIRROR}/ghcr",
    "docker.io": f"{MIRROR}/docker",
    "registry.k8s.io": f"{MIRROR}/k8s",
    "mirror.gcr.io": f"{MIRROR}/gcr",
}
SECRET = "airgap-mirror"
CREDENTIALS = {"auths": {MIRROR: {"username": "reader", "password": "reader"}}}
CHANGES: Object = {"registries": MIRRORS, "pullSecret": SECRET}

OBJECT_NAMESPACE = "vcluster.loft.sh/object-namespace"
"""Annotation of a pod on the host: the namespace that it is of in the virtual cluster."""

CTR = ("ctr", "--namespace=k8s.io", "images")


@pytest.fixture(scope="module")
def mirror(there: Machine) -> Iterator[list[str]]:
    """Give the node's images their names at the mirrors, and take the names away at the end."""
    made: Any = install.composition(node.site(there))
    [step] = made["spec"]["pipeline"]
    listed = images.listed(validate.platform_input({**step["input"], **CHANGES}))
    present = there.run(*CTR, "list", "--quiet").splitlines()
    there_are = [each for each in listed if each.source in present]
    for each in there_are:
        there.run(*CTR, "tag", "--force", each.source, each.mirror)
    names = [each.mirror for each in there_are]
    yield names
    there.run(*CTR, "remove", *names)


@pytest.fixture(scope="module")
def mirrored(kube: Kube, compositions: Callable[..., None], mirror: list[str]) -> Iterator[str]:
    """Make a VCluster that has nothing but the mirrors, and wait for its CoreDNS too."""
    assert mirror
    kube.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": SECRET, "namespace": PLATFORM},
            "type": "kubernetes.io/dockerconfigjson",
            "stringData": {".dockerconfigjson": json.dumps(CREDENTIALS)},
        }
    )
    compositions(NAME, CHANGES)
    kube.apply(vcluster(NAME, crossplane=by(NAME)))
    await_ready(kube, NAME)
    until(
        "CoreDNS has a pod", lambda: pods_of(kube, "kube-system"), 120, lambda: running_images(kube)
    )
    yield NAME
    # Taking it out of Rancher runs from the mirror too.
    kube("delete", VCLUSTERS, NAME, "--cascade=foreground", "--ignore-not-found", seconds=300)
    kube("delete", "secret", SECRET, "-n", PLATFORM)


def pods_of(kube: Kube, namespace: str) -> list[Object]:
    """Return the pods on the host that are of a namespace of the virtual cluster."""
    return [
        pod
        for pod in kube.list("pods", NAME)
        if pod["metadata"].get("annotations", {}).get(OBJECT_NAMESPACE) == namespace
    ]


def running_images(kube: Kube) -> dict[str, set[str]]:
    """Return what the containers of each pod were told to run, Rancher's agents left out.

    Not what the status says: there an image has any of its names.
    """
    agents = {pod["metadata"]["name"] for pod in pods_of(kube, "cattle-system")}
    import_pods = kube.list("pods", PLATFORM, f"caas.telekom.de/vcluster={NAME}")
    return {
        pod["metadata"]["name"]: {
            container["image"]
            for kind in ("containers", "initContainers")
            for container in pod["spec"].get(kind, [])
        }
        for pod in (*kube.list("pods", NAME), *import_pods)
        if pod["metadata"]["name"] not in agents
    }


def test_every_container_runs_from_a_mirror(kube: Kube, mirrored: str, mirror: list[str]) -> None:
    """Control plane, Kubernetes, CoreDNS and the import: each by the name that was listed."""
    found = running_images(kube)
    used = {image for of_pod in found.values() for image in of_pod}
    assert used - set(mirror) == set(), found
    assert {parse(image).repository for image in used} == {
        "ghcr/loft-sh/vcluster-oss",
        "ghcr/loft-sh/kubernetes",
        "docker/coredns/coredns",
        "ghcr/example/function-vcluster",
    }
    assert any(name.startswith(f"{mirrored}-vcluster-") for name in found)


def test_every_pod_pulls_with_the_platforms_secret(kube: Kube, mirrored: str) -> None:
    """The Secret was copied, and pods of the control plane and of the customer name it."""
    copied = kube.get("secret", SECRET, mirrored) or {}
    assert copied["type"] == "kubernetes.io/dockerconfigjson"
    assert json.loads(base64.b64decode(copied["data"][".dockerconfigjson"])) == CREDENTIALS
    named = {
        pod["metadata"]["name"]: {each["name"] for each in pod["spec"].get("imagePullSecrets", [])}
        for pod in (
            *kube.list("pods", mirrored, "app=vcluster"),
            *pods_of(kube, "kube-system"),
            *kube.list("pods", PLATFORM, f"caas.telekom.de/vcluster={mirrored}"),
        )
    }
    assert len(named) >= 3
    assert set(map(frozenset, named.values())) == {frozenset({SECRET})}
