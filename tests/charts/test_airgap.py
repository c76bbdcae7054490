"""No pod is left without its mirror or its pull Secret, as Helm renders all charts."""

import base64
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from dev.scripts import life
from function import protobuf
from function.api import validate
from function.commands import images
from function.compose import compose
from function.k8s.fieldpath import get
from function.k8s.image_reference import parse
from tests.support.tools import official_chart

Helm = Callable[..., subprocess.CompletedProcess[str]]
Object = dict[str, Any]

MIRRORS = {
    "ghcr.io": "mirror.example.org:5000/one",
    "docker.io": "mirror.example.org:5000/two",
    "registry.k8s.io": "mirror.example.org:5000/three",
    "mirror.gcr.io": "mirror.example.org:5000/four",
}
PULL_SECRET = "mirror"
SOURCES = re.compile(rf"(?<![\w./-])({'|'.join(map(re.escape, MIRRORS))})(?![\w.-])")
"""A source registry, and not a mirror's or an API group's part."""


@dataclass(frozen=True)
class Rendered:
    """What the charts of a VCluster render, and the Input that they were rendered by."""

    config: Object
    releases: dict[str, list[Object]]
    """Objects by the key of their Release."""

    @property
    def objects(self) -> list[Object]:
        """All of them."""
        return [each for objects in self.releases.values() for each in objects]

    @property
    def syncer(self) -> Object:
        """The configuration that the control plane reads, the chart's values included."""
        [secret] = [
            each
            for each in self.releases["vcluster"]
            if each["kind"] == "Secret" and each["metadata"]["name"].startswith("vc-config-")
        ]
        text = secret.get("stringData", {}).get("config.yaml")
        data = secret.get("data", {}).get("config.yaml")
        loaded: Object = yaml.safe_load(text or base64.b64decode(data))
        return loaded


def rendered(run_helm: Helm, charts: Path, example: str, **platform: object) -> Rendered:
    """Render all charts of an example by our Input with other fields."""
    request = protobuf.decode(life.request(example, "ready"))
    config = {**(request.input or {}), **platform}
    answer = compose(replace(request, input=config))
    assert not answer.fatal
    found = {}
    for key in ("namespace", "vcluster", "rancher"):
        if key not in answer.resources:
            continue
        release = answer.resources[key].resource
        provider = release["spec"]["forProvider"]
        name = provider["chart"]["name"]
        done = run_helm(
            "template",
            release["metadata"]["name"],
            official_chart() if name == "vcluster" else charts / name,
            f"--namespace={provider['namespace']}",
            "--kube-version=v1.36.0",
            values=provider["values"],
        )
        assert done.returncode == 0, done.stderr
        found[key] = [each for each in yaml.safe_load_all(done.stdout) if each]
    return Rendered(config, found)


def pod_specs(objects: list[Object]) -> Iterator[Object]:
    """Yield the pod spec of each workload."""
    for each in objects:
        spec = get(each, "spec", "template", "spec")
        if isinstance(spec, dict):
            yield spec


def used_images(found: Rendered) -> set[str]:
    """Return every image that a VCluster runs.

    Those of the rendered pods, and the two that the syncer puts into the tenants' pods by its
    configuration: CoreDNS, and the init container that writes /etc/hosts.
    """
    of_pods = {
        container["image"]
        for spec in pod_specs(found.objects)
        for container in (*spec["containers"], *spec.get("initContainers", ()))
    }
    config = found.syncer
    hosts = get(config, "sync", "toHost", "pods", "rewriteHosts", "initContainer", "image")
    assert isinstance(hosts, Mapping)
    coredns = get(config, "controlPlane", "coredns", "deployment", "image")
    return {
        *of_pods,
        f"{hosts['registry']}/{hosts['repository']}:{hosts['tag']}",
        *({str(coredns)} if coredns else ()),
    }


def texts(node: object) -> Iterator[str]:
    """Yield every text in an object, its keys too."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield str(key)
            yield from texts(value)
    elif isinstance(node, list):
        for each in node:
            yield from texts(each)
    elif isinstance(node, str):
        yield node


def listed(config: Object) -> dict[str, str]:
    """Return mirrors by source, as `function images` lists them."""
    return {each.source: each.mirror for each in images.listed(validate.platform_input(config))}


@pytest.mark.parametrize("example", life.names())
def test_every_image_is_at_its_mirror(run_helm: Helm, charts: Path, example: str) -> None:
    """With four mirrors every image is one that the list says is there."""
    found = rendered(run_helm, charts, example, registries=MIRRORS)
    used = used_images(found)
    assert len(used) >= 4
    assert used - set(listed(found.config).values()) == set()
    assert any("coredns" in image for image in used)


@pytest.mark.parametrize("example", life.names())
def test_no_source_registry_is_left(run_helm: Helm, charts: Path, example: str) -> None:
    """With four mirrors nothing that any chart renders names a source registry."""
    found = rendered(run_helm, charts, example, registries=MIRRORS)
    left = {
        text
        for each in (*found.objects, found.syncer)
        for text in texts(each)
        if SOURCES.search(text)
    }
    assert left == set()


@pytest.mark.parametrize("example", life.names())
def test_every_image_is_listed(run_helm: Helm, charts: Path, example: str) -> None:
    """Without mirrors too, the list has every image."""
    found = rendered(run_helm, charts, example)
    used = {str(parse(image)) for image in used_images(found)}
    assert used - set(listed(found.config)) == set()


@pytest.mark.parametrize("example", life.names())
def test_every_pod_has_the_pull_secret(run_helm: Helm, charts: Path, example: str) -> None:
    """Each pod pulls with the platform's credentials, by itself or by its ServiceAccount.

    The tenants' pods, CoreDNS among them, run under the workload's ServiceAccount.
    """
    found = rendered(run_helm, charts, example, pullSecret=PULL_SECRET)
    expected = [{"name": PULL_SECRET}]
    accounts = {
        each["metadata"]["name"]: each.get("imagePullSecrets", [])
        for each in found.objects
        if each["kind"] == "ServiceAccount"
    }
    bare = [
        spec
        for spec in pod_specs(found.objects)
        if (spec.get("imagePullSecrets") or accounts[spec["serviceAccountName"]]) != expected
    ]
    assert bare == []
    [workload] = [name for name in accounts if name.startswith("vc-workload-")]
    assert {each["name"] for each in accounts[workload]} == {PULL_SECRET}
