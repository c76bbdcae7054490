"""The edge of a host, as small as it can be: it passes TLS through by name, and says where it is.

It stands for an ingress controller (`ingresses`) or the controller of a Gateway (`tlsroutes`), of
which the platform of these tests has neither; what it passes through is real. It looks at the
objects of the namespaces once a second, and reads the name that a client asks for from the first
record of the TLS handshake, as https://www.rfc-editor.org/rfc/rfc8446#section-4.1.2 and
https://www.rfc-editor.org/rfc/rfc6066#section-3 say.

usage: python -m tests.e2e.edge KUBECONFIG KIND
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
import sys
from typing import Any

from dev.platform.place import BIN, NODE_ADDRESS

PORT = 443
NAME = "edge"
"""The IngressClass and the Gateway that it serves."""

LOOK_SECONDS = 1
HANDSHAKE_SECONDS = 10
HANDSHAKE, CLIENT_HELLO, SERVER_NAME = 22, 1, 0
CHUNK = 65536

Object = dict[str, Any]


def server_name(hello: bytes) -> str:
    """Return the name that a ClientHello asks for; empty if none.

    Raises struct.error or IndexError for what is no ClientHello.
    """
    at = 4 + 2 + 32
    at += 1 + hello[at]
    at += 2 + struct.unpack_from("!H", hello, at)[0]
    at += 1 + hello[at]
    at += 2
    while at < len(hello):
        kind, length = struct.unpack_from("!HH", hello, at)
        at += 4
        if kind == SERVER_NAME:
            (size,) = struct.unpack_from("!H", hello, at + 3)
            return hello[at + 5 : at + 5 + size].decode("ascii", errors="replace")
        at += length
    return ""


def targets(kind: str, found: list[Object]) -> dict[str, tuple[str, str]]:
    """Return namespace and name of the Service behind each name."""
    routes = {}
    for one in mine(kind, found):
        namespace, spec = one["metadata"]["namespace"], one["spec"]
        if kind == "ingresses":
            for rule in spec["rules"]:
                service = rule["http"]["paths"][0]["backend"]["service"]["name"]
                routes[rule["host"]] = (namespace, service)
        else:
            service = spec["rules"][0]["backendRefs"][0]["name"]
            routes |= dict.fromkeys(spec["hostnames"], (namespace, service))
    return routes


def mine(kind: str, found: list[Object]) -> list[Object]:
    """Return the objects that ask for this edge."""
    if kind == "ingresses":
        return [one for one in found if one["spec"].get("ingressClassName") == NAME]
    return [one for one in found if one["spec"]["parentRefs"][0]["name"] == NAME]


def status(kind: str, one: Object) -> Object:
    """Return what a controller writes into the status of an object that it has taken."""
    if kind == "ingresses":
        return {"loadBalancer": {"ingress": [{"ip": NODE_ADDRESS}]}}
    accepted = {
        "type": "Accepted",
        "status": "True",
        "reason": "Accepted",
        "message": "The route is accepted.",
        "lastTransitionTime": one["metadata"]["creationTimestamp"],
    }
    parent = {
        "controllerName": f"example.org/{NAME}",
        "parentRef": one["spec"]["parentRefs"][0],
        "conditions": [accepted],
    }
    return {"parents": [parent]}


class Edge:
    """Watches the objects of a kind, and passes connections on."""

    def __init__(self, kubeconfig: str, kind: str) -> None:
        """Work as the administrator of a kubeconfig."""
        self.kubeconfig = kubeconfig
        self.kind = kind
        self.routes: dict[str, str] = {}

    async def run(self) -> None:
        """Serve until killed."""
        async with await asyncio.start_server(self.serve, NODE_ADDRESS, PORT):
            while True:
                await self.look()
                await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Learn the routes, and say of each object that it has been taken."""
        found = json.loads(await self.kubectl("get", self.kind, "-A", "-o", "json"))["items"]
        routes = {}
        for name, (namespace, service) in targets(self.kind, found).items():
            path = "jsonpath={.spec.clusterIP}"
            words = ("get", "service", service, "-n", namespace, "-o", path, "--ignore-not-found")
            routes[name] = await self.kubectl(*words)
        self.routes = {name: address for name, address in routes.items() if address}
        for one in mine(self.kind, found):
            wanted = status(self.kind, one)
            if one.get("status") != wanted:
                metadata, patch = one["metadata"], json.dumps({"status": wanted})
                what = ("patch", self.kind, metadata["name"], "-n", metadata["namespace"])
                await self.kubectl(*what, "--subresource=status", "--type=merge", "-p", patch)

    async def kubectl(self, *words: str) -> str:
        """Run kubectl, and return what it printed; nothing if it failed, which shows in the log."""
        program = (str(BIN / "kubectl"), f"--kubeconfig={self.kubeconfig}")
        pipe = asyncio.subprocess.PIPE
        started = await asyncio.create_subprocess_exec(*program, *words, stdout=pipe)
        output, _ = await started.communicate()
        empty = '{"items": []}' if words[-1] == "json" else ""
        return output.decode() if started.returncode == 0 else empty

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on to the Service of the name that it asks for."""
        with contextlib.suppress(OSError, EOFError, LookupError, struct.error):
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                header = await reader.readexactly(5)
                kind, _, length = struct.unpack("!BHH", header)
                hello = await reader.readexactly(length)
                name = server_name(hello) if (kind, hello[0]) == (HANDSHAKE, CLIENT_HELLO) else ""
                inner, outer = await asyncio.open_connection(self.routes[name], PORT)
            outer.write(header + hello)
            await asyncio.gather(_copy(reader, outer), _copy(inner, writer))
        writer.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Copy until one side ends."""
    with contextlib.suppress(OSError):
        while data := await source.read(CHUNK):
            target.write(data)
            await target.drain()
    target.close()


if __name__ == "__main__":
    asyncio.run(Edge(*sys.argv[1:]).run())
