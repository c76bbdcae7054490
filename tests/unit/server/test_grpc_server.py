"""The server beside its calls: metrics, probes, one line a call, renewed certificates, drain."""

import datetime as dt
import json
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from grpc_health.v1 import health_pb2

from dev.apiserver.processes import free_ports
from dev.platform.function_certificates import write_certificates
from dev.scripts import life
from function.response.outcome import BACKUPS, PHASES, Call
from function.server.metrics import FIRST_READY_SECONDS, REMEMBERED_SECONDS, Metrics
from tests.unit.test_main import FUNCTION, run, serving

SECRET = "s3cr3t-t0ken"  # what must not show
NOW = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)


@contextmanager
def server(*flags: str) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """Run the function until the block ends; yield it with its address and that of the metrics."""
    address, metrics = (f"127.0.0.1:{port}" for port in free_ports(2))
    with serving("--address", address, "--metrics-address", metrics, *flags) as started:
        yield started, address, metrics


def get(address: str, path: str) -> tuple[int, str]:
    """Return status and body of a page."""
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def health(channel: grpc.Channel) -> int:
    """Return what the gRPC health service says of the whole server."""
    check: grpc.UnaryUnaryMultiCallable[
        health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse
    ] = channel.unary_unary(
        "/grpc.health.v1.Health/Check",
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )
    return int(check(health_pb2.HealthCheckRequest(), timeout=5).status)


def with_secrets() -> fnv1.RunFunctionRequest:
    """Return a request that holds a secret wherever it can."""
    req = life.request("kunde1", "ready")
    for seen in req.observed.resources.values():
        seen.connection_details["password"] = SECRET.encode()
        seen.connection_details["kubeconfig"] = SECRET.encode()
    req.observed.composite.connection_details["password"] = SECRET.encode()
    req.context["secret"] = SECRET
    platform = req.input.get_or_create_struct("vcluster")
    platform["values"] = {"secret": SECRET}
    spec = req.observed.composite.resource.get_or_create_struct("spec")
    spec["values"] = {"networking": {"advanced": {"fallbackHostCluster": SECRET}}}
    item = req.required_resources["other"].items.add()
    item.resource["data"] = SECRET
    return req


@pytest.mark.parametrize("flags", [(), ("--debug",)], ids=["info", "debug"])
def test_a_line_for_each_call(flags: tuple[str, ...]) -> None:
    """It says who, how long, what came out and what changes, and no secret at any level."""
    with server("--insecure", *flags) as (started, address, metrics):
        with grpc.insecure_channel(address) as channel:
            run(channel, with_secrets(), timeout=10)
            page = get(metrics, "/metrics")[1]
        started.send_signal(signal.SIGTERM)
        text = started.communicate(timeout=20)[0]
    assert SECRET not in text + page
    assert "kunde1" in text
    if flags:
        assert "RancherConnected" in text
        return
    (line,) = text.splitlines()
    told = json.loads(line)
    assert told.pop("ms") > 0
    for where in ("ts", "level", "filename", "lineno"):
        del told[where]
    assert told == {
        "msg": "answered",
        "tag": "example",
        "xr": "kunde1",
        "namespace": "",
        "result": "ok",
        "reason": "Accepted",
        "phase": "control plane",
        "created": [],
        "changed": ["vcluster"],
        "dropped": [],
    }


def test_probes_and_metrics() -> None:
    """The kubelet sees when it serves and when it drains, Prometheus what it did."""
    with server("--insecure", "--drain-delay", "3") as (started, address, metrics):
        assert get(metrics, "/healthz") == (200, "200 OK")
        assert get(metrics, "/readyz") == (200, "200 OK")
        assert get(metrics, "/elsewhere")[0] == 404
        with grpc.insecure_channel(address) as channel:
            assert health(channel) == health_pb2.HealthCheckResponse.SERVING
            run(channel, life.request("kunde1", "ready"), timeout=10)
            page = get(metrics, "/metrics")[1]
            assert 'function_vcluster_calls_total{reason="Accepted",result="ok"} 1.0' in page
            assert 'function_vcluster_vclusters{phase="ready"} 1.0' in page
            assert "function_vcluster_call_seconds_count 1.0" in page
            assert 'function_vcluster_build_info{python="' in page

            started.send_signal(signal.SIGTERM)
            deadline = time.monotonic() + 2
            while get(metrics, "/readyz")[0] != 503 and time.monotonic() < deadline:
                time.sleep(0.02)
            assert get(metrics, "/readyz") == (503, "503 Service Unavailable")
            assert get(metrics, "/healthz")[0] == 200
            # Whoever has not learnt of it yet is still answered.
            assert run(channel, life.request("kunde1", "ready"), timeout=2).meta.ttl.seconds == 120
        assert started.wait(timeout=10) == 0


def test_garbage_is_the_callers_error() -> None:
    """What is no request is refused with the code that says so, and the server goes on."""
    with server("--insecure") as (_, address, _), grpc.insecure_channel(address) as channel:
        path = "/apiextensions.fn.proto.v1.FunctionRunnerService/RunFunction"
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(path)
        with pytest.raises(grpc.RpcError) as refused:
            call(b"\xff\xff\xff", timeout=10)
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert run(channel, life.request("kunde1", "ready"), timeout=10).meta.ttl.seconds == 120


def secure(address: str, folder: Path) -> grpc.Channel:
    """Return a channel of a client with the folder's certificates."""
    ca, crt, key = ((folder / n).read_bytes() for n in ("ca.crt", "tls.crt", "tls.key"))
    credentials = grpc.ssl_channel_credentials(ca, key, crt)
    return grpc.secure_channel(address.replace("127.0.0.1", "localhost"), credentials)


def test_a_renewed_certificate(tmp_path: Path) -> None:
    """A new certificate counts from the next connection on; one that is half there does not."""
    first, second, served = (tmp_path / name for name in ("first", "second", "served"))
    for folder in (first, second, served):
        folder.mkdir()
    write_certificates(first)
    write_certificates(second)

    def put(folder: Path) -> None:
        for name in ("tls.key", "tls.crt", "ca.crt"):
            (served / name).write_bytes((folder / name).read_bytes())

    put(first)
    with server("--tls-server-certs-dir", str(served)) as (_, address, _):
        req = life.request("kunde1", "ready")
        with secure(address, first) as channel:
            assert run(channel, req, timeout=10).meta.ttl.seconds == 120
        (served / "ca.crt").unlink()
        with secure(address, first) as channel:
            assert run(channel, req, timeout=10).meta.ttl.seconds == 120
        put(second)
        with secure(address, second) as channel:
            assert run(channel, req, timeout=10).meta.ttl.seconds == 120
        with secure(address, first) as channel, pytest.raises(grpc.RpcError):
            run(channel, req, timeout=3)


def test_a_taken_address_of_the_metrics() -> None:
    """One line says what is wrong."""
    with server("--insecure") as (_, _, metrics):
        done = subprocess.run(
            [*FUNCTION, "--insecure", "--address", "127.0.0.1:0", "--metrics-address", metrics],
            check=False,
            capture_output=True,
            text=True,
            timeout=20,
        )
    assert done.returncode == 1
    assert done.stderr == f"function: cannot serve metrics at {metrics}: Address already in use\n"


CALL = Call(
    name="kunde1",
    namespace="",
    uid="uid-1",
    result="ok",
    reason="Accepted",
    phase="ready",
    created=(),
    changed=(),
    dropped=("rancher",),
    conditions=(("RancherConnected", "True", "Connected"),),
    withheld=(),
    created_at="2026-01-01T11:59:00Z",
    became_ready=True,
    pause=120,
)


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    """Return what a metric says."""
    return metrics.registry.get_sample_value(name, labels)


def test_what_is_counted() -> None:
    """A call, its size and time, what it dropped, what became true, and how old it was then."""
    metrics = Metrics(lambda: 0)
    metrics.answered(CALL, 0.004, 30_000, NOW, repeated=False)
    prefix = "function_vcluster"
    assert value(metrics, f"{prefix}_calls_total", result="ok", reason="Accepted") == 1
    assert value(metrics, f"{prefix}_call_seconds_sum") == 0.004
    assert value(metrics, f"{prefix}_request_bytes_sum") == 30_000
    assert value(metrics, f"{prefix}_dropped_resources_total", resource="rancher") == 1
    transition = {"condition": "RancherConnected", "status": "True"}
    assert value(metrics, f"{prefix}_transitions_total", **transition) == 1
    assert value(metrics, f"{prefix}_ready_seconds_sum") == 60


def test_sleep_is_no_loss() -> None:
    """Hundreds that fall asleep at six cause no alert: only condition Awake counts them."""
    metrics = Metrics(lambda: 0)
    changed = (
        ("RancherConnected", "False", "Sleeping"),
        ("ControlPlaneReady", "False", "WakingUp"),
        ("Awake", "False", "Sleeping"),
    )
    metrics.answered(replace(CALL, conditions=changed), 0.004, 1, NOW, repeated=False)
    name = "function_vcluster_transitions_total"
    assert value(metrics, name, condition="RancherConnected", status="False") == 0
    assert value(metrics, name, condition="ControlPlaneReady", status="False") == 0
    assert value(metrics, name, condition="Awake", status="False") == 1


@pytest.mark.parametrize(
    "created_at",
    ["", "yesterday", "2026-01-01T11:59:00", "2026-01-01T12:00:01Z", "2025-01-01T00:00:00Z"],
    ids=["nothing", "no-time", "no-zone", "in-the-future", "too-old-to-know"],
)
def test_an_age_that_says_nothing(created_at: str) -> None:
    """Only the first READY of a young VCluster counts."""
    metrics = Metrics(lambda: 0)
    metrics.answered(
        Call(**{**CALL.__dict__, "created_at": created_at}), 0.1, 1, NOW, repeated=False
    )
    assert value(metrics, "function_vcluster_ready_seconds_count") == 0
    assert FIRST_READY_SECONDS == 3600


def test_phases_are_forgotten() -> None:
    """The gauge counts each VCluster once, and no longer when nobody asks for it any more."""
    now = [0.0]
    metrics = Metrics(lambda: now[0])

    def counted() -> dict[str, float | None]:
        return {p: value(metrics, "function_vcluster_vclusters", phase=p) for p in PHASES}

    for uid, phase in (("a", "rancher"), ("b", "ready"), ("a", "ready")):
        metrics.answered(
            Call(**{**CALL.__dict__, "uid": uid, "phase": phase}), 0.1, 1, NOW, repeated=False
        )
    assert counted() == {**dict.fromkeys(PHASES, 0), "ready": 2}
    now[0] = REMEMBERED_SECONDS + 1
    metrics.answered(CALL, 0.1, 1, NOW, repeated=False)
    assert counted() == {**dict.fromkeys(PHASES, 0), "ready": 1}


@pytest.mark.parametrize(
    ("phase", "pause", "remembered"),
    [
        pytest.param("namespace", 3, 600, id="under-way"),
        pytest.param("ready", 120, 600, id="ready"),
        pytest.param("ready", 600, 1_800, id="ready-and-watched"),
        pytest.param("asleep", 14_400, 10_800, id="asleep"),
        pytest.param("asleep", 72_000, 10_800, id="asleep-and-watched"),
    ],
)
def test_a_phase_is_remembered_until_the_next_calls(
    phase: str, pause: int, remembered: int
) -> None:
    """Hours of sleep count between two calls, too; a deleted VCluster counts for a while longer."""
    now = [0.0]
    metrics = Metrics(lambda: now[0])
    sleeper = replace(CALL, uid="sleeper", phase=phase, pause=pause)
    metrics.answered(sleeper, 0.1, 1, NOW, repeated=False)
    metrics.answered(replace(CALL, uid="other", phase="rancher"), 0.1, 1, NOW, repeated=False)
    for seconds, expected in ((remembered - 1, 1), (remembered + 1, 0)):
        now[0] = seconds
        assert value(metrics, "function_vcluster_vclusters", phase=phase) == expected


def test_who_wakes_up_is_no_sleeper_any_more() -> None:
    """The last call of each VCluster counts, whatever was remembered of the one before."""
    now = [0.0]
    metrics = Metrics(lambda: now[0])
    for seconds, phase, pause in ((0, "asleep", 14_400), (60, "control plane", 3)):
        now[0] = seconds
        metrics.answered(replace(CALL, phase=phase, pause=pause), 0.1, 1, NOW, repeated=False)
    assert value(metrics, "function_vcluster_vclusters", phase="asleep") == 0
    now[0] = 661
    assert value(metrics, "function_vcluster_vclusters", phase="control plane") == 0


def test_how_long_a_spec_is_refused() -> None:
    """The oldest refusal counts until its spec is corrected, or nobody asks for it any more."""
    now = [0.0]
    metrics = Metrics(lambda: now[0])

    def after(seconds: float, uid: str, reason: str) -> float | None:
        now[0] = seconds
        call = Call(**{**CALL.__dict__, "uid": uid, "reason": reason})
        metrics.answered(call, 0.1, 1, NOW, repeated=False)
        return value(metrics, "function_vcluster_refused_seconds")

    assert after(0, "a", "Accepted") == 0
    assert after(100, "a", "ChangeRefused") == 0
    assert after(300, "b", "InvalidSpec") == 200
    assert after(400, "c", "InvalidInput") == 300
    assert after(500, "a", "ChangeRefused") == 400
    assert after(600, "a", "Accepted") == 300
    assert after(300 + REMEMBERED_SECONDS + 1, "a", "Accepted") == 0


def test_a_refusal_asleep_is_not_forgotten() -> None:
    """Seldom calls do not begin the refusal anew: the alert fires after an hour."""
    now = [0.0]
    metrics = Metrics(lambda: now[0])
    call = replace(CALL, phase="asleep", pause=14_400, reason="ChangeRefused")
    for seconds in (0, 3_600, 7_200):
        now[0] = seconds
        assert value(metrics, "function_vcluster_refused_seconds") == seconds
        metrics.answered(call, 0.1, 1, NOW, repeated=False)


def test_no_metric_names_a_vcluster() -> None:
    """A hundred thousand VClusters make no more series than one."""
    metrics = Metrics(lambda: 0)
    metrics.answered(CALL, 0.1, 1, NOW, repeated=False)
    labels = {
        (sample.name, label)
        for family in metrics.registry.collect()
        for sample in family.samples
        for label in sample.labels
    }
    assert {label for _, label in labels} == {
        *("condition", "le", "phase", "python", "reason", "resource", "result", "state"),
        *("status", "version"),
    }
    assert not re.search("kunde1|uid-1", str([*metrics.registry.collect()]))


def test_the_first_certificate_that_ends() -> None:
    """The gauge is the earliest of all; there is none before one is known, and none asleep."""
    metrics = Metrics(lambda: 0)
    name = "function_vcluster_certificate_expiry_timestamp_seconds"
    metrics.answered(CALL, 0.1, 1, NOW, repeated=False)
    assert metrics.registry.get_sample_value(name) is None
    for uid, phase, end in (
        ("a", "ready", "2027-01-01T00:00:00Z"),
        ("b", "ready", "2026-12-01T00:00:00Z"),
        ("b", "refused", ""),
        ("c", "ready", "2026-11-01T00:00:00Z"),
        ("c", "ready", ""),
    ):
        call = replace(CALL, uid=uid, phase=phase, certificate_end=end)
        metrics.answered(call, 0.1, 1, NOW, repeated=False)
    assert value(metrics, name) == dt.datetime(2026, 12, 1, tzinfo=dt.UTC).timestamp()


def test_the_last_backups() -> None:
    """The gauge has the last state of each; a refused spec or Input hides no failed backup."""
    metrics = Metrics(lambda: 0)
    for uid, phase, backup in (
        ("a", "ready", "failed"),
        ("a", "ready", "good"),
        ("b", "ready", "overdue"),
        ("b", "refused", ""),
        ("c", "ready", ""),
        ("d", "refused", ""),
    ):
        call = replace(CALL, uid=uid, phase=phase, backup=backup)
        metrics.answered(call, 0.1, 1, NOW, repeated=False)
    counted = {s: value(metrics, "function_vcluster_backups", state=s) for s in BACKUPS}
    assert counted == {"good": 1, "failed": 0, "overdue": 1, "none": 0}
