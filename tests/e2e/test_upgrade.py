"""A new release of the function, and a new revision of the Composition, change nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from dev.platform import images, install, node, packages
from dev.platform.place import BIN, REGISTRY, ROOT
from tests.e2e.kube import PLATFORM, RELEASES, VCLUSTERS, Kube, condition, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dev.platform.machine import Machine

FUNCTION = "function.pkg.crossplane.io"
NAME = "function-vcluster"
SETTLE_SECONDS = 10
"""For what a call with the new revision would have changed, to reach the Releases."""

REVISIONS = "functionrevisions.pkg.crossplane.io"


@pytest.fixture
def next_package(there: Machine, kube: Kube) -> Iterator[str]:
    """Push a release that differs in its metadata, and go back to the platform's own at the end."""
    old = (kube.get(FUNCTION, NAME) or {})["spec"]["package"]
    tag = "v0.1.1-e2e"
    folder = there.place.folder / "next-package"
    _build(folder, tag)
    package = f"--package-files={folder / 'next.xpkg'}"
    there.run(str(BIN / "crossplane"), "xpkg", "push", package, f"{REGISTRY}/{NAME}:{tag}")
    yield f"{old.rpartition(':')[0]}:{tag}"
    kube.patch(FUNCTION, NAME, {"spec": {"package": old}})
    kube.apply(install.composition(node.site(there)))
    until("the old release is active", lambda: _active(kube) == old, 120)


def _build(folder: Path, tag: str) -> None:
    """Build the package with another annotation."""
    folder.mkdir(exist_ok=True)
    metadata = yaml.safe_load((ROOT / "package" / "crossplane.yaml").read_text())
    metadata["metadata"].setdefault("annotations", {})["release"] = tag
    root = folder / "package"
    root.mkdir(exist_ok=True)
    (root / "crossplane.yaml").write_text(yaml.safe_dump(metadata))
    for each in (ROOT / "package").rglob("*.yaml"):
        if each.name != "crossplane.yaml":
            target = root / each.relative_to(ROOT / "package")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(each.read_text())
    runtime = images.named(images.build(print), f"/{NAME}")
    packages.write(root, runtime, folder / "next.xpkg")


def _active(kube: Kube) -> str:
    """Return the package whose pods answer Crossplane."""
    for one in kube.list(REVISIONS):
        healthy = condition(one, "RuntimeHealthy").get("status") == "True"
        if one["spec"]["desiredState"] == "Active" and healthy:
            return str(one["spec"]["image"])
    return ""


def _releases(kube: Kube, name: str) -> dict[str, Any]:
    """Return of each Release what a change of it would change."""
    return {
        one["metadata"]["name"]: (
            one["metadata"]["generation"],
            one["spec"],
            one["status"]["atProvider"]["revision"],
        )
        for one in kube.list(RELEASES, PLATFORM, f"crossplane.io/composite={name}")
    }


def test_a_new_release_of_the_function_changes_no_release(
    kube: Kube, there: Machine, tenants: tuple[str, ...], next_package: str
) -> None:
    """Another package is active, another revision of the Composition used; nothing is touched."""
    before = {name: _releases(kube, name) for name in tenants}
    seen = set()

    def moves_on(name: str) -> bool:
        seen.add(condition(kube.get(VCLUSTERS, name), "Ready")["status"])
        return _revision(kube, name) != revisions[name]

    revisions = {name: _revision(kube, name) for name in tenants}
    kube.patch(FUNCTION, NAME, {"spec": {"package": next_package}})
    until("the new release is active", lambda: _active(kube) == next_package, 120)
    composition: Any = install.composition(node.site(there))
    composition["metadata"]["labels"] = {"release": "next"}
    composition["spec"]["pipeline"][0]["input"]["plans"]["huge"] = {}
    kube.apply(composition)
    for name in tenants:
        until(f"{name} uses the new revision", lambda name=name: moves_on(name), 60)  # type: ignore[misc]
    time.sleep(SETTLE_SECONDS)
    for name in tenants:
        moves_on(name)
        assert _releases(kube, name) == before[name]
    assert seen == {"True"}


def _revision(kube: Kube, name: str) -> str:
    found = kube.get(VCLUSTERS, name) or {}
    return str(found["spec"]["crossplane"]["compositionRevisionRef"]["name"])
