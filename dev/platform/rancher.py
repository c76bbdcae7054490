"""The test Rancher on the host, with its certificate and its token."""

from __future__ import annotations

import secrets

from dev.fake_rancher import tls
from dev.platform.place import RANCHER_CONTROL_PORT, ROOT
from dev.platform.secret import PLATFORM, Host, apply_secret
from dev.platform.supervise import kubectl

MANIFEST = ROOT / "dev" / "platform" / "manifests" / "rancher.yaml"
NAMESPACE = "cattle-system"
TOKEN_SECRET = "rancher-api"  # noqa: S105 -- a name


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
    apply_secret(host, "rancher", NAMESPACE, {
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
    apply_secret(host, secret, PLATFORM, data)
