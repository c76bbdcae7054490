"""The OIDC issuer for logins: a program of the node, with a certificate by a CA of its own."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dev.fake_rancher import tls
from dev.issuer.keys import Keys
from dev.issuer.tokens import USERS
from dev.platform.place import ISSUER_PORT, ROOT, Place
from dev.platform.programs import Program

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Issuer:
    """An issuer that runs beside a cluster."""

    url: str
    ca_file: Path
    address: str
    """Its address, which pods and the machine reach alike."""


def of(place: Place) -> Issuer:
    """Return the issuer of a platform."""
    folder = place.folder / "issuer"
    return Issuer(f"https://{place.address}:{ISSUER_PORT}", folder / "ca.crt", place.address)


def program(place: Place) -> Program:
    """Return the issuer, whose certificate and keys are made at its first start."""
    folder = place.folder / "issuer"
    tls.make(folder, (*tls.NAMES, place.address))
    Keys(folder)
    return Program(
        "issuer",
        (
            *(sys.executable, "-m", "dev.issuer", "--folder", str(folder)),
            *("--host", "0.0.0.0", "--port", str(ISSUER_PORT)),  # noqa: S104 -- of the node
            *("--url", of(place).url),
        ),
        env={"PYTHONPATH": str(ROOT)},
    )


def access(issuer: Issuer) -> dict[str, object]:
    """Return the part of the Input's `access` that differs from the one of another issuer."""
    own = {
        "url": issuer.url,
        "certificateAuthority": issuer.ca_file.read_text(),
        "egress": [f"{issuer.address}/32"],
    }
    return {"issuers": {"corp": own}}


def hint(issuer: Issuer) -> str:
    """Return how to log in."""
    users = " and ".join(f"{user.name} of {', '.join(user.groups)}" for user in USERS)
    return f"""\
The issuer {issuer.url} (CA: {issuer.ca_file}) knows {users}, and believes everyone
who says that they are one of them. docs/login.md: spec.access.oidc gives a VCluster's groups their
roles. A token without a browser, for the client `vcluster-<namespace on the host>`:
curl --silent --cacert {issuer.ca_file} {issuer.url}/token \\
  -d grant_type=password -d username={USERS[0].name} -d client_id=vcluster-<namespace>"""
