"""Certificates of a cluster, made by openssl: one CA, and a pair of files for each name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dev.platform.command import run
from dev.platform.place import API_SERVICE, NODE, NODE_ADDRESS, Place

if TYPE_CHECKING:
    from pathlib import Path

DAYS = "365"


@dataclass(frozen=True, slots=True)
class Certificate:
    """Subject of the certificate, and name of its file."""

    name: str
    user: str
    group: str = ""
    addresses: tuple[str, ...] = ()


def wanted(place: Place) -> tuple[Certificate, ...]:
    """Return the certificates of all components."""
    api = (
        "DNS:kubernetes",
        "DNS:kubernetes.default",
        "DNS:kubernetes.default.svc",
        "DNS:kubernetes.default.svc.cluster.local",
        "DNS:localhost",
        *(f"IP:{each}" for each in ("127.0.0.1", NODE_ADDRESS, API_SERVICE, place.address)),
    )
    return (
        Certificate("kube-apiserver", "kube-apiserver", addresses=api),
        Certificate("kubelet-client", "kube-apiserver", "system:masters"),
        Certificate("admin", "admin", "system:masters"),
        Certificate("kube-controller-manager", "system:kube-controller-manager"),
        Certificate("kube-scheduler", "system:kube-scheduler"),
        Certificate("kube-proxy", "system:kube-proxy"),
        Certificate("kube-router", "kube-router", "system:masters"),
        Certificate(
            "kubelet", f"system:node:{NODE}", "system:nodes", (f"DNS:{NODE}", f"IP:{NODE_ADDRESS}")
        ),
    )


def make(place: Place) -> None:
    """Create missing certificates."""
    folder = place.certificates
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "ca.crt").exists():
        _openssl(
            folder,
            *("req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-days", DAYS, "-subj", f"/CN=vcluster-{place.name}"),
            *("-keyout", "ca.key", "-out", "ca.crt"),
        )
    if not (folder / "service-accounts.key").exists():
        _openssl(folder, "genrsa", "-out", "service-accounts.key", "2048")
    for each in wanted(place):
        if not (folder / f"{each.name}.crt").exists():
            _sign(folder, each)


def _sign(folder: Path, certificate: Certificate) -> None:
    name = certificate.name
    group = f"/O={certificate.group}" if certificate.group else ""
    extensions = "extendedKeyUsage=serverAuth,clientAuth\n"
    if certificate.addresses:
        extensions += f"subjectAltName={','.join(certificate.addresses)}\n"
    (folder / f"{name}.ext").write_text(extensions)
    _openssl(
        folder,
        *("req", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        *("-subj", f"{group}/CN={certificate.user}"),
        *("-keyout", f"{name}.key", "-out", f"{name}.csr"),
    )
    _openssl(
        folder,
        *("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key"),
        *("-CAcreateserial", "-days", DAYS, "-extfile", f"{name}.ext", "-out", f"{name}.crt"),
    )


def _openssl(folder: Path, *words: str) -> None:
    run("openssl", *words, folder=folder)
