"""Serve /metrics, /healthz and /readyz of the watcher, within bounds of time and connections."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

MOST_CONNECTIONS = 16
SECONDS = 10.0
"""Maximum duration of a connection, even a slow one."""


class HealthServer(ThreadingHTTPServer):
    """A server in which a new connection replaces the oldest, so that probes always succeed."""

    daemon_threads = True

    def __init__(
        self,
        address: str,
        last_success: Callable[[], float],
        limit: float,
        *,
        seconds: float = SECONDS,
        most: int = MOST_CONNECTIONS,
    ) -> None:
        """Listen at `address`; ready while the last successful look is newer than `limit`."""
        self.last_success, self.limit = last_success, limit
        self._seconds, self._most = seconds, most
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        host, _, port = address.rpartition(":")
        super().__init__((host, int(port)), _Handler)

    def is_fresh(self) -> bool:
        """Return whether the last successful look is recent."""
        last_success = self.last_success()
        return bool(last_success) and time.monotonic() - last_success < self.limit

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Accept a connection, and close the oldest if there are too many."""
        with self._lock:
            while len(self._open) >= self._most:
                _end(self._open.pop(0))
            self._open.append(request)
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Answer, and close the connection when its time is up."""
        limit = threading.Timer(self._seconds, _end, (request,))
        limit.daemon = True
        limit.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            limit.cancel()
            with self._lock, contextlib.suppress(ValueError):
                self._open.remove(request)

    def handle_error(self, *_: object) -> None:
        """Keep errors of connections out of the log."""


def _end(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    server: HealthServer

    def do_GET(self) -> None:  # http.server's name
        if self.path == "/metrics":
            self._answer(200, generate_latest(), CONTENT_TYPE_LATEST)
        elif self.path == "/healthz":
            self._answer(200, b"ok\n")
        elif self.path == "/readyz":
            fresh = self.server.is_fresh()
            self._answer(200 if fresh else 503, b"ok\n" if fresh else b"no look yet\n")
        else:
            self._answer(404, b"not found\n")

    def _answer(self, status: int, body: bytes, kind: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep probes out of the log."""
