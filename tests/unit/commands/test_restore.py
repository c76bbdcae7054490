"""A backup of VClusters becomes what restores them."""

import json
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from dev.scripts import life
from function.api import validate
from function.commands.restore import restorable
from function.main import main

UID = "5d2f6c0e-8a31-4b7d-9c64-1e0f7a9b3c58"
FORMER = "0c5a1a5e-4f0a-4f4b-9d39-4d8f9a6d1b11"
LAST = "kubectl.kubernetes.io/last-applied-configuration"


def saved(metadata: dict[str, Any], spec: dict[str, Any], status: dict[str, Any]) -> dict[str, Any]:
    """Return a VCluster as the API server gives it."""
    return {
        "apiVersion": "caas.telekom.de/v1alpha1",
        "kind": "VCluster",
        "metadata": {
            "name": "shop",
            "uid": UID,
            "resourceVersion": "4711",
            "generation": 3,
            "finalizers": ["composite.apiextensions.crossplane.io"],
            "managedFields": [{}],
            **metadata,
        },
        "spec": spec,
        "status": {"conditions": [], **status},
    }


@pytest.mark.parametrize(
    ("metadata", "spec", "status", "own", "expected"),
    [
        pytest.param({}, {}, {}, {}, {"storage": {"restoreFrom": UID}}, id="four-lines"),
        pytest.param(
            {"namespace": "team-a"},
            {},
            {},
            {"namespace": "team-a"},
            {"storage": {"restoreFrom": UID}},
            id="namespaced",
        ),
        pytest.param(
            {},
            {"plan": "large", "storage": {"onDelete": "Retain", "restoreFrom": FORMER}},
            {},
            {},
            {"plan": "large", "storage": {"onDelete": "Retain", "restoreFrom": UID}},
            id="restored-before",
        ),
        pytest.param(
            {},
            {"backup": {"target": "other", "restoreFrom": {"vcluster": FORMER}}},
            {},
            {},
            {"backup": {"target": "other"}, "storage": {"restoreFrom": UID}},
            id="begun-with-a-backup",
        ),
        pytest.param(
            {},
            {"kubernetesVersion": "1.36"},
            {"kubernetesVersion": "v1.36.3", "host": "north"},
            {},
            {
                "kubernetesVersion": "1.36.3",
                "host": "north",
                "storage": {"restoreFrom": UID},
            },
            id="what-was-decided-stays",
        ),
        pytest.param(
            {},
            {"kubernetesVersion": "1.36"},
            {"kubernetesVersion": "latest"},
            {},
            {"kubernetesVersion": "1.36", "storage": {"restoreFrom": UID}},
            id="a-version-that-is-none",
        ),
        pytest.param(
            {},
            {
                "crossplane": {
                    "compositionRef": {"name": "special"},
                    "compositionUpdatePolicy": "Manual",
                    "compositionRevisionRef": {"name": "special-1a2b3c4"},
                    "resourceRefs": [{"name": "shop-vcluster"}],
                }
            },
            {},
            {},
            {
                "storage": {"restoreFrom": UID},
                "crossplane": {
                    "compositionRef": {"name": "special"},
                    "compositionUpdatePolicy": "Manual",
                },
            },
            id="crossplanes",
        ),
        pytest.param(
            {},
            {"crossplane": {"resourceRefs": []}},
            {},
            {},
            {"storage": {"restoreFrom": UID}},
            id="nothing-of-crossplane",
        ),
        pytest.param(
            {
                "labels": {"team": "a", "crossplane.io/composite": "shop"},
                "annotations": {
                    LAST: "{}",
                    "crossplane.io/paused": "true",
                    "caas.telekom.de/retry": "1",
                },
            },
            {},
            {},
            {"labels": {"team": "a"}, "annotations": {"caas.telekom.de/retry": "1"}},
            {"storage": {"restoreFrom": UID}},
            id="labels-and-annotations",
        ),
    ],
)
def test_restorable(
    metadata: dict[str, Any],
    spec: dict[str, Any],
    status: dict[str, Any],
    own: dict[str, Any],
    expected: dict[str, Any],
) -> None:
    """It takes over what the former one has, and asks for what that one had."""
    assert restorable(saved(metadata, spec, status)) == {
        "apiVersion": "caas.telekom.de/v1alpha1",
        "kind": "VCluster",
        "metadata": {"name": "shop", **own},
        "spec": expected,
    }


def program(backup: str) -> Result:
    """Run it on standard input."""
    return CliRunner().invoke(main, ["restore", "-"], input=backup)


def printed(backup: Any) -> Any:
    """Return what it prints of a backup, as JSON or as YAML."""
    done = program(json.dumps(backup))
    assert done.exit_code == 0, done.output
    assert program(yaml.safe_dump(backup)).output == done.output
    return json.loads(done.output)


def test_a_backup_of_all() -> None:
    """All come back but those that were being deleted."""
    dying = saved({"name": "gone", "deletionTimestamp": "2026-01-01T00:00:00Z"}, {}, {})
    found = printed({"kind": "List", "items": [saved({}, {}, {}), dying]})
    assert (found["apiVersion"], found["kind"]) == ("v1", "List")
    assert [each["metadata"] for each in found["items"]] == [{"name": "shop"}]


def test_a_backup_of_one() -> None:
    """What `kubectl get` prints of a single one will do."""
    assert len(printed(saved({}, {}, {}))["items"]) == 1


@pytest.mark.parametrize("example", ["kunde1", "ha", "exposed", "limits", "retained", "tenant"])
def test_what_it_makes_is_valid(example: str) -> None:
    """Every example is admitted again."""
    former = life.composite(example)
    former["metadata"]["uid"] = UID
    again: Any = restorable(former)
    again["metadata"]["uid"] = FORMER
    assert validate.vcluster(again).spec.storage.restoreFrom == UID


@pytest.mark.parametrize(
    "backup",
    [
        pytest.param("", id="nothing"),
        pytest.param("text", id="a-text"),
        pytest.param("[1]", id="a-list"),
        pytest.param('{"kind": "List", "items": [{}]}', id="an-empty-object"),
        pytest.param('{"kind": "List", "items": [1]}', id="a-number"),
        pytest.param(json.dumps({**saved({}, {}, {}), "kind": "Pod"}), id="another-kind"),
        pytest.param(json.dumps(saved({"uid": ""}, {}, {})), id="no-uid"),
        pytest.param(json.dumps({**saved({}, {}, {}), "metadata": 1}), id="no-metadata"),
    ],
)
def test_another_file(backup: str) -> None:
    """One line says what the file must hold, and nothing is printed that could be applied."""
    done = program(backup)
    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr == (
        "function: FILE: must hold what `kubectl get vclusters.caas.telekom.de --all-namespaces -o "
        "json` prints. Run that.\n"
    )


def test_a_file_that_is_none() -> None:
    """Broken YAML is an error of one line too."""
    done = program("{")
    assert (done.exit_code, done.stderr) == (1, "function: <stdin> is not YAML, or too large\n")


@pytest.mark.parametrize("odd", [None, 1, [], "text"])
def test_odd_parts(odd: object) -> None:
    """A part of another type is left out rather than a crash."""
    found = printed(saved({"labels": odd}, {"storage": odd, "crossplane": odd}, {"host": ""}))
    assert found["items"][0]["spec"] == {"storage": {"restoreFrom": UID}}


def test_help() -> None:
    """The command explains itself and is listed."""
    words = " ".join(CliRunner().invoke(main, ["restore", "--help"]).output.split())
    assert "a List for `kubectl create -f -`" in words
    assert "restore" in CliRunner().invoke(main, ["--help"]).output
