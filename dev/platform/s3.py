"""The S3 server for backups: a program of the node, with a certificate by a CA of its own."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

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
    """Give the platform credentials and CA of the server."""
    folder = host.folder / "s3"
    data = {key: value.encode() for key, value in _credentials(folder).items()}
    apply_secret(host, CREDENTIALS_SECRET, PLATFORM, data)
    apply_secret(host, CA_SECRET, PLATFORM, {"ca.crt": (folder / "ca.crt").read_bytes()})


def _credentials(folder: Path) -> dict[str, str]:
    """Return the keys, by their names in a Secret of the platform."""
    file = folder / "credentials.json"
    if not file.exists():
        keys = {"accessKeyId": secrets.token_hex(8), "secretAccessKey": secrets.token_hex(20)}
        file.touch(mode=0o600)
        file.write_text(json.dumps(keys))
    credentials: dict[str, str] = json.loads(file.read_text())
    return credentials
