"""A backup of VClusters becomes what restores them."""

import json
import subprocess
import sys
from typing import Any

import pytest

from dev.scripts import life
from dev.scripts.restorable import restorable
from function.api import validate

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


def program(backup: Any) -> Any:
    """Run it as docs/backup.md says."""
    words = [sys.executable, "-m", "dev.scripts.restorable"]
    text = json.dumps(backup)
    done = subprocess.run(words, input=text, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_a_backup_of_all() -> None:
    """All come back but those that were being deleted."""
    dying = saved({"name": "gone", "deletionTimestamp": "2026-01-01T00:00:00Z"}, {}, {})
    found = program({"kind": "List", "items": [saved({}, {}, {}), dying]})
    assert (found["apiVersion"], found["kind"]) == ("v1", "List")
    assert [each["metadata"] for each in found["items"]] == [{"name": "shop"}]


def test_a_backup_of_one() -> None:
    """What `kubectl get` prints of a single one will do."""
    assert len(program(saved({}, {}, {}))["items"]) == 1


@pytest.mark.parametrize("example", ["kunde1", "ha", "exposed", "limits", "retained", "tenant"])
def test_what_it_makes_is_valid(example: str) -> None:
    """Every example is admitted again."""
    former = life.composite(example)
    former["metadata"]["uid"] = UID
    again = restorable(former)
    again["metadata"]["uid"] = FORMER
    assert validate.vcluster(again).spec.storage.restoreFrom == UID
