"""The import into Rancher: what it gets, when it runs again, and what it reports."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from function.api.status import RancherStatus
from function.desired import rancher
from function.desired import release as desired_release
from function.observed import rancher as observed_rancher
from function.observed.state import Condition, ObservedRelease
from function.response import status
from tests.support.factories import RANCHER, at, config, deployed, vcluster, wanted


def desired(
    spec: Mapping[str, Any] | None = None,
    platform: Mapping[str, Any] | None = None,
    name: str = "kunde1",
) -> dict[str, Any]:
    """Return the Release for `spec.rancher` on a platform."""
    found = config({"rancher": RANCHER, **(platform or {})})
    asked = wanted(vcluster(name, rancher=dict(spec or {})), found)
    assert asked.rancher
    assert found.rancher
    return rancher.desired(asked, asked.rancher, found.rancher, found, None)


def values(
    spec: Mapping[str, Any] | None = None, platform: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return its values."""
    found: dict[str, Any] = at(desired(spec, platform), "spec.forProvider.values")
    return found


def state(key: str) -> dict[str, Any]:
    """Return the connection detail of a key of the state ConfigMap."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": "kunde1-rancher",
        "namespace": "vcluster-system",
        "fieldPath": f"data.{key}",
        "toConnectionSecretKey": key,
        "skipPartOfReleaseCheck": True,
    }


def test_least() -> None:
    """The whole Release of a customer who asked for nothing. No token is in it."""
    assert desired() == {
        "apiVersion": "helm.m.crossplane.io/v1beta1",
        "kind": "Release",
        "metadata": {
            "name": "kunde1-rancher",
            "namespace": "vcluster-system",
            "annotations": {
                "crossplane.io/external-name": "kunde1-rancher",
            },
        },
        "spec": {
            "providerConfigRef": {"kind": "ClusterProviderConfig", "name": "default"},
            "rollbackLimit": 0,
            "forProvider": {
                "chart": {
                    "repository": "oci://ghcr.io/example/charts",
                    "name": "vcluster-rancher",
                    "version": "0.1.0",
                },
                "namespace": "vcluster-system",
                "skipCreateNamespace": True,
                "maxHistory": 3,
                "values": {
                    "owner": {"name": "kunde1", "uid": "uid-of-kunde1"},
                    "vcluster": {
                        "namespace": "kunde1",
                        "release": "kunde1-vcluster",
                        "kubeconfigSecret": {"name": "vc-kunde1-vcluster", "key": "config"},
                    },
                    "stateConfigMap": "kunde1-rancher",
                    "rancher": {
                        "url": "https://rancher.example.org",
                        "clusterName": "kunde1",
                        "tokenSecret": {"name": "rancher-api", "key": "token"},
                        "caSecret": {},
                        "owners": [],
                        "labels": {
                            "caas.telekom.de/tenant": "kunde1",
                            "caas.telekom.de/plan": "small",
                            "caas.telekom.de/host": "local",
                        },
                        "onRebuild": "Recreate",
                        "timeout": "15m",
                    },
                    "onDelete": "Delete",
                    "inputs": INPUTS,
                    "image": "ghcr.io/example/function-vcluster:0.1.0",
                    "imagePullSecrets": [],
                },
            },
            "connectionDetails": [state("report")],
            "writeConnectionSecretToRef": {"name": "kunde1-rancher-conn"},
        },
    }


INPUTS = "7c3717453ae89ec3"
"""A golden hash: another one would make every import of every customer run again."""


@pytest.mark.parametrize(
    ("spec", "platform", "path", "expected"),
    [
        pytest.param({"clusterName": "shop"}, {}, "rancher.clusterName", "shop", id="name"),
        pytest.param(
            {"labels": {"tier": "gold"}},
            {"rancher": {**RANCHER, "labels": {"fleet": "caas"}, "labelPatterns": {"tier": "."}}},
            "rancher.labels",
            {
                "tier": "gold",
                "fleet": "caas",
                "caas.telekom.de/tenant": "kunde1",
                "caas.telekom.de/plan": "small",
                "caas.telekom.de/host": "local",
            },
            id="labels",
        ),
        pytest.param(
            {"owners": [{"user": "keycloakoidc_user://3f"}]},
            {},
            "rancher.owners",
            [{"userPrincipal": "keycloakoidc_user://3f", "role": "cluster-owner"}],
            id="owner-by-principal",
        ),
        pytest.param(
            {"owners": [{"user": "u-abc12"}]},
            {},
            "rancher.owners",
            [{"user": "u-abc12", "role": "cluster-owner"}],
            id="owner-by-id",
        ),
        pytest.param(
            {"owners": [{"group": "github_team://1", "role": "cluster-member"}]},
            {"rancher": {**RANCHER, "owners": [{"user": "u-admin"}]}},
            "rancher.owners",
            [
                {"user": "u-admin", "role": "cluster-owner"},
                {"group": "github_team://1", "role": "cluster-member"},
            ],
            id="owners-of-platform-and-spec",
        ),
        pytest.param(
            {},
            {"rancher": {**RANCHER, "url": "https://other.example.org:8443"}},
            "rancher.url",
            "https://other.example.org:8443",
            id="url",
        ),
        pytest.param(
            {},
            {"rancher": {**RANCHER, "tokenSecret": {"name": "t", "key": "k"}}},
            "rancher.tokenSecret",
            {"name": "t", "key": "k"},
            id="token-secret",
        ),
        pytest.param(
            {},
            {"rancher": {**RANCHER, "caSecret": {"name": "t", "key": "ca.crt"}}},
            "rancher.caSecret",
            {"name": "t", "key": "ca.crt"},
            id="ca-secret",
        ),
        pytest.param(
            {}, {"rancher": {**RANCHER, "timeout": "1h"}}, "rancher.timeout", "1h", id="timeout"
        ),
        pytest.param(
            {},
            {"rancher": {**RANCHER, "onRebuild": "Fail"}},
            "rancher.onRebuild",
            "Fail",
            id="on-rebuild",
        ),
        pytest.param(
            {},
            {"rancher": {**RANCHER, "caChecksum": "a" * 64}},
            "rancher.caChecksum",
            "a" * 64,
            id="ca-checksum",
        ),
        pytest.param(
            {},
            {
                "rancher": {
                    **RANCHER,
                    "proxy": {"https": "http://p.example.org:3128", "noProxy": [".example.net"]},
                },
                "hosts.local.cidrs": ["10.0.0.0/8", "203.0.113.0/24"],
            },
            "rancher.proxy",
            {
                "https": "http://p.example.org:3128",
                "noProxy": [
                    "localhost",
                    "127.0.0.0/8",
                    "10.0.0.0/8",
                    "172.16.0.0/12",
                    "192.168.0.0/16",
                    "100.64.0.0/10",
                    "240.0.0.0/4",
                    "fc00::/7",
                    ".svc",
                    ".cluster.local",
                    "203.0.113.0/24",
                    ".example.net",
                ],
            },
            id="proxy-with-the-virtual-cluster-direct",
        ),
        pytest.param(
            {},
            {"rancher": {**RANCHER, "agentResources": {"requests": {"memory": "1Gi"}}}},
            "rancher.agentResources",
            {"requests.memory": "1Gi", "limits.memory": "1Gi"},
            id="resources-of-the-agent",
        ),
        pytest.param({}, {"image": "mirror/i:2"}, "image", "mirror/i:2", id="image"),
        pytest.param(
            {},
            {"image": "ghcr.io/i:2", "registries": {"ghcr.io": "mirror.example.org/g"}},
            "image",
            "mirror.example.org/g/i:2",
            id="mirrored-image",
        ),
        pytest.param({}, {"pullSecret": "pull"}, "imagePullSecrets", ["pull"], id="pull-secret"),
    ],
)
def test_every_field_lands(
    spec: dict[str, Any], platform: dict[str, Any], path: str, expected: object
) -> None:
    """Each field of a spec and of the Input that the import works on arrives."""
    assert at(values(spec, platform), path) == expected


def test_the_release_follows_the_input() -> None:
    """Host, namespace and chart are what the Input says."""
    platform = {
        "hosts.local.providerConfig": "edge",
        "platformNamespace": "platform",
        "charts.digests": {"vcluster-rancher": f"sha256:{'b' * 64}"},
    }
    found = desired({}, platform)
    assert at(found, "spec.providerConfigRef.name") == "edge"
    assert at(found, "metadata.namespace") == "platform"
    assert at(found, "spec.forProvider.namespace") == "platform"
    assert at(found, "spec.forProvider.chart.digest") == f"sha256:{'b' * 64}"
    assert {entry["namespace"] for entry in at(found, "spec.connectionDetails")} == {"platform"}


@pytest.mark.parametrize(
    ("spec", "platform"),
    [
        pytest.param({"clusterName": "shop"}, {}, id="name"),
        pytest.param({"owners": [{"user": "u-1"}]}, {}, id="owner"),
        pytest.param({}, {"rancher": {**RANCHER, "labels": {"fleet": "caas"}}}, id="labels"),
        pytest.param({}, {"rancher": {**RANCHER, "owners": [{"user": "u-1"}]}}, id="owners"),
        pytest.param({}, {"rancher": {**RANCHER, "url": "https://other.example.org"}}, id="url"),
        pytest.param(
            {}, {"rancher": {**RANCHER, "tokenSecret": {"name": "t", "key": "k"}}}, id="token"
        ),
        pytest.param({}, {"rancher": {**RANCHER, "caSecret": {"name": "t", "key": "k"}}}, id="ca"),
        pytest.param({}, {"rancher": {**RANCHER, "caChecksum": "c" * 64}}, id="ca-checksum"),
        pytest.param({}, {"rancher": {**RANCHER, "onRebuild": "Fail"}}, id="on-rebuild"),
        pytest.param({}, {"rancher": {**RANCHER, "timeout": "1h"}}, id="timeout"),
        pytest.param(
            {}, {"rancher": {**RANCHER, "proxy": {"http": "http://p.example.org"}}}, id="proxy"
        ),
        pytest.param(
            {},
            {"rancher": {**RANCHER, "agentResources": {"limits": {"memory": "1Gi"}}}},
            id="resources-of-the-agent",
        ),
    ],
)
def test_another_run(spec: dict[str, Any], platform: dict[str, Any]) -> None:
    """The import runs again when what it acts on changes."""
    assert values(spec, platform)["inputs"] != INPUTS


@pytest.mark.parametrize(
    ("spec", "platform"),
    [
        pytest.param({}, {}, id="nothing"),
        pytest.param({"enabled": True}, {}, id="said-explicitly"),
        pytest.param({"clusterName": "kunde1"}, {}, id="the-default-name-said-explicitly"),
        pytest.param({}, {"image": "ghcr.io/example/function-vcluster:0.2.0"}, id="image"),
        pytest.param({}, {"pullSecret": "pull"}, id="pull-secret"),
        pytest.param({}, {"charts.version": "0.2.0"}, id="chart"),
        pytest.param({}, {"plans.small": {"quota": {"pods": 7}}}, id="quota"),
        pytest.param({}, {"platformNamespace": "platform"}, id="platform-namespace"),
        pytest.param({}, {"rancher": {**RANCHER, "egress": ["192.0.2.1/32"]}}, id="egress"),
        pytest.param(
            {"project": "a"}, {"rancher": {**RANCHER, "projects": {"a": "local:p-1"}}}, id="project"
        ),
        pytest.param({}, {"rancher": {**RANCHER, "clusterNamePattern": "kunde"}}, id="pattern"),
    ],
)
def test_no_other_run(spec: dict[str, Any], platform: dict[str, Any]) -> None:
    """The import does not run again for anything else: not for an image, a secret or a quota."""
    assert values(spec, platform)["inputs"] == INPUTS


def test_each_vcluster_has_inputs_of_its_own() -> None:
    """Two customers never share the proof that an import is done."""
    other = at(desired(name="kunde2"), "spec.forProvider.values.inputs")
    assert other != INPUTS
    assert len(other) == 16


def test_desired_inputs() -> None:
    """The inputs are read back from the desired Release."""
    assert desired_release.inputs(desired()) == INPUTS


def reported(said: Mapping[str, str] | None = None, **fields: Any) -> ObservedRelease:
    """Return the Release of an import that reports this."""
    report = {"connection_keys": frozenset({"report"}), "details": {"report": json.dumps(said)}}
    given = {"name": "kunde1-rancher", "values": {"inputs": "now"}, **report}
    return deployed(**{**given, **fields})


CONNECTED = {"phase": "Connected", "observedInputs": "now", "message": "Connected."}
UPDATING = (
    "Unknown",
    "Updating",
    "Release vcluster-system/kunde1-rancher has changes not yet applied.",
)
AGAIN = "The import runs again, because what it works on has changed."
SILENT = "The import has not reported yet."


@pytest.mark.parametrize(
    ("observed", "inputs", "expected"),
    [
        pytest.param(
            None,
            "now",
            ("Unknown", "NotCreated", "Not created yet."),
            id="nothing",
        ),
        pytest.param(reported(), "now", ("Unknown", "NoState", SILENT), id="no-report"),
        pytest.param(
            reported({"phase": ""}), "now", ("Unknown", "NoState", SILENT), id="empty-phase"
        ),
        pytest.param(
            reported({"phase": "Fine"}), "now", ("Unknown", "NoState", SILENT), id="no-such-phase"
        ),
        *(
            pytest.param(
                reported({"phase": phase, "observedInputs": "now", "message": "m"}),
                "now",
                ("False", phase, "m"),
                id=phase,
            )
            for phase in ("Pending", "Importing", "Registered", "Lost", "Failed")
        ),
        pytest.param(reported(CONNECTED), "now", ("True", "Connected", "Connected."), id="done"),
        pytest.param(
            reported(CONNECTED), "later", ("False", "Importing", AGAIN), id="for-other-inputs"
        ),
        pytest.param(
            reported({"phase": "Connected"}),
            "now",
            ("False", "Importing", AGAIN),
            id="for-unknown-inputs",
        ),
        pytest.param(
            reported(CONNECTED),
            None,
            ("True", "Connected", "Connected."),
            id="for-what-the-release-asks",
        ),
        pytest.param(
            reported({**CONNECTED, "observedInputs": "before"}),
            None,
            ("False", "Importing", AGAIN),
            id="for-what-the-release-no-longer-asks",
        ),
        pytest.param(
            reported({"phase": "Failed", "reason": "TokenInvalid", "message": "Renew it."}),
            "now",
            ("False", "TokenInvalid", "Renew it."),
            id="a-reason-of-its-own",
        ),
        pytest.param(
            reported({**CONNECTED, "reason": "AgentHealthy"}),
            "now",
            ("True", "AgentHealthy", "Connected."),
            id="a-good-reason-of-its-own",
        ),
        pytest.param(
            reported({"phase": "Failed", "reason": "no word"}),
            "now",
            ("False", "Failed", ""),
            id="a-reason-that-kubernetes-refuses",
        ),
        pytest.param(
            reported({"phase": "Failed", "reason": "1st"}),
            "now",
            ("False", "Failed", ""),
            id="a-reason-that-begins-with-a-digit",
        ),
        pytest.param(
            reported({"phase": "Failed", "reason": "R" * 101}),
            "now",
            ("False", "Failed", ""),
            id="a-reason-that-is-too-long",
        ),
        pytest.param(
            reported(CONNECTED, state="failed", description="no"),
            "now",
            ("False", "ReleaseFailed", "Release vcluster-system/kunde1-rancher: no"),
            id="old-news-of-a-broken-release",
        ),
        pytest.param(
            reported(CONNECTED, generation=3),
            "now",
            ("True", "Connected", "Connected."),
            id="a-change-that-is-not-of-its-inputs",
        ),
        pytest.param(
            reported(CONNECTED, generation=3), "later", UPDATING, id="old-news-before-a-change"
        ),
        pytest.param(
            reported({"phase": "Lost"}, generation=3),
            "now",
            UPDATING,
            id="bad-news",
        ),
        *(
            pytest.param(
                reported(details={"report": bad}),
                "now",
                ("Unknown", "NoState", SILENT),
                id=bad[:9],
            )
            for bad in ("", "Connected", "[]", '{"phase": 1}', "[" * 100_000)
        ),
    ],
)
def test_condition(
    observed: ObservedRelease | None, inputs: str | None, expected: tuple[str, str, str]
) -> None:
    """True only while Rancher is connected for the inputs that are wanted now."""
    found = observed_rancher.condition(observed, inputs, enabled=True)
    assert found.type == "RancherConnected"
    assert (found.status, found.reason, found.message) == expected


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        pytest.param(
            None,
            Condition(
                "RancherConnected",
                "False",
                "Disabled",
                "The import into Rancher is switched off.",
            ),
            id="off",
        ),
        pytest.param(
            reported(CONNECTED),
            Condition(
                "RancherConnected",
                "False",
                "Deregistering",
                "Release vcluster-system/kunde1-rancher takes the cluster out of Rancher.",
            ),
            id="leaving",
        ),
    ],
)
def test_switched_off(observed: ObservedRelease | None, expected: Condition) -> None:
    """A cluster that shall not be in Rancher says whether it still is."""
    assert observed_rancher.condition(observed, "now", enabled=False) == expected


@pytest.mark.parametrize(
    ("observed", "url", "expected"),
    [
        pytest.param(
            None,
            "https://rancher.example.org",
            RancherStatus(clusterName="kunde1", phase="Pending"),
            id="not-yet-there",
        ),
        pytest.param(
            reported({"phase": "Pending"}),
            "https://rancher.example.org",
            RancherStatus(clusterName="kunde1", phase="Pending"),
            id="no-page-without-an-id",
        ),
        pytest.param(
            reported({"phase": "Connected", "clusterName": "shop", "clusterId": "c-m-x7k2p"}),
            "https://rancher.example.org/",
            RancherStatus(
                clusterName="shop",
                clusterId="c-m-x7k2p",
                url="https://rancher.example.org/dashboard/c/c-m-x7k2p",
                phase="Connected",
            ),
            id="connected",
        ),
    ],
)
def test_status(observed: ObservedRelease | None, url: str, expected: RancherStatus) -> None:
    """`status.rancher` leads to the cluster's page."""
    found = config({"rancher": {**RANCHER, "url": url}})
    assert (
        status.rancher_status(observed, wanted(vcluster(), found).rancher, found.rancher)
        == expected
    )


@pytest.mark.parametrize(
    ("observed", "reason"),
    [
        pytest.param(None, "WaitingForControlPlane", id="nothing"),
        pytest.param(
            reported(state="", ready=None), "WaitingForControlPlane", id="being-installed"
        ),
        pytest.param(
            reported({"phase": "Pending", "reason": "JobStarting"}),
            "WaitingForControlPlane",
            id="its-job-waits",
        ),
        pytest.param(
            reported({"phase": "Importing", "reason": "AgentStarting"}), "AgentStarting", id="begun"
        ),
        pytest.param(
            reported({"phase": "Connected", "observedInputs": INPUTS}), "Connected", id="connected"
        ),
        pytest.param(reported({"phase": "Lost", "reason": "Lost"}), "Lost", id="lost"),
        pytest.param(reported(state="failed"), "ReleaseFailed", id="not-installed"),
    ],
)
def test_condition_without_a_control_plane(observed: ObservedRelease | None, reason: str) -> None:
    """Nothing changes while an import can only wait; a failure of its own shows."""
    found = observed_rancher.condition(observed, INPUTS, enabled=True, can_begin=False)
    assert found.reason == reason
    assert (found == observed_rancher.WAITING) is (reason == "WaitingForControlPlane")


def test_no_status_out_of_rancher() -> None:
    """A cluster that is not in Rancher has no such status."""
    found = config({"rancher": RANCHER})
    out = wanted(vcluster(rancher={"enabled": False}), found)
    assert status.rancher_status(reported(CONNECTED), out.rancher, found.rancher) is None
    assert (
        status.rancher_status(reported(CONNECTED), wanted(vcluster(), found).rancher, None) is None
    )


def test_the_contract_with_the_chart() -> None:
    """Phases and keys are shared with the chart and the import: none may be renamed here."""
    assert observed_rancher.PHASES == (
        "Pending",
        "Importing",
        "Registered",
        "Connected",
        "Lost",
        "Failed",
        "Sleeping",
    )
    assert observed_rancher.STATE_KEYS == (
        "phase",
        "reason",
        "message",
        "clusterName",
        "clusterId",
        "desiredInputs",
        "observedInputs",
    )


def test_the_key_is_forever() -> None:
    """Another resource key would delete the Release and create it anew."""
    assert observed_rancher.KEY == "rancher"


FORMER = {
    "phase": "Connected",
    "reason": "Connected",
    "message": "",
    "clusterName": "kunde1",
    "clusterId": "c-m-x7k2p",
    "desiredInputs": INPUTS,
    "observedInputs": INPUTS,
}
"""Connection details of the release before, one for each key."""

WITHOUT = (
    "[map[fieldsV1:map[f:data:map[f:message:map[] f:phase:map[] f:reason:map[]]] manager:helm]]"
)
WITH = "[map[fieldsV1:map[f:data:map[f:phase:map[] f:report:map[]]] manager:caas-rancher-import]]"


def of_before(listed: set[str], details: Mapping[str, str], **fields: Any) -> ObservedRelease:
    """Return the Release of an import that was installed by the release before."""
    return reported(
        values={"inputs": INPUTS}, connection_keys=frozenset(listed), details=details, **fields
    )


def moved(observed: ObservedRelease) -> list[str]:
    """Return what is listed next."""
    found = config({"rancher": RANCHER})
    asked = wanted(vcluster("kunde1"), found)
    assert asked.rancher
    assert found.rancher
    release = rancher.desired(asked, asked.rancher, found.rancher, found, observed)
    return [entry["toConnectionSecretKey"] for entry in release["spec"]["connectionDetails"]]


def test_the_move_from_the_release_before() -> None:
    """The report is listed once it is known to exist; the others go once it was read.

    At no step is the cluster out of Rancher: neither while the provider has not seen the new list,
    nor while it has not read what that lists.
    """
    probed = [*FORMER, "stateManagedFields"]
    both = [*probed, "report"]
    report = json.dumps({key: FORMER[key] for key in FORMER if key != "desiredInputs"})
    stages: list[tuple[list[str], dict[str, str], list[str]]] = [
        ([*FORMER], FORMER, probed),
        (probed, FORMER, probed),
        (probed, {**FORMER, "stateManagedFields": WITHOUT}, probed),
        (probed, {**FORMER, "stateManagedFields": WITH}, both),
        (both, {**FORMER, "stateManagedFields": WITH}, both),
        (both, {**FORMER, "stateManagedFields": WITH, "report": report}, ["report"]),
        (["report"], {**FORMER, "stateManagedFields": WITH, "report": report}, ["report"]),
    ]
    for listed, details, following in stages:
        for generation in (2, 3):
            observed = of_before({*listed}, details, generation=generation)
            assert moved(observed) == following, (listed, details)
            found = observed_rancher.condition(observed, INPUTS, enabled=True)
            assert found.status == "True", (listed, details)


def test_what_was_read_before_the_move_does_not_count_after_it() -> None:
    """The Secret keeps the details of the past: neither they nor an old report are read."""
    lost = {"report": json.dumps({**FORMER, "phase": "Lost"})}
    after = of_before({"report"}, {**FORMER, **lost})
    assert observed_rancher.condition(after, INPUTS, enabled=True).reason == "Connected"
    assert observed_rancher.condition(after, INPUTS, enabled=True).status == "False"
    unread = of_before({"report"}, FORMER)
    assert observed_rancher.condition(unread, INPUTS, enabled=True).reason == "NoState"
    back = of_before({*FORMER}, {**FORMER, **lost, "stateManagedFields": WITH})
    assert observed_rancher.condition(back, INPUTS, enabled=True).status == "True"
    assert "report" not in moved(back)
