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
"""How long a connection may last in all, however little it sends."""


class HealthServer(ThreadingHTTPServer):
    """A server whose newest connection ends the oldest, so that a probe always gets through."""

    daemon_threads = True

    def __init__(
        self,
        address: str,
        looked_at: Callable[[], float],
        limit: float,
        *,
        seconds: float = SECONDS,
        most: int = MOST_CONNECTIONS,
    ) -> None:
        """Listen at `address`; ready while the last look that succeeded is newer than `limit`."""
        self.looked_at, self.limit = looked_at, limit
        self._seconds, self._most = seconds, most
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        host, _, port = address.rpartition(":")
        super().__init__((host, int(port)), _Handler)

    def is_fresh(self) -> bool:
        """Return whether a look succeeded not long ago."""
        looked_at = self.looked_at()
        return bool(looked_at) and time.monotonic() - looked_at < self.limit

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Begin with a connection, and end the oldest where there are too many."""
        with self._lock:
            while len(self._open) >= self._most:
                _end(self._open.pop(0))
            self._open.append(request)
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Answer, and end the connection when its time is over."""
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
        """Leave out of the log what clients do with their connections."""


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
        """Leave probes out of the log."""
