"""The guard: what a change would destroy stays, and the customer reads why."""

from dataclasses import replace
from typing import Any

import pytest

from function.api.errors import InvalidError, Refusal
from function.decision import decision, immutable_fields
from function.decision.placement import Host
from function.decision.resolve import ResolvedSpec
from function.observed.current import Current, Storage
from tests.support.factories import RANCHER, config, vcluster, wanted

NOW = Current(
    availability="Single",
    storage=Storage("5Gi", None),
    chart="0.36.1",
    kubernetes="1.35.0",
    provider_config="default",
    cluster_name=None,
)
PLATFORM: dict[str, Any] = {
    "plans.small.storage": {"size": "5Gi"},
    "plans.large": {"storage": {"size": "20Gi", "storageClassName": "fast"}},
}
HOSTS: dict[str, Any] = {
    "hosts": {
        "local": {"providerConfig": "default", "cidrs": ["192.0.2.0/24"]},
        "edge": {"providerConfig": "edge"},
    }
}
IN_RANCHER: dict[str, Any] = {"rancher": RANCHER}

NEW_ONE = "Take it back, or move what is in the cluster into a new VCluster."
VOLUME = "the volume of a StatefulSet cannot be changed", NEW_ONE
STORE = "another backing store would start an empty cluster", NEW_ONE
MOVE = "a virtual cluster cannot move to another host", NEW_ONE
FORMER = "5d2f6c0e-8a31-4b7d-9c64-1e0f7a9b3c58"
TAKEN = "data is taken over before there is a virtual cluster", "Take this field back."
DOWN = "Kubernetes is never downgraded", "Ask for a version that is not lower."
ELSEWHERE = (
    "it would be another cluster in Rancher",
    "Take it back, or take the cluster out of Rancher first: spec.rancher.enabled.",
)


def keep(
    spec: dict[str, Any],
    now: Current = NOW,
    platform: dict[str, Any] | None = None,
    *,
    settled: bool = True,
) -> tuple[ResolvedSpec, ResolvedSpec, tuple[Refusal, ...]]:
    """Return what was asked for, what is granted of it, and what is refused."""
    found = config({**PLATFORM, **(platform or {})})
    requested = vcluster(**spec)
    asked = wanted(requested, found, now)
    granted = decision.decide_existing(asked, now, requested, found, settled=settled)
    return asked, granted.effective, granted.refusals


@pytest.mark.parametrize(
    ("spec", "now", "platform", "refusals"),
    [
        pytest.param(
            {"availability": "HA"},
            {},
            {},
            [Refusal("spec.availability", "Single", "HA", *STORE)],
            id="single-to-ha",
        ),
        pytest.param(
            {},
            {"availability": "HA"},
            {},
            [Refusal("spec.availability", "HA", "Single", *STORE)],
            id="ha-to-single",
        ),
        pytest.param(
            {"storage": {"size": "10Gi"}},
            {},
            {},
            [Refusal("spec.storage.size", "5Gi", "10Gi", *VOLUME)],
            id="larger-volume",
        ),
        pytest.param(
            {"storage": {"size": "1Gi"}},
            {},
            {},
            [Refusal("spec.storage.size", "5Gi", "1Gi", *VOLUME)],
            id="smaller-volume",
        ),
        pytest.param(
            {"storage": {"size": "5Gi"}},
            {"storage": Storage(None, None)},
            {},
            [Refusal("spec.storage.size", "", "5Gi", *VOLUME)],
            id="size-where-there-was-none",
        ),
        pytest.param(
            {"storage": {"storageClassName": "fast"}},
            {},
            {},
            [Refusal("spec.storage.storageClassName", "", "fast", *VOLUME)],
            id="class-where-there-was-none",
        ),
        pytest.param(
            {"storage": {"storageClassName": "slow"}},
            {"storage": Storage("5Gi", "fast")},
            {},
            [Refusal("spec.storage.storageClassName", "fast", "slow", *VOLUME)],
            id="another-class",
        ),
        pytest.param(
            {"storage": {"restoreFrom": FORMER}},
            {},
            {},
            [Refusal("spec.storage.restoreFrom", "", FORMER, *TAKEN)],
            id="the-data-of-another",
        ),
        pytest.param(
            {"storage": {"restoreFrom": FORMER}},
            {"restore_from": "0c9ab3a7-53de-4c3f-9ec4-cc0c7a0d1e35"},
            {},
            [
                Refusal(
                    "spec.storage.restoreFrom",
                    "0c9ab3a7-53de-4c3f-9ec4-cc0c7a0d1e35",
                    FORMER,
                    *TAKEN,
                )
            ],
            id="the-data-of-yet-another",
        ),
        pytest.param(
            {"kubernetesVersion": "1.34"},
            {},
            {},
            [Refusal("spec.kubernetesVersion", "1.35.0", "1.34.3", *DOWN)],
            id="kubernetes-down",
        ),
        pytest.param(
            {"host": "edge"},
            {},
            HOSTS,
            [
                Refusal(
                    "spec.host",
                    "on host local",
                    "edge",
                    *MOVE,
                )
            ],
            id="another-host",
        ),
        pytest.param(
            {"rancher": {"clusterName": "shop"}},
            {"cluster_name": "kunde1"},
            IN_RANCHER,
            [Refusal("spec.rancher.clusterName", "kunde1", "shop", *ELSEWHERE)],
            id="another-name-in-rancher",
        ),
        pytest.param(
            {},
            {"cluster_name": "shop"},
            IN_RANCHER,
            [Refusal("spec.rancher.clusterName", "shop", "kunde1", *ELSEWHERE)],
            id="the-name-in-rancher-taken-back",
        ),
        pytest.param(
            {
                "availability": "HA",
                "storage": {"size": "10Gi", "storageClassName": "fast"},
                "kubernetesVersion": "1.34",
                "host": "edge",
                "rancher": {"clusterName": "shop"},
            },
            {"cluster_name": "kunde1"},
            {**HOSTS, **IN_RANCHER},
            [
                Refusal("spec.kubernetesVersion", "1.35.0", "1.34.3", *DOWN),
                Refusal("spec.availability", "Single", "HA", *STORE),
                Refusal("spec.storage.size", "5Gi", "10Gi", *VOLUME),
                Refusal("spec.storage.storageClassName", "", "fast", *VOLUME),
                Refusal(
                    "spec.host",
                    "on host local",
                    "edge",
                    *MOVE,
                ),
                Refusal("spec.rancher.clusterName", "kunde1", "shop", *ELSEWHERE),
            ],
            id="all-at-once",
        ),
    ],
)
def test_refused(
    spec: dict[str, Any], now: dict[str, Any], platform: dict[str, Any], refusals: list[Refusal]
) -> None:
    """The customer reads field, from, to and rule; what runs stays as it is."""
    running = replace(NOW, **now)
    _, granted, found = keep(spec, running, platform)
    assert [*found] == refusals
    assert granted.availability == running.availability
    assert granted.storage == running.storage
    assert granted.restore_from in ("", running.restore_from)
    assert granted.chart == running.chart
    assert granted.kubernetes == running.kubernetes
    assert granted.host.provider_config == running.provider_config
    if granted.rancher and running.cluster_name:
        assert granted.rancher.cluster_name == running.cluster_name


@pytest.mark.parametrize(
    ("spec", "now", "platform", "differences"),
    [
        pytest.param({}, {}, {}, {}, id="nothing-changed"),
        pytest.param(
            {"plan": "large"},
            {},
            {},
            {"storage": Storage("5Gi", None)},
            id="another-plan-keeps-the-volume",
        ),
        pytest.param(
            {},
            {},
            {"defaultPlan": "large"},
            {"storage": Storage("5Gi", None)},
            id="another-default-plan",
        ),
        pytest.param(
            {},
            {"kubernetes": "1.34.3"},
            {"vcluster.kubernetes.default": "1.36.0"},
            {"kubernetes": "1.34.3"},
            id="another-default-version",
        ),
        pytest.param(
            {},
            {"storage": Storage("7Gi", "fast")},
            {},
            {"storage": Storage("7Gi", "fast")},
            id="a-size-and-class-that-the-spec-no-longer-names",
        ),
        pytest.param(
            {"storage": {"size": "5120Mi"}},
            {},
            {},
            {"storage": Storage("5Gi", None)},
            id="the-same-size-in-other-words",
        ),
        pytest.param(
            {"storage": {"storageClassName": "fast"}},
            {"storage": Storage("5Gi", "fast")},
            {},
            {},
            id="the-same-class",
        ),
        pytest.param(
            {"kubernetesVersion": "1.36"}, {}, {}, {"kubernetes": "1.36.0"}, id="one-minor-up"
        ),
        pytest.param(
            {},
            {"kubernetes": "1.34.3"},
            {"vcluster.kubernetes.compatibility": {"0.36": ["1.35"]}},
            {},
            id="what-runs-stays-although-the-chart-no-longer-supports-it",
        ),
        pytest.param({}, {"chart": "0.35.3"}, {}, {"chart": "0.36.1"}, id="next-chart"),
        pytest.param({}, {"chart": "0.34.7"}, {}, {"chart": "0.35.3"}, id="one-hop-at-a-time"),
        pytest.param({"host": "local"}, {}, HOSTS, {}, id="the-same-host"),
        pytest.param(
            {"rancher": {"clusterName": "shop"}},
            {"cluster_name": None},
            IN_RANCHER,
            {},
            id="any-name-before-the-import",
        ),
        pytest.param(
            {"rancher": {"enabled": False, "clusterName": "shop"}},
            {"cluster_name": "kunde1"},
            IN_RANCHER,
            {},
            id="out-of-rancher",
        ),
        pytest.param(
            {
                "quota": {"pods": 20},
                "isolation": {"podSecurity": "restricted", "networkPolicy": False},
                "sync": {"ingresses": True},
                "kubeconfigReaders": [{"kind": "User", "name": "a"}],
                "deletionProtection": True,
                "values": {"a": 1},
                "rancher": {"owners": [{"user": "u-1"}]},
            },
            {"cluster_name": "kunde1"},
            IN_RANCHER,
            {},
            id="everything-else",
        ),
    ],
)
def test_granted(
    spec: dict[str, Any],
    now: dict[str, Any],
    platform: dict[str, Any],
    differences: dict[str, Any],
) -> None:
    """What does no harm is granted without a word; a plan or a default moves nothing."""
    asked, granted, refusals = keep(spec, replace(NOW, **now), platform)
    assert refusals == ()
    assert granted == replace(asked, **differences)


def test_an_upgrade_waits_until_the_cluster_is_settled() -> None:
    """The next hop comes only when the last one runs."""
    running = replace(NOW, chart="0.34.7")
    assert keep({}, running, settled=False)[1].chart == "0.34.7"
    assert keep({}, running, settled=True)[1].chart == "0.35.3"


def test_a_refusal_does_not_hold_up_the_rest() -> None:
    """Of a change with one forbidden wish everything else happens."""
    _, granted, refusals = keep({"availability": "HA", "quota": {"pods": 7}, "plan": "large"})
    assert len(refusals) == 1
    assert granted.quota.pods == 7
    assert granted.plan.storage.size == "20Gi"


def test_owners_change_while_the_name_stays() -> None:
    """A refused name does not keep new owners out."""
    spec = {"rancher": {"clusterName": "shop", "owners": [{"user": "u-1"}]}}
    _, granted, _ = keep(spec, replace(NOW, cluster_name="kunde1"), IN_RANCHER)
    assert granted.rancher
    assert granted.rancher.cluster_name == "kunde1"
    assert [owner.user for owner in granted.rancher.owners] == ["u-1"]


def test_a_refused_move_leaves_the_hosts_own_ranges_closed() -> None:
    """With the host its name and ranges stay, or tenants would reach its nodes."""
    _, granted, _ = keep({"host": "edge"}, platform=HOSTS)
    assert granted.host == Host("local", "default", ("192.0.2.0/24",))


def test_a_host_under_another_provider_config() -> None:
    """A provider config that the platform renamed is not stood in for by another host's record."""
    with pytest.raises(InvalidError, match="has none with ClusterProviderConfig old"):
        keep({}, replace(NOW, provider_config="old"), {})


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [
        pytest.param(
            Refusal("spec.storage.size", "5Gi", "10Gi", "rule"),
            "spec.storage.size: stays 5Gi instead of 10Gi: rule",
            id="changed",
        ),
        pytest.param(
            Refusal("spec.storage.size", "", "10Gi", "rule"),
            "spec.storage.size: stays unset instead of 10Gi: rule",
            id="set",
        ),
    ],
)
def test_words(refusal: Refusal, expected: str) -> None:
    """A refusal reads as a sentence."""
    assert str(refusal) == expected


LOSSES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "availability": ({"availability": "HA"}, {}),
    "storage.size": ({"storage": {"size": "10Gi"}}, {}),
    "storage.storageClassName": ({"storage": {"storageClassName": "fast"}}, {}),
    "host": ({"host": "edge"}, HOSTS),
    "hostSelector": ({"hostSelector": {"matchLabels": {"region": "north"}}}, HOSTS),
    "rancher.clusterName": ({"rancher": {"clusterName": "shop"}}, IN_RANCHER),
    "storage.restoreFrom": ({"storage": {"restoreFrom": FORMER}}, {}),
}
"""For each rule a change that it keeps, by the spec and the Input."""


@pytest.mark.parametrize("rule", immutable_fields.RULES, ids=lambda rule: rule.field)
def test_every_rule_keeps_what_would_be_lost_without_it(
    rule: immutable_fields.ImmutableField, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Take a rule away, and the change goes through to what Helm gets."""
    change, platform = LOSSES[rule.field]
    now = replace(NOW, cluster_name="kunde1")
    unchanged = keep({}, now, platform)[1]
    asked, granted, refusals = keep(change, now, platform)
    assert granted == unchanged
    assert [refusal.field for refusal in refusals] == [f"spec.{rule.field}"]
    monkeypatch.setattr(
        immutable_fields, "RULES", tuple(r for r in immutable_fields.RULES if r is not rule)
    )
    _, lost, unsaid = keep(change, now, platform)
    assert unsaid == ()
    assert lost == asked
    # Where what exists is placed, `placement` holds, and the rule says so.
    assert (lost != unchanged) is (rule.why != immutable_fields.MOVE)
