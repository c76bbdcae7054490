"""Values that would destroy a cluster stay, whoever changes them, and the rest goes through."""

from typing import Any

import pytest

from function.api.chart_value import ImmutableValue
from function.api.errors import InvalidError, Problem, Refusal
from function.api.written_values import IMMUTABLE
from function.decision import immutable_values
from function.desired.chart_values import build_chart_values
from function.k8s.helm_values import merge
from tests.support.factories import at, changed, config, vcluster, wanted

SECRET = "mysql://root:s3cr3t@db"  # what must not show
SINGLE = build_chart_values(wanted(), config())
HA = build_chart_values(wanted(vcluster(availability="HA")), config())
BALANCED = changed(SINGLE, {"controlPlane.service.spec.type": "LoadBalancer"})
ENFORCED = "input.vcluster.enforcedValues"
ETCD = "controlPlane.backingStore.etcd.deploy.statefulSet"

LOSSES: dict[str, tuple[dict[str, Any], object]] = {
    "controlPlane.backingStore.etcd.embedded.enabled": (SINGLE, True),
    "controlPlane.backingStore.etcd.external.enabled": (SINGLE, True),
    "controlPlane.backingStore.etcd.external.endpoint": (SINGLE, "etcd:2379"),
    "controlPlane.backingStore.database.external.enabled": (SINGLE, True),
    "controlPlane.backingStore.database.external.connector": (SINGLE, "shared"),
    "controlPlane.backingStore.database.external.dataSource": (SINGLE, SECRET),
    "controlPlane.backingStore.database.embedded.dataSource": (SINGLE, SECRET),
    f"{ETCD}.enabled": (HA, False),
    f"{ETCD}.persistence.volumeClaim.enabled": (HA, False),
    f"{ETCD}.persistence.volumeClaim.accessModes": (HA, ["ReadWriteMany"]),
    f"{ETCD}.persistence.volumeClaimTemplates": (HA, [{"metadata": {"name": "data"}}]),
    f"{ETCD}.scheduling.podManagementPolicy": (HA, "OrderedReady"),
    "controlPlane.statefulSet.persistence.volumeClaim.accessModes": (SINGLE, ["ReadWriteMany"]),
    "controlPlane.statefulSet.persistence.volumeClaimTemplates": (
        SINGLE,
        [{"metadata": {"name": "data"}}],
    ),
    "controlPlane.statefulSet.scheduling.podManagementPolicy": (SINGLE, "OrderedReady"),
    "controlPlane.statefulSet.persistence.dataVolume": (SINGLE, [{"name": "data"}]),
    "controlPlane.distro.k3s.enabled": (SINGLE, True),
    "controlPlane.standalone.enabled": (SINGLE, True),
    "privateNodes.enabled": (SINGLE, True),
    "sync.toHost.namespaces.enabled": (SINGLE, True),
    "controlPlane.advanced.virtualScheduler.enabled": (SINGLE, True),
    "controlPlane.distro.k8s.scheduler.enabled": (SINGLE, True),
    "networking.advanced.clusterDomain": (SINGLE, "kunde1.local"),
    "controlPlane.service.enabled": (SINGLE, False),
    "controlPlane.backingStore.etcd.deploy.enabled": (SINGLE, True),
    f"{ETCD}.highAvailability.replicas": (HA, 1),
    "controlPlane.statefulSet.highAvailability.replicas": (SINGLE, 3),
    "controlPlane.statefulSet.persistence.volumeClaim.enabled": (SINGLE, False),
    f"{ETCD}.persistence.volumeClaim.size": (HA, "10Gi"),
    f"{ETCD}.persistence.volumeClaim.storageClass": (HA, "fast"),
    "controlPlane.statefulSet.persistence.volumeClaim.size": (SINGLE, "10Gi"),
    "controlPlane.statefulSet.persistence.volumeClaim.storageClass": (SINGLE, "fast"),
    "controlPlane.service.spec.loadBalancerClass": (BALANCED, "example.org/other"),
}
"""For each rule the values that run, and what somebody enforces at its path."""


@pytest.mark.parametrize("rule", IMMUTABLE, ids=lambda rule: rule.path)
def test_every_rule_keeps_what_would_be_lost_without_it(
    rule: ImmutableValue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Take a rule away, and the value goes through to what Helm gets."""
    observed, value = LOSSES[rule.path]
    layer = changed({}, {rule.path: value})
    asked = changed(merge(observed, layer), {"telemetry.enabled": True})
    kept, refusals = immutable_values.keep(asked, observed, {ENFORCED: layer})
    assert kept == changed(observed, {"telemetry.enabled": True})
    assert [refusal.field for refusal in refusals] == [f"{ENFORCED}.{rule.path}"]
    assert refusals[0].rule == rule.why
    assert SECRET not in str(refusals)
    monkeypatch.setattr(immutable_values, "IMMUTABLE", tuple(r for r in IMMUTABLE if r is not rule))
    lost, unsaid = immutable_values.keep(asked, observed, {ENFORCED: layer})
    assert unsaid == ()
    assert at(lost, rule.path) == value


def test_every_rule_has_a_loss() -> None:
    """No rule without a change that it stops."""
    assert {*LOSSES} == {rule.path for rule in IMMUTABLE}


@pytest.mark.parametrize(
    ("observed", "path", "value"),
    [
        pytest.param(
            changed(SINGLE, {"controlPlane.statefulSet.persistence.volumeClaim.size": "5Gi"}),
            "controlPlane.statefulSet.persistence.volumeClaim.size",
            "5120Mi",
            id="the-same-size",
        ),
        pytest.param(
            SINGLE,
            "controlPlane.statefulSet.persistence.volumeClaim.size",
            "5Gi",
            id="the-charts-own-size",
        ),
        pytest.param(
            SINGLE, "networking.advanced.clusterDomain", "cluster.local", id="the-charts-default"
        ),
        pytest.param(
            SINGLE,
            "controlPlane.statefulSet.persistence.volumeClaim.enabled",
            "auto",
            id="a-volume-by-itself",
        ),
        pytest.param(
            HA,
            "controlPlane.statefulSet.persistence.volumeClaim.enabled",
            "auto",
            id="no-volume-by-itself",
        ),
        pytest.param(
            SINGLE,
            "controlPlane.statefulSet.persistence.volumeClaim.retentionPolicy",
            "Retain",
            id="what-becomes-of-the-volume",
        ),
        pytest.param(SINGLE, "controlPlane.statefulSet.resources.limits.cpu", "4", id="resources"),
    ],
)
def test_what_changes_nothing_is_granted(
    observed: dict[str, Any], path: str, value: object
) -> None:
    """Other words for the same, and all that a restart is enough for, goes through."""
    asked = changed(observed, {path: value})
    assert immutable_values.keep(asked, observed, {}) == (asked, ())


def test_a_value_taken_away() -> None:
    """What nobody writes any more stays as well, and the chart's value is named."""
    observed = changed(SINGLE, {"networking.advanced.clusterDomain": "kunde1.local"})
    kept, refusals = immutable_values.keep(SINGLE, observed, {})
    assert kept == observed
    assert refusals == (
        Refusal(
            "values.networking.advanced.clusterDomain",
            "kunde1.local",
            "",
            "it cannot be changed in a running virtual cluster",
            "Take it back, or move what is in the cluster into a new VCluster.",
        ),
    )


OURS = {"controlPlane": {"statefulSet": {"image": {"repository": "loft-sh/vcluster-oss"}}}}
COREDNS = {"controlPlane": {"coredns": {"embedded": True}}}
THEIRS = {"controlPlane": {"statefulSet": {"image": {"repository": "loft-sh/vcluster-pro"}}}}


@pytest.mark.parametrize(
    ("values", "chart", "rule"),
    [
        pytest.param(
            {"sync": {"toHost": {"volumeSnapshots": {"enabled": False}}}},
            "0.36.1",
            "is no longer known to chart 0.36.1",
            id="removed",
        ),
        pytest.param(
            {"controlPlane": {"tlsRoute": {"enabled": True}}},
            "0.33.4",
            "is known to charts from 0.34 on, and this is 0.33.4",
            id="not-yet",
        ),
        pytest.param(
            {"controlPlane": {"advanced": {"kubeVip": {"enabled": True}}}},
            "0.36.1",
            "needs a licence, without which the open-source control plane does not start",
            id="licence-of-the-control-plane",
        ),
        pytest.param(
            {"experimental": {"proxy": {"customResources": {"a.example.org/v1": {}}}}},
            "0.31.0",
            "needs a licence, without which the open-source control plane does not start",
            id="licence-of-a-proxy",
        ),
        pytest.param(
            {"sync": {"toHost": {"services": {"patches": [{"path": "spec"}]}}}},
            "0.36.1",
            "needs a licence, without which nothing of it is synced",
            id="licence-of-patches",
        ),
        pytest.param(
            {"sync": {"fromHost": {"customResources": {"a.b": {"patches": [{"path": "spec"}]}}}}},
            "0.36.1",
            "needs a licence, without which nothing of it is synced",
            id="licence-of-patches-below-a-name-with-dots",
        ),
    ],
)
def test_unfit(values: dict[str, Any], chart: str, rule: str) -> None:
    """A new cluster is refused for it; one that runs goes on without, and the field is named."""
    asked = merge(OURS, values)
    (field,) = (
        ".".join(("spec.values", *found.keys)) for found in immutable_values.unfit(asked, chart)
    )
    with pytest.raises(InvalidError) as error:
        immutable_values.refuse_unfit(asked, chart, {"spec.values": values})
    assert error.value.problems == (Problem(field, rule, "Remove it."),)
    assert error.value.reason == "InvalidSpec"
    with pytest.raises(InvalidError) as error:
        immutable_values.refuse_unfit(asked, chart, {"input.vcluster.values": values})
    assert error.value.reason == "InvalidInput"
    kept, refusals = immutable_values.known(asked, chart, OURS, {"spec.values": values}, hops=False)
    assert kept == OURS
    assert refusals == (Refusal(field, "as it is", "another value", rule, "Remove it."),)


def test_a_key_comes_with_its_chart() -> None:
    """Chart and key may be written at once: an older chart goes without on the way."""
    values = {"controlPlane": {"tlsRoute": {"enabled": True}}}
    asked = merge(OURS, values)
    assert immutable_values.known(asked, "0.33.4", OURS, {}, hops=True) == (OURS, ())
    assert immutable_values.known(asked, "0.34.7", OURS, {}, hops=True) == (asked, ())


def test_a_licensed_image_has_a_licence() -> None:
    """Who runs the other image answers for its licence."""
    asked = merge(THEIRS, COREDNS)
    immutable_values.refuse_unfit(asked, "0.36.1", {})
    assert immutable_values.known(asked, "0.36.1", THEIRS, {}, hops=False) == (asked, ())


def test_what_runs_already_is_no_change() -> None:
    """A key that the Release was observed with is not taken away behind anybody's back."""
    asked = merge(OURS, {**COREDNS, "telemetry": {"enabled": False}})
    observed = merge(OURS, COREDNS)
    assert immutable_values.known(asked, "0.36.1", observed, {}, hops=False) == (asked, ())
