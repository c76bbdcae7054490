"""The watcher's probes and metrics are answered, whoever else holds connections."""

import socket
import threading
import time
from collections.abc import Iterator

import httpx2 as httpx
import pytest

from jobs.health_server import HealthServer


@pytest.fixture
def server() -> Iterator[HealthServer]:
    """Yield a server that keeps a connection for a second, and four at a time."""
    found = HealthServer("127.0.0.1:0", time.monotonic, 60, seconds=1, most=4)
    threading.Thread(target=found.serve_forever, daemon=True).start()
    yield found
    found.shutdown()
    found.server_close()


def connection(server: HealthServer) -> socket.socket:
    """Return a connection that sends nothing yet."""
    return socket.create_connection(("127.0.0.1", int(server.server_address[1])))


def get(server: HealthServer, path: str) -> httpx.Response:
    """Return the answer to a request."""
    return httpx.get(f"http://127.0.0.1:{server.server_address[1]}{path}", timeout=5)


@pytest.mark.parametrize(
    ("path", "status"), [("/healthz", 200), ("/readyz", 200), ("/metrics", 200), ("/x", 404)]
)
def test_answers(server: HealthServer, path: str, status: int) -> None:
    """Probes and Prometheus find what they look for."""
    assert get(server, path).status_code == status


def test_it_is_not_ready_without_a_look(server: HealthServer) -> None:
    """A watcher that sees nothing of Rancher for long says so."""
    server.last_success = lambda: 0.0
    assert get(server, "/readyz").status_code == 503
    server.last_success = lambda: time.monotonic() - 61
    assert get(server, "/readyz").status_code == 503


def test_who_holds_connections_keeps_no_probe_out(server: HealthServer) -> None:
    """The newest connection ends the oldest."""
    held = [connection(server) for _ in range(8)]
    assert get(server, "/healthz").status_code == 200
    held[0].settimeout(5)
    assert held[0].recv(1) == b""
    for each in held:
        each.close()


def test_a_connection_ends_however_slowly_it_sends(server: HealthServer) -> None:
    """A byte now and then is no way to stay."""
    begun = time.monotonic()
    with connection(server) as slow:
        slow.settimeout(0.2)
        ended = False
        while not ended and time.monotonic() - begun < 10:
            try:
                slow.sendall(b"G")
                ended = slow.recv(1) == b""
            except TimeoutError:
                continue
            except OSError:
                ended = True
    assert ended
