"""The platform on a cluster of kind, or on another existing cluster.

It needs Docker. The cluster pulls published images (Crossplane, provider-helm, vcluster,
Kubernetes) from their registries; the images of this project are built here.
"""

from __future__ import annotations

import base64
import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dev.platform import charts, function_image, packages
from dev.platform.command import PlatformError, run
from dev.platform.images import Image
from dev.platform.place import RANCHER_PORT, ROOT, folder
from dev.platform.site import OUR_PACKAGES, Site
from dev.platform.supervise import kubectl

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Say = Callable[[str], None]

CHARTS = "vcluster-charts"
CHARTS_PORT = 8080
REGISTRY_IMAGE = "docker.io/library/registry:2"
REGISTRY_PORT = 5000
BUILD_SECONDS = 1800
PLANS = {
    # A laptop holds several.
    "small": {
        "resources": {
            "requests": {"cpu": "50m", "memory": "128Mi"},
            "limits": {"cpu": "2", "memory": "2Gi"},
        },
        "storage": {"size": "1Gi"},
    }
}


def kind(name: str, say: Say) -> tuple[Site, packages.Package]:
    """Create a cluster by kind and a registry beside it, unless they exist."""
    _need("docker", "https://docs.docker.com/engine/install/")
    _need("kind", "https://kind.sigs.k8s.io/docs/user/quick-start/, 0.27 or newer")
    place = folder(name)
    place.mkdir(parents=True, exist_ok=True)
    cluster, config = _kind_name(name), place / "kubeconfig"
    if cluster not in run("kind", "get", "clusters").split():
        say(f"kind create cluster {cluster}")
        run("kind", "create", "cluster", "--name", cluster, "--kubeconfig", str(config))
    run("kind", "export", "kubeconfig", "--name", cluster, "--kubeconfig", str(config))
    outside, inside = kind_registry(name)
    trust_registry(cluster, inside)
    image = _build_image(function_image.reference(), say)
    say(f"building {function_image.TEST_RANCHER}")
    for reference, dockerfile in function_image.test_rancher_dockerfiles().items():
        _docker_build(reference, ROOT / function_image.RANCHER, dockerfile)
    say("loading images")
    names = (image.reference, *function_image.test_rancher_dockerfiles())
    run("kind", "load", "docker-image", "--name", cluster, *names, timeout=BUILD_SECONDS)
    administrator = Administered(config)
    addresses = "jsonpath={.items[0].status.addresses[?(@.type=='InternalIP')].address}"
    address = kubectl(administrator, "get", "nodes", "-o", addresses)
    site = Site(
        folder=place,
        kubeconfig=config,
        image=image.reference,
        image_digest=image.digest,
        charts=_serve_charts(administrator, image.reference, say),
        charts_digest=charts.digest(charts.FOLDER),
        registry=outside,
        packages={OUR_PACKAGES: inside},
        rancher=f"{address}:{RANCHER_PORT}",
        own_input={"plans": PLANS},
    )
    return site, packages.function(image, say)


def prepare_cluster(
    name: str, config: Path, registry: str, say: Say
) -> tuple[Site, packages.Package]:
    """Prepare an existing cluster; images and packages are pushed to a registry it can pull from.

    There is no test Rancher: add `rancher` to the Composition's Input for a real one.
    """
    _need("docker", "https://docs.docker.com/engine/install/")
    place = folder(name)
    place.mkdir(parents=True, exist_ok=True)
    reference = f"{registry}/{function_image.reference().rpartition('/')[2]}"
    image = _build_image(reference, say)
    say(f"pushing {reference}")
    run("docker", "push", "--quiet", reference, timeout=BUILD_SECONDS)
    site = Site(
        folder=place,
        kubeconfig=config,
        image=reference,
        image_digest=image.digest,
        charts=_serve_charts(Administered(config), reference, say),
        charts_digest=charts.digest(charts.FOLDER),
        registry=registry,
        packages={OUR_PACKAGES: registry},
        own_input={"plans": PLANS},
    )
    return site, packages.function(image, say)


def remove_kind(name: str) -> None:
    """Remove cluster, registry and files."""
    run("kind", "delete", "cluster", "--name", _kind_name(name))
    run("docker", "rm", "--force", "--volumes", _registry_name(name))
    shutil.rmtree(folder(name), ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Administered:
    """A cluster by its kubeconfig."""

    kubeconfig: Path


def _need(program: str, where: str) -> None:
    if not shutil.which(program):
        msg = f"{program} is missing: {where}"
        raise PlatformError(msg)


def _kind_name(name: str) -> str:
    return f"vcluster-{name}"


def _registry_name(name: str) -> str:
    return f"vcluster-{name}-registry"


def kind_registry(name: str) -> tuple[str, str]:
    """Run a registry in kind's network; return its addresses for this machine and the cluster.

    By address, because Crossplane speaks plain HTTP to private addresses only.
    """
    container = _registry_name(name)
    known = run("docker", "ps", "--all", "--format", "{{.Names}}").split()
    if container not in known:
        run(
            *("docker", "run", "--detach", "--restart=always", "--network=kind"),
            *(f"--publish=127.0.0.1::{REGISTRY_PORT}", f"--name={container}", REGISTRY_IMAGE),
            timeout=BUILD_SECONDS,
        )
    run("docker", "start", container)
    outside = run("docker", "port", container, f"{REGISTRY_PORT}/tcp").split()[0]
    path = "{{.NetworkSettings.Networks.kind.IPAddress}}"
    address = run("docker", "inspect", "--format", path, container).strip()
    return outside, f"{address}:{REGISTRY_PORT}"


def trust_registry(cluster: str, registry: str) -> None:
    """Let containerd speak plain HTTP to the registry."""
    hosts = f'[host."http://{registry}"]\n'
    certificates = f"/etc/containerd/certs.d/{registry}"
    script = f"mkdir -p {certificates} && cat >{certificates}/hosts.toml"
    for node in run("kind", "get", "nodes", "--name", cluster).split():
        run("docker", "exec", "--interactive", node, "sh", "-c", script, text=hosts)


def _build_image(reference: str, say: Say) -> Image:
    """Build the function's image, and save it for its package."""
    say(f"building {reference}")
    _docker_build(reference, ROOT)
    archive = packages.FOLDER / "function.tar"
    archive.parent.mkdir(parents=True, exist_ok=True)
    run("docker", "save", "--output", str(archive), reference, timeout=BUILD_SECONDS)
    digest = run("docker", "inspect", "--format", "{{.Id}}", reference).strip()
    return Image(reference, archive, digest)


def _docker_build(reference: str, context: Path, dockerfile: str | None = None) -> None:
    source = [] if dockerfile is None else ["--file=-"]
    version = f"--build-arg=VERSION={function_image.version()}"
    words = ("docker", "build", "--quiet", f"--tag={reference}", version, *source, str(context))
    run(*words, text=dockerfile, timeout=BUILD_SECONDS)


def _serve_charts(cluster: Administered, image: str, say: Say) -> str:
    """Serve the packaged charts inside the cluster, and return the repository's URL."""
    charts.build(say)
    files = {each.name: each.read_bytes() for each in sorted(charts.FOLDER.iterdir())}
    for manifest in charts_manifests(files, image, charts.digest(charts.FOLDER)):
        kubectl(cluster, "apply", "--server-side", "-f", "-", text=json.dumps(manifest))
    rollout = ("rollout", "status", f"deployment/{CHARTS}", "--timeout=180s")
    kubectl(cluster, "-n", CHARTS, *rollout)
    return f"http://{CHARTS}.{CHARTS}.svc:{CHARTS_PORT}"


def charts_manifests(files: dict[str, bytes], image: str, digest: str) -> list[dict[str, Any]]:
    """Return the objects of a server of the chart repository, which runs the function's image."""
    metadata = {"name": CHARTS, "namespace": CHARTS}
    labels = {"app": CHARTS}
    serve = ["python", "-m", "http.server", str(CHARTS_PORT), "--directory", "/charts"]
    pod = {
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "automountServiceAccountToken": False,
        "containers": [
            {
                "name": "charts",
                "image": image,
                "command": serve,
                "volumeMounts": [{"name": "charts", "mountPath": "/charts", "readOnly": True}],
                "readinessProbe": {"httpGet": {"path": "/index.yaml", "port": CHARTS_PORT}},
            }
        ],
        "volumes": [{"name": "charts", "configMap": {"name": CHARTS}}],
    }
    template = {"metadata": {"labels": labels, "annotations": {"charts": digest}}, "spec": pod}
    content = {name: base64.b64encode(data).decode() for name, data in files.items()}
    ports = [{"port": CHARTS_PORT}]
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": CHARTS}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "binaryData": content},
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {"selector": {"matchLabels": labels}, "template": template},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"selector": labels, "ports": ports},
        },
    ]
