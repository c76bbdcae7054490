"""What a VCluster may remove on the host, and what a failed installation may."""

from dataclasses import replace
from typing import Any

import pytest

from dev.scripts import life
from function import protobuf
from function.compose import compose
from function.observed.state import Condition, Observed, ObservedRelease, Request
from tests.support.factories import at, changed, deployed

ALL = ["*"]
KEPT = ["Observe", "Create", "Update"]
KEYS = ("namespace", "vcluster", "rancher")
HELM = "update failed: execution error at (vcluster-namespace/templates/namespace.yaml:1:4): "
OUTAGE = Condition("Synced", "False", "ReconcileError", "observe failed: no route to host")


def refused(reason: str) -> Condition:
    """Return what provider-helm reports where the chart does not take the namespace."""
    return Condition("Synced", "False", "ReconcileError", f"{HELM}{reason}: Held.")


REQUEST = protobuf.decode(life.request("kunde1", "ready"))
UID = str(at(REQUEST.composite, "metadata.uid"))
OURS: dict[str, Any] = {"owner": {"name": "kunde1", "uid": UID}}
THEIRS: dict[str, Any] = {"owner": {"name": "kunde1", "uid": "another"}}


def namespace(**fields: Any) -> ObservedRelease:
    """Return the observed Release of a namespace that is ready, with some fields otherwise."""
    return deployed(name="kunde1-namespace", **{"values": OURS, **fields})


def policies(observed: Observed) -> dict[str, list[str]]:
    """Return the management policies of each Release that is composed."""
    answer = compose(replace(REQUEST, observed=observed))
    assert answer.fatal == ""
    return {
        key: at(answer.resources[key].resource, "spec.managementPolicies")
        for key in KEYS
        if key in answer.resources
    }


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        pytest.param(None, KEPT, id="from-the-first-moment"),
        pytest.param(namespace(ready=None, synced=None, state=""), KEPT, id="nothing-known"),
        pytest.param(namespace(), ALL, id="ready-for-this-uid"),
        pytest.param(namespace(values=THEIRS), KEPT, id="ready-for-another-uid"),
        pytest.param(namespace(values={}), KEPT, id="ready-for-nothing-known"),
        pytest.param(namespace(observed_generation=1), KEPT, id="ready-before-the-last-change"),
        pytest.param(namespace(synced=OUTAGE), KEPT, id="an-outage-gives-nothing"),
        pytest.param(namespace(synced=OUTAGE, may_delete=True), ALL, id="nor-takes-it"),
        pytest.param(namespace(state="failed"), KEPT, id="a-failure-gives-nothing"),
        pytest.param(namespace(state="failed", may_delete=True), ALL, id="nor-takes-it-either"),
        pytest.param(namespace(state="", ready=None, may_delete=True), ALL, id="a-lost-status"),
        pytest.param(namespace(synced=refused("DataRetained")), KEPT, id="retained"),
        pytest.param(
            namespace(synced=refused("DataRetained"), may_delete=True), KEPT, id="now-anothers"
        ),
        pytest.param(
            namespace(synced=refused("RestoreRefused"), may_delete=True), KEPT, id="not-restored"
        ),
        pytest.param(
            namespace(synced=refused("NothingToRestore"), may_delete=True), ALL, id="nothing-there"
        ),
    ],
)
def test_who_may_remove_the_namespace(seen: ObservedRelease | None, expected: list[str]) -> None:
    """The right comes with a namespace that was ready for this UID, and with nothing else."""
    assert policies(Observed(namespace=seen))["namespace"] == expected


def test_a_refusal_that_an_outage_hides_gives_nothing() -> None:
    """Refused, then unreachable, then refused again: no call of these gives the right."""
    seen = namespace(state="", ready=None, may_delete=False)
    for synced in (refused("DataRetained"), OUTAGE, None, refused("DataRetained")):
        assert policies(Observed(namespace=replace(seen, synced=synced))) == {"namespace": KEPT}


def test_what_follows_the_namespace() -> None:
    """What is created where the namespace is ours may delete at once; else what it could."""
    observed = REQUEST.observed
    assert policies(Observed(namespace=namespace())) == dict.fromkeys(KEYS, ALL)
    assert policies(observed) == dict.fromkeys(KEYS, ALL)
    assert observed.namespace
    lost = replace(observed.namespace, may_delete=False, synced=OUTAGE)
    assert policies(replace(observed, namespace=lost)) == {
        "namespace": KEPT,
        "vcluster": ALL,
        "rancher": ALL,
    }
    theirs = replace(observed.namespace, synced=refused("DataRetained"))
    assert policies(replace(observed, namespace=theirs)) == dict.fromkeys(KEYS, KEPT)


@pytest.mark.parametrize(
    ("written", "expected"),
    [(["*"], True), (["Observe", "Delete"], True), (KEPT, False), ([], False), (None, False)],
)
def test_policies_are_read(written: list[str] | None, expected: object) -> None:
    """By the Release as the API server has it, which puts all in where nothing was written."""
    req = life.request("kunde1", "ready")
    spec = req.observed.resources["namespace"].resource.fields["spec"].struct_value
    spec.update({"managementPolicies": written})
    found = protobuf.decode(req).observed.namespace
    assert found
    assert found.may_delete is expected


ADOPTED: dict[str, Any] = {
    "namespace": "kunde1",
    "release": "kunde1-vcluster",
    "chart": "0.36.1",
    "values": {},
}


def composed(observed: Observed, *, adopted: bool = False, **storage: str) -> dict[str, Any]:
    """Return the `spec` of each Release of an adopted or a restored cluster."""
    entry = {"adopted": {"kunde1": ADOPTED}} if adopted else {}
    composite = changed(REQUEST.composite, {"spec.storage": storage, "spec.values": {}})
    answer = compose(Request({**(REQUEST.input or {}), **entry}, composite, observed))
    assert answer.fatal == ""
    return {key: answer.resources[key].resource["spec"] for key in KEYS if key in answer.resources}


TAKEN: list[tuple[bool, dict[str, str]]] = [
    (True, {}),
    (False, {"onDelete": "Retain", "restoreFrom": "5d2f6c0e-8a31-4b7d-9c64-1e0f7a9b3c58"}),
]


@pytest.mark.parametrize(("adopted", "storage"), TAKEN, ids=["adopted", "restored"])
def test_what_was_there_before_outlives_a_first_failure(
    adopted: bool,  # noqa: FBT001  # a parameter of the test
    storage: dict[str, str],
) -> None:
    """The namespace until it was ready once, the cluster in Rancher until it was imported."""
    observed = REQUEST.observed
    assert observed.namespace
    assert observed.rancher
    values = {**observed.namespace.values, **storage}
    imported = replace(observed.rancher, details={})
    observed = replace(observed, namespace=replace(observed.namespace, values=values))
    new = composed(Observed(), adopted=adopted, **storage)
    assert at(new, "namespace.forProvider.values.takeover") is True
    ready = composed(observed, adopted=adopted, **storage)
    for key in ("namespace", "rancher"):
        assert "takeover" not in at(ready, f"{key}.forProvider.values")
    importing = composed(replace(observed, rancher=imported), adopted=adopted, **storage)
    assert at(importing, "rancher.forProvider.values.takeover") is True
    inputs = "rancher.forProvider.values.inputs"
    assert at(importing, inputs) == at(ready, inputs)


def test_nothing_was_there_before_a_new_one() -> None:
    """An ordinary VCluster is installed once, and needs no upgrade to be removed again."""
    assert "takeover" not in at(composed(Observed()), "namespace.forProvider.values")


def failed(seen: ObservedRelease | None, revision: int, state: str = "failed") -> ObservedRelease:
    """Return a Release with a failed revision."""
    assert seen
    return replace(seen, revision=revision, state=state)


@pytest.mark.parametrize("state", ["failed", "pending-install"])
def test_a_lost_record_of_helm_removes_nothing(state: str) -> None:
    """What ran is installed over as a first revision; where that fails it is not uninstalled."""
    observed = REQUEST.observed
    lost = Observed(
        namespace=failed(observed.namespace, 1, state),
        vcluster=failed(observed.vcluster, 1, state),
        rancher=failed(observed.rancher, 1, state),
    )
    assert {key: spec["rollbackLimit"] for key, spec in composed(lost).items()} == {
        "namespace": 0,
        "vcluster": 0,
        "rancher": 0,
    }
    assert {spec["rollbackLimit"] for spec in composed(observed).values()} == {0}


def test_an_adopted_installation_that_is_failed_is_not_uninstalled() -> None:
    """Not even where it has never been READY under the VCluster."""
    seen = deployed(name="kunde1-vcluster", state="failed", values={})
    observed = Observed(namespace=namespace(), vcluster=seen)
    assert composed(observed, adopted=True)["vcluster"]["rollbackLimit"] == 0


def test_what_never_ran_is_installed_again() -> None:
    """A first installation that failed is repaired without end, each by uninstalling it."""
    fresh = namespace(state="failed")
    assert composed(Observed(namespace=fresh))["namespace"]["rollbackLimit"] == 2147483647
    observed = REQUEST.observed
    assert observed.rancher
    imported = replace(observed.rancher, state="failed", details={})
    found = composed(replace(observed, rancher=imported))
    assert found["rancher"]["rollbackLimit"] == 2147483647
    later = composed(replace(observed, rancher=replace(imported, revision=2)))
    assert later["rancher"]["rollbackLimit"] == 2147483647


def test_the_control_plane_is_known_from_the_creation_on() -> None:
    """It is asked for before anything exists, and what it was then stays."""
    path = "namespace.forProvider.values.owner.controlPlane"
    first = compose(replace(REQUEST, observed=Observed())).requirements
    assert [(one.key, one.kind, one.name, one.namespace) for one in first][-1] == (
        "control-plane",
        "CompositeResourceDefinition",
        "vclusters.caas.telekom.de",
        None,
    )
    req = life.request("kunde1", "nothing")
    found = req.required_resources["control-plane"].items.add()
    found.resource.update({"metadata": {"name": "x", "uid": "definition-1"}})
    assert at(composed(protobuf.decode(req).observed), path) == "definition-1"
    known = changed(OURS, {"owner.controlPlane": "definition-1"})
    later = Observed(namespace=namespace(values=known), control_plane="definition-2")
    assert at(composed(later), path) == "definition-1"
    assert "controlPlane" not in at(composed(Observed()), path.rpartition(".")[0])
