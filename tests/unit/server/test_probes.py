"""Metrics and probes stay within their limits, whoever connects."""

import contextlib
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator

import pytest
import yaml
from prometheus_client import CollectorRegistry

from function.server import probes
from tests.support.tools import ROOT


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Yield the port of a server whose connections end after a second."""
    monkeypatch.setattr(probes, "LONGEST_SECONDS", 1)
    with probes.serving("127.0.0.1:0", CollectorRegistry(), lambda: True) as found:
        yield found


def test_a_byte_at_a_time(port: int) -> None:
    """Who sends a byte now and then is sent away like who sends nothing."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        started = time.monotonic()
        with contextlib.suppress(OSError):
            while time.monotonic() - started < 8:
                connection.sendall(b"G")
                time.sleep(0.2)
    assert time.monotonic() - started < 8


def test_many_connections_shut_out_no_probe(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred idle readers hold few threads, and the kubelet is answered."""
    monkeypatch.setattr(probes, "LONGEST_SECONDS", 60)
    before = threading.active_count()
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=20) as answer:
            assert answer.status == 200
        # A thread for the connection, and one for its time.
        deadline = time.monotonic() + 20
        most = before + 2 * probes.MOST_CONNECTIONS + 2
        while threading.active_count() > most and time.monotonic() < deadline:
            time.sleep(0.1)
        assert threading.active_count() <= most


def test_who_may_read_the_metrics() -> None:
    """The shipped NetworkPolicy names who reaches each port."""
    objects = yaml.safe_load_all((ROOT / "install" / "function.yaml").read_text())
    (policy,) = (one for one in objects if one["kind"] == "NetworkPolicy")
    assert all(rule.get("from") and rule.get("ports") for rule in policy["spec"]["ingress"])
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert "egress" not in policy["spec"]
