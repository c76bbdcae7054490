"""What Prometheus and the kubelet ask for: metrics, and whether the function lives and serves."""

import socketserver
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

OK, NOT_FOUND, UNAVAILABLE = "200 OK", "404 Not Found", "503 Service Unavailable"


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    """A slow reader holds up nobody else."""

    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401  # the standard library's name
        """Log nothing: probes come every few seconds."""


@contextmanager
def serving(
    address: str, registry: CollectorRegistry, is_ready: Callable[[], bool]
) -> Iterator[int]:
    """Serve in a thread of its own until the block ends, and yield the port.

    Raises OSError where the address is taken or none.
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
