"""Follow a collection of the API."""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dev.apiserver.client import Client

RETRY_SECONDS = 1


def follow(
    client: Client,
    path: str,
    seen: Callable[[str, dict[str, Any]], None],
    stopped: threading.Event,
) -> None:
    """Call `seen` with each object, then with every change, in a thread until `stopped`."""

    def run() -> None:
        while not stopped.is_set():
            # A connection ends after a while; the next one lists every object again.
            with contextlib.suppress(OSError, http.client.HTTPException):
                for event in _events(client, path):
                    seen(event["type"], event["object"])
            stopped.wait(RETRY_SECONDS)

    threading.Thread(target=run, name=path, daemon=True).start()


def _events(client: Client, path: str) -> Iterator[dict[str, Any]]:
    trust = ssl.create_default_context(cafile=str(client.ca))
    connection = http.client.HTTPSConnection("127.0.0.1", client.port, context=trust)
    with contextlib.closing(connection):
        headers = {"Authorization": f"Bearer {client.token}", "Accept": "application/json"}
        connection.request("GET", f"{path}{'&' if '?' in path else '?'}watch=true", headers=headers)
        for line in connection.getresponse():
            event = json.loads(line)
            if event["type"] == "ERROR":
                return
            yield event
