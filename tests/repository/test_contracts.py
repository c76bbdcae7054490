"""Models, CRD, XRD, Composition and charts say the same."""

import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator, Draft202012Validator

from dev.scripts import generate, licenses, life
from function import protobuf
from function.api import validate
from function.api.status import Status
from function.compose import compose
from function.response.outcome import CONDITIONS
from tests.support.tools import ROOT

XRD = yaml.safe_load(generate.XRD.read_text())
COMPOSITION = yaml.safe_load(life.COMPOSITION.read_text())

RELEASES = [
    pytest.param(example, state, key, id=f"{example}-{state}-{key}")
    for example in life.names()
    for state in ("nothing", "ready")
    for key in compose(protobuf.decode(life.request(example, state))).resources
    if key in ("namespace", "rancher", "backup")
]


def test_generated_files_are_fresh() -> None:
    """The Input's CRD, the XRD and the reference are what the models say."""
    for path, text in generate.files().items():
        assert path.read_text() == text, "run `make generate`"


def test_plain_columns_are_crossplanes_own() -> None:
    """`kubectl get` shows NAME SYNCED READY COMPOSITION AGE; ours are for `-o wide`."""
    (version,) = XRD["spec"]["versions"]
    columns = version["additionalPrinterColumns"]
    assert [(c["name"], c["priority"]) for c in columns] == [
        ("KUBERNETES", 1),
        ("CHART", 1),
        ("RANCHER", 1),
        ("HOST", 1),
        ("ENDPOINT", 1),
        ("POWER", 1),
        ("LASTBACKUP", 1),
    ]


def test_xrd_and_composition_belong_together() -> None:
    """The XRD's default Composition is ours, and is for its kind."""
    spec = XRD["spec"]
    assert spec["scope"] == "Cluster"
    assert spec["defaultCompositionRef"]["name"] == COMPOSITION["metadata"]["name"]
    assert COMPOSITION["spec"]["compositeTypeRef"] == {
        "apiVersion": f"{spec['group']}/{spec['versions'][0]['name']}",
        "kind": spec["names"]["kind"],
    }


def test_every_field_is_described_and_bounded() -> None:
    """No field of the API is without a description, no text or list without a bound."""
    bare = []

    def walk(path: str, schema: dict[str, Any]) -> None:
        if "description" not in schema:
            bare.append(f"{path}: description")
        if schema.get("type") == "string" and not {"maxLength", "enum"} & {*schema}:
            bare.append(f"{path}: maxLength")
        if schema.get("type") == "array" and not {"maxItems"} & {*schema}:
            bare.append(f"{path}: maxItems")
        for name, below in schema.get("properties", {}).items():
            walk(f"{path}.{name}", below)
        for name, below in schema.get("items", {}).get("properties", {}).items():
            walk(f"{path}[].{name}", below)

    (version,) = XRD["spec"]["versions"]
    walk("spec", version["schema"]["openAPIV3Schema"]["properties"]["spec"])
    assert bare == []


def test_our_input_is_valid() -> None:
    """The Input in the Composition is one that the function takes."""
    assert validate.platform_input(life.platform_input()).defaultPlan == "small"


@pytest.mark.parametrize("example", life.names())
def test_status_is_the_models(example: str) -> None:
    """What the function writes into status is what the XRD describes."""
    status = compose(protobuf.decode(life.request(example, "ready"))).status
    assert Status.model_validate(status).model_dump(exclude_none=True) == status


@pytest.mark.parametrize(("example", "state", "key"), RELEASES)
def test_our_charts_take_what_the_function_gives(example: str, state: str, key: str) -> None:
    """The values of our own charts are accepted by their schemas."""
    answer = compose(protobuf.decode(life.request(example, state)))
    provider = answer.resources[key].resource["spec"]["forProvider"]
    schema = ROOT / "charts" / provider["chart"]["name"] / "values.schema.json"
    Draft7Validator(json.loads(schema.read_text())).validate(provider["values"])


@pytest.mark.parametrize("example", life.names())
def test_examples_are_valid_by_the_xrd(example: str) -> None:
    """Each example's XR is accepted by the schema that the API server will hold."""
    (version,) = XRD["spec"]["versions"]
    Draft202012Validator(version["schema"]["openAPIV3Schema"]).validate(life.composite(example))


def test_chart_versions() -> None:
    """The Composition asks for the versions of our charts that are in the repository."""
    charts = [each.name for each in (ROOT / "charts").iterdir()]
    assert {"vcluster-access", "vcluster-backup"} <= {*charts}
    for chart in charts:
        metadata = yaml.safe_load((ROOT / "charts" / chart / "Chart.yaml").read_text())
        assert metadata["name"] == chart
        assert metadata["version"] == life.platform_input()["charts"]["version"]


def test_scopes_differ_in_what_they_must() -> None:
    """The API of customers is that of the platform team, but for its scope and its names."""
    mine, theirs = (yaml.safe_load(p.read_text()) for p in (generate.XRD, generate.NAMESPACED_XRD))
    assert mine["spec"].pop("scope") == "Cluster"
    assert theirs["spec"].pop("scope") == "Namespaced"
    rules = []
    for definition in (mine, theirs):
        (version,) = definition["spec"]["versions"]
        rules.append(version["schema"]["openAPIV3Schema"].pop("x-kubernetes-validations"))
    assert mine == theirs
    assert [rule["message"] for rule in rules[0]] == [
        "metadata.name must have at most 38 characters",
        "metadata.name must be lower case letters, digits and '-', and begin with a letter",
        "metadata.name is reserved by the platform, choose another one",
        "spec.kubernetesVersion is lower than what runs, and Kubernetes is never downgraded",
    ]
    assert rules[1] == [rules[0][1], rules[0][3]]


def test_packages_differ_in_what_they_must() -> None:
    """The two packages of the API have the same Composition and needs, and names of their own."""
    folders = (generate.CONFIGURATION, generate.NAMESPACED)
    assert {path.name for path in folders[0].iterdir()} == {p.name for p in folders[1].iterdir()}
    compositions = [yaml.safe_load((f / "composition.yaml").read_text()) for f in folders]
    assert compositions[0] == compositions[1]
    packages = [yaml.safe_load((f / "crossplane.yaml").read_text()) for f in folders]
    assert packages[0]["spec"] == packages[1]["spec"]
    assert [package["metadata"]["name"] for package in packages] == [
        "configuration-vcluster",
        "configuration-vcluster-namespaced",
    ]


@pytest.mark.parametrize("name", licenses.packages())
def test_licences_are_permissive(name: str) -> None:
    """Whoever ships the image owes nobody its source, and no package hides what it is under."""
    try:
        found = licenses.licence(name)
    except metadata.PackageNotFoundError:
        pytest.skip(f"{name} is not for this platform")
    assert re.fullmatch(
        r"((3-Clause )?(MIT|BSD|BSD-[23]-Clause|Apache-2.0|Apache Software|PSF-2.0)( License)?"
        r"( AND | OR |, )?)+",
        found,
    )


def test_no_condition_is_crossplanes_own() -> None:
    """Crossplane drops a function's condition of a type that it keeps for itself.

    https://github.com/crossplane/crossplane/blob/v2.3.4/apis/apiextensions/v1/conditions.go
    """
    own = {"Healthy", "Ready", "Responsive", "Synced", "UpToDate"}
    assert own.isdisjoint(CONDITIONS)
    seen = {
        condition.type
        for example in ("kunde1", "asleep", "backup", "login")
        for state in life.LIFE
        for condition in compose(protobuf.decode(life.request(example, state))).conditions
    }
    assert seen == {*CONDITIONS}


def test_the_wheel_is_reproducible(tmp_path: Path) -> None:
    """Whoever builds the same source gets the same bytes, and can compare."""
    built = []
    for name in ("one", "other"):
        folder = tmp_path / name
        command = (sys.executable, "-m", "hatchling", "build", "--target", "wheel")
        subprocess.run(
            (*command, "--directory", str(folder)), cwd=ROOT, check=True, capture_output=True
        )
        [wheel] = folder.iterdir()
        built.append((wheel.name, wheel.read_bytes()))
    assert built[0] == built[1]
