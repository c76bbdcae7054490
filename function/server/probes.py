"""The HTTP server for Prometheus and the kubelet: metrics, liveness and readiness."""

import contextlib
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

OK, NOT_FOUND, UNAVAILABLE = "200 OK", "404 Not Found", "503 Service Unavailable"


MOST_CONNECTIONS = 16
"""Beyond it the oldest is closed, so that slow clients never block a probe."""

LONGEST_SECONDS = 10
"""Total time of a connection, however much it sends."""


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    """A server of few and short connections, in which a slow reader blocks no other."""

    daemon_threads = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # socketserver's own
        """Begin without connections."""
        super().__init__(*args, **kwargs)
        self._open: dict[socket.socket, threading.Timer] = {}
        self._lock = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Accept a connection for a limited time; close the oldest of too many."""
        timer = threading.Timer(LONGEST_SECONDS, _end, [request])
        timer.daemon = True
        with self._lock:
            if len(self._open) >= MOST_CONNECTIONS:
                oldest = next(iter(self._open))
                self._open.pop(oldest).cancel()
                _end(oldest)
            self._open[request] = timer
        timer.start()
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401
        """Close a connection and stop its timer."""
        with self._lock:
            timer = self._open.pop(request, None)
        if timer:
            timer.cancel()
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Log nothing about a connection that either side closed."""


def _end(connection: socket.socket) -> None:
    """Shut a connection down in both directions; its thread then closes it."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


class _Quiet(WSGIRequestHandler):
    timeout = LONGEST_SECONDS

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401  # the standard library's name
        """Log nothing: probes come every few seconds."""


@contextmanager
def serving(
    address: str, registry: CollectorRegistry, is_ready: Callable[[], bool]
) -> Iterator[int]:
    """Serve in a thread of its own until the block ends, and yield the port.

    Raises OSError if the address is in use or invalid.
    """
    host, _, port = address.rpartition(":")
    app = _app(registry, is_ready)
    server = make_server(host, int(port), app, server_class=_Server, handler_class=_Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _app(
    registry: CollectorRegistry, is_ready: Callable[[], bool]
) -> Callable[[Mapping[str, Any], Any], Any]:
    metrics = make_wsgi_app(registry)

    def app(environ: Mapping[str, Any], start: Any) -> Any:  # noqa: ANN401  # WSGI's own types
        path = environ.get("PATH_INFO")
        if path == "/metrics":
            return metrics(dict(environ), start)
        status = OK if path == "/healthz" else NOT_FOUND
        if path == "/readyz":
            status = OK if is_ready() else UNAVAILABLE
        start(status, [("Content-Type", "text/plain")])
        return [status.encode()]

    return app
