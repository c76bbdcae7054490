"""The images that run on the node, built from the programs in .tools and from Debian's.

Nothing is pulled. An image is rebuilt only when one of its sources has changed.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dev.platform import archive, function_image
from dev.platform.archive import Config, Content
from dev.platform.command import PlatformError
from dev.platform.place import BIN, TOOLS
from dev.platform.programs import GO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Say = Callable[[str], None]

FOLDER = TOOLS / "images"
KUBERNETES = "v1.36.3"
VCLUSTER = "0.36.1"
EARLIER = TOOLS / "earlier"
"""Earlier releases, with which the tests of upgrades start; `make tools-earlier` builds them."""
EARLIER_KUBERNETES = "v1.35.4"
EARLIER_COREDNS = "docker.io/coredns/coredns:1.14.1"
EARLIER_VCLUSTERS = {"0.34.0": EARLIER / "vcluster-0.34", "0.35.2": EARLIER / "vcluster-0.35"}
COREDNS = "docker.io/coredns/coredns:1.14.2"
BUSYBOX = Path("/bin/busybox")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
CERTIFICATES_PATH = "/etc/ssl/certs/ca-certificates.crt"
APPLETS = (
    *("cat", "chmod", "cp", "dd", "echo", "env", "httpd", "id", "ls", "mkdir", "mv", "nc"),
    *("nslookup", "ps", "rm", "sh", "sleep", "tar", "test", "timeout", "wc", "wget"),
)
SHELL = {"/bin/busybox": BUSYBOX}
SHELL_NAMES = {f"/bin/{name}": "busybox" for name in APPLETS}


@dataclass(frozen=True, slots=True)
class Image:
    """An archive, as `docker save` writes it."""

    reference: str
    archive: Path
    digest: str
    """Digest of the content; another one means that the image must be loaded again."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """An image of files and a command."""

    reference: str
    content: Content
    config: Config


def recipes() -> tuple[Recipe, ...]:
    """Return all images but those of the Dockerfile."""
    return (
        *_node(),
        _kubernetes(KUBERNETES, BIN),
        _vcluster(VCLUSTER, BIN),
        _crossplane(),
        _provider_helm(),
    )


def has_earlier() -> bool:
    """Return whether earlier releases are built."""
    return (TOOLS / "earlier.complete").exists()


def earlier() -> tuple[Recipe, ...]:
    """Return the images of earlier releases, if they are built."""
    if not has_earlier():
        return ()
    return (
        _kubernetes(EARLIER_KUBERNETES, EARLIER / "kubernetes"),
        *(_vcluster(version, folder) for version, folder in EARLIER_VCLUSTERS.items()),
        # The version of the earlier charts, with the current program.
        Recipe(EARLIER_COREDNS, Content({"/coredns": BIN / "coredns"}), Config(("/coredns",))),
    )


def _node() -> tuple[Recipe, ...]:
    """Return the images of the node itself, of its DNS, and of etcd for virtual clusters."""
    etcd = ("etcd", "etcdctl", "etcdutl")
    return (
        Recipe(
            # It only holds namespaces; containerd ends it with SIGKILL.
            "registry.k8s.io/pause:3.10",
            Content(SHELL),
            Config(("/bin/busybox", "sleep", "2147483647"), user="65535:65535"),
        ),
        Recipe(
            "docker.io/library/busybox:1.36.1", Content(SHELL, SHELL_NAMES), Config(command=("sh",))
        ),
        Recipe(COREDNS, Content({"/coredns": BIN / "coredns"}), Config(("/coredns",))),
        Recipe(
            # The version of the official chart's default, with the current etcd. Upstream it
            # has no shell either.
            "registry.k8s.io/etcd:3.6.8-0",
            Content({f"/usr/local/bin/{each}": BIN / each for each in etcd}),
            Config(env={"PATH": "/usr/local/bin:/bin"}),
        ),
    )


def _crossplane() -> Recipe:
    folder = TOOLS / "crossplane-image"
    return Recipe(
        "xpkg.crossplane.io/crossplane/crossplane:v2.4.0",
        Content(
            {
                "/usr/local/bin/crossplane": BIN / "crossplane-core",
                "/crds": folder / "crds",
                "/webhookconfigurations": folder / "webhookconfigurations",
                CERTIFICATES_PATH: CERTIFICATES,
            }
        ),
        Config(("/usr/local/bin/crossplane",), env=GO, user="65532:65532"),
    )


def _provider_helm() -> Recipe:
    return Recipe(
        "localhost/provider-helm:v1.3.0",
        Content(
            {
                "/usr/local/bin/provider-helm": BIN / "provider-helm",
                CERTIFICATES_PATH: CERTIFICATES,
            },
            folders=("/tmp",),  # noqa: S108 -- a folder of the image
        ),
        Config(
            ("/usr/local/bin/provider-helm",),
            env={
                **GO,
                "HELM_CACHE_HOME": "/tmp/helm-cache",  # noqa: S108
                "HELM_CONFIG_HOME": "/tmp/helm-config",  # noqa: S108
                "HELM_DATA_HOME": "/tmp/helm-data",  # noqa: S108
            },
            user="65532",
        ),
    )


def _kubernetes(version: str, programs: Path) -> Recipe:
    """Return a virtual cluster's Kubernetes; with the current kine and helm."""
    own = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
    files = {f"/kubernetes/{each}": programs / each for each in own}
    files |= {f"/kubernetes/{each}": BIN / each for each in ("kine", "helm")}
    return Recipe(
        f"ghcr.io/loft-sh/kubernetes:{version}",
        Content(SHELL | files, SHELL_NAMES),
        Config(),
    )


def _vcluster(version: str, programs: Path) -> Recipe:
    files = {
        **SHELL,
        "/vcluster": programs / "vcluster",
        CERTIFICATES_PATH: CERTIFICATES,
    }
    return Recipe(
        f"ghcr.io/loft-sh/vcluster-oss:{version}",
        Content(files, SHELL_NAMES, ("/tmp",)),  # noqa: S108 -- a folder of the image
        Config(("/vcluster", "start"), env={**GO, "PATH": "/bin", "HOME": "/"}),
    )


def build(say: Say) -> tuple[Image, ...]:
    """Build missing and outdated images, and return all."""
    made = tuple(_built(recipe, say) for recipe in (*recipes(), *earlier()))
    return (*made, *(Image(*one) for one in function_image.build(FOLDER, say)))


def named(images: Iterable[Image], part: str) -> Image:
    """Return the image with a word in its name."""
    return next(one for one in images if part in one.reference)


def _built(recipe: Recipe, say: Say) -> Image:
    name = re.sub(r"[^a-z0-9.]+", "-", recipe.reference.rpartition("/")[2])
    target = FOLDER / f"{name}.tar"
    inputs = _inputs(recipe)
    note = target.with_suffix(".json")
    if target.exists() and note.exists():
        known = json.loads(note.read_text())
        if known["inputs"] == inputs:
            return Image(recipe.reference, target, known["digest"])
    say(f"building {recipe.reference}")
    digest = archive.write(target, recipe.reference, recipe.content, recipe.config)
    note.write_text(json.dumps({"inputs": inputs, "digest": digest}))
    return Image(recipe.reference, target, digest)


def _inputs(recipe: Recipe) -> str:
    """Return a digest of sizes and times of files, without reading hundreds of megabytes."""
    parts = [repr(recipe.reference), repr(recipe.content), repr(recipe.config)]
    for source in recipe.content.files.values():
        if not source.exists():
            msg = f"{source} is missing: make tools-node"
            raise PlatformError(msg)
        status = source.stat()
        parts.append(f"{source} {status.st_size} {status.st_mtime_ns}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
