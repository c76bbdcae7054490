"""Data that outlives its VCluster: what the Releases ask for, and what the user is told."""

from dataclasses import replace
from typing import Any

import pytest

from dev.scripts import life
from function import protobuf
from function.compose import compose
from function.desired import namespace
from function.observed import namespace as observed_namespace
from function.observed import stamp, vcluster
from function.observed.state import Condition, Request
from tests.support.factories import at, changed, config, deployed, wanted
from tests.support.factories import vcluster as asked

FORMER = "5d2f6c0e-8a31-4b7d-9c64-1e0f7a9b3c58"
RETAINED = {"onDelete": "Retain"}
RESTORED = {"restoreFrom": FORMER}


def composed(
    example: str, storage: dict[str, str], uid: str = "", *, taken: bool = True
) -> dict[str, Any]:
    """Return the values of each chart for a VCluster of an example, by resource key.

    `taken` tells whether it had the namespace of the one that it restores before it was ready.
    """
    found = protobuf.decode(life.request(example, "ready"))
    former = storage.get("restoreFrom")
    if former and taken:
        seen = found.observed.namespace
        assert seen
        seen = replace(seen, values={**seen.values, "restoreFrom": former})
        found = replace(found, observed=replace(found.observed, namespace=seen))
    composite = changed(found.composite, {"spec.storage": storage})
    if uid:
        composite = changed(composite, {"metadata.uid": uid})
    answer = compose(Request(found.input, composite, found.observed))
    assert answer.fatal == ""
    return {
        key: at(answer.resources[key].resource, "spec.forProvider.values")
        for key in ("namespace", "vcluster", "rancher")
    }


@pytest.mark.parametrize(
    ("storage", "pull_secret", "expected"),
    [
        pytest.param({}, None, {}, id="delete"),
        pytest.param(
            RETAINED,
            None,
            {
                "onDelete": "Retain",
                "image": "ghcr.io/example/function-vcluster:0.1.0",
                "imagePullSecrets": [],
            },
            id="retain",
        ),
        pytest.param(
            RETAINED,
            "registry",
            {
                "onDelete": "Retain",
                "image": "ghcr.io/example/function-vcluster:0.1.0",
                "imagePullSecrets": ["registry"],
            },
            id="pull-secret",
        ),
        pytest.param(RESTORED, "registry", RESTORED, id="restore"),
    ],
)
def test_namespace_values(
    storage: dict[str, str], pull_secret: str | None, expected: dict[str, Any]
) -> None:
    """A VCluster that goes completely gets what it always got."""
    found = config({"tenant.storage": {"retain": "Allowed"}, "pullSecret": pull_secret})
    values = namespace.namespace_values(wanted(asked(storage=storage), found), found)
    assert values == expected


@pytest.mark.parametrize(
    ("example", "claim"),
    [
        ("kunde1", "controlPlane.statefulSet.persistence.volumeClaim"),
        ("ha", "controlPlane.backingStore.etcd.deploy.statefulSet.persistence.volumeClaim"),
    ],
)
def test_what_retain_changes(example: str, claim: str) -> None:
    """The volumes stay, and the Service that owns what the customer has; nothing else changes."""
    before, after = (composed(example, storage)["vcluster"] for storage in ({}, RETAINED))
    assert after == changed(
        before,
        {
            f"{claim}.retentionPolicy": "Retain",
            "controlPlane.service.annotations": {"helm.sh/resource-policy": "keep"},
            "controlPlane.statefulSet.annotations": {stamp.ANNOTATION: stamp.annotation(after)},
        },
    )
    assert stamp.annotation(after) != stamp.annotation(before)
    assert at(before, f"{claim}.retentionPolicy") == "Delete"


@pytest.mark.parametrize("example", ["kunde1", "ha"])
@pytest.mark.parametrize("storage", [{}, RETAINED], ids=["delete", "retain"])
def test_a_restore_does_not_restart_what_runs(example: str, storage: dict[str, str]) -> None:
    """After the loss of the control plane alone, the new VCluster asks for what is installed."""
    before = composed(example, storage)
    after = composed(example, {**storage, **RESTORED}, "0c9ab3a7-53de-4c3f-9ec4-cc0c7a0d1e35")
    assert after["vcluster"] == before["vcluster"]
    assert after["namespace"] != before["namespace"]


def test_the_import_learns_whose_heir_it_is() -> None:
    """The import is told, and runs again for it; without an inheritance it gets what it got."""
    before, after = (composed("kunde1", storage)["rancher"] for storage in ({}, RESTORED))
    assert "formerOwnerUid" not in before
    assert after == changed(before, {"formerOwnerUid": FORMER, "inputs": after["inputs"]})
    assert after["inputs"] != before["inputs"]


def test_what_is_ready_inherits_nothing() -> None:
    """A VCluster that has its own namespace gets no other's UID: the import learns of none."""
    before, after = composed("kunde1", {}), composed("kunde1", RESTORED, taken=False)
    assert after == before


HELM = (
    "create failed: failed to install release: execution error at "
    "(vcluster-namespace/templates/namespace.yaml:1:4): "
)


@pytest.mark.parametrize("reason", observed_namespace.REASONS)
@pytest.mark.parametrize("action", ["create", "update"])
def test_the_charts_words_become_the_users(reason: str, action: str) -> None:
    """Neither the name of a template nor Helm's preamble stands before the sentence."""
    words = HELM.replace("create", action) + f"{reason}: Namespace kunde1 holds data."
    seen = deployed(
        synced=Condition("Synced", "False", "ReconcileError", words),
        state="" if action == "create" else "deployed",
    )
    assert observed_namespace.condition(seen, ()) == Condition(
        "NamespaceReady", "False", reason, "Namespace kunde1 holds data."
    )


@pytest.mark.parametrize(
    "words",
    [HELM + "Nonsense: no reason of ours.", "create failed: DataRetained: said by somebody else."],
)
def test_other_words_stay_helms(words: str) -> None:
    """Only a template's own failure has a reason of its own."""
    seen = deployed(synced=Condition("Synced", "False", "ReconcileError", words), state="")
    found = observed_namespace.condition(seen, ())
    assert (found.reason, words in found.message) == ("InstallFailed", True)


def test_a_refused_name_holds_everything_up() -> None:
    """While the namespace is refused nothing is created in it, and the user reads why."""
    found = protobuf.decode(life.request("kunde1", "nothing"))
    seen = deployed(
        name="kunde1-namespace",
        synced=Condition("Synced", "False", "ReconcileError", HELM + "DataRetained: Held."),
        ready=Condition("Ready", "False", "Creating"),
        state="",
    )
    observed = type(found.observed)(namespace=seen)
    answer = compose(Request(found.input, found.composite, observed))
    assert [*answer.resources] == ["namespace"]
    assert answer.status
    assert answer.status["blockedBy"] == "NamespaceReady: Held."
    assert [event.warning for event in answer.events if event.reason == "NamespaceReady"] == [True]
    assert vcluster.KEY not in answer.resources
