"""The programs that run the real Crossplane, and the server that they start."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from crossplane.function import resource

from dev.scripts import life, render, validate
from dev.scripts.server import Server, ServerError, serving
from function.commands.plan.requests import RESOURCE_NAME
from tests.support.tools import tool

CASES = [
    pytest.param(example, state, id=f"{example}-{state}")
    for example in life.names()
    for state in life.LIFE
]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Yield a running server of the function."""
    with serving() as running:
        yield running


@pytest.fixture
def crossplane() -> None:
    """Skip where the real programs are absent."""
    for name in ("crossplane", "crossplane-core"):
        tool(name)


def rendered(server: Server, example: str, state: str | None) -> list[Any]:
    """Return what Crossplane renders."""
    return [
        *yaml.safe_load_all(render.render_example(server, example, state, stdout=subprocess.PIPE))
    ]


def keyed(objects: list[Any]) -> dict[str, Any]:
    """Return the composed resources by their resource name."""
    annotated = ((o["metadata"].get("annotations", {}), o) for o in objects if "metadata" in o)
    return {a[RESOURCE_NAME]: o for a, o in annotated if RESOURCE_NAME in a}


def test_server_answers_and_stops(capfd: pytest.CaptureFixture[str]) -> None:
    """The server runs as long as the block, and its log is nobody's business then."""
    with serving() as running:
        assert running.run(life.request("kunde1", "ready")).meta.ttl.seconds == 120
    with pytest.raises(ProcessLookupError):
        os.kill(running.pid, 0)
    assert capfd.readouterr() == ("", "")


def test_failing_block_shows_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    """Who looks for a cause finds what the server logged."""
    with contextlib.suppress(ZeroDivisionError), serving() as running:
        running.run(life.request("kunde1", "ready"))
        _ = 1 / 0
    assert '"msg": "answered"' in capfd.readouterr().err


def test_server_that_does_not_start(capfd: pytest.CaptureFixture[str]) -> None:
    """It is an error at once, with the reason."""
    with pytest.raises(ServerError, match="did not start"), serving("no_such_function"):
        pass
    assert "No module named no_such_function" in capfd.readouterr().err


@pytest.mark.usefixtures("crossplane")
@pytest.mark.parametrize(("example", "state"), CASES)
def test_render_shows_what_the_function_answers(server: Server, example: str, state: str) -> None:
    """Between the function's answer and what Crossplane would apply, nothing gets lost."""
    composed = keyed(rendered(server, example, state))
    desired = server.run(life.request(example, state)).desired.resources
    assert {key: found["spec"] for key, found in composed.items()} == {
        key: resource.struct_to_dict(desired[key].resource)["spec"] for key in desired
    }
    observed, _ = life.observed(example, state)
    assert {*keyed(observed)} <= {*composed}


@pytest.mark.usefixtures("crossplane")
@pytest.mark.parametrize("example", life.names())
def test_render_becomes_ready(server: Server, example: str) -> None:
    """In the last state Crossplane calls the VCluster ready, and not before; asleep it is not."""
    is_asleep = life.composite(example)["spec"].get("power") == "Sleeping"
    for state in life.LIFE:
        vcluster = rendered(server, example, state)[0]
        conditions = {c["type"]: c["status"] for c in vcluster["status"]["conditions"]}
        assert conditions["Synced"] == "True"
        early = "rancher" not in vcluster["status"] and example != "restored"
        is_up = state == "ready" or (early and state in ("up", "imported"))
        expected = is_up and not is_asleep
        assert conditions["Ready"] == str(expected), state


@pytest.mark.usefixtures("crossplane")
def test_render_reads_connection_secrets() -> None:
    """The command line prints Crossplane's YAML, with what only connection details tell."""
    command = [sys.executable, "-m", "dev.scripts.render", "kunde1", "ready"]
    done = subprocess.run(command, cwd=life.ROOT, check=True, capture_output=True, text=True)
    status = next(yaml.safe_load_all(done.stdout))["status"]
    assert done.stderr == ""
    assert status["rancher"]["clusterId"] == "c-m-x7k2p"
    assert (status["chartVersion"], status["kubernetesVersion"]) == ("0.36.1", "v1.35.0")
    assert status["blockedBy"] == ""


@pytest.mark.usefixtures("crossplane")
def test_render_without_a_state(server: Server) -> None:
    """Without a state nothing exists yet."""
    assert rendered(server, "kunde1", None) == rendered(server, "kunde1", "nothing")


@pytest.mark.usefixtures("crossplane")
def test_render_passes_a_failure_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A refused spec ends with Crossplane's exit code and words, and nothing on standard output."""
    broken_example(monkeypatch, tmp_path, {"quota": {"cpu": "1000"}})
    assert render.main(["broken"]) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert "spec.quota.cpu: must be at most 10" in err


def test_render_needs_crossplane(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the real programs it is said how to get them."""
    monkeypatch.setattr(render, "CROSSPLANE", tmp_path / "crossplane")
    assert render.main(["kunde1"]) == 1
    assert capsys.readouterr().err == "render: crossplane is not built: run `make tools`\n"


def test_render_knows_the_examples(capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelled example or state is refused with those that exist."""
    for arguments, known in ((["kunde3"], "kunde2"), (["kunde1", "fine"], "imported")):
        with pytest.raises(SystemExit) as refused:
            render.main(arguments)
        assert refused.value.code == 2
        assert known in capsys.readouterr().err


@pytest.mark.usefixtures("crossplane")
def test_examples_are_valid(capsys: pytest.CaptureFixture[str]) -> None:
    """The real schemas accept everything, in one line for each example."""
    assert validate.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[1].strip() for line in lines] == [
        "cluster",
        "namespaced",
        *life.names(),
    ]
    assert all(line.endswith(": valid") for line in lines)
    (kunde1,) = (line for line in lines if "kunde1" in line)
    assert kunde1 == "validate: kunde1: 7 Release, 4 Usage, 4 VCluster: valid"
    (tenant,) = (line for line in lines if "tenant" in line)
    assert tenant == "validate: tenant: 7 Release, 7 Usage, 4 VCluster: valid"


@pytest.mark.usefixtures("crossplane")
def test_validate_finds_a_broken_release(server: Server) -> None:
    """A field that provider-helm does not know is found."""
    objects = validate.documents(server, "kunde1")
    release = next(found for found in objects if found["kind"] == "Release")
    release["spec"]["forProvider"]["chart"]["repositry"] = "https://charts.example.org"
    (finding,) = validate.findings(objects)
    assert finding.startswith("Release kunde1-namespace: spec.forProvider.chart.repositry: ")


@pytest.mark.usefixtures("crossplane")
def test_validate_finds_a_broken_vcluster() -> None:
    """Unknown fields, wrong types and rules in CEL are found."""
    broken = life.composite("kunde1")
    broken["spec"] = {"plann": "small", "availability": 3, "expose": {"hostname": "a.b"}}
    found = "\n".join(validate.findings([broken]))
    for part in ("spec.plann", "spec.availability", "has no way in"):
        assert part in found


@pytest.mark.usefixtures("crossplane")
def test_validate_finds_a_broken_input() -> None:
    """The Input is checked by the CRD in the function's package."""
    broken = life.platform_input()
    del broken["plans"]
    broken["vcluster"]["chart"]["version"] = "0.36.1"
    found = "\n".join(validate.findings([broken]))
    assert "Input: plans: Required value" in found
    assert 'unknown field: "version"' in found


@pytest.mark.usefixtures("crossplane")
def test_validate_finds_an_unknown_kind() -> None:
    """What no schema speaks of is not valid."""
    unknown = {"apiVersion": "example.org/v1", "kind": "Unknown", "metadata": {"name": "a"}}
    assert validate.findings([unknown]) == ["Unknown a: missingSchema"]


@pytest.mark.usefixtures("crossplane")
def test_validate_fails_on_a_finding(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code tells, and each finding is a line."""
    broken_example(monkeypatch, tmp_path, {"plann": "small"})
    monkeypatch.setattr(validate, "documents", lambda _, example: [life.composite(example)])
    assert validate.main() == 1
    out = capsys.readouterr().out
    assert "validate: broken: 1 VCluster: invalid\n  VCluster broken: spec.plann: " in out


@pytest.mark.usefixtures("crossplane")
def test_validate_fails_where_render_does(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """What cannot be rendered is not valid either."""
    broken_example(monkeypatch, tmp_path, {"quota": {"cpu": "1000"}})
    assert validate.main() == 1
    err = capfd.readouterr().err
    assert "spec.quota.cpu: must be at most 10" in err
    assert err.endswith("validate: `crossplane composition render` ended with 1\n")


def test_validate_needs_crossplane(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the real programs nothing is called valid."""
    monkeypatch.setattr(validate, "CROSSPLANE", tmp_path / "crossplane")
    assert validate.main() == 1
    assert capsys.readouterr().err == "validate: crossplane is not built: run `make tools`\n"


def broken_example(monkeypatch: pytest.MonkeyPatch, folder: Path, spec: object) -> None:
    """Make `broken`, an example with this spec, the only one."""
    vcluster = life.composite("kunde1")
    vcluster["metadata"] = {"name": "broken"}
    vcluster["spec"] = spec
    for name, content in {
        "broken/xr.yaml": yaml.safe_dump(vcluster),
        "observed/broken/nothing.yaml": "",
        "secrets/broken/nothing.yaml": "",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    monkeypatch.setattr(life, "EXAMPLES", folder)
    monkeypatch.setattr(life, "FIXTURES", folder)
