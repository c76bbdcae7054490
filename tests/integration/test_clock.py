"""The clock on a real API server, with exactly the rights of its chart."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from lightkube.config.kubeconfig import KubeConfig

from dev.apiserver.processes import free_ports
from function.api import calendar, xr
from jobs.clock.clock_loop import ClockLoop
from jobs.clock.main import FIELD_MANAGER
from jobs.clock.marks import text
from jobs.clock.sleepers import ANNOTATION
from jobs.kubernetes import client as kubernetes_client
from jobs.transport import Transport
from tests.integration.crossplane import until
from tests.support.chart_rights import account_kubeconfig
from tests.support.tools import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx2

    from dev.apiserver.client import Client

PLATFORM = "vcluster-system"
ACCOUNT = "vcluster-clock"
USER = f"system:serviceaccount:{PLATFORM}:{ACCOUNT}"
NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)
VERBS = {"GET": "list", "PATCH": "patch", "POST": "create", "DELETE": "delete"}


@pytest.fixture
def kubeconfig(crossplane: Client, clock_chart: Client) -> dict[str, Any]:
    """Return a kubeconfig with exactly the rights of the chart."""
    del clock_chart
    return account_kubeconfig(crossplane, PLATFORM, ACCOUNT)


@pytest.fixture
def clock(kubeconfig: dict[str, Any]) -> Iterator[ClockLoop]:
    """Yield a clock with the rights of the chart."""
    config = KubeConfig.from_dict(kubeconfig).get()
    assert config
    with closing(kubernetes_client(config, field_manager=FIELD_MANAGER)) as api:
        yield ClockLoop(api, period=30)


def make_calendar(client: Client, name: str, *, is_open: bool) -> None:
    """Create a Calendar that is always open, or closed today."""
    days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    closed = [str((NOW + n * DAY).date()) for n in range(-1, 3)]
    spec = {
        "timeZone": "UTC",
        "windows": [{"days": days, "from": "00:00", "to": "24:00"}],
        "closed": [] if is_open else closed,
    }
    manifest = {"apiVersion": calendar.API_VERSION, "kind": calendar.KIND, "spec": spec}
    answer = client.apply({**manifest, "metadata": {"name": name}})
    assert answer.status in (200, 201), answer.body


def make(client: Client, name: str, spec: dict[str, Any], **expiry: str) -> None:
    """Create a VCluster that Crossplane leaves alone, with the status of the function."""
    manifest = {
        "apiVersion": xr.API_VERSION,
        "kind": xr.KIND,
        "metadata": {"name": name, "annotations": {"crossplane.io/paused": "true"}},
        "spec": spec,
    }
    answer = client.apply(manifest)
    assert answer.status == 201, answer.body
    if expiry:
        status = {"status": {"expiry": {"at": spec["expire"]["at"], **expiry}}}
        answer = client.patch(xr.API_VERSION, xr.KIND, name, status, subresource="status")
        assert answer.status == 200, answer.body


def found(client: Client, name: str) -> dict[str, Any]:
    """Return a VCluster, empty if there is none."""
    answer = client.get(xr.API_VERSION, xr.KIND, name)
    return answer.body if answer.status == 200 else {}


def mark(client: Client, name: str) -> Any:
    """Return the mark of a VCluster."""
    return json.loads(found(client, name)["metadata"]["annotations"].get(ANNOTATION, "null"))


def is_going(client: Client, name: str) -> bool:
    """Return whether a VCluster is deleted, or being deleted."""
    manifest = found(client, name)
    return not manifest or "deletionTimestamp" in manifest["metadata"]


def events(client: Client, name: str) -> list[tuple[str, str]]:
    """Return reason and message of the events of the clock on a VCluster."""
    items = client.request("GET", "/api/v1/namespaces/default/events").body["items"]
    return [
        (one["reason"], one["message"])
        for one in items
        if (one["involvedObject"]["name"], one["source"].get("component")) == (name, FIELD_MANAGER)
    ]


def ended(days: int) -> dict[str, str]:
    """Return the end of a VCluster, some days from now."""
    return {"at": text(NOW + days * DAY)}


def test_calendars_and_marks(crossplane: Client, clock: ClockLoop) -> None:
    """Calendars get their status, and VClusters their marks, each once."""
    make_calendar(crossplane, "always", is_open=True)
    make_calendar(crossplane, "never", is_open=False)
    past, future = text(NOW - DAY), text(NOW + DAY)
    make(crossplane, "by-day", {"sleep": {"calendar": "always"}, "expire": {"at": past}})
    make(crossplane, "by-night", {"sleep": {"calendar": "never", "awakeUntil": future}})
    make(crossplane, "by-none", {"sleep": {"calendar": "no-such"}})
    make(crossplane, "untimed", {})
    clock.look()

    status = crossplane.get(calendar.API_VERSION, calendar.KIND, "never").body["status"]
    assert status["open"] is False
    assert [one["status"] for one in status["conditions"]] == ["True"]
    open_one = crossplane.get(calendar.API_VERSION, calendar.KIND, "always").body["status"]
    assert open_one["open"] is True
    assert "until" not in open_one
    assert mark(crossplane, "by-day") == {
        "calendar": {"name": "always", "asleep": False},
        "passed": [past],
    }
    assert mark(crossplane, "by-night") == {
        "calendar": {"name": "never", "asleep": True, "until": status["until"]}
    }
    assert mark(crossplane, "by-none") == {"calendar": {"name": "no-such", "problem": "Missing"}}
    assert mark(crossplane, "untimed") is None

    names = ("by-day", "by-night", "by-none", "untimed")
    before = [found(crossplane, name) for name in names]
    clock.look()
    assert [found(crossplane, name) for name in names] == before
    crossplane.patch(xr.API_VERSION, xr.KIND, "by-none", {"spec": {"sleep": None}})
    clock.look()
    assert mark(crossplane, "by-none") is None


def test_expiry(crossplane: Client, clock: ClockLoop) -> None:
    """Only what spec and status agree on is deleted; protection wins; a warning comes once."""
    over, later = text(NOW - DAY), text(NOW + DAY)
    end = ended(-8)
    make(crossplane, "over", {"expire": end}, warnFrom=over, deleteAt=over)
    make(crossplane, "unallowed", {"expire": end})
    protected = {"expire": end, "deletionProtection": True}
    make(crossplane, "protected", protected, warnFrom=over, deleteAt=over)
    make(crossplane, "moved", {"expire": end}, warnFrom=over, deleteAt=over)
    crossplane.patch(xr.API_VERSION, xr.KIND, "moved", {"spec": {"expire": {"at": later}}})
    make(crossplane, "soon", {"expire": ended(1)}, warnFrom=over, deleteAt=text(NOW + 8 * DAY))
    clock.look()
    clock.look()

    names = ("over", "unallowed", "protected", "moved", "soon")
    assert [name for name in names if is_going(crossplane, name)] == ["over"]
    message = (
        f"Falls asleep at {later}, deleted at {text(NOW + 8 * DAY)}, unless spec.expire changes."
    )
    assert events(crossplane, "soon") == [("ExpiresSoon", message)]


def test_a_change_in_between_wins(
    crossplane: Client, clock: ClockLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever protects a VCluster while the clock looks keeps it."""
    over = text(NOW - DAY)
    make(crossplane, "saved", {"expire": ended(-8)}, warnFrom=over, deleteAt=over)
    listed = [one for one in clock._sleepers() if one.name == "saved"]  # noqa: SLF001  # between two steps of a look
    protection = {"spec": {"deletionProtection": True}}
    assert crossplane.patch(xr.API_VERSION, xr.KIND, "saved", protection).status == 200
    monkeypatch.setattr(clock, "_sleepers", lambda: iter(listed))
    clock.look()
    assert not is_going(crossplane, "saved")


def test_rights_used_are_rights_granted(
    crossplane: Client,
    clock: ClockLoop,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each right of the role is used, and no other is needed."""
    used: set[tuple[str, str, str]] = set()
    handle = Transport.handle_request

    def record(self: Transport, request: httpx2.Request) -> httpx2.Response:
        answer = handle(self, request)
        assert answer.status_code not in (401, 403, 422), request.url
        parts = re.fullmatch(
            r"/apis?/(?:(?P<group>[a-z.]+\.[a-z]+)/)?v[^/]+/(?:namespaces/[^/]+/)?(?P<kind>[a-z]+)"
            r"(?:/[^/]+(?P<sub>/status)?)?",
            request.url.path,
        )
        assert parts, request.url
        kind = parts["kind"] + (parts["sub"] or "")
        used.add((parts["group"] or "", kind, VERBS[request.method]))
        return answer

    monkeypatch.setattr(Transport, "handle_request", record)
    over = text(NOW - DAY)
    make_calendar(crossplane, "rights", is_open=True)
    make(crossplane, "rights-over", {"expire": ended(-8)}, warnFrom=over, deleteAt=over)
    make(crossplane, "rights-soon", {"expire": ended(1)}, warnFrom=over, deleteAt=ended(8)["at"])
    make(crossplane, "rights-asleep", {"sleep": {"calendar": "rights"}})
    clock.look()

    role = crossplane.get("rbac.authorization.k8s.io/v1", "ClusterRole", ACCOUNT).body
    granted = {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert used == granted


@pytest.mark.parametrize(
    ("patch", "allowed"),
    [
        ({"metadata": {"annotations": {ANNOTATION: "{}"}}}, True),
        ({"metadata": {"annotations": {ANNOTATION: None}}}, True),
        ({"metadata": {"annotations": {"other": "x"}}}, False),
        ({"metadata": {"annotations": {"crossplane.io/paused": None}}}, False),
        ({"metadata": {"labels": {"other": "x"}}}, False),
        ({"metadata": {"finalizers": ["example.org/x"]}}, False),
        ({"spec": {"deletionProtection": False}}, False),
        ({"spec": {"expire": {"at": "2027-01-01T00:00:00Z"}}}, False),
    ],
    ids=str,
)
def test_writes_of_the_clock(
    crossplane: Client, clock: ClockLoop, patch: dict[str, Any], *, allowed: bool
) -> None:
    """A clock that was taken over writes its annotation, and nothing else."""
    del clock
    name = f"kept-{abs(hash(json.dumps(patch))) % 10**6}"
    make(crossplane, name, {"deletionProtection": True, "expire": ended(-8)})
    path = f"/apis/{xr.API_VERSION}/vclusters/{name}"
    merge = "application/merge-patch+json"

    def tried() -> int:
        return crossplane.request("PATCH", path, patch, merge, user=USER).status

    # A policy takes a moment to be effective.
    until(lambda: tried() == (200 if allowed else 422))
    until(lambda: crossplane.request("DELETE", path, user=USER).status == 422)


def test_the_program(crossplane: Client, kubeconfig: dict[str, Any], tmp_path: Path) -> None:
    """The program looks, says that it is ready, counts, and ends on SIGTERM."""
    make_calendar(crossplane, "program", is_open=True)
    make(crossplane, "program", {"sleep": {"calendar": "program"}})
    file = tmp_path / "clock"
    file.write_text(json.dumps(kubeconfig))
    (port,) = free_ports(1)
    env = {"KUBECONFIG": str(file), "PERIOD": "1s", "METRICS_ADDRESS": f"127.0.0.1:{port}"}
    with subprocess.Popen(
        [sys.executable, "-m", "jobs.clock"],
        env={**os.environ, **env, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            until(lambda: mark(crossplane, "program") is not None)
            time.sleep(0.1)
        finally:
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=10)
    assert process.returncode == 0
    lines = [json.loads(line) for line in output.splitlines()]
    assert ("mark", "VCluster program") in [
        (line.get("kind"), line.get("object")) for line in lines
    ]
