"""Certificates as Crossplane makes them for a function and for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dev.platform.command import run

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """[req]
distinguished_name=dn
[dn]
[ext]
subjectAltName=DNS:localhost,IP:127.0.0.1
extendedKeyUsage=serverAuth,clientAuth
[ca]
basicConstraints=critical,CA:true
"""
KEY = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
COMMANDS = (
    (
        f"req -x509 {KEY} -keyout ca.key -out ca.crt -subj /CN=ca -days 1 "
        "-config openssl.cnf -extensions ca"
    ),
    f"req {KEY} -keyout tls.key -out tls.csr -subj /CN=localhost -config openssl.cnf",
    (
        "x509 -req -in tls.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out tls.crt -days 1 "
        "-extfile openssl.cnf -extensions ext"
    ),
)
"""Commands of openssl in the folder of the configuration."""


def write_certificates(folder: Path) -> None:
    """Write a CA and a certificate for server and client."""
    (folder / "openssl.cnf").write_text(CONFIG)
    for command in COMMANDS:
        run("openssl", *command.split(), folder=folder)
