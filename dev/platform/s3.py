"""The S3 server for backups: a program of the node, with a certificate by a CA of its own.

The backups in it are encrypted with age, for a recipient that is made with the platform.
"""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

from pyrage import x25519

from dev.fake_rancher import tls
from dev.platform.place import BIN, NODE_ADDRESS, S3_PORT, Place
from dev.platform.programs import GO, Program
from dev.platform.secret import PLATFORM, Host, apply_secret

if TYPE_CHECKING:
    from pathlib import Path

BUCKET = "vclusters"
REGION = "us-east-1"
CREDENTIALS_SECRET = "backup-s3"  # noqa: S105 -- a name
CA_SECRET = "backup-s3-ca"  # noqa: S105 -- a name
IDENTITY_SECRET = "backup-age"  # noqa: S105 -- a name
IDENTITY_KEY = "keys.txt"
TARGET = "nightly"


def program(place: Place) -> Program:
    """Return the server, whose certificate, credentials and bucket are made at its first start."""
    folder = place.folder / "s3"
    pair = tls.make(folder, (NODE_ADDRESS, "127.0.0.1", place.address))
    (folder / "store" / BUCKET).mkdir(parents=True, exist_ok=True)
    credentials = _credentials(folder)
    return Program(
        "versitygw",
        (
            *(str(BIN / "versitygw"), "--port", f":{S3_PORT}", "--region", REGION, "--quiet"),
            *("--cert", str(pair.certificate), "--key", str(pair.key)),
            *("posix", str(folder / "store")),
        ),
        env={
            **GO,
            "ROOT_ACCESS_KEY": credentials["accessKeyId"],
            "ROOT_SECRET_KEY": credentials["secretAccessKey"],
        },
    )


def install(host: Host) -> None:
    """Give the platform credentials and CA of the server, and the identity for restores."""
    folder = host.folder / "s3"
    data = {key: value.encode() for key, value in _credentials(folder).items()}
    apply_secret(host, CREDENTIALS_SECRET, PLATFORM, data)
    apply_secret(host, CA_SECRET, PLATFORM, {"ca.crt": (folder / "ca.crt").read_bytes()})
    identity = f"{_identity(folder)}\n".encode()
    apply_secret(host, IDENTITY_SECRET, PLATFORM, {IDENTITY_KEY: identity})


def own_input(platform: Path) -> dict[str, object]:
    """Return the part of the Input that encrypts the backups of this platform."""
    age = {
        "recipients": [str(_identity(platform / "s3").to_public())],
        "identitySecretRef": {"name": IDENTITY_SECRET, "key": IDENTITY_KEY},
    }
    return {"backup": {"targets": {TARGET: {"s3": {"age": age}}}}}


def _identity(folder: Path) -> x25519.Identity:
    """Return the identity that decrypts the backups, made at the first call."""
    file = folder / IDENTITY_KEY
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(str(x25519.Identity.generate()))
    return x25519.Identity.from_str(file.read_text())


def _credentials(folder: Path) -> dict[str, str]:
    """Return the keys, by their names in a Secret of the platform."""
    file = folder / "credentials.json"
    if not file.exists():
        keys = {"accessKeyId": secrets.token_hex(8), "secretAccessKey": secrets.token_hex(20)}
        file.touch(mode=0o600)
        file.write_text(json.dumps(keys))
    credentials: dict[str, str] = json.loads(file.read_text())
    return credentials
