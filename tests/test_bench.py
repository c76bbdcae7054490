"""The benchmark asks what Crossplane asks, and its table has all the figures."""

import asyncio
import os
import re
import subprocess
import sys

import pytest
from crossplane.function import resource
from crossplane.function.proto.v1 import run_function_pb2 as fnv1

from bench import __main__ as bench
from bench import requests
from bench.measure import Figures, resident_bytes
from function import fn
from scripts import life

FIGURES = (
    "p50, 1 in flight",
    "p99, 1 in flight",
    "requests per second, 8 in flight",
)

ROW = re.compile(
    r"(?P<request>steady state|100 observed) +[\d.]+ kB  (?P<figure>.*?) +"
    r"[\d.]+( ms| MB)? +[\d.]+( ms| MB)? +\d+\.\d\d"
)


def run(req: fnv1.RunFunctionRequest) -> fnv1.RunFunctionResponse:
    """Call the function."""
    return asyncio.run(fn.run_function(req))


def test_table() -> None:
    """Every figure is there for both requests, and memory before and after the calls."""
    tiny = ["--rounds", "1", "--round-calls", "2", "--calls", "9"]
    done = subprocess.run(
        [sys.executable, "-m", "bench", *tiny],
        cwd=life.ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    header, *lines, start, importing = done.stdout.splitlines()
    assert re.fullmatch(r"rancher-import --help: \d\.\d\d s, the best of 5 cold starts", start)
    assert importing.startswith("rancher-import import: ")
    assert header.split() == ["REQUEST", "SIZE", "FIGURE", "FUNCTION", "BASELINE", "RATIO"]
    assert len({len(line) for line in (header, *lines)}) == 1
    rows = [ROW.fullmatch(line) for line in lines]
    assert [row and (row["request"], row["figure"]) for row in rows] == [
        *(("steady state", figure) for figure in FIGURES),
        *(("100 observed", figure) for figure in FIGURES),
        ("steady state", "memory (RSS) before"),
        ("steady state", "memory (RSS) after 9 calls"),
    ]
    assert "bench: memory, 9 of 9 calls, the function holds" in done.stderr


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
    rsp.meta.ttl.FromTimedelta(fn.IN_PROGRESS)
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


def test_percentiles() -> None:
    """The 99th percentile of 100 calls is the slowest."""
    figures = Figures(seconds=[float(n) for n in range(100, 0, -1)])
    assert (figures.percentile(50), figures.percentile(99)) == (51, 100)


def test_resident_bytes() -> None:
    """A Python process holds some megabytes."""
    assert 10e6 < resident_bytes(os.getpid()) < 10e9
