"""The namespace: every field of a spec and of the Input lands where the chart expects it."""

from collections.abc import Mapping
from typing import Any

import pytest

from function.api.errors import InvalidError
from function.api.input import DENIED_ANNOTATIONS
from function.desired import namespace
from function.observed import namespace as observed_namespace
from function.observed.state import Condition, ForeignRelease, Observed, ObservedRelease
from tests.support.factories import (
    CONTROL_PLANE,
    RANCHER,
    at,
    changed,
    config,
    decided,
    deployed,
    vcluster,
    wanted,
)

STATEFUL_SET = "controlPlane.statefulSet"

DATABASES: dict[str, Any] = {
    "namespaceSelector": {
        "matchExpressions": [{"key": "team", "operator": "In", "values": ["a", "b"]}]
    },
    "ports": [{"port": 514, "protocol": "UDP"}],
}
RANCHERS: dict[str, Any] = {
    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "cattle-system"}},
    "podSelector": {"matchLabels": {"app": "rancher"}},
    "ports": [{"port": 444}],
}

PEERS = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress"}}}]


def desired(
    spec: Mapping[str, Any] | None = None, platform: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the Release for a spec on a platform."""
    found = config(platform)
    asked = wanted(vcluster(**(spec or {})), found)
    return namespace.desired(decided(asked, found, CONTROL_PLANE), Observed(), is_earned=False)


def values(
    spec: Mapping[str, Any] | None = None, platform: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return its values."""
    found: dict[str, Any] = at(desired(spec, platform), "spec.forProvider.values")
    return found


def test_least() -> None:
    """The whole Release of a customer who asked for nothing, on a platform that says little."""
    assert desired() == {
        "apiVersion": "helm.m.crossplane.io/v1beta1",
        "kind": "Release",
        "metadata": {
            "name": "kunde1-namespace",
            "namespace": "vcluster-system",
            "annotations": {
                "crossplane.io/external-name": "kunde1-namespace",
                "caas.telekom.de/granted-spec": '{"spec":{}}',
            },
        },
        "spec": {
            "providerConfigRef": {"kind": "ClusterProviderConfig", "name": "default"},
            "rollbackLimit": 0,
            "forProvider": {
                "chart": {
                    "repository": "oci://ghcr.io/example/charts",
                    "name": "vcluster-namespace",
                    "version": "0.1.0",
                },
                "namespace": "vcluster-system",
                "skipCreateNamespace": True,
                "maxHistory": 3,
                "values": {
                    "name": "kunde1",
                    "owner": {"name": "kunde1", "uid": "uid-of-kunde1"},
                    "release": "kunde1-vcluster",
                    "labels": {},
                    "annotations": {},
                    "podSecurity": "baseline",
                    "rancherProject": "",
                    "quota": {},
                    "limitRange": {
                        "enabled": False,
                        "default": {},
                        "defaultRequest": {},
                        "max": {},
                    },
                    "highAvailability": False,
                    "networkPolicy": {
                        "enabled": True,
                        "hostCidrs": [],
                        "egress": [],
                        "egressTo": [],
                        "dns": {
                            "cidrs": ["169.254.20.10/32"],
                            "namespaces": ["kube-system"],
                            "ports": [53],
                        },
                        "apiPorts": [443, 6443, 8443],
                        "metrics": {},
                        "ingressFrom": [],
                    },
                    "synced": {
                        "deniedAnnotations": ",".join(DENIED_ANNOTATIONS),
                        "nodeLabels": "",
                        "storageClassNames": "",
                    },
                    "kubeconfig": {"secret": "vc-kunde1-vcluster", "readers": []},
                    "operators": [],
                    "pullSecret": "",
                },
            },
        },
    }


@pytest.mark.parametrize(
    ("spec", "platform", "path", "expected"),
    [
        pytest.param({}, {"hostNamespace.labels": {"a": "b"}}, "labels", {"a": "b"}, id="labels"),
        pytest.param(
            {},
            {"hostNamespace.annotations": {"a": "b c"}},
            "annotations",
            {"a": "b c"},
            id="annotations",
        ),
        pytest.param(
            {},
            {"tenant.deniedAnnotations": ["a.example.org/*", "b"]},
            "synced.deniedAnnotations",
            "a.example.org/*,b",
            id="denied-annotations",
        ),
        pytest.param(
            {},
            {"tenant.storage.volumeClassNames": ["fast", "slow"]},
            "synced.storageClassNames",
            "fast,slow",
            id="classes-of-volumes",
        ),
        pytest.param(
            {"isolation": {"podSecurity": "restricted"}},
            {},
            "podSecurity",
            "baseline",
            id="the-control-plane-needs-root-whatever-the-spec-says",
        ),
        pytest.param(
            {"rancher": {"project": "kunde1"}},
            {"rancher": {**RANCHER, "projects": {"kunde1": "local:p-1"}}},
            "rancherProject",
            "local:p-1",
            id="rancher-project",
        ),
        pytest.param(
            {"rancher": {"enabled": False, "project": "kunde1"}},
            {"rancher": {**RANCHER, "projects": {"kunde1": "local:p-1"}}},
            "rancherProject",
            "",
            id="no-project-out-of-rancher",
        ),
        pytest.param({}, {"rancher": RANCHER}, "rancherProject", "", id="no-project"),
        pytest.param({"quota": {"pods": 10}}, {}, "quota", {"pods": "13"}, id="quota"),
        pytest.param(
            {"quota": {"pods": 10}}, {"rancher": RANCHER}, "quota", {"pods": "19"}, id="agents"
        ),
        pytest.param(
            {"quota": {"pods": 10}, "availability": "HA"},
            {},
            "quota",
            {"pods": "20"},
            id="quota-of-a-highly-available-cluster",
        ),
        pytest.param(
            {"quota": {"storage": "10Gi"}},
            {},
            "quota",
            {"requests.storage": "15Gi"},
            id="volume-of-the-control-plane",
        ),
        pytest.param(
            {},
            {"plans.small.quota": {"services": 5}},
            "quota",
            {"services": "8"},
            id="quota-of-the-plan",
        ),
        pytest.param({"quota": {"pods": 10}}, {}, "limitRange.enabled", False, id="limit-range"),
        pytest.param(
            {"quota": {"memory": "10Gi"}},
            {},
            "limitRange",
            {
                "enabled": True,
                "default": {"memory": "512Mi"},
                "defaultRequest": {"memory": "64Mi"},
                "max": {},
            },
            id="limit-range-of-what-the-quota-limits",
        ),
        pytest.param(
            {},
            {"plans.small.limitRange": {"default": {}, "max": {"memory": "8Gi"}}},
            "limitRange",
            {
                "enabled": True,
                "default": {"memory": "8Gi"},
                "defaultRequest": {"memory": "64Mi"},
                "max": {"memory": "8Gi"},
            },
            id="limit-range-of-the-plan",
        ),
        pytest.param(
            {"quota": {"memory": "10Gi"}},
            {"rancher": {**RANCHER, "agentResources": {"limits": {"memory": "2Gi"}}}},
            "quota",
            # 10Gi, 256Mi or 2Gi, CoreDNS 2 x 64Mi or 170Mi, agent 2 x 2Gi, 4 x 64Mi or 512Mi
            {"requests.memory": "14976Mi", "limits.memory": "18772Mi"},
            id="quota-with-rancher's-agent",
        ),
        pytest.param(
            {"quota": {"other": {"requests.nvidia.com/gpu": 1}}},
            {"plans.small.quota": {"pods": 7, "other": {"requests.nvidia.com/gpu": 4}}},
            "quota",
            {"pods": "10", "requests.nvidia.com/gpu": "1"},
            id="other-resources",
        ),
        pytest.param(
            {"quota": {"pods": 1}},
            {"plans.small.quota": {"other": {"count/secrets": 100}}},
            "quota",
            {"pods": "4", "count/secrets": "140"},
            id="other-resources-of-the-plan-stay",
        ),
        pytest.param({"availability": "HA"}, {}, "highAvailability", True, id="availability"),
        pytest.param(
            {"isolation": {"networkPolicy": False}},
            {},
            "networkPolicy.enabled",
            False,
            id="network-policy",
        ),
        pytest.param(
            {},
            {"hosts.local.cidrs": ["10.0.0.0/8", "192.168.0.0/16"]},
            "networkPolicy.hostCidrs",
            ["10.0.0.0/8", "192.168.0.0/16"],
            id="host-cidrs",
        ),
        pytest.param(
            {"isolation": {"egress": ["198.51.100.0/24"]}},
            {"rancher": {**RANCHER, "egress": ["192.0.2.10/32"]}},
            "networkPolicy.egress",
            ["198.51.100.0/24", "192.0.2.10/32"],
            id="egress-of-the-spec-and-of-rancher",
        ),
        pytest.param(
            {"rancher": {"enabled": False}},
            {"rancher": {**RANCHER, "egress": ["192.0.2.10/32"]}},
            "networkPolicy.egress",
            [],
            id="no-way-to-rancher-out-of-it",
        ),
        pytest.param(
            {},
            {"hosts.local.dns": {"cidrs": ["169.254.25.10/32"]}},
            "networkPolicy.dns",
            {"cidrs": ["169.254.25.10/32"], "namespaces": ["kube-system"], "ports": [53]},
            id="dns-of-the-host",
        ),
        pytest.param(
            {},
            {"hosts.local.apiPorts": [16443]},
            "networkPolicy.apiPorts",
            [16443],
            id="ports-of-the-hosts-api-server",
        ),
        pytest.param(
            {},
            {"hosts.local.egressTo": [DATABASES], "rancher": dict(RANCHER, egressTo=[RANCHERS])},
            "networkPolicy.egressTo",
            [
                DATABASES,
                {**RANCHERS, "ports": [{"port": 444, "protocol": "TCP"}]},
            ],
            id="pods-of-the-host",
        ),
        pytest.param(
            {"rancher": {"enabled": False}},
            {"rancher": {**RANCHER, "egressTo": [RANCHERS]}},
            "networkPolicy.egressTo",
            [],
            id="no-pods-of-rancher-out-of-it",
        ),
        pytest.param(
            {"sync": {"ingresses": True}, "quota": {"loadBalancers": 0}},
            {"expose.ingressFrom": PEERS},
            "networkPolicy.ingressFrom",
            PEERS,
            id="the-ingress-controller-where-ingresses-are-synced",
        ),
        pytest.param(
            {"quota": {"loadBalancers": 1}},
            {"expose.ingressFrom": PEERS},
            "networkPolicy.ingressFrom",
            PEERS,
            id="load-balancers-where-they-are-allowed",
        ),
        pytest.param(
            {},
            {"expose.ingressFrom": PEERS},
            "networkPolicy.ingressFrom",
            PEERS,
            id="load-balancers-where-they-are-not-limited",
        ),
        pytest.param(
            {"quota": {"loadBalancers": 0}},
            {"expose.ingressFrom": PEERS},
            "networkPolicy.ingressFrom",
            [],
            id="nobody-where-nothing-leads-in",
        ),
        pytest.param(
            {
                "kubeconfigReaders": [
                    {"kind": "Group", "name": "oidc:kunde1"},
                    {"kind": "User", "name": "a"},
                ]
            },
            {},
            "kubeconfig.readers",
            [{"kind": "Group", "name": "oidc:kunde1"}, {"kind": "User", "name": "a"}],
            id="readers",
        ),
        pytest.param(
            {},
            {
                "hostNamespace.operators": [
                    {"kind": "Group", "name": "ops"},
                    {"kind": "ServiceAccount", "name": "bot", "namespace": "ops"},
                ]
            },
            "operators",
            [
                {"kind": "Group", "name": "ops"},
                {"kind": "ServiceAccount", "name": "bot", "namespace": "ops"},
            ],
            id="operators",
        ),
        pytest.param({}, {"pullSecret": "pull"}, "pullSecret", "pull", id="pull-secret"),
    ],
)
def test_every_field_lands(
    spec: dict[str, Any], platform: dict[str, Any], path: str, expected: object
) -> None:
    """Each field of a spec and of the Input that concerns the namespace arrives."""
    assert at(values(spec, platform), path) == expected


@pytest.mark.parametrize(
    ("host", "enabled", "expected"),
    [
        ({}, True, {"cidrs": [], "namespaces": ["kube-system"], "ports": [4443, 10250]}),
        (
            {"namespaces": ["monitoring"], "ports": [8443]},
            True,
            {"cidrs": [], "namespaces": ["monitoring"], "ports": [8443]},
        ),
        ({}, False, {}),
    ],
    ids=["kubeadm", "other-host", "switched-off"],
)
def test_metrics(host: dict[str, Any], expected: dict[str, Any], *, enabled: bool) -> None:
    """A control plane whose values hand on the host's metrics has a way to them."""
    found = config({"hosts.local.metrics": host})
    merged = {**CONTROL_PLANE, "integrations": {"metricsServer": {"enabled": enabled}}}
    asked = wanted(vcluster(), found)
    resource = namespace.desired(decided(asked, found, merged), Observed(), is_earned=False)
    assert at(resource, "spec.forProvider.values.networkPolicy.metrics") == expected


@pytest.mark.parametrize(
    ("platform", "path", "expected"),
    [
        pytest.param(
            {"hosts.local.providerConfig": "edge"},
            "spec.providerConfigRef",
            {"kind": "ClusterProviderConfig", "name": "edge"},
            id="host",
        ),
        pytest.param(
            {"platformNamespace": "platform"}, "metadata.namespace", "platform", id="namespace"
        ),
        pytest.param(
            {"platformNamespace": "platform"},
            "spec.forProvider.namespace",
            "platform",
            id="namespace-of-helms-release",
        ),
        pytest.param(
            {
                "charts": {
                    "repository": "oci://ghcr.io/other",
                    "version": "0.2.0",
                    "digests": {
                        "vcluster-namespace": f"sha256:{'a' * 64}",
                        "vcluster-rancher": f"sha256:{'b' * 64}",
                    },
                    "pullSecret": "charts",
                }
            },
            "spec.forProvider.chart",
            {
                "repository": "oci://ghcr.io/other",
                "name": "vcluster-namespace",
                "version": "0.2.0",
                "digest": f"sha256:{'a' * 64}",
                "pullSecretRef": {"name": "charts"},
            },
            id="chart",
        ),
    ],
)
def test_the_release(platform: dict[str, Any], path: str, expected: object) -> None:
    """Host, namespace and chart are what the Input says."""
    assert at(desired({}, platform), path) == expected


@pytest.mark.parametrize(
    ("changes", "spec"),
    [
        pytest.param({f"{STATEFUL_SET}.resources.limits.cpu": "s3cr3t"}, {"cpu": "1"}, id="cpu"),
        pytest.param(
            {f"{STATEFUL_SET}.resources.requests.memory": "1e3"}, {"memory": "1Gi"}, id="memory"
        ),
        pytest.param(
            {f"{STATEFUL_SET}.persistence.volumeClaim.size": "big"}, {"storage": "1Gi"}, id="size"
        ),
        pytest.param(
            {"controlPlane.coredns.deployment.resources.limits.cpu": "s3cr3t"},
            {"cpu": "1"},
            id="coredns",
        ),
        pytest.param(
            {f"{STATEFUL_SET}.sidecarContainers": [{"resources": {"limits": {"cpu": "s3cr3t"}}}]},
            {"cpu": "1"},
            id="sidecar",
        ),
    ],
)
def test_values_without_quantities(changes: dict[str, Any], spec: dict[str, Any]) -> None:
    """Chart values that cannot be added up are refused, and not quoted."""
    found = config()
    asked = wanted(vcluster(quota=spec), found)
    with pytest.raises(InvalidError) as error:
        namespace.desired(
            decided(asked, found, changed(CONTROL_PLANE, changes)), Observed(), is_earned=False
        )
    assert str(error.value) == (
        "input.vcluster: controlPlane.statefulSet, etcd or CoreDNS in values or enforcedValues: "
        "must have quantities as resources and volume size. Correct them there."
    )
    assert error.value.reason == "InvalidInput"


GOING = ForeignRelease("kunde1-vcluster", "vcluster-system", terminating=True)
STAYING = ForeignRelease("kunde1-namespace", "vcluster-system", terminating=False)
TAKEN = (
    "exists and does not belong to this VCluster. "
    "Delete it, or create the VCluster under another name."
)


@pytest.mark.parametrize(
    ("observed", "strangers", "expected"),
    [
        pytest.param(
            None,
            (),
            Condition("NamespaceReady", "Unknown", "NotCreated", "Not created yet."),
            id="nothing",
        ),
        pytest.param(
            deployed(), (), Condition("NamespaceReady", "True", "Available"), id="deployed"
        ),
        pytest.param(
            deployed(),
            (STAYING,),
            Condition("NamespaceReady", "True", "Available"),
            id="strangers-hold-up-nothing-that-exists",
        ),
        pytest.param(
            None,
            (GOING,),
            Condition(
                "NamespaceReady",
                "False",
                "Terminating",
                "An earlier VCluster of this name is still being deleted (Release "
                "vcluster-system/kunde1-vcluster). The new one is created as soon as it is gone.",
            ),
            id="an-earlier-one-is-going",
        ),
        pytest.param(
            None,
            (STAYING,),
            Condition(
                "NamespaceReady",
                "False",
                "NameTaken",
                f"Release vcluster-system/kunde1-namespace {TAKEN}",
            ),
            id="the-name-is-taken",
        ),
        pytest.param(
            None,
            (GOING, STAYING),
            Condition(
                "NamespaceReady",
                "False",
                "NameTaken",
                "Release vcluster-system/kunde1-vcluster, vcluster-system/kunde1-namespace "
                f"{TAKEN}",
            ),
            id="one-goes-and-one-stays",
        ),
    ],
)
def test_condition(
    observed: ObservedRelease | None, strangers: tuple[ForeignRelease, ...], expected: Condition
) -> None:
    """The customer reads whether the namespace is there, or who is in the way."""
    assert observed_namespace.condition(observed, strangers) == expected


def test_the_key_is_forever() -> None:
    """Another resource key would delete the Release and create it anew."""
    assert observed_namespace.KEY == "namespace"


def test_pods_are_held_to_the_nodes_that_the_syncer_chooses() -> None:
    """By the values that it runs with, so that no pod of an adopted cluster is refused either."""
    labels = {"sync.fromHost.nodes.selector.labels": {"zone": "", "example.org/pool": "tenants"}}
    found = config({})
    merged = changed(CONTROL_PLANE, labels)
    asked = wanted(vcluster(), found)
    release = namespace.desired(decided(asked, found, merged), Observed(), is_earned=False)
    values = at(release, "spec.forProvider.values")
    assert values["synced"]["nodeLabels"] == "example.org/pool=tenants,zone="
