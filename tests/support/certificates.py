"""Certificates as Crossplane makes them for a function and for itself."""

import subprocess
from pathlib import Path


def certificates(folder: Path) -> None:
    """Write a CA and a certificate for server and client, as Crossplane makes them."""
    config = folder / "openssl.cnf"
    config.write_text(
        "[req]\ndistinguished_name=dn\n[dn]\n[ext]\nsubjectAltName=DNS:localhost,IP:127.0.0.1\n"
        "extendedKeyUsage=serverAuth,clientAuth\n[ca]\nbasicConstraints=critical,CA:true\n"
    )

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl(
        "req",
        "-x509",
        *new_key,
        "-keyout",
        "ca.key",
        "-out",
        "ca.crt",
        "-subj",
        "/CN=ca",
        "-days",
        "1",
        "-config",
        "openssl.cnf",
        "-extensions",
        "ca",
    )
    openssl(
        "req",
        *new_key,
        "-keyout",
        "tls.key",
        "-out",
        "tls.csr",
        "-subj",
        "/CN=localhost",
        "-config",
        "openssl.cnf",
    )
    openssl(
        "x509",
        "-req",
        "-in",
        "tls.csr",
        "-CA",
        "ca.crt",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-out",
        "tls.crt",
        "-days",
        "1",
        "-extfile",
        "openssl.cnf",
        "-extensions",
        "ext",
    )
