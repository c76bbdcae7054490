"""Remote control of a test Rancher by tests: plain HTTP, on a port of its own."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .behaviour import Fault, Lag, gateway_error
from .messages import Json
from .server import FakeRancher

FAULTS = ("method", "path", "user", "skip", "times", "delay", "drop")


def state(fake: FakeRancher) -> Json:
    """Return the state for tests, without secrets."""
    seen = fake.clusters()
    return {
        "clusters": [
            {
                "name": cluster.name,
                "id": cluster.id,
                "labels": cluster.labels,
                "connected": cluster.connected,
                "ready": cluster.ready,
                "deleting": cluster.deleting is not None,
                "connections": cluster.connections,
                "agentImage": cluster.agent_image,
                "agentRestarts": len(cluster.agent_restarts),
                "bindings": [
                    {"name": one.name, "role": one.role, **one.subject}
                    for one in cluster.bindings.values()
                ],
            }
            for cluster in list(fake.state.clusters)
            if cluster.name in seen
        ],
        "settings": {name: one.value for name, one in fake.state.settings.items()},
        "requests": len(fake.requests),
    }


def change(fake: FakeRancher, path: str, body: Json) -> Json:
    """Execute a command: faults, behaviour, agents, or the validity of a token."""
    if path == "/faults":
        fake.faults.waiting[:] = [_fault(one) for one in body["faults"]]
    elif path == "/behaviour":
        for name, value in body.items():
            setattr(fake.behaviour, name, Lag(value) if type(value) is float else value)
    elif path == "/token":
        for value, token in fake.state.tokens.items():
            if token.user.name == body["user"] and value != body.get("but"):
                token.expires = None if body["valid"] else 0
    elif path == "/token/new":
        user = next(one.user for one in fake.state.tokens.values() if one.user.name == body["user"])
        return {"token": fake.state.new_token(user, body["seconds"]).value}
    else:
        _change_clusters(fake, path, body)
    return {}


def _change_clusters(fake: FakeRancher, path: str, body: Json) -> None:
    """Change a setting, the clusters whose agents connect, or the desired image of a cluster."""
    if path == "/setting":
        fake.set_setting(body["name"], body["value"])
    elif path == "/desired-image":
        for cluster in fake.state.clusters:
            if cluster.name == body["cluster"]:
                cluster.desired_image, cluster.image_writer = body["image"], "rancher"
    elif path == "/agents":
        change_set = fake.state.cut_off.discard if body["connect"] else fake.state.cut_off.add
        change_set(body["cluster"])
    elif path == "/delete":
        fake.state.clusters[:] = [one for one in fake.state.clusters if one.name != body["name"]]
    else:
        raise KeyError(path)


def _fault(wish: Json) -> Fault:
    known = {key: wish[key] for key in FAULTS if key in wish}
    answer = gateway_error(wish["status"], {}) if "status" in wish else None
    return Fault(**known, answer=answer)


class Control(ThreadingHTTPServer):
    """The server, in a thread."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], fake: FakeRancher) -> None:
        """Listen, and serve."""
        self.fake = fake
        super().__init__(address, _Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    server: Control

    def do_GET(self) -> None:
        self._send(200, state(self.server.fake))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        try:
            self._send(200, change(self.server.fake, self.path, body))
        except (KeyError, TypeError) as error:
            self._send(400, {"message": str(error)})

    def _send(self, status: int, body: Json) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Keep requests out of the output."""
