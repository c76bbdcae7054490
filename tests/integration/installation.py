"""The files of install/, applied as the README says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from dev.scripts import life

if TYPE_CHECKING:
    from dev.apiserver.client import Client


def manifests(name: str) -> list[dict[str, Any]]:
    """Return the objects of a file."""
    return list(yaml.safe_load_all((life.ROOT / "install" / name).read_text()))


def install(client: Client, *files: str) -> None:
    """Apply all objects of files."""
    for file in files:
        for manifest in manifests(file):
            answer = client.apply(manifest)
            assert answer.status in (200, 201), answer.body


def install_policies(client: Client, file: str) -> None:
    """Apply the policies of a file, and their bindings."""
    for manifest in manifests(file):
        if manifest["kind"].startswith("ValidatingAdmissionPolicy"):
            answer = client.apply(manifest)
            assert answer.status in (200, 201), answer.body
