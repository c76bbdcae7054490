"""A server that answers as badly as one can: as an API server, as Rancher, or in between."""

from __future__ import annotations

import contextlib
import gzip
import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, BinaryIO, cast

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    Manner = Callable[[BinaryIO, float], None]

MEBIBYTE = 1024 * 1024
LONG = 64 * MEBIBYTE
"""Bytes of what is long: far more than a Job has."""


def _body(out: BinaryIO, body: bytes, kind: str = "application/json", *head: str) -> None:
    lines = (f"Content-Type: {kind}", f"Content-Length: {len(body)}", *head)
    out.write("\r\n".join(("HTTP/1.1 200 OK", *lines, "", "")).encode() + body)


def _json(out: BinaryIO, found: object) -> None:
    _body(out, json.dumps(found).encode())


def _trickle(out: BinaryIO, pause: float) -> None:
    out.write(f"HTTP/1.1 200 OK\r\nContent-Length: {LONG}\r\n\r\n".encode())
    _slowly(out, b" " * LONG, pause)


def _trickle_head(out: BinaryIO, pause: float) -> None:
    out.write(b"HTTP/1.1 200 OK\r\n")
    _slowly(out, b"X-Long: " + b"x" * MEBIBYTE, pause)


def _slowly(out: BinaryIO, text: bytes, pause: float) -> None:
    for number in range(len(text)):
        out.write(text[number : number + 1])
        out.flush()
        time.sleep(pause)


def _silence(_: BinaryIO, pause: float) -> None:
    time.sleep(pause * 1000)


def _large(out: BinaryIO, _: float) -> None:
    item = json.dumps({"metadata": {"name": "x", "annotations": {"a": "x" * 200_000}}}).encode()
    count = LONG // len(item)
    length = len(item) * count + count - 1 + len(b'{"items":[]}')
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    out.write(head.encode() + b'{"items":[' + item)
    out.writelines(b"," + item for _number in range(count - 1))
    out.write(b"]}")


def _dense(out: BinaryIO, _: float) -> None:
    """Answer with what takes the most memory per byte, just below the longest answer."""
    empty = "{}," * ((MEBIBYTE - 100) // 3) + "{}"
    _body(out, f'{{"items":[{empty}],"data":[{empty}]}}'.encode())


def _compressed(out: BinaryIO, _: float) -> None:
    _body(out, gzip.compress(b" " * LONG), "application/json", "Content-Encoding: gzip")


def _endless(out: BinaryIO, _: float) -> None:
    item = {"metadata": {"name": "cattle-cleanup-x", "namespace": "default", "uid": "u"}}
    _json(out, {**item, "data": [item], "items": [item] * 50, "metadata": {"continue": "more"}})


def _refusal(out: BinaryIO, _: float) -> None:
    out.write(b"HTTP/1.1 500 No\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]")


MANNERS: dict[str, Manner] = {
    "trickle": _trickle,
    "trickle-head": _trickle_head,
    "silence": _silence,
    "large": _large,
    "dense": _dense,
    "compressed": _compressed,
    "endless": _endless,
    "nested": lambda out, _: _body(out, b"[" * MEBIBYTE),
    "html": lambda out, _: _body(out, b"<html>Log in</html>", "text/html"),
    "no-list": lambda out, _: _json(out, {"items": [{"metadata": 5}], "data": [{"metadata": 5}]}),
    "null": lambda out, _: _json(out, None),
    "refusal": _refusal,
}


@contextmanager
def serving(
    manner: str, *, pause: float = 0.2, tls: ssl.SSLContext | None = None, discovery: bytes = b""
) -> Iterator[tuple[str, list[str]]]:
    """Serve in a manner; yield the address and the paths that were asked for.

    What is no question for objects gets the `discovery`, without which no APIService is available.
    """
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        wbufsize = -1

        def _answer(self) -> None:
            paths.append(f"{self.command} {self.path}")
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            out = cast("BinaryIO", self.wfile)
            with contextlib.suppress(OSError):
                if discovery and "namespaces" not in self.path:
                    _body(out, discovery)
                else:
                    MANNERS[manner](out, pause)
                out.flush()
            self.close_connection = True

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815  # http.server's names

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, *_: object) -> None:
            """Leave the client's leaving out of the output."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    scheme = "https" if tls else "http"
    try:
        yield f"{scheme}://127.0.0.1:{server.server_port}", paths
    finally:
        server.shutdown()
        server.server_close()
