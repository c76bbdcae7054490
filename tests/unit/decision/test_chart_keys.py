"""Keys that not every chart knows: the table against the charts' own schemas."""

import functools
import itertools
import json
import os
from pathlib import Path
from typing import Any

import pytest

from function.api import chart_facts
from function.api.written_values import is_decided
from function.decision import chart_keys

RELEASES = ["0.31.3", "0.32.3", "0.33.4", "0.34.7", "0.35.3", "0.36.1"]
LEFT_TO_THE_CHART = ("privateNodes.", "experimental.", "controlPlane.standalone.")
"""Below these keys come and go in every version, and nobody but the platform sets them."""


@functools.cache
def known(version: str) -> frozenset[str]:
    """Return all paths that the schema of a chart knows, but for those inside lists and maps."""
    folder = os.environ.get("VCLUSTER_CHART_SCHEMAS")
    if not folder:
        pytest.skip("VCLUSTER_CHART_SCHEMAS names no folder with the chart's schemas")
    schema = json.loads((Path(folder) / f"vcluster-{version}" / "values.schema.json").read_text())
    found: set[str] = set()

    def walk(node: dict[str, Any], path: tuple[str, ...], above: frozenset[str]) -> None:
        while "$ref" in node:
            name = node["$ref"].rpartition("/")[2]
            if name in above:
                return
            above |= {name}
            node = schema["$defs"][name]
        for key, below in node.get("properties", {}).items():
            found.add(".".join((*path, key)))
            walk(below, (*path, key), above)

    walk(schema, (), frozenset())
    return frozenset(found)


def difference(less: frozenset[str], more: frozenset[str]) -> set[str]:
    """Return the topmost paths that only the second has."""
    gained = more - less
    return {path for path in gained if path.rpartition(".")[0] not in gained}


def test_what_was_added() -> None:
    """A platform may write a key of tomorrow's chart today: the table knows when it comes."""
    found = {
        path: tuple(int(part) for part in new.split(".")[:2])
        for old, new in itertools.pairwise(RELEASES)
        for path in difference(known(old), known(new))
        if not path.startswith((*LEFT_TO_THE_CHART, "integrations.netris", "snapshots.auto"))
    }
    assert found == chart_facts.ADDED


def test_what_was_removed() -> None:
    """A chart that refuses a key is no step while somebody sets it: by schema or by template."""
    by_schema = {
        path: tuple(int(part) for part in new.split(".")[:2])
        for old, new in itertools.pairwise(RELEASES)
        for path in difference(known(new), known(old))
    }
    by_template = {
        path: first for path, first in chart_facts.REMOVED.items() if path not in by_schema
    }
    assert {**by_schema, **by_template} == chart_facts.REMOVED
    assert {*by_template.values()} == {(0, 36)}
    assert {*by_template} <= known("0.35.3")


def test_licensed_keys_exist() -> None:
    """No key that needs a licence is misspelt."""
    assert {*chart_facts.LICENSED} <= known("0.36.1")


def test_licensed_keys_are_no_decided_ones() -> None:
    """A key that is refused for any image needs no row here."""
    assert [path for path in chart_facts.LICENSED if is_decided(tuple(path.split(".")))] == []


LAYERS: dict[str, dict[str, object]] = {
    "input.vcluster.values": {"sync": {"toHost": {"volumeSnapshots": {}}}},
    "spec.values": {"controlPlane": {"distro": {"k3s": {"enabled": False}}}},
}


@pytest.mark.parametrize(
    ("chart", "expected"),
    [
        pytest.param("0.32.3", (), id="before"),
        pytest.param("0.33.4", ("spec.values.controlPlane.distro.k3s",), id="one"),
        pytest.param(
            "0.36.1",
            (
                "input.vcluster.values.sync.toHost.volumeSnapshots",
                "spec.values.controlPlane.distro.k3s",
            ),
            id="both",
        ),
        pytest.param("latest", (), id="no-version"),
    ],
)
def test_removed(chart: str, expected: tuple[str, ...]) -> None:
    """The field that somebody has to correct is named, not only the key."""
    assert chart_keys.removed(LAYERS, chart) == expected


@pytest.mark.parametrize(
    ("chart", "expected"),
    [
        pytest.param("0.33.4", [("controlPlane.tlsRoute", "0.34")], id="not-yet"),
        pytest.param("0.34.7", [], id="known"),
        pytest.param("latest", [], id="no-version"),
    ],
)
def test_unknown_yet(chart: str, expected: list[tuple[str, str]]) -> None:
    """What a later chart knows is told with the version that brings it."""
    values = {"controlPlane": {"tlsRoute": {"enabled": False}}}
    assert [*chart_keys.unknown_yet(values, chart)] == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param({"sleep": {}}, [], id="only-the-cli-refuses-it"),
        pytest.param({"controlPlane": {"coredns": {"embedded": False}}}, [], id="switched-off"),
        pytest.param(
            {"controlPlane": {"coredns": {"embedded": True}}},
            [("controlPlane", "coredns", "embedded")],
            id="on",
        ),
        pytest.param({"experimental": {"proxy": {"customResources": {}}}}, [], id="an-empty-map"),
        pytest.param(
            {"experimental": {"proxy": {"customResources": {"a.example.org/v1": {}}}}},
            [("experimental", "proxy", "customResources")],
            id="a-map",
        ),
        pytest.param({"experimental": "x"}, [], id="no-map"),
    ],
)
def test_licensed(values: dict[str, object], expected: list[tuple[str, ...]]) -> None:
    """What is neither empty nor false stops a control plane that has no licence."""
    assert [*chart_keys.licensed(values)] == expected


@pytest.mark.parametrize(
    ("sync", "expected"),
    [
        pytest.param({"toHost": {"services": {"patches": []}}}, [], id="empty"),
        pytest.param(
            {"toHost": {"services": {"patches": [{"path": "spec"}]}}},
            [("sync", "toHost", "services", "patches")],
            id="to-the-host",
        ),
        pytest.param(
            {"fromHost": {"nodes": {"patches": [{"path": "spec"}]}}},
            [("sync", "fromHost", "nodes", "patches")],
            id="from-the-host",
        ),
        pytest.param(
            {"toHost": {"customResources": {"a.example.org": {"patches": [{"path": "spec"}]}}}},
            [("sync", "toHost", "customResources", "a.example.org", "patches")],
            id="a-name-with-dots",
        ),
        pytest.param(
            {"toHost": {"gatewayApi": {"gateways": {"patches": [{"path": "spec"}]}}}},
            [("sync", "toHost", "gatewayApi", "gateways", "patches")],
            id="deeper",
        ),
        pytest.param({"toHost": "x"}, [], id="no-map"),
    ],
)
def test_patched(sync: dict[str, object], expected: list[tuple[str, ...]]) -> None:
    """A kind with patches is not synced without a licence, wherever it is."""
    assert [*chart_keys.patched({"sync": sync})] == expected
