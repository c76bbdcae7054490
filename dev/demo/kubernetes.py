"""A stand-in for a Kubernetes API server: objects in memory, with the API that an import needs.

The demo needs nothing but Python, so there is no real one. The tests have one.
"""

import json
import re
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

Object = dict[str, Any]

_PATH = re.compile(
    r"/(?:api|apis/[^/]+)/[^/]+(?:/namespaces/(?P<namespace>[^/]+))?/(?P<plural>[a-z]+)"
    r"(?:/(?P<name>[^/]+))?$"
)

ANY = "*"
"""Value in a selector that stands for all."""


class Store:
    """The objects, by path."""

    def __init__(self) -> None:
        """Start with the one namespace that every cluster has."""
        self.objects: dict[str, Object] = {}
        self.put("/api/v1/namespaces/kube-system", {"metadata": {"name": "kube-system"}})

    def put(self, path: str, body: Object) -> Object:
        """Store an object."""
        body["metadata"].setdefault("uid", str(uuid.uuid4()))
        self.objects[path] = body
        return body

    def answer(
        self, method: str, path: str, body: Object, labels: Mapping[str, str | None] | None = None
    ) -> tuple[int, Object]:
        """Return status and body of an answer; a list has the objects with the labels."""
        if method == "POST":
            path = f"{path}/{body['metadata']['name']}"
            if path in self.objects:
                return 409, _status(409, "AlreadyExists")
            return 201, self.put(path, body)
        if method == "PATCH":
            before = self.objects.get(path, {"metadata": {}})
            return 200, self.put(path, _merged(before, body))
        if self._is_collection(path):
            listed = self._listed(path, labels or {})
            if method == "DELETE":
                self._end(listed)
            return 200, {"metadata": {}, "items": listed}
        if path not in self.objects:
            return 404, _status(404, "NotFound")
        return 200, self.objects.pop(path) if method == "DELETE" else self.objects[path]

    def _listed(self, path: str, labels: Mapping[str, str | None]) -> list[Object]:
        """Return the objects of a collection, of one namespace or of all."""
        bodies = []
        for one, body in self.objects.items():
            above = one.rpartition("/")[0]
            everywhere = re.sub("/namespaces/[^/]+/", "/", above)
            borne = body["metadata"].get("labels") or {}
            if path in (above, everywhere) and _is_selected(borne, labels):
                bodies.append(body)
        return bodies

    def _end(self, bodies: list[Object]) -> None:
        """Remove objects, except those that are ending already, which are blocked."""
        gone = [id(body) for body in bodies if "deletionTimestamp" not in body["metadata"]]
        self.objects = {path: one for path, one in self.objects.items() if id(one) not in gone}

    def _is_collection(self, path: str) -> bool:
        match = _PATH.fullmatch(path)
        return match is not None and match["name"] is None


@contextmanager
def serving() -> Iterator[tuple[Store, str]]:
    """Serve a store until the block ends; yield it and its address."""
    store = Store()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            path, _, query = self.path.partition("?")
            selector = parse_qs(query).get("labelSelector", [""])[0]
            labels = dict(_requirement(part) for part in selector.split(",") if part)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            with lock:
                status, answer = store.answer(self.command, path, body, labels)
                payload = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815  # http.server's names

        def log_message(self, *_: object) -> None:
            """Keep requests out of the demo's output."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield store, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def kubeconfig(address: str) -> str:
    """Return a kubeconfig for an address."""
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "demo",
            "contexts": [{"name": "demo", "context": {"cluster": "demo", "user": "demo"}}],
            "clusters": [{"name": "demo", "cluster": {"server": address}}],
            "users": [{"name": "demo", "user": {}}],
        }
    )


def _requirement(part: str) -> tuple[str, str | None]:
    """Return a label and its value: None if it must be absent, `ANY` if it must be there."""
    if part.startswith("!"):
        return part[1:], None
    key, has_value, value = part.partition("=")
    return key, value if has_value else ANY


def _is_selected(borne: Mapping[str, str], labels: Mapping[str, str | None]) -> bool:
    return all(
        key in borne if value == ANY else borne.get(key) == value for key, value in labels.items()
    )


def _status(code: int, reason: str) -> Object:
    return {"kind": "Status", "code": code, "reason": reason, "message": reason}


def _merged(before: Object, patch: Object) -> Object:
    """Merge as a JSON merge patch; an apply is one where there is one manager only."""
    merged = dict(before)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = _merged(merged[key], value)
        else:
            merged[key] = value
    return merged
