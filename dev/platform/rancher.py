"""The test Rancher on the host, with its certificate and its token."""

from __future__ import annotations

import base64
import json
import secrets
from typing import TYPE_CHECKING, Protocol

from dev.fake_rancher import tls
from dev.platform.place import RANCHER_CONTROL_PORT, ROOT
from dev.platform.supervise import kubectl

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST = ROOT / "dev" / "platform" / "manifests" / "rancher.yaml"
NAMESPACE = "cattle-system"
PLATFORM = "vcluster-system"
TOKEN_SECRET = "rancher-api"  # noqa: S105 -- a name


class Host(Protocol):
    """A cluster, and the folder of what belongs to it."""

    @property
    def folder(self) -> Path:
        """Where credentials are."""

    @property
    def kubeconfig(self) -> Path:
        """The administrator's."""


def install(host: Host, address: str, port: int) -> None:
    """Run it at an address of the host, and give the platform its token."""
    folder = host.folder / "rancher"
    tls.make(folder, (address,))
    token = folder / "token"
    if not token.exists():
        token.write_text(f"token-{secrets.token_hex(3)}:{secrets.token_hex(27)}")
    settings = {
        "ADDRESS": f"{address}:{port}",
        "PORT": port,
        "CONTROL": RANCHER_CONTROL_PORT,
    }
    manifest = MANIFEST.read_text()
    for word, value in settings.items():
        manifest = manifest.replace(word, str(value))
    kubectl(host, "apply", "-f", "-", text=manifest)
    _secret(host, "rancher", NAMESPACE, {
        name: (folder / name).read_bytes() for name in ("ca.crt", "tls.crt", "tls.key", "token")
    })  # fmt: skip
    give_token(host)


def give_token(host: Host, token: str = "", secret: str = TOKEN_SECRET) -> None:
    """Put a token into a Secret of the platform; by default the one that is good."""
    folder = host.folder / "rancher"
    data = {
        "ca.crt": (folder / "ca.crt").read_bytes(),
        "token": token.encode() or (folder / "token").read_bytes(),
    }
    _secret(host, secret, PLATFORM, data)


def _secret(host: Host, name: str, namespace: str, data: dict[str, bytes]) -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
    }
    kubectl(host, "apply", "-f", "-", text=json.dumps(secret))
