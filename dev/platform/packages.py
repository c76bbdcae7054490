"""The Crossplane packages, built as `make package` does, and provider-helm's beside them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dev.platform import images
from dev.platform.command import run
from dev.platform.place import BIN, ROOT, TOOLS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from dev.platform.images import Image

    Say = Callable[[str], None]

FOLDER = TOOLS / "packages"
PROVIDER_VERSION = "v1.3.0"
FUNCTION = "function-vcluster"


@dataclass(frozen=True, slots=True)
class Package:
    """A file for `crossplane xpkg push`."""

    name: str
    repository: str
    """Path below a registry."""
    tag: str
    """Digest of the content."""
    file: Path


def build(built: Sequence[Image], say: Say) -> tuple[Package, ...]:
    """Build missing and outdated packages."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    provider = _package(
        "provider-helm",
        TOOLS / "provider-helm-package",
        images.named(built, "localhost/provider-helm"),
        say,
    )
    return (
        Package("provider-helm", "crossplane-contrib/provider-helm", PROVIDER_VERSION, provider),
        function(images.named(built, f"/{FUNCTION}"), say),
    )


def function(runtime: Image, say: Say) -> Package:
    """Build the function's package unless it exists."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = _package(FUNCTION, ROOT / "package", runtime, say)
    content = file.stem.rpartition("-")[2]
    return Package(FUNCTION, FUNCTION, f"v0.1.0-{content}", file)


def _package(name: str, root: Path, runtime: Image, say: Say) -> Path:
    digest = hashlib.sha256(runtime.digest.encode())
    for each in sorted(root.rglob("*.yaml")):
        digest.update(each.read_bytes())
    file = FOLDER / f"{name}-{digest.hexdigest()[:12]}.xpkg"
    if file.exists():
        return file
    say(f"building the package {name}")
    for old in FOLDER.glob(f"{name}-*.xpkg"):
        old.unlink()
    write(root, runtime, file)
    return file


def write(root: Path, runtime: Image, file: Path) -> None:
    """Build the package of a folder with its image."""
    unfinished = file.with_suffix(".unfinished.xpkg")
    run(
        *(str(BIN / "crossplane"), "xpkg", "build", f"--package-root={root}"),
        *(f"--embed-runtime-image-tarball={runtime.archive}", f"--package-file={unfinished}"),
    )
    unfinished.rename(file)
