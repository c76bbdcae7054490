"""Start of the Kubernetes cluster, from nothing or from the rest of an earlier one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from dev.platform import (
    certificates,
    images,
    issuer,
    kubeconfigs,
    machine,
    node_programs,
    programs,
    s3,
)
from dev.platform.command import PlatformError
from dev.platform.place import NODE, ROOT
from dev.platform.supervise import await_ready, ensure, kubectl, succeeds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dev.platform.images import Image
    from dev.platform.machine import Machine

    Say = Callable[[str], None]

MANIFESTS = ROOT / "dev" / "platform" / "manifests"


def start(name: str, loaded: Sequence[Image], say: Say) -> Machine:
    """Start missing programs, and wait until the node is ready and names resolve."""
    before = machine.find(name)
    if before is None:
        say("making namespaces for network, mounts and processes")
    there = before or machine.start(name)
    certificates.make(there.place)
    kubeconfigs.make(there.place)
    for program in programs.control_plane(there.place):
        if ensure(there, program):
            say(f"starting {program.name}")
    await_ready(there, "kube-apiserver", lambda: succeeds(lambda: _ready(there)))
    servers = (s3.program(there.place), issuer.program(there.place))
    sources = (*programs.sources(there.place), *servers)
    for program in (*sources, *node_programs.node(there.place)):
        if ensure(there, program):
            say(f"starting {program.name}")
        if program.name == "containerd":
            await_ready(there, "containerd", lambda: succeeds(lambda: there.run("ctr", "version")))
            _load(there, loaded, say)
    await_ready(there, "kubelet", lambda: _node_is_ready(there))
    ensure(there, node_programs.network_policies(there.place))
    _addons(there)
    return there


def _ready(there: Machine) -> None:
    kubectl(there.place, "get", "--raw", "/readyz", timeout=5)
    kubectl(there.place, "get", "namespace", "kube-system", timeout=5)


def _load(there: Machine, loaded: Sequence[Image], say: Say) -> None:
    """Load missing images into containerd."""
    names = set(there.run("ctr", "--namespace=k8s.io", "images", "list", "--quiet").splitlines())
    noted = there.place.folder / "images.json"
    known = json.loads(noted.read_text()) if noted.exists() else {}
    for image in loaded:
        if known.get(image.reference) == image.digest and image.reference in names:
            continue
        say(f"loading {image.reference}")
        there.run("ctr", "--namespace=k8s.io", "images", "import", str(image.archive), timeout=300)
        known[image.reference] = image.digest
        noted.write_text(json.dumps(known))


def _node_is_ready(there: Machine) -> bool:
    path = "jsonpath={.status.conditions[?(@.type=='Ready')].status}"
    try:
        return kubectl(there.place, "get", "node", NODE, "-o", path) == "True"
    except PlatformError:
        return False


def _addons(there: Machine) -> None:
    manifest = (MANIFESTS / "dns.yaml").read_text().replace("COREDNS_IMAGE", images.COREDNS)
    kubectl(there.place, "apply", "-f", "-", text=manifest)
    kubectl(there.place, "apply", "-f", str(MANIFESTS / "storage.yaml"))
    kubectl(
        there.place, "-n", "kube-system", "rollout", "status", "deployment/coredns", "--timeout=60s"
    )
