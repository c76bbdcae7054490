"""Whatever a tenant writes at a path that the Input may allow, nothing more is on the host."""

import json
from collections.abc import Iterator
from subprocess import CompletedProcess
from typing import Any

import pytest
import yaml

from function.api.errors import InvalidError
from function.api.written_values import MULTILINE, never_allowed
from function.decision import tenant_limits
from function.desired.chart_values import build_chart_values
from tests.charts.test_official_chart import Helm
from tests.support.factories import changed, config, vcluster, wanted
from tests.support.tools import official_chart

OBJECT = "apiVersion: v1\\nkind: ConfigMap\\nmetadata: {name: hostile}"
TEXTS = {
    "flow": "{apiVersion: v1, kind: ConfigMap, metadata: {name: hostile}}",
    "list": "- x",
    "quotes": '"\'\\"}]}, kind: ConfigMap, x: [{',
    "template": '{{ fail "hostile" }}{{ .Release.Name }}',
    "document": f"--- {OBJECT}",
    "escaped": f'"\\n---\\n{OBJECT}',
    "tag": "!!binary aG9zdGlsZQ==",
    "comment": "x # y",
    "number": "0x7",
}
"""Texts without control characters, each a try to become more than one text."""

LINES = "x\n---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: hostile\ndata:\n  rest: |1"
"""Another object, which takes what follows in the manifest for a text of its own."""
UNQUOTED = "logging.encoding"
"""The one text that the chart writes as it is."""


def leaves(schema: dict[str, Any], node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each path of the chart's values that has no key below it, with its schema."""
    while isinstance(node, dict) and "$ref" in node:
        node = schema["$defs"][node["$ref"].rpartition("/")[2]]
    if isinstance(node, dict) and node.get("properties"):
        for key, below in node["properties"].items():
            yield from leaves(schema, below, f"{path}.{key}".removeprefix("."))
    else:
        yield path, node


@pytest.fixture(scope="module")
def allowable() -> dict[str, Any]:
    """Return the paths that an Input may allow, by their schema."""
    schema = json.loads((official_chart() / "values.schema.json").read_text())
    found = {path: node for path, node in leaves(schema, schema) if never_allowed(path) is None}
    assert {"logging.encoding", "controlPlane.coredns.overwriteConfig"} <= {*found}
    return found


def filled(node: Any, text: str, *, flag: bool) -> Any:
    """Return a value that fits a schema, with the text wherever one may be."""
    types = [node.get("type"), *(each.get("type") for each in node.get("oneOf", ()))]
    if "array" in types:
        items = node.get("items")
        inner = items.get("type") if isinstance(items, dict) else None
        return [text] if inner == "string" else [{text: text}] if inner == "object" else []
    for kind, value in {"boolean": flag, "integer": 7, "object": {text: text}}.items():
        if kind in types:
            return value
    return text


def template(run_helm: Helm, values: dict[str, Any]) -> CompletedProcess[str]:
    """Render the official chart for a VCluster whose spec has these values."""
    platform = config({"tenant.values": [*values]})
    asked = vcluster(values=changed({}, values))
    return run_helm(
        *("template", "kunde1-vcluster", official_chart(), "--namespace=kunde1"),
        "--kube-version=v1.36.0",
        values=build_chart_values(wanted(asked, platform), platform),
    )


def check(values: dict[str, Any]) -> None:
    """Raise what a spec with these values is refused for, where all their paths are allowed."""
    platform = config({"tenant.values": [*values]})
    asked = vcluster(values=changed({}, values))
    tenant_limits.check(asked.spec, wanted(asked, platform), platform, new=True)


def objects(done: CompletedProcess[str]) -> dict[tuple[str, ...], Any]:
    """Return what was rendered, without the values themselves and their hash."""
    assert done.returncode == 0, done.stderr
    found = [each for each in yaml.safe_load_all(done.stdout) if each]
    for each in found:
        if each["metadata"]["name"] == "vc-config-kunde1-vcluster":
            each["data"] = {}
        pods = each.get("spec", {}).get("template", {})
        pods.get("metadata", {}).get("annotations", {}).pop("vClusterConfigHash", None)
    return {(each["apiVersion"], each["kind"], each["metadata"]["name"]): each for each in found}


@pytest.mark.parametrize("flag", [True, False])
@pytest.mark.parametrize("text", TEXTS)
def test_nothing_more_is_on_the_host(
    run_helm: Helm, allowable: dict[str, Any], text: str, *, flag: bool
) -> None:
    """At all paths at once, and no object is another one than before either."""
    values = {path: filled(node, TEXTS[text], flag=flag) for path, node in allowable.items()}
    del values[UNQUOTED]
    check(values)
    assert objects(template(run_helm, values)) == objects(template(run_helm, {}))


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_written_without_quotes(run_helm: Helm, text: str) -> None:
    """Helm refuses it, or the objects are those of before."""
    check({UNQUOTED: TEXTS[text]})
    done = template(run_helm, {UNQUOTED: TEXTS[text]})
    if done.returncode == 0:
        assert objects(done).keys() == objects(template(run_helm, {})).keys()
    else:
        assert "error converting YAML to JSON" in done.stderr


def test_lines_where_they_are_allowed(run_helm: Helm) -> None:
    """A text of several lines is in no manifest of the host."""
    values = {".".join(path): LINES for path in MULTILINE}
    check(values)
    assert objects(template(run_helm, values)) == objects(template(run_helm, {}))


def test_a_second_line_is_an_object(run_helm: Helm) -> None:
    """This is what a newline does in the chart, and why it is refused."""
    with pytest.raises(InvalidError):
        check({UNQUOTED: LINES})
    found = objects(template(run_helm, {UNQUOTED: LINES}))
    assert ("v1", "ConfigMap", "hostile") in found
