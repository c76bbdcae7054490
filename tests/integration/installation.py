"""The files of install/, applied as the README says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

from dev.scripts import life

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from dev.apiserver.client import Client


def manifests(name: str) -> list[dict[str, Any]]:
    """Return the objects of a file."""
    return list(yaml.safe_load_all((life.ROOT / "install" / name).read_text()))


def make(client: Client, manifest: dict[str, Any]) -> None:
    """Apply an object, which must be accepted."""
    answer = client.apply(manifest)
    assert answer.status in (200, 201), answer.body


def install(client: Client, *files: str) -> None:
    """Apply all objects of files."""
    for file in files:
        for manifest in manifests(file):
            make(client, manifest)


def install_policies(client: Client, file: str) -> None:
    """Apply the policies of a file, and their bindings."""
    for manifest in manifests(file):
        if manifest["kind"].startswith("ValidatingAdmissionPolicy"):
            make(client, manifest)


def install_rights(client: Client) -> None:
    """Give provider-helm its rights."""
    for file, kind in (("host", "ClusterRole"), ("control-plane", "ClusterRoleBinding")):
        for manifest in manifests(f"{file}.yaml"):
            if manifest["kind"] == kind:
                make(client, manifest)


def install_clock(
    run_helm: Callable[..., subprocess.CompletedProcess[str]], client: Client, folder: Path
) -> None:
    """Install chart vcluster-clock; the folder takes the kubeconfig for Helm."""
    kubeconfig = folder / "kubeconfig-helm"
    kubeconfig.write_text(json.dumps(client.kubeconfig))
    done = run_helm(
        *("upgrade", "--install", "clock", life.ROOT / "charts" / "vcluster-clock"),
        "--namespace=vcluster-system",
        values={"image": "ghcr.io/example/function-vcluster:0.1.0"},
        kubeconfig=kubeconfig,
    )
    assert done.returncode == 0, done.stderr
