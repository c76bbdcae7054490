"""A real etcd and kube-apiserver on loopback ports, without a node or controllers.

Admission, schema validation, defaulting and CEL rules are the apiserver's own.
Nothing else of Kubernetes runs: pods stay pending and owners are not followed.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import http.client
import json
import os
import secrets
import socket
import ssl
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

START_TIMEOUT_SECONDS = 60
STOP_TIMEOUT_SECONDS = 10
REQUEST_TIMEOUT_SECONDS = 30
SERVED_TIMEOUT_SECONDS = 10
POLL_SECONDS = 0.05

LOOPBACK = "127.0.0.1"
MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"


class Answer(NamedTuple):
    """What the apiserver answered; a refusal carries a Kubernetes Status as its body."""

    status: int
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Client:
    """An administrator of the apiserver. Refusals are answers, not exceptions."""

    port: int
    token: str
    ca: Path
    """The certificate to trust."""
    address: str = LOOPBACK

    @property
    def kubeconfig(self) -> dict[str, Any]:
        """The same rights for a program that reads a kubeconfig."""
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "clusters": [
                {
                    "name": "test",
                    "cluster": {
                        "server": f"https://{self.address}:{self.port}",
                        "certificate-authority-data": base64.b64encode(
                            self.ca.read_bytes()
                        ).decode(),
                    },
                }
            ],
            "users": [{"name": "test", "user": {"token": self.token}}],
        }

    def apply(self, obj: Mapping[str, Any], *, dry_run: bool = False) -> Answer:
        """Create or change an object by server-side apply; unknown fields are refused."""
        query = "?fieldManager=tests&force=true&fieldValidation=Strict"
        if dry_run:
            query += "&dryRun=All"
        metadata = obj["metadata"]
        path = self._path(
            obj["apiVersion"], obj["kind"], metadata["name"], metadata.get("namespace")
        )
        return self.request("PATCH", path + query, obj, APPLY_PATCH)

    def get(
        self, api_version: str, kind: str, name: str, *, namespace: str | None = None
    ) -> Answer:
        """Read an object."""
        return self.request("GET", self._path(api_version, kind, name, namespace))

    def patch(  # noqa: PLR0913 -- an object's address and what to do there
        self,
        api_version: str,
        kind: str,
        name: str,
        patch: Mapping[str, Any],
        *,
        namespace: str | None = None,
        subresource: str | None = None,
    ) -> Answer:
        """Change an object, or one of its subresources such as status, by merge patch."""
        path = self._path(api_version, kind, name, namespace)
        if subresource:
            path += f"/{subresource}"
        return self.request("PATCH", path + "?fieldValidation=Strict", patch, MERGE_PATCH)

    def delete(
        self, api_version: str, kind: str, name: str, *, namespace: str | None = None
    ) -> Answer:
        """Delete an object."""
        return self.request("DELETE", self._path(api_version, kind, name, namespace))

    def request(  # noqa: PLR0913 -- what a request consists of
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        *,
        user: str = "",
    ) -> Answer:
        """Send one request to a path of the API, as somebody else if a user is named."""
        connection = http.client.HTTPSConnection(
            self.address,
            self.port,
            timeout=REQUEST_TIMEOUT_SECONDS,
            context=_trust(self.ca),
        )
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": content_type,
            "Accept": accept,
            **({"Impersonate-User": user} if user else {}),
        }
        payload = None if body is None else json.dumps(body)
        with contextlib.closing(connection):
            connection.request(method, path, payload, headers)
            response = connection.getresponse()
            text = response.read().decode()
        try:
            return Answer(response.status, json.loads(text))
        except json.JSONDecodeError:
            return Answer(response.status, {"message": text})

    def _path(self, api_version: str, kind: str, name: str, namespace: str | None) -> str:
        root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        resource = self._resource(root, kind)
        plural = resource["name"]
        if not resource["namespaced"]:
            return f"{root}/{plural}/{name}"
        return f"{root}/namespaces/{namespace or 'default'}/{plural}/{name}"

    def _resource(self, root: str, kind: str) -> dict[str, Any]:
        # A CustomResourceDefinition is accepted a moment before its kind is served.
        deadline = time.monotonic() + SERVED_TIMEOUT_SECONDS
        while True:
            resources = self.request("GET", root).body.get("resources", [])
            for resource in resources:
                if resource["kind"] == kind and "/" not in resource["name"]:
                    return dict(resource)
            if time.monotonic() > deadline:
                msg = f"{kind} is not served below {root}"
                raise LookupError(msg)
            time.sleep(POLL_SECONDS)


@functools.cache
def _trust(ca: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(ca))


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Another network than that of the tests."""

    command: tuple[str, ...]
    """What runs a program there."""
    addresses: tuple[str, ...]
    """Of the machine: the first as the tests see it."""


@contextlib.contextmanager
def running(
    etcd: Path, kube_apiserver: Path, elsewhere: Elsewhere | None = None
) -> Iterator[Client]:
    """Run both programs until the block ends, however it ends."""
    place = elsewhere or Elsewhere((), (LOOPBACK,))
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="apiserver-")))
        etcd_port, api_port = free_ports(2)
        token = secrets.token_hex()
        _write_credentials(folder, token, place.addresses)
        client = Client(
            port=api_port, token=token, ca=folder / "tls.crt", address=place.addresses[0]
        )
        stack.enter_context(
            process(folder / "etcd.log", [*place.command, *_etcd_command(etcd, folder, etcd_port)])
        )
        command = _apiserver_command(
            kube_apiserver,
            folder,
            api_port,
            etcd_port,
            "0.0.0.0" if elsewhere else LOOPBACK,  # noqa: S104
        )
        server = stack.enter_context(
            process(folder / "kube-apiserver.log", [*place.command, *command])
        )
        _wait_until_ready(client, server, folder)
        yield client


def _etcd_command(etcd: Path, folder: Path, port: int) -> list[str]:
    url = f"http://127.0.0.1:{port}"
    peer = "http://127.0.0.1:0"
    return [
        str(etcd),
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={url}",
        f"--advertise-client-urls={url}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
    ]


def _apiserver_command(
    kube_apiserver: Path, folder: Path, port: int, etcd_port: int, bind: str
) -> list[str]:
    key = folder / "tls.key"
    return [
        str(kube_apiserver),
        f"--etcd-servers=http://127.0.0.1:{etcd_port}",
        f"--bind-address={bind}",
        "--advertise-address=127.0.0.1",
        # The reconciler refuses loopback addresses, and nobody looks the endpoint up.
        "--endpoint-reconciler-type=none",
        f"--secure-port={port}",
        f"--tls-cert-file={folder / 'tls.crt'}",
        f"--tls-private-key-file={key}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        "--service-cluster-ip-range=10.0.0.0/24",
        # It waits for a default account that only the controller manager makes.
        "--disable-admission-plugins=ServiceAccount",
    ]


def _write_credentials(folder: Path, token: str, addresses: Sequence[str]) -> None:
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-nodes",
            "-newkey",
            "rsa:2048",
            "-days",
            "2",
            "-subj",
            "/CN=kube-apiserver",
            "-addext",
            f"subjectAltName={','.join(f'IP:{address}' for address in addresses)}",
            "-keyout",
            str(folder / "tls.key"),
            "-out",
            str(folder / "tls.crt"),
        ],
        check=True,
        capture_output=True,
    )
    (folder / "tokens.csv").write_text(f"{token},admin,admin,system:masters\n")


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


@contextlib.contextmanager
def process(
    log: Path, command: Sequence[str], env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program until the block ends, with its output in a file."""
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=log.parent,
            env={**os.environ, **(env or {})},
        ) as started,
    ):
        try:
            yield started
        finally:
            started.terminate()
            try:
                started.wait(STOP_TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                started.kill()


def _wait_until_ready(client: Client, server: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while not _is_ready(client):
        if server.poll() is not None or time.monotonic() > deadline:
            logs = "\n".join(
                f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}"
                for log in sorted(folder.glob("*.log"))
            )
            msg = f"kube-apiserver is not ready\n{logs}"
            raise RuntimeError(msg)
        time.sleep(POLL_SECONDS)


def _is_ready(client: Client) -> bool:
    try:
        ready = client.request("GET", "/readyz").status == http.HTTPStatus.OK
        # It is made in the background, and namespaced objects need it.
        return ready and client.get("v1", "Namespace", "default").status == http.HTTPStatus.OK
    except OSError:
        return False
