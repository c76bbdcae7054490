"""The chart's values: where each comes from, and that every chart takes them."""

import itertools
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from function.desired.chart_values import build_chart_values
from function.k8s.fieldpath import get
from function.k8s.helm_values import merge
from function.observed.current import Current, Storage
from tests.support.factories import at, changed, config, vcluster, wanted

PLATFORM: dict[str, Any] = {
    "plans.small": {
        "resources": {
            "requests": {"cpu": "250m", "memory": "300Mi"},
            "limits": {"cpu": "1", "memory": "2Gi"},
        },
        "storage": {"size": "5Gi"},
    },
    "nodePools": {
        "tenants": {"pool": "tenants"},
        "tainted": {
            "labels": {"pool": "vc1"},
            "tolerations": ["dedicated=vc1:NoSchedule", "example.org/busy:NoExecute"],
            "controlPlane": True,
        },
    },
}
"""A platform with one plan and one pool."""

SCHEDULING = {
    "nodeSelector": {"pool": "vc1"},
    "tolerations": [
        {"key": "dedicated", "operator": "Equal", "value": "vc1", "effect": "NoSchedule"},
        {"key": "example.org/busy", "operator": "Exists", "effect": "NoExecute"},
    ],
}

COMMON: dict[str, Any] = {
    "exportKubeConfig": {
        "context": "kunde1",
        "server": "https://kunde1-vcluster.kunde1.svc:443",
    },
    "networking": {"advanced": {"proxyKubelets": {"byHostname": False, "byIP": False}}},
    "policies": {
        "resourceQuota": {"enabled": False},
        "limitRange": {"enabled": False},
        "networkPolicy": {"enabled": False},
        "podSecurityStandard": "baseline",
    },
    "rbac": {
        "role": {
            "extraRules": [
                {
                    "apiGroups": ["discovery.k8s.io"],
                    "resources": ["endpointslices"],
                    "verbs": ["get", "list", "watch"],
                }
            ]
        }
    },
    "sync": {
        "toHost": {
            "pods": {"useSecretsForSATokens": True},
            "endpoints": {"enabled": False},
            "endpointSlices": {"enabled": False},
            "ingresses": {"enabled": False},
            "networkPolicies": {"enabled": False},
            "podDisruptionBudgets": {"enabled": False},
            "serviceAccounts": {"enabled": False},
        },
        "fromHost": {
            "storageClasses": {"enabled": True},
            "ingressClasses": {"enabled": False},
            "nodes": {"selector": {"labels": {}}},
        },
    },
    "telemetry": {"enabled": False},
}


def values(
    spec: Mapping[str, Any] | None = None, platform: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the values of the chart for a spec on a platform."""
    found = config({**PLATFORM, **(platform or {})})
    return build_chart_values(wanted(vcluster(**(spec or {})), found), found)


def test_single() -> None:
    """A cluster of a customer who asked for nothing."""
    assert values() == {
        **COMMON,
        "controlPlane": {
            "distro": {
                "k8s": {
                    "image": {"tag": "v1.35.0"},
                    "controllerManager": {"extraArgs": ["--leader-elect=false"]},
                }
            },
            "backingStore": {
                "database": {"embedded": {"enabled": True}},
                "etcd": {"deploy": {"enabled": False}},
            },
            "statefulSet": {
                "image": {"repository": "loft-sh/vcluster-oss"},
                "highAvailability": {"replicas": 1},
                "probes": {"startupProbe": {"periodSeconds": 2, "failureThreshold": 900}},
                "resources": {
                    "requests": {"cpu": "250m", "memory": "300Mi"},
                    "limits": {"cpu": "1", "memory": "2Gi"},
                },
                "persistence": {
                    "volumeClaim": {"enabled": True, "retentionPolicy": "Delete", "size": "5Gi"}
                },
            },
            "coredns": {"deployment": {"replicas": 1}},
            "proxy": {
                "extraSANs": [
                    "kunde1-vcluster.kunde1.svc",
                    "kunde1-vcluster.kunde1.svc.cluster.local",
                ]
            },
            "service": {"spec": {"type": "ClusterIP"}},
            "advanced": {
                "serviceAccount": {"imagePullSecrets": []},
                "workloadServiceAccount": {"imagePullSecrets": []},
                "podDisruptionBudget": {"enabled": False},
            },
        },
    }


def spread(app: str) -> dict[str, Any]:
    """Return the scheduling that spreads pods over hosts."""
    return {
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {"app": app, "release": "kunde1-vcluster"}},
            }
        ]
    }


def test_highly_available() -> None:
    """Three control planes and three etcd members, spread over hosts, two CoreDNS, a budget."""
    spec = {"availability": "HA", "storage": {"size": "7Gi", "storageClassName": "fast"}}
    assert values(spec) == {
        **COMMON,
        "controlPlane": {
            "distro": {"k8s": {"image": {"tag": "v1.35.0"}}},
            "backingStore": {
                "database": {"embedded": {"enabled": False}},
                "etcd": {
                    "deploy": {
                        "enabled": True,
                        "statefulSet": {
                            "highAvailability": {"replicas": 3},
                            "persistence": {
                                "volumeClaim": {
                                    "enabled": True,
                                    "retentionPolicy": "Delete",
                                    "size": "7Gi",
                                    "storageClass": "fast",
                                }
                            },
                            "resources": {
                                "requests": {"cpu": "20m", "memory": "150Mi"},
                                "limits": {"cpu": "1", "memory": "1Gi"},
                            },
                            "scheduling": spread("vcluster-etcd"),
                        },
                    }
                },
            },
            "statefulSet": {
                "image": {"repository": "loft-sh/vcluster-oss"},
                "highAvailability": {"replicas": 3},
                "probes": {"startupProbe": {"periodSeconds": 2, "failureThreshold": 900}},
                "resources": {
                    "requests": {"cpu": "250m", "memory": "300Mi"},
                    "limits": {"cpu": "1", "memory": "2Gi"},
                },
                "persistence": {"volumeClaim": {"enabled": False}},
                "scheduling": spread("vcluster"),
            },
            "coredns": {"deployment": {"replicas": 2}},
            "proxy": {
                "extraSANs": [
                    "kunde1-vcluster.kunde1.svc",
                    "kunde1-vcluster.kunde1.svc.cluster.local",
                ]
            },
            "service": {"spec": {"type": "ClusterIP"}},
            "advanced": {
                "serviceAccount": {"imagePullSecrets": []},
                "workloadServiceAccount": {"imagePullSecrets": []},
                "podDisruptionBudget": {"enabled": True, "minAvailable": 2},
            },
        },
    }


@pytest.mark.parametrize(
    ("spec", "platform", "path", "expected"),
    [
        pytest.param(
            {"kubernetesVersion": "1.36"},
            {},
            "controlPlane.distro.k8s.image.tag",
            "v1.36.0",
            id="kubernetes",
        ),
        pytest.param(
            {"storage": {"size": "8Gi"}},
            {},
            "controlPlane.statefulSet.persistence.volumeClaim",
            {"enabled": True, "retentionPolicy": "Delete", "size": "8Gi"},
            id="size",
        ),
        pytest.param(
            {"storage": {"storageClassName": "fast"}},
            {},
            "controlPlane.statefulSet.persistence.volumeClaim.storageClass",
            "fast",
            id="storage-class",
        ),
        pytest.param(
            {},
            {"plans.small": {}},
            "controlPlane.statefulSet.persistence.volumeClaim",
            {"enabled": True, "retentionPolicy": "Delete"},
            id="a-plan-without-a-size-leaves-it-to-the-chart",
        ),
        pytest.param(
            {},
            {"plans.small": {}},
            "controlPlane.statefulSet.resources",
            {
                "requests": {"cpu": "200m", "memory": "256Mi"},
                "limits": {"cpu": "2", "memory": "4Gi"},
            },
            id="a-plan-without-resources-has-limits-nevertheless",
        ),
        pytest.param(
            {},
            {"plans.small": {"resources": {"limits": {"cpu": "3"}}}},
            "controlPlane.statefulSet.resources",
            {
                "requests": {"cpu": "200m", "memory": "256Mi"},
                "limits": {"cpu": "3", "memory": "4Gi"},
            },
            id="a-plan-with-some-resources",
        ),
        pytest.param(
            {"isolation": {"podSecurity": "restricted"}},
            {},
            "policies.podSecurityStandard",
            "restricted",
            id="pod-security",
        ),
        pytest.param(
            {"nodePool": "tenants"},
            {},
            "sync.fromHost.nodes.selector.labels",
            {"pool": "tenants"},
            id="node-pool",
        ),
        pytest.param(
            {"nodePool": "tainted"},
            {},
            "sync.toHost.pods.enforceTolerations",
            ["dedicated=vc1:NoSchedule", "example.org/busy:NoExecute"],
            id="tolerations-of-a-node-pool",
        ),
        pytest.param(
            {"nodePool": "tainted"},
            {
                "vcluster.values": {
                    "sync": {"toHost": {"pods": {"enforceTolerations": ["a:NoExecute"]}}}
                }
            },
            "sync.toHost.pods.enforceTolerations",
            ["dedicated=vc1:NoSchedule", "example.org/busy:NoExecute", "a:NoExecute"],
            id="tolerations-of-a-node-pool-and-of-the-platform",
        ),
        pytest.param(
            {"nodePool": "tainted"},
            {},
            "controlPlane.statefulSet.scheduling",
            SCHEDULING,
            id="control-plane-on-a-node-pool",
        ),
        pytest.param(
            {"nodePool": "tainted", "availability": "HA"},
            {},
            "controlPlane.backingStore.etcd.deploy.statefulSet.scheduling.tolerations",
            SCHEDULING["tolerations"],
            id="etcd-on-a-node-pool",
        ),
        pytest.param(
            {},
            {"pullSecret": "pull"},
            "controlPlane.advanced.serviceAccount.imagePullSecrets",
            [{"name": "pull"}],
            id="pull-secret-of-the-control-plane",
        ),
        pytest.param(
            {},
            {"pullSecret": "pull"},
            "controlPlane.advanced.workloadServiceAccount.imagePullSecrets",
            [{"name": "pull"}],
            id="pull-secret-of-the-customers-pods",
        ),
        *(
            pytest.param(
                {"sync": {kind: True}}, {}, f"sync.toHost.{kind}.enabled", True, id=f"sync-{kind}"
            )
            for kind in ("ingresses", "networkPolicies", "podDisruptionBudgets", "serviceAccounts")
        ),
        pytest.param(
            {"sync": {"ingressClasses": True}},
            {},
            "sync.fromHost.ingressClasses.enabled",
            True,
            id="sync-ingressClasses",
        ),
        pytest.param(
            {"sync": {"storageClasses": False}},
            {},
            "sync.fromHost.storageClasses.enabled",
            False,
            id="sync-storageClasses",
        ),
    ],
)
def test_every_field_lands(
    spec: dict[str, Any], platform: dict[str, Any], path: str, expected: object
) -> None:
    """Each field of a spec and of the Input that the chart knows arrives where it should."""
    assert at(values(spec, platform), path) == expected


def test_a_field_changes_nothing_else() -> None:
    """A switched sync touches its own value only, so that nothing restarts without need."""
    before = values()
    after = values({"sync": {"ingresses": True}})
    assert changed(before, {"sync.toHost.ingresses.enabled": True}) == after


@pytest.mark.parametrize("is_ours", [False, True])
def test_a_control_plane_keeps_its_startup_probe(*, is_ours: bool) -> None:
    """That of an earlier release would restart, if it got the one of new control planes."""
    found = config(PLATFORM)
    now = Current(
        *("Single", Storage("5Gi", None), "0.36.1", "1.35.0", "default", None),
        starts_quickly=is_ours,
    )
    built = build_chart_values(wanted(vcluster(), found, now), found)
    probe = get(built, "controlPlane", "statefulSet", "probes")
    manager = get(built, "controlPlane", "distro", "k8s", "controllerManager")
    assert (probe is not None) is is_ours
    assert (manager is not None) is is_ours


@pytest.mark.parametrize(
    ("spec", "theirs", "expected"),
    [
        ({}, None, ["--leader-elect=false"]),
        ({}, ["--v=2"], ["--leader-elect=false", "--v=2"]),
        ({"availability": "HA"}, None, None),
    ],
    ids=["single", "beside-the-platforms", "ha"],
)
def test_a_single_controller_manager_takes_no_lease(
    spec: dict[str, Any], theirs: list[str] | None, expected: list[str] | None
) -> None:
    """After a restart it would wait for the end of the lease of its own earlier process."""
    path = ("controlPlane", "distro", "k8s", "controllerManager", "extraArgs")
    platform = {f"vcluster.values.{'.'.join(path)}": theirs} if theirs else {}
    assert get(values(spec, platform), *path) == expected


@pytest.mark.parametrize(
    ("spec", "platform"),
    [
        pytest.param({"quota": {"pods": 7, "cpu": "3"}}, {}, id="quota"),
        pytest.param({"isolation": {"egress": ["192.0.2.0/24"]}}, {}, id="egress"),
        pytest.param({"isolation": {"networkPolicy": False}}, {}, id="network-policy"),
        pytest.param({"kubeconfigReaders": [{"kind": "User", "name": "a"}]}, {}, id="readers"),
        pytest.param({"deletionProtection": True}, {}, id="deletion-protection"),
        pytest.param({}, {"hostNamespace.labels": {"a": "b"}}, id="labels-of-the-namespace"),
        pytest.param({}, {"hosts.local.cidrs": ["10.0.0.0/8"]}, id="host-ranges"),
        pytest.param({}, {"image": "ghcr.io/example/other:2"}, id="image-of-the-import"),
    ],
)
def test_no_restart(spec: dict[str, Any], platform: dict[str, Any]) -> None:
    """What belongs to the namespace or the import does not restart the control plane."""
    assert values(spec, platform) == values()


IMAGE = "controlPlane.statefulSet.image"
MIRRORS = {"registries": {"ghcr.io": "mirror.example.org/ghcr"}}


@pytest.mark.parametrize(
    ("layer", "tenant"),
    [
        pytest.param(None, None, id="base"),
        pytest.param("vcluster.values", None, id="input-values"),
        pytest.param(None, "tenant", id="tenant-values"),
        pytest.param("vcluster.enforcedValues", None, id="enforced-values"),
    ],
)
def test_images_of_every_layer_are_mirrored(layer: str | None, tenant: str | None) -> None:
    """A mirror applies to an image whoever named it, enforced values included."""
    named = changed({}, {IMAGE: {"registry": "ghcr.io", "repository": "a/b"}})
    platform = {**MIRRORS, **({layer: named} if layer else {})}
    spec = {"values": named} if tenant else {}
    assert at(values(spec, platform), IMAGE) == {
        "registry": "mirror.example.org/ghcr",
        "repository": "a/b" if layer or tenant else "loft-sh/vcluster-oss",
    }


def test_coredns_of_the_wanted_kubernetes_is_mirrored() -> None:
    """Where docker.io has a mirror, CoreDNS is the one of the spec's Kubernetes version."""
    platform = {"registries": {"docker.io": "mirror.example.org"}}
    found = values({"kubernetesVersion": "1.36"}, platform)
    expected = "mirror.example.org/coredns/coredns:1.14.2"
    assert at(found, "controlPlane.coredns.deployment.image") == expected


LIMITS = {"cpu": "2", "memory": "4Gi"}
CONTROL_PLANE = "controlPlane.statefulSet.resources"
ETCD = "controlPlane.backingStore.etcd.deploy.statefulSet.resources"
COREDNS = "controlPlane.coredns.deployment.resources"


@pytest.mark.parametrize(
    ("platform", "path", "expected"),
    [
        pytest.param(
            {"plans.small.resources": {"requests": {"cpu": "4", "memory": "8Gi"}}},
            CONTROL_PLANE,
            {
                "requests": {"cpu": "4", "memory": "8Gi"},
                "limits": {"cpu": "4", "memory": "8Gi"},
            },
            id="limits-follow-requests",
        ),
        pytest.param(
            {"plans.small.resources": {"limits": {"cpu": "100m", "memory": "200Mi"}}},
            CONTROL_PLANE,
            {
                "requests": {"cpu": "100m", "memory": "200Mi"},
                "limits": {"cpu": "100m", "memory": "200Mi"},
            },
            id="requests-follow-limits",
        ),
        pytest.param(
            {"plans.small.resources": {"requests": {"cpu": "1"}}},
            CONTROL_PLANE,
            {"requests": {"cpu": "1", "memory": "256Mi"}, "limits": LIMITS},
            id="what-fits-stays",
        ),
        pytest.param(
            {f"vcluster.values.{CONTROL_PLANE}.requests.memory": "6Gi"},
            CONTROL_PLANE,
            {
                "requests": {"cpu": "200m", "memory": "6Gi"},
                "limits": {"cpu": "2", "memory": "6Gi"},
            },
            id="values",
        ),
        pytest.param(
            {f"vcluster.enforcedValues.{CONTROL_PLANE}.requests.cpu": 3},
            CONTROL_PLANE,
            {"requests": {"cpu": 3, "memory": "256Mi"}, "limits": {"cpu": "3", "memory": "4Gi"}},
            id="enforced-values",
        ),
        pytest.param(
            {
                f"vcluster.values.{COREDNS}.requests.cpu": "4",
                f"vcluster.enforcedValues.{COREDNS}.limits": None,
            },
            COREDNS,
            {"requests": {"cpu": "4"}, "limits": None},
            id="limits-that-null-took-away",
        ),
        pytest.param(
            {
                f"vcluster.values.{CONTROL_PLANE}.requests.cpu": "3",
                f"vcluster.enforcedValues.{CONTROL_PLANE}.limits.cpu": None,
            },
            CONTROL_PLANE,
            {
                "requests": {"cpu": "3", "memory": "256Mi"},
                "limits": {"cpu": None, "memory": "4Gi"},
            },
            id="a-limit-taken-away-stays-so",
        ),
        pytest.param(
            {f"vcluster.enforcedValues.{ETCD}.requests.memory": "2Gi"},
            ETCD,
            {
                "requests": {"cpu": "20m", "memory": "2Gi"},
                "limits": {"cpu": "1", "memory": "2Gi"},
            },
            id="etcd",
        ),
        pytest.param(
            {f"vcluster.values.{COREDNS}.requests.memory": "256Mi"},
            COREDNS,
            {"requests": {"memory": "256Mi"}, "limits": {"memory": "256Mi"}},
            id="coredns-whose-limit-is-the-charts",
        ),
        pytest.param(
            {f"vcluster.values.{COREDNS}.limits.memory": "32Mi"},
            COREDNS,
            {"requests": {"memory": "32Mi"}, "limits": {"memory": "32Mi"}},
            id="coredns-whose-request-is-the-charts",
        ),
    ],
)
def test_requests_and_limits_fit(
    platform: dict[str, Any], path: str, expected: dict[str, Any]
) -> None:
    """Where one of the two is written the other, a default, follows; Kubernetes takes the pod."""
    found = values({"availability": "HA"}, {"plans.small.resources": {}, **platform})
    assert at(found, path) == expected


LAYER = "controlPlane.statefulSet.resources.limits.cpu"


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        pytest.param([], "2", id="base"),
        pytest.param(["values"], "of-values", id="input-values-over-base"),
        pytest.param(["values", "plan"], "5", id="plan-over-input-values"),
        pytest.param(["values", "plan", "tenant"], "of-tenant", id="tenant-over-plan"),
        pytest.param(["values", "plan", "tenant", "enforced"], "of-enforced", id="enforced-last"),
        pytest.param(["values", "enforced"], "of-enforced", id="enforced-over-input-values"),
    ],
)
def test_layers_around_the_plan(layers: list[str], expected: str) -> None:
    """Base, Input values, plan, tenant values, enforced values: the later one wins."""
    assert at(layered(LAYER, layers), LAYER) == expected


def layered(path: str, layers: list[str]) -> dict[str, Any]:
    """Return values in which these layers say something at the path."""
    platform: dict[str, Any] = {"plans.small": {}}
    spec: dict[str, Any] = {}
    if "values" in layers:
        platform["vcluster.values"] = changed({}, {path: "of-values"})
    if "plan" in layers:
        platform["plans.small"] = {"resources": {"limits": {"cpu": "5"}}}
    if "tenant" in layers:
        spec["values"] = changed({}, {path: "of-tenant"})
    if "enforced" in layers:
        platform["vcluster.enforcedValues"] = changed({}, {path: "of-enforced"})
    return values(spec, platform)


# --- merge ---------------------------------------------------------------------------------------

LEAVES: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, False, 0, 1, "", "x", [], [1], [1, 2], {}]
)
KEYS = st.sampled_from("ab")
BRANCHES = st.dictionaries(KEYS, LEAVES, max_size=2)
TREES = st.dictionaries(KEYS, LEAVES | BRANCHES | st.dictionaries(KEYS, LEAVES | BRANCHES))
"""Few keys and few values, so that two trees meet often."""


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        pytest.param([], {}, id="nothing"),
        pytest.param([{"a": 1}, {"b": 2}], {"a": 1, "b": 2}, id="keys-of-both"),
        pytest.param([{"a": 1}, {"a": 2}], {"a": 2}, id="right-wins"),
        pytest.param([{"a": {"x": 1}}, {"a": {"y": 2}}], {"a": {"x": 1, "y": 2}}, id="maps"),
        pytest.param([{"a": [1, 2]}, {"a": [3]}], {"a": [3]}, id="lists-are-replaced"),
        pytest.param([{"a": {"x": 1}}, {"a": 2}], {"a": 2}, id="a-scalar-replaces-a-map"),
        pytest.param([{"a": 1}, {"a": {"x": 2}}], {"a": {"x": 2}}, id="a-map-replaces-a-scalar"),
        pytest.param([{"a": {"x": 1}}, {"a": {}}], {"a": {"x": 1}}, id="an-empty-map-says-nothing"),
        pytest.param([{"a": {"x": 1}}, {"a": None}], {"a": None}, id="null-as-helm-removes"),
        pytest.param([{"a": 1}, {"a": 2}, {"a": 3}], {"a": 3}, id="the-last-of-three"),
    ],
)
def test_merge(layers: list[dict[str, Any]], expected: dict[str, Any]) -> None:
    """Layers merge as Helm's do."""
    assert merge(*layers) == expected


@settings(deadline=None)
@given(TREES)
def test_merge_with_nothing(tree: dict[str, Any]) -> None:
    """An empty layer changes nothing, on either side."""
    assert merge(tree) == tree
    assert merge(tree, {}) == tree
    assert merge({}, tree) == tree


@settings(deadline=None)
@given(TREES, TREES)
def test_merge_is_idempotent(lower: dict[str, Any], upper: dict[str, Any]) -> None:
    """Saying something twice is saying it once."""
    once = merge(lower, upper)
    assert merge(upper, upper) == upper
    assert merge(once, upper) == once


@settings(deadline=None)
@given(TREES, TREES)
def test_the_later_layer_wins(lower: dict[str, Any], upper: dict[str, Any]) -> None:
    """Every value of the later layer is in the result; every other comes from the earlier one."""
    found = dict(leaves(merge(lower, upper)))
    above = dict(leaves(upper))
    below = dict(leaves(lower))
    for path, value in above.items():
        if value != {}:
            assert found[path] == value
    for path, value in found.items():
        assert value == (above[path] if path in above else below[path])


@settings(deadline=None)
@given(TREES, TREES)
def test_merge_has_the_keys_of_both(lower: dict[str, Any], upper: dict[str, Any]) -> None:
    """No key is lost, and none invented."""
    assert merge(lower, upper).keys() == lower.keys() | upper.keys()


@settings(deadline=None)
@given(TREES, TREES, TREES)
def test_merge_in_steps(one: dict[str, Any], two: dict[str, Any], three: dict[str, Any]) -> None:
    """Merging layers at once is merging them one after the other."""
    assert merge(one, two, three) == merge(merge(one, two), three)


@settings(deadline=None)
@given(TREES, TREES)
def test_merge_touches_nothing(lower: dict[str, Any], upper: dict[str, Any]) -> None:
    """The layers stay as they were, also when somebody writes into the result."""
    before = json.dumps([lower, upper])
    scribble(merge(lower, upper))
    assert json.dumps([lower, upper]) == before


def scribble(tree: dict[str, Any]) -> None:
    """Write into every map of a tree."""
    for value in [*tree.values()]:
        if isinstance(value, dict):
            scribble(value)
    tree["scribbled"] = True


def leaves(
    tree: Mapping[str, Any], above: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield path and value of everything that has nothing below it."""
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, (*above, key))
        else:
            yield (*above, key), value


# --- the real charts -----------------------------------------------------------------------------

MINORS = ["0.31", "0.32", "0.33", "0.34", "0.35", "0.36"]
SYNCS = [
    "ingresses",
    "networkPolicies",
    "podDisruptionBudgets",
    "serviceAccounts",
    "storageClasses",
    "ingressClasses",
]
ALL_MIRRORED = {
    host: f"mirror.example.org/{host.partition('.')[0]}"
    for host in ("ghcr.io", "docker.io", "registry.k8s.io", "mirror.gcr.io")
}
WAYS_IN = {
    "expose": {
        "domain": "k8s.example.org",
        "ingress": {"className": "nginx", "annotations": {"example.org/a": "b"}},
        "gateway": {"parentRefs": [{"name": "public", "sectionName": "tls", "port": 443}]},
        "loadBalancer": {"annotations": {"example.org/a": "b"}},
    },
    "hosts": {"local": {"nodePorts": {"address": "192.0.2.7", "from": 30400, "to": 30499}}},
    "tenant.exposeTypes": ["ClusterIP", "LoadBalancer", "NodePort", "Ingress", "Gateway"],
}
EXPOSURES: list[dict[str, Any]] = [
    {},
    {"expose": {"type": "LoadBalancer"}},
    {"expose": {"type": "NodePort", "port": 30443}},
    {"expose": {"type": "Ingress"}},
]
MATRIX = [
    (
        {"availability": availability, **sync, **pool, **storage, **level, **way_in},
        {**pull_secret, **WAYS_IN},
    )
    for availability, sync, pool, storage, level, way_in, pull_secret in itertools.product(
        ["Single", "HA"],
        [{}, *({"sync": {kind: kind != "storageClasses"}} for kind in SYNCS)],
        [{}, {"nodePool": "tenants"}, {"nodePool": "tainted"}],
        [{}, {"storage": {"size": "7Gi", "storageClassName": "fast"}}],
        [{}, {"isolation": {"podSecurity": "restricted"}}],
        EXPOSURES,
        [{}, {"pullSecret": "pull", "registries": ALL_MIRRORED}],
    )
]
"""Specs and Inputs: every kind of value, in all combinations."""


@pytest.fixture(scope="module")
def matrix() -> list[dict[str, Any]]:
    """Return the values for each case of the matrix."""
    return [values(spec, platform) for spec, platform in MATRIX]


def schema(minor: str) -> Draft202012Validator:
    """Return the official chart's schema of a minor."""
    folder = os.environ.get("VCLUSTER_CHART_SCHEMAS")
    if not folder:
        pytest.skip("set VCLUSTER_CHART_SCHEMAS to the folder with the chart's values schemas")
    (path,) = Path(folder).glob(f"vcluster-{minor}.*/values.schema.json")
    return Draft202012Validator(json.loads(path.read_text()))


@pytest.mark.parametrize("minor", MINORS)
def test_every_supported_chart_takes_all_values(minor: str, matrix: list[dict[str, Any]]) -> None:
    """No upgrade and no spec fails on the schema of a chart."""
    validator = schema(minor)
    refused = {
        f"{error.json_path}: {error.message}"
        for case in matrix
        for error in validator.iter_errors(case)
    }
    assert refused == set()


@pytest.mark.parametrize("minor", MINORS)
def test_a_gateway_needs_chart_0_34(minor: str) -> None:
    """Charts take a TLSRoute exactly where it is offered."""
    found = values({"expose": {"type": "Gateway"}}, WAYS_IN)
    refused = [error.message for error in schema(minor).iter_errors(found)]
    too_old = "Additional properties are not allowed ('tlsRoute' was unexpected)"
    assert refused == ([too_old] if minor in ("0.31", "0.32", "0.33") else [])


def test_an_older_chart_does_not() -> None:
    """0.31 is the oldest for a reason: the one before has no budget for the control plane."""
    refused = [
        error.message for error in schema("0.30").iter_errors(values({"availability": "HA"}))
    ]
    assert [message for message in refused if "podDisruptionBudget" in message] != []


LICENSED = [
    "controlPlane.backingStore.database.external",
    "controlPlane.backingStore.etcd.embedded",
    "controlPlane.coredns.embedded",
    "controlPlane.hostPathMapper",
    "deletion",
    "experimental",
    "external",
    "integrations",
    "networking.resolveDNS",
    "platform",
    "policies.centralAdmission",
    "privateNodes",
    "pro",
    "sleep",
    "sleepMode",
    "snapshots",
    "sync.fromHost.configMaps",
    "sync.fromHost.customResources",
    "sync.fromHost.deviceClasses",
    "sync.fromHost.secrets",
    "sync.toHost.customResources",
    "sync.toHost.namespaces",
    "sync.toHost.pods.hybridScheduling",
    "sync.toHost.resourceClaims",
    # Removed in 0.36, where their mere presence fails the installation.
    "sync.toHost.volumeSnapshots",
    "sync.toHost.volumeSnapshotContents",
    "sync.fromHost.volumeSnapshotClasses",
    "deploy",
    "rbac.enableVolumeSnapshotRules",
]
"""Paths that need a licence: with them the open-source image crash-loops or ignores the wish."""


def test_no_value_needs_a_licence(matrix: list[dict[str, Any]]) -> None:
    """Nothing that is sold is asked for, whatever a spec says."""
    for case in matrix:
        paths = [".".join(path) for path, _ in leaves(case)]
        asked = [p for p in paths for sold in LICENSED if f"{p}.".startswith(f"{sold}.")]
        assert asked == []
        assert [path for path in paths if "patches" in path or "denyProxy" in path] == []


def test_every_quantity_is_text(matrix: list[dict[str, Any]]) -> None:
    """No quantity is a number, which would be rendered as 2e+06."""
    for case in matrix:
        quantities = [(p, v) for p, v in leaves(case) if p[-1] in ("cpu", "memory", "size")]
        assert quantities
        assert [path for path, value in quantities if not isinstance(value, str)] == []
