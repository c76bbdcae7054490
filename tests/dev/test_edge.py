"""The edge that the end-to-end tests put before a host: what it reads, and whom it lets through."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any

import pytest

from dev.platform.function_certificates import write_certificates
from tests.e2e import edge

if TYPE_CHECKING:
    from pathlib import Path

INGRESS: dict[str, Any] = {
    "metadata": {"name": "a", "namespace": "b", "creationTimestamp": "2026-01-01T00:00:00Z"},
    "spec": {
        "ingressClassName": "edge",
        "rules": [
            {
                "host": "a.test",
                "http": {"paths": [{"backend": {"service": {"name": "a-vcluster"}}}]},
            }
        ],
    },
}
ROUTE: dict[str, Any] = {
    "metadata": INGRESS["metadata"],
    "spec": {
        "parentRefs": [{"name": "edge"}],
        "hostnames": ["a.test"],
        "rules": [{"backendRefs": [{"name": "a-vcluster", "port": 443}]}],
    },
}


def hello(name: str | None) -> bytes:
    """Return the ClientHello of a client that asks for a name, without the record's header."""
    context = ssl.create_default_context()
    context.check_hostname = name is not None
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()[5:]


@pytest.mark.parametrize("name", ["a.test", "kunde1.k8s.example.org", None])
def test_server_name(name: str | None) -> None:
    """The name is found among the extensions, or found missing."""
    assert edge.server_name(hello(name)) == (name or "")


@pytest.mark.parametrize(("kind", "one"), [("ingresses", INGRESS), ("tlsroutes", ROUTE)])
def test_targets(kind: str, one: dict[str, Any]) -> None:
    """Only what asks for this edge is served."""
    spec = one["spec"]
    other = {**one, "spec": {**spec, "ingressClassName": "x", "parentRefs": [{"name": "x"}]}}
    assert edge.targets(kind, [one, other]) == {"a.test": ("b", "a-vcluster")}
    assert edge.targets(kind, [other]) == {}


async def ask(port: int, name: str, folder: Path) -> bytes:
    """Return what a server says to a client that verifies its certificate."""
    trust = ssl.create_default_context(cafile=folder / "ca.crt")
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=trust, server_hostname=name
    )
    said = await reader.read()
    writer.close()
    return said


def test_tls_is_passed_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client sees the certificate of the server behind; an unknown name leads nowhere."""
    write_certificates(tmp_path)
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        writer.close()

    async def both() -> None:
        behind = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=own)
        monkeypatch.setattr(edge, "PORT", behind.sockets[0].getsockname()[1])
        passing = edge.Edge("", "ingresses")
        passing.routes = {"localhost": "127.0.0.1"}
        before = await asyncio.start_server(passing.serve, "127.0.0.1", 0)
        port = before.sockets[0].getsockname()[1]
        async with behind, before:
            assert await ask(port, "localhost", tmp_path) == b"hello"
            with pytest.raises(ConnectionError):
                await ask(port, "other.test", tmp_path)

    asyncio.run(both())
