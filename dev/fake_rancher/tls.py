"""Certificates, good and bad, made once per process by openssl."""

import atexit
import functools
import ssl
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Certificate = Literal["good", "unknown-ca", "wrong-name", "expired"]

CONFIG = """
[req]
distinguished_name = subject
[subject]
[ca]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
[server]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = {names}
"""
NAMES = ("localhost", "127.0.0.1")
NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


@dataclass(frozen=True)
class Pair:
    """A certificate with its key, and the CA that signed it."""

    certificate: Path
    key: Path
    ca: Path

    def context(self) -> ssl.SSLContext:
        """Return the context of a server."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


def _openssl(folder: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


def _subject(names: Sequence[str]) -> str:
    is_address = [all(c in "0123456789.:" for c in name) for name in names]
    kinds = ["IP" if address else "DNS" for address in is_address]
    return ",".join(f"{kind}:{name}" for kind, name in zip(kinds, names, strict=True))


def _authority(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "openssl.cnf").write_text(CONFIG.format(names="DNS:ca"))
    own = ("-subj", f"/CN=test-ca {folder.name}", "-keyout", "ca.key", "-out", "ca.crt")
    made = ("-x509", "-days", "30", "-extensions", "ca")
    _openssl(folder, "req", *NEW_KEY, "-config", "openssl.cnf", *made, *own)


def _sign(folder: Path, authority: Path, names: Sequence[str], days: int) -> Pair:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "openssl.cnf").write_text(CONFIG.format(names=_subject(names)))
    own = ("-subj", "/CN=test-server", "-keyout", "tls.key", "-out", "tls.csr")
    _openssl(folder, "req", *NEW_KEY, "-config", "openssl.cnf", *own)
    ca = ("-CA", str(authority / "ca.crt"), "-CAkey", str(authority / "ca.key"), "-CAcreateserial")
    extensions = ("-extfile", "openssl.cnf", "-extensions", "server", "-days", str(days))
    _openssl(folder, "x509", "-req", "-in", "tls.csr", "-out", "tls.crt", *ca, *extensions)
    return Pair(folder / "tls.crt", folder / "tls.key", authority / "ca.crt")


def make(folder: Path, names: Sequence[str]) -> Pair:
    """Write ca.crt, ca.key, tls.crt and tls.key into a folder, unless they exist."""
    if (folder / "tls.crt").exists():
        return Pair(folder / "tls.crt", folder / "tls.key", folder / "ca.crt")
    _authority(folder)
    return _sign(folder, folder, names, days=30)


@functools.cache
def _home() -> Path:
    folder = tempfile.TemporaryDirectory(prefix="fake-rancher-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


@functools.cache
def pair(kind: Certificate = "good", names: tuple[str, ...] = NAMES) -> Pair:
    """Return a certificate of a kind; all but "unknown-ca" have the CA of the good one."""
    if kind == "unknown-ca":
        return make(_home() / kind, names)
    authority = _home() / "ca"
    if not authority.exists():
        _authority(authority)
    folder = _home() / f"{kind}-{len(list(_home().iterdir()))}"
    if kind == "wrong-name":
        return _sign(folder, authority, ("elsewhere.example",), days=30)
    return _sign(folder, authority, names, days=-1 if kind == "expired" else 30)
