"""The measurement with many VClusters plays its host as agreed, and its tables add up."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dev.apiserver.client import Answer, Client
from dev.bench import model
from dev.bench.scale import measure, report, simulator, vclusters
from dev.bench.scale.measure import OTHERS, Memory, Phase, Sample
from dev.bench.scale.programs import Cluster
from dev.bench.scale.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Mapping


_WRITTEN: list[tuple[str, str, Any]] = []


class Host(Client):
    """Notes what is written."""

    def request(  # noqa: PLR0913 -- as a Client has it
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",  # noqa: ARG002
        accept: str = "application/json",  # noqa: ARG002
        *,
        user: str = "",  # noqa: ARG002
    ) -> Answer:
        """Take everything."""
        _WRITTEN.append((method, path, body))
        return Answer(200, {})


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """Return a simulator for which no time passes."""
    _WRITTEN.clear()
    for name in dir(simulator):
        if name.endswith("_SECONDS") and name != "RETRY_SECONDS":
            monkeypatch.setattr(simulator, name, 0)
    return Simulator(Host(1, "", Path()), threading.Event())


STATEFULSET = {"metadata": {"uid": "1", "name": "one-vcluster", "namespace": "one"}}

ENV = {
    "KUBECONFIG_NAMESPACE": "one",
    "CLUSTER_NAME": "one",
    "STATE_NAMESPACE": "vcluster-system",
    "STATE_CONFIG_MAP": "one-rancher",
    "INPUTS": "abc",
}


def job(component: str) -> dict[str, Any]:
    """Return a Job of the chart."""
    pod = {
        "metadata": {"labels": {"app.kubernetes.io/component": component}},
        "spec": {"containers": [{"env": [{"name": k, "value": v} for k, v in ENV.items()]}]},
    }
    where = {
        "uid": "0123456789",
        "name": f"one-rancher-{component}",
        "namespace": "vcluster-system",
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
    return {"metadata": where, "spec": {"template": pod}}


def test_a_virtual_cluster_comes_up(host: Simulator) -> None:
    """The kubeconfig is written, the pod becomes available, and the import reports Connected."""
    host.see_statefulset("ADDED", STATEFULSET)
    host.see_job("ADDED", job("import"))
    host.see_job("MODIFIED", job("import"))
    for _ in range(3):
        host.work()
    assert [(method, path) for method, path, _ in _WRITTEN] == [
        ("POST", "/api/v1/namespaces/one/secrets"),
        ("PATCH", "/apis/apps/v1/namespaces/one/statefulsets/one-vcluster/status"),
        *[("PATCH", "/api/v1/namespaces/vcluster-system/configmaps/one-rancher")] * 3,
        ("PATCH", "/apis/batch/v1/namespaces/vcluster-system/jobs/one-rancher-import/status"),
    ]
    assert [body["data"]["phase"] for *_, body in _WRITTEN[2:5]] == [
        "Importing",
        "Registered",
        "Connected",
    ]
    assert json.loads(_WRITTEN[4][2]["data"]["report"])["observedInputs"] == "abc"
    assert {mark for mark, _ in host.marks} == {"installed", "kubeconfig", "available", "connected"}


def test_the_import_waits_for_the_kubeconfig(host: Simulator) -> None:
    """A Job whose virtual cluster has no kubeconfig reports nothing."""
    host.see_job("ADDED", job("import"))
    host.work()
    assert _WRITTEN == []


def test_a_deregistration_completes(host: Simulator) -> None:
    """Helm waits for the hook's Job, so it gets the status of one that succeeded."""
    host.see_job("ADDED", job("deregister"))
    host.work()
    [(_, path, body)] = _WRITTEN
    assert path.endswith("/jobs/one-rancher-deregister/status")
    assert [c["type"] for c in body["status"]["conditions"]] == ["SuccessCriteriaMet", "Complete"]


def sample(at: float, processor: float, calls: int) -> Sample:
    """Return counters at a moment."""
    return Sample(
        at=at,
        processor={"function": processor, OTHERS: at},
        calls=calls,
        requests={"Crossplane to host": calls},
        served={("host", "GET", "secrets"): calls},
        breakers=0,
    )


PHASES = (
    Phase("UNTIL READY", sample(0, 1, 0), sample(100, 3, 1700)),
    Phase("READY, PER MINUTE", sample(100, 3, 1700), sample(220, 9, 1800), per_minute=True),
)


def test_processor_table() -> None:
    """A phase tells what was used in it, or per minute where its length says nothing."""
    memory = {"function": Memory(60.2, 61.8)}
    assert list(report.used(PHASES, memory, memory)) == [
        "PROCESSOR SECONDS                  UNTIL READY  READY, PER MINUTE  RSS WHEN READY   PEAK",
        "function                                   2.0                3.0           60 MB  62 MB",
        "everything else                          100.0               60.0",
        "all but everything else, in cores         0.02               0.05",
        "duration in seconds                        100                120",
        "",
    ]


def test_the_steady_state_is_recorded_by_program() -> None:
    """Both etcd are one program of the model; a run without a steady state has none."""
    names = [name for process in report.PROGRAMS.values() for name in process]
    assert tuple(report.PROGRAMS) == model.PROGRAMS
    first, last = (
        replace(
            PHASES[1].before,
            at=at,
            processor={name: at * n for n, name in enumerate(names)},
            requests={"provider-helm to host": at * 3, "provider-helm to control plane": at},
        )
        for at in (0, 120)
    )
    steady = report.steady([PHASES[0], Phase("", first, last, per_minute=True)])
    assert steady is not None
    spent = steady["processor_seconds"]
    assert spent["function"] == 0
    assert spent["provider-helm"] == 120
    assert spent["etcd of both"] == 60 * (5 + 6)
    assert steady["host_requests"] == 180
    assert steady["call_seconds"] == pytest.approx(2 / 1700)
    assert report.steady(PHASES[:1]) is None


def test_request_table() -> None:
    """Calls and requests are counted per phase, the most frequent kinds last."""
    assert list(report.requests(PHASES)) == [
        "CALLS AND REQUESTS       UNTIL READY  READY, PER MINUTE",
        "calls of the function           1700                 50",
        "circuit breakers opened            0                  0",
        "Crossplane to host              1700                 50",
        "  host GET secrets              1700                 50",
        "",
    ]


def test_times() -> None:
    """The middle one is of all that got there; a row that nobody reached is left out."""
    assert list(report.times({"Ready": [5, 1, 3], "deleted": []})) == [
        "SECONDS SINCE THE FIRST REQUEST  FIRST  MEDIAN  LAST",
        "Ready                                1       3     5",
        "",
    ]


def test_processor_time_of_a_process() -> None:
    """The figures of this very process are there and plausible."""
    assert measure.processor_seconds(threading.get_native_id()) > 0


def test_conditions_are_noted_once() -> None:
    """The first moment counts, and a circuit breaker that opened is remembered by VCluster."""
    followed = vclusters.VClusters(Host(1, "", Path()), ["one", "two"])
    conditions = [
        {"type": "Ready", "status": "True", "reason": "Available"},
        {"type": "Responsive", "status": "False", "reason": "WatchCircuitOpen"},
    ]
    seen = {"metadata": {"name": "one"}, "status": {"conditions": conditions}}
    followed.see("ADDED", seen)
    first = dict(followed.marks)
    followed.see("MODIFIED", seen)
    assert followed.marks == first
    assert followed.have("Ready") == 1
    assert followed.failures == {"Responsive: WatchCircuitOpen": {"one"}}
    followed.see("DELETED", seen)
    assert followed.have(vclusters.GONE) == 1


def test_a_kubeconfig_has_everything_in_it(tmp_path: Path) -> None:
    """Programs in other folders, and Secrets, can use it as it is."""
    ca = tmp_path / "tls.crt"
    ca.write_text("certificate")
    cluster = Cluster(Client(6443, "admins", ca), {"one": "ones"})
    assert json.loads(cluster.kubeconfig("one")) == {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "clusters": [
            {
                "name": "test",
                "cluster": {
                    "server": "https://127.0.0.1:6443",
                    "certificate-authority-data": "Y2VydGlmaWNhdGU=",
                },
            }
        ],
        "users": [{"name": "test", "user": {"token": "ones"}}],
    }
