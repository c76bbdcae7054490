"""The benchmark asks what Crossplane asks, and its table has all the figures."""

import asyncio
import os
import re
from collections import Counter
from pathlib import Path

import grpc
import pytest
from crossplane.function import resource
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from google.protobuf import json_format

from dev.bench import __main__ as bench
from dev.bench import loads, records, requests
from dev.bench.measure import Figures, resident_bytes
from dev.scripts import life
from dev.scripts.server import Server, serving
from function import fn
from function.response import pause

FIGURES = (
    "p50, 1 in flight",
    "p99, 1 in flight",
    "p99 at 70% load",
    "requests per second, 8 in flight",
)

LOADS = ("steady state", "steady, first time", "change", "worst spec", "100 observed", "4 MB")

ROW = re.compile(
    rf"(?P<request>{'|'.join(LOADS)}|peer|start|1,000 VClusters) +([\d.]+ kB)?  (?P<figure>.*?) +"
    r"[\d.]+( ms| MB| p50| s)? +[\d.]+( ms| MB| p50| s)? +\d+\.\d\d"
)


def run(req: fnv1.RunFunctionRequest) -> fnv1.RunFunctionResponse:
    """Call the function."""
    return asyncio.run(fn.run_function(req))


def test_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every figure is there for each request, and memory before and after the calls."""
    tiny = ["--rounds", "1", "--round-calls", "2", "--calls", "9", "--starts", "1", "--record"]
    file = tmp_path / "request.json"
    file.write_text(json_format.MessageToJson(requests.steady()))
    monkeypatch.setattr(records, "MEASURED", tmp_path)
    with serving() as peer:
        monkeypatch.setenv("BENCH_PEERS", f"peer={peer.address}={file}")
        assert bench.main(tiny) is None
    done = capsys.readouterr()
    header, *lines, start, importing = done.out.splitlines()
    assert re.fullmatch(r"rancher-import --help: \d\.\d\d s, the best of 5 cold starts", start)
    assert importing.startswith("rancher-import import: ")
    assert header.split() == ["REQUEST", "SIZE", "FIGURE", "FUNCTION", "BASELINE", "RATIO"]
    assert len({len(line) for line in (header, *lines)}) == 1
    rows = [ROW.fullmatch(line) for line in lines]
    assert [row and (row["request"], row["figure"]) for row in rows] == [
        *((load, figure) for load in (*LOADS, "peer") for figure in FIGURES),
        ("start", "until it serves, best of 1"),
        ("1,000 VClusters", "memory (RSS) before"),
        ("1,000 VClusters", "memory (RSS) after 9 calls"),
    ]
    recorded = records.function()["rows"]
    assert [" ".join(row).split() for row in recorded] == [line.split() for line in lines]
    assert "bench: memory, 9 of 9 calls, the function holds" in done.err


def test_numbers_are_positive(capsys: pytest.CaptureFixture[str]) -> None:
    """No call is no measurement."""
    with pytest.raises(SystemExit):
        bench.main(["--calls", "0"])
    assert "argument --calls: must be at least 1" in capsys.readouterr().err


def test_steady_state_is_steady() -> None:
    """The function has nothing to change, nothing to say, and calls it ready."""
    req = requests.steady()
    assert requests.check(req, run(req)) == ""


def test_steady_state_is_as_large_as_a_real_one() -> None:
    """Every object bears managedFields; recorded from Crossplane, it was 29 kB with less Input."""
    req = requests.steady()
    assert 28_000 < req.ByteSize() < 45_000
    for held in (req.observed.composite, *req.observed.resources.values()):
        metadata = resource.struct_to_dict(held.resource)["metadata"]
        managers = {entry["manager"].split("/")[0] for entry in metadata["managedFields"]}
        assert {"apiextensions.crossplane.io", "crossplane-core"} <= managers
    fields = resource.struct_to_dict(req.observed.resources["vcluster"].resource)
    (applied,) = (e for e in fields["metadata"]["managedFields"] if e["operation"] == "Apply")
    provider = applied["fieldsV1"]["f:spec"]["f:forProvider"]
    assert provider["f:chart"] == {"f:repository": {}, "f:name": {}, "f:version": {}}


def test_what_is_not_steady_is_not_measured() -> None:
    """A benchmark of another state than it says would mislead."""
    up = life.request("kunde1", "up")
    assert requests.check(up, run(up)).startswith("the function reports: ")
    req = requests.steady()
    rsp = run(req)
    rsp.meta.ttl.FromSeconds(pause.DETAIL)
    assert requests.check(req, rsp) == "the function does not call it ready"
    rsp = run(req)
    resource.update(rsp.desired.resources["vcluster"], {"spec": {"rollbackLimit": 1}})
    assert requests.check(req, rsp) == "the function changes vcluster"


def test_large_request() -> None:
    """Of 100 observed resources 95 are another step's, and the function lets them be."""
    req = requests.large()
    rsp = run(req)
    assert len(req.observed.resources) == 100
    assert len(req.desired.resources) == 95
    assert requests.check(req, rsp) == ""
    for key, desired in req.desired.resources.items():
        assert rsp.desired.resources[key] == desired


@pytest.mark.parametrize(
    ("peers", "error"),
    [
        ("x=127.0.0.1:1", "bench: BENCH_PEERS: x=127.0.0.1:1 is not name=address=request.json"),
        ("x=127.0.0.1:1=none", "bench: BENCH_PEERS: none holds no RunFunctionRequest as JSON"),
    ],
)
def test_wrong_peers(peers: str, error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else's function is named as it has to be, or nothing is measured."""
    monkeypatch.setenv("BENCH_PEERS", peers)
    assert bench.main([]) == error


def test_no_request_comes_twice() -> None:
    """Where a new one is measured, each differs from the others in its tag alone."""
    with grpc.insecure_channel("127.0.0.1:1") as channel:
        nobody = Server("", 0, channel)
        load = loads.Load("x", nobody, requests.steady(), 1, number=loads.always_new)
    one, other = (fnv1.RunFunctionRequest.FromString(load.payload()) for _ in range(2))
    assert (one.meta.tag[:8], other.meta.tag[:8]) == ("00000001", "00000002")
    other.meta.tag = one.meta.tag
    assert one == other


def test_memory_is_looked_at_with_what_is_known_and_what_is_new() -> None:
    """One call in ten asks what none has asked before, the others what 1,000 VClusters ask."""
    times = Counter(loads.mostly_known(call) for call in range(1, 20_001))
    assert Counter(times.values()) == {1: 2000, 20: 900}


def test_change_is_a_change() -> None:
    """Owners and quota are changed, and nothing else."""
    req = requests.changed()
    assert requests.check_changed(req, run(req)) == ""
    steady = requests.steady()
    found = requests.check_changed(steady, run(steady))
    assert found == "the function changes nothing"


def test_largest_request() -> None:
    """It is just what a server takes that was not told otherwise."""
    size = requests.large(requests.LARGEST).ByteSize()
    assert 3.7e6 < size < 4 * 1024 * 1024


def test_percentiles() -> None:
    """The 99th percentile of 100 calls is the slowest."""
    figures = Figures(seconds=[float(n) for n in range(100, 0, -1)], paced_seconds=[2.0, 6.0])
    assert (figures.percentile(50), figures.percentile(99), figures.tail) == (51, 100, 1)


def test_resident_bytes() -> None:
    """A Python process holds some megabytes."""
    assert 10e6 < resident_bytes(os.getpid()) < 10e9
