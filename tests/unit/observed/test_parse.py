"""Observation: recorded objects in, typed facts out, and nothing secret."""

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from function.observed import parse
from function.observed.state import Condition, ForeignRelease, Observed, ObservedRelease
from tests.support.factories import deployed, recorded

VALUES = {
    "controlPlane": {
        "distro": {"k8s": {"image": {"tag": "v1.36.3"}}},
        "proxy": {"extraSANs": ["kunde2-vcluster.kunde2.svc"]},
        "statefulSet": {"image": {"repository": "loft-sh/vcluster-oss"}},
    },
    "exportKubeConfig": {"server": "https://kunde2-vcluster.kunde2.svc:443"},
    "telemetry": {"enabled": False},
}


def test_recorded_ready() -> None:
    """A Release in all its parts, as provider-helm reports one."""
    details = {"workload": b"map[]", "kubeconfig": b"s3cr3t"}
    assert recorded("kunde2-03", details) == ObservedRelease(
        name="kunde2-vcluster",
        namespace="vcluster-system",
        api_version="helm.m.crossplane.io/v1beta1",
        kind="Release",
        may_delete=True,
        external_name="kunde2-vcluster",
        terminating=False,
        generation=2,
        observed_generation=2,
        provider_config="default",
        chart_version="0.36.1",
        values=VALUES,
        connection_keys=frozenset({"kubeconfig"}),
        deployed_version="0.36.1",
        state="deployed",
        revision=1,
        description="Install complete",
        ready=Condition("Ready", "True", "Available"),
        synced=Condition("Synced", "True", "ReconcileSuccess"),
        details={"workload": "map[]"},
        has_kubeconfig=True,
    )


def test_recorded_created() -> None:
    """A Release that the provider has not looked at yet."""
    assert recorded("kunde2-01") == ObservedRelease(
        name="kunde2-vcluster",
        namespace="vcluster-system",
        api_version="helm.m.crossplane.io/v1beta1",
        kind="Release",
        may_delete=True,
        external_name="kunde2-vcluster",
        generation=2,
        provider_config="default",
        chart_version="0.36.1",
        values=VALUES,
        connection_keys=frozenset({"kubeconfig"}),
    )


SYNCED = Condition("Synced", "True", "ReconcileSuccess")
READY = Condition("Ready", "True", "Available")
CREATING = Condition("Ready", "False", "Creating")
NO_SECRET = Condition(
    "Synced",
    "False",
    "ReconcileError",
    "observe failed: cannot get connection details: cannot get object: "
    'secrets "vc-kunde2-vcluster" not found',
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("kunde2-02", (2, 2, "deployed", 1, CREATING, NO_SECRET), id="kunde2-02"),
        pytest.param("kunde2-update-01", (3, 2, "deployed", 1, READY, SYNCED), id="update-01"),
        pytest.param(
            "kunde2-update-02",
            (3, 3, "deployed", 2, Condition("Ready", "False", "Unavailable"), SYNCED),
            id="update-02",
        ),
        pytest.param("kunde2-update-03", (3, 3, "deployed", 2, READY, SYNCED), id="update-03"),
        pytest.param(
            "kunde2-secretgone-01", (3, 3, "deployed", 2, READY, SYNCED), id="secretgone-01"
        ),
        pytest.param(
            "kunde2-secretgone-02", (3, 3, "deployed", 2, READY, NO_SECRET), id="secretgone-02"
        ),
        pytest.param(
            "crash-looping-but-ready", (2, 2, "deployed", 1, READY, SYNCED), id="crash-looping"
        ),
        pytest.param(
            "two-stores",
            (
                2,
                2,
                "",
                0,
                CREATING,
                Condition(
                    "Synced",
                    "False",
                    "ReconcileError",
                    "create failed: failed to install release: execution error at "
                    "(vcluster/templates/statefulset.yaml:4:9): you can only enable one "
                    "backingStore at the same time",
                ),
            ),
            id="two-stores",
        ),
    ],
)
def test_recorded(name: str, expected: tuple[object, ...]) -> None:
    """Generations, Helm's state and both conditions come from where the provider puts them."""
    found = recorded(name)
    assert (
        found.generation,
        found.observed_generation,
        found.state,
        found.revision,
        found.ready,
        found.synced,
    ) == expected


EMPTY = ObservedRelease(name="", namespace="", api_version="", kind="")


@pytest.mark.parametrize(
    ("plain", "expected"),
    [
        pytest.param(None, {}, id="nothing"),
        pytest.param("text", {}, id="text"),
        pytest.param({}, {}, id="empty"),
        pytest.param({"metadata": "x", "spec": [], "status": 1}, {}, id="parts-of-wrong-types"),
        pytest.param({"metadata": {"name": 1, "generation": "2"}}, {}, id="fields-of-wrong-types"),
        pytest.param({"spec": {"forProvider": {"values": ["x"]}}}, {}, id="values-are-a-list"),
        pytest.param(
            {"spec": {"connectionDetails": ["x", {"toConnectionSecretKey": "a"}]}},
            {"connection_keys": frozenset({"", "a"})},
            id="a-detail-is-text",
        ),
        pytest.param({"status": {"conditions": ["x", {"type": "Ready"}]}}, {}, id="conditions"),
        pytest.param(
            {"status": {"conditions": [{"type": "Ready", "status": "Maybe"}]}},
            {},
            id="a-status-that-does-not-exist",
        ),
        pytest.param(
            {"status": {"conditions": [{"type": "Synced", "observedGeneration": "2"}]}},
            {},
            id="a-generation-as-text",
        ),
        pytest.param(
            {"status": {"conditions": [{"type": "Ready", "observedGeneration": 7}]}},
            {},
            id="a-generation-of-another-condition",
        ),
        pytest.param(
            {"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}},
            {"ready": Condition("Ready", "Unknown", "")},
            id="no-reason",
        ),
        pytest.param(
            {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}},
            {"terminating": True},
            id="being-deleted",
        ),
        pytest.param(
            {"status": {"atProvider": {"revision": 1.5, "state": None, "version": 1}}},
            {},
            id="a-report-of-wrong-types",
        ),
    ],
)
def test_anything(plain: object, expected: dict[str, Any]) -> None:
    """What is not there or of another type reads as absent, never as an error."""
    found = parse.parse_release(plain, {})
    assert found == ObservedRelease(
        **{**{f.name: getattr(EMPTY, f.name) for f in fields(EMPTY)}, **expected}
    )


@pytest.mark.parametrize(
    ("details", "public", "has_kubeconfig"),
    [
        pytest.param({}, {}, False, id="none"),
        pytest.param({"kubeconfig": b"s3cr3t"}, {}, True, id="kubeconfig"),
        pytest.param({"kubeconfig": b""}, {}, False, id="an-empty-kubeconfig-is-none"),
        pytest.param(
            {"password": b"s3cr3t", "chart": b"vcluster-0.36.1"},
            {"chart": "vcluster-0.36.1"},
            False,
            id="unknown-ones-stay-out",
        ),
        pytest.param(
            {
                "workload": b"map[]",
                "etcdWorkload": b"map[]",
                "chart": b"c",
                "installed": b"i",
                "initContainers": b"[]",
                "report": b"{}",
                "stateManagedFields": b"[]",
                "phase": b"Connected",
                "reason": b"r",
                "message": b"m",
                "clusterName": b"n",
                "clusterId": b"c-m-1",
                "desiredInputs": b"d",
                "observedInputs": b"o",
            },
            {
                "chart": "c",
                "clusterId": "c-m-1",
                "clusterName": "n",
                "desiredInputs": "d",
                "etcdWorkload": "map[]",
                "initContainers": "[]",
                "installed": "i",
                "message": "m",
                "observedInputs": "o",
                "phase": "Connected",
                "reason": "r",
                "report": "{}",
                "stateManagedFields": "[]",
                "workload": "map[]",
            },
            False,
            id="all-that-is-public",
        ),
        pytest.param({"message": b"\xff!"}, {"message": "\ufffd!"}, False, id="no-utf-8"),
    ],
)
def test_details(
    details: dict[str, bytes], public: dict[str, str], *, has_kubeconfig: bool
) -> None:
    """Of a kubeconfig only its existence is known inside; the others come in order."""
    found = parse.parse_release({}, details)
    assert [*found.details.items()] == [*public.items()]
    assert found.has_kubeconfig is has_kubeconfig


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["metadata", "spec", "status", "conditions", "type", "generation"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=10,
)


@settings(deadline=None)
@given(JSON)
def test_no_object_is_an_error(plain: object) -> None:
    """Whatever somebody wrote into an object, it can be looked at."""
    parse.parse_release(plain, {})
    parse.foreign_releases([plain], {"metadata": {"uid": "1"}})


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        pytest.param([], None, id="none"),
        pytest.param([{"type": "Synced", "status": "True"}], None, id="another"),
        pytest.param(
            [
                {"type": "Synced", "status": "True"},
                {"type": "Ready", "status": "False", "reason": "Creating", "message": "m"},
            ],
            Condition("Ready", "False", "Creating", "m"),
            id="found",
        ),
        pytest.param("text", None, id="text"),
    ],
)
def test_condition(conditions: object, expected: Condition | None) -> None:
    """A condition is found by its type."""
    release = parse.parse_release({"status": {"conditions": conditions}}, {})
    assert release.ready == expected


def owned_by(*owners: object, **metadata: Any) -> dict[str, Any]:
    """Return an object with these owners."""
    return {
        "metadata": {
            "name": "kunde1-namespace",
            "namespace": "vcluster-system",
            "ownerReferences": [*owners],
            **metadata,
        }
    }


THEIRS = ForeignRelease("kunde1-namespace", "vcluster-system", terminating=False)


@pytest.mark.parametrize(
    ("plain", "expected"),
    [
        pytest.param(owned_by({"uid": "mine", "controller": True}), (), id="ours"),
        pytest.param(owned_by({"uid": "other", "controller": True}), (THEIRS,), id="theirs"),
        pytest.param(owned_by(), (THEIRS,), id="nobodys"),
        pytest.param(owned_by({"uid": "mine"}), (THEIRS,), id="an-owner-that-does-not-control"),
        pytest.param(
            owned_by({"uid": "other"}, {"uid": "mine", "controller": True}), (), id="second-owner"
        ),
        pytest.param(
            owned_by({"uid": "other", "controller": True}, deletionTimestamp="2026-01-01"),
            (ForeignRelease("kunde1-namespace", "vcluster-system", terminating=True),),
            id="being-deleted",
        ),
        pytest.param(
            owned_by({"uid": "old", "controller": True, "kind": "VCluster", "name": "kunde1"}),
            (ForeignRelease("kunde1-namespace", "vcluster-system", terminating=True),),
            id="of-an-earlier-vcluster-of-this-name",
        ),
        pytest.param(
            owned_by({"uid": "old", "controller": True, "kind": "VCluster", "name": "kunde2"}),
            (THEIRS,),
            id="of-another-vcluster",
        ),
        pytest.param(
            owned_by({"uid": "old", "controller": True, "kind": "Other", "name": "kunde1"}),
            (THEIRS,),
            id="of-another-kind-of-this-name",
        ),
        pytest.param("text", (ForeignRelease("", "", terminating=False),), id="text"),
    ],
)
def test_strangers(plain: object, expected: tuple[ForeignRelease, ...]) -> None:
    """A Release under our name is a stranger unless this very VCluster controls it."""
    composite = {"kind": "VCluster", "metadata": {"name": "kunde1", "uid": "mine"}}
    assert parse.foreign_releases([plain], composite) == expected


def test_releases_are_those_that_exist() -> None:
    """The Releases that were observed, in the order in which they come up."""
    one, two = deployed(name="a"), deployed(name="b")
    assert Observed(namespace=one, rancher=two).releases == (one, two)
    assert Observed().releases == ()


def test_what_is_quoted_has_a_bound() -> None:
    """Helm's words, a condition and the import's message are one line, and cut beyond a bound."""
    assert (
        parse.parse_release(
            {"status": {"atProvider": {"releaseDescription": " two\n  lines\n"}}}, {}
        ).description
        == "two lines"
    )
    long = "x " * 450_000
    plain = {
        "status": {
            "atProvider": {"releaseDescription": long},
            "conditions": [{"type": "Synced", "status": "False", "reason": "E", "message": long}],
        }
    }
    found = parse.parse_release(plain, {"message": long.encode(), "reason": long.encode()})
    assert found.synced is not None
    said = (found.description, found.synced.message, *found.details.values())
    assert [len(each) for each in said] == [1000] * 4
