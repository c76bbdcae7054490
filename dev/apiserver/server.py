"""A real etcd and kube-apiserver on loopback ports, without a node or controllers.

Admission, schema validation, defaulting and CEL rules are the apiserver's own.
Nothing else of Kubernetes runs: pods stay pending and owners are not followed.
"""

from __future__ import annotations

import contextlib
import http
import secrets
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dev.apiserver.client import LOOPBACK, POLL_SECONDS, Client
from dev.apiserver.processes import free_ports, process
from dev.platform.command import run

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterable, Iterator

START_TIMEOUT_SECONDS = 60
ADMINISTRATORS = "system:masters"


@dataclass(frozen=True, slots=True)
class User:
    """A user of the apiserver."""

    name: str
    token: str
    group: str = ""


@dataclass(frozen=True, slots=True)
class Network:
    """A network that the programs run in."""

    command: tuple[str, ...] = ()
    """Prefix of a command that is to run there."""
    addresses: tuple[str, ...] = (LOOPBACK,)
    """Addresses of the machine, beginning with the one for clients."""
    bind: str = LOOPBACK
    """Address that the apiserver listens on."""


@contextlib.contextmanager
def running(
    etcd: Path,
    kube_apiserver: Path,
    network: Network | None = None,
    arguments: Iterable[str] = (),
) -> Iterator[Client]:
    """Run both programs until the block ends, however it ends.

    `arguments` are further ones of the apiserver.
    """
    place = network or Network()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="apiserver-")))
        etcd_port, api_port = free_ports(2)
        token = secrets.token_hex()
        write_credentials(folder, [User("admin", token, ADMINISTRATORS)], place.addresses)
        client = Client(
            port=api_port, token=token, ca=folder / "tls.crt", address=place.addresses[0]
        )
        store = etcd_command(etcd, folder / "etcd", etcd_port)
        stack.enter_context(process(folder / "etcd.log", [*place.command, *store]))
        command = apiserver_command(kube_apiserver, folder, api_port, etcd_port, place.bind)
        server = stack.enter_context(
            process(folder / "kube-apiserver.log", [*place.command, *command, *arguments])
        )
        _wait_until_ready(client, server, folder)
        yield client


def etcd_command(etcd: Path, data: Path, port: int, peer_port: int = 0) -> list[str]:
    """Return the command of an etcd of one member; a crash of the machine may lose its data."""
    url, peer = f"http://{LOOPBACK}:{port}", f"http://{LOOPBACK}:{peer_port}"
    return [
        str(etcd),
        f"--data-dir={data}",
        f"--listen-client-urls={url}",
        f"--advertise-client-urls={url}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
    ]


def apiserver_command(
    kube_apiserver: Path, folder: Path, port: int, etcd_port: int, bind: str = LOOPBACK
) -> list[str]:
    """Return the command of a kube-apiserver with the credentials of a folder."""
    key = folder / "tls.key"
    return [
        str(kube_apiserver),
        f"--etcd-servers=http://{LOOPBACK}:{etcd_port}",
        f"--bind-address={bind}",
        f"--advertise-address={LOOPBACK}",
        # The reconciler refuses loopback addresses, and the endpoint is not used.
        "--endpoint-reconciler-type=none",
        f"--secure-port={port}",
        f"--tls-cert-file={folder / 'tls.crt'}",
        f"--tls-private-key-file={key}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        "--service-cluster-ip-range=10.0.0.0/16",
        # It waits for a default account that only the controller manager makes.
        "--disable-admission-plugins=ServiceAccount",
    ]


def write_credentials(
    folder: Path, users: Iterable[User], addresses: Iterable[str] = (LOOPBACK,)
) -> None:
    """Write the apiserver's certificate and key, and the tokens of its users."""
    lines = (f"{user.token},{user.name},{user.name},{user.group}\n" for user in users)
    (folder / "tokens.csv").write_text("".join(lines))
    run(
        *("openssl", "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-days", "2"),
        *("-subj", "/CN=kube-apiserver"),
        *("-addext", f"subjectAltName={','.join(f'IP:{address}' for address in addresses)}"),
        *("-keyout", str(folder / "tls.key"), "-out", str(folder / "tls.crt")),
    )


def is_ready(client: Client) -> bool:
    """Return whether an apiserver serves requests and has its default namespace."""
    try:
        # The namespace is created in the background, and namespaced objects need it.
        paths = ("/readyz", "/api/v1/namespaces/default")
        return all(client.request("GET", path).status == http.HTTPStatus.OK for path in paths)
    except OSError:
        return False


def _wait_until_ready(client: Client, server: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while not is_ready(client):
        if server.poll() is not None or time.monotonic() > deadline:
            logs = "\n".join(
                f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}"
                for log in sorted(folder.glob("*.log"))
            )
            msg = f"kube-apiserver is not ready\n{logs}"
            raise RuntimeError(msg)
        time.sleep(POLL_SECONDS)
