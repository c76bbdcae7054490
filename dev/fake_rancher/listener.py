"""The HTTPS server: connections, TLS, and the encoding of answers."""

import contextlib
import gzip
import socket
import ssl
import threading
from collections.abc import Callable
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .messages import Answer, ConnectionDropped, Request

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# Go's HTTP server uses chunks from this length on if the length is not set.
LONGEST_WITH_LENGTH = 2048

Answering = Callable[[Request], Answer]


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    timeout = 300
    wbufsize = -1  # one segment per answer, sent at once: anything else waits for ACKs
    disable_nagle_algorithm = True
    server: "Listener"

    def serve(self) -> None:
        """Answer one request."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self.command, self.path, self.headers, body)
        try:
            answer = self.server.answering(request)
        except ConnectionDropped:
            self.close_connection = True
            return
        self.send(answer)

    def send(self, answer: Answer) -> None:
        """Send an answer: Content-Type only if there is one, gzip and chunks as Go does."""
        self.send_response_only(answer.status)
        self.send_header("Date", formatdate(usegmt=True))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.content_type:
            self.send_header("Content-Type", answer.content_type)
        body = answer.body
        if body and "gzip" in self.headers.get("Accept-Encoding", ""):
            self.send_header("Content-Encoding", "gzip")
            body = gzip.compress(body)
        chunked = len(body) > LONGEST_WITH_LENGTH
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif answer.status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if chunked:
            body = f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Keep requests out of the output: FakeRancher has a log of its own."""


for _method in METHODS:
    setattr(Handler, f"do_{_method}", Handler.serve)


class Listener(ThreadingHTTPServer):
    """A server whose certificate can change, and that can be stopped."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(
        self, address: tuple[str, int], context: ssl.SSLContext, answer: Answering
    ) -> None:
        """Listen; serve after start()."""
        self.context = context
        self.answering = answer
        self.connections: set[socket.socket] = set()
        self.guard = threading.Lock()
        super().__init__(address, Handler)
        self.thread = threading.Thread(target=self.serve_forever, args=(0.005,), daemon=True)

    def start(self) -> None:
        """Serve in a thread."""
        self.thread.start()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve one connection; the handshake is made in its thread, not in the accepting one."""
        with contextlib.suppress(OSError):
            request.settimeout(Handler.timeout)
            with self.context.wrap_socket(request, server_side=True) as connection:
                with self.guard:
                    self.connections.add(connection)
                try:
                    Handler(connection, client_address, self)
                finally:
                    with self.guard:
                        self.connections.discard(connection)

    def close_connections(self) -> None:
        """Cut off all clients."""
        with self.guard:
            open_connections = list(self.connections)
        for connection in open_connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        """Refuse new connections, and close the open ones."""
        self.shutdown()
        self.server_close()
        self.close_connections()
        self.thread.join()
