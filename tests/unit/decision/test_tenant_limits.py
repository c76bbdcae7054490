"""Limits: what a spec may not ask for, and what it may."""

from typing import Any

import pytest

from function.api.errors import InvalidError
from function.decision import tenant_limits
from tests.support.factories import RANCHER, config, vcluster, wanted

PLATFORM: dict[str, Any] = {
    "plans.small": {
        "storage": {"size": "5Gi", "storageClassName": "standard"},
        "quota": {"cpu": "10", "memory": "20Gi", "pods": 50, "loadBalancers": 0},
    },
}
IN_RANCHER: dict[str, Any] = {**PLATFORM, "rancher": RANCHER}

LESS = "Ask for less, or ask the platform team to raise the limit."
NAME = (
    "spec.rancher.clusterName: must match ^[a-z0-9-]+$ and be neither local nor like c-x1y2z. "
    "Choose another name for the cluster in Rancher."
)


def check(spec: dict[str, Any], platform: dict[str, Any], *, new: bool = True) -> None:
    """Check a spec on a platform."""
    asked, found = vcluster(**spec), config(platform)
    tenant_limits.check(asked.spec, wanted(asked, found), found, new=new)


def problems(spec: dict[str, Any], platform: dict[str, Any]) -> list[str]:
    """Return what a spec is refused for."""
    with pytest.raises(InvalidError) as error:
        check(spec, platform)
    assert error.value.reason == "InvalidSpec"
    return [str(problem) for problem in error.value.problems]


@pytest.mark.parametrize(
    ("spec", "platform", "problem"),
    [
        pytest.param(
            {"isolation": {"podSecurity": "restricted"}},
            {**PLATFORM, "tenant.podSecurity": ["baseline"]},
            "spec.isolation.podSecurity: is not a level that the platform allows. "
            "Choose one of: baseline.",
            id="pod-security",
        ),
        pytest.param(
            {"isolation": {"podSecurity": "restricted"}},
            IN_RANCHER,
            "spec.isolation.podSecurity: cannot be restricted together with the import into "
            "Rancher, whose agent has no restricted security context. "
            "Use baseline, or set spec.rancher.enabled to false.",
            id="restricted-in-rancher",
        ),
        pytest.param(
            {},
            {**IN_RANCHER, "tenant.podSecurity": ["restricted"]},
            "spec.isolation.podSecurity: cannot be restricted together with the import into "
            "Rancher, whose agent has no restricted security context. "
            "Use baseline, or set spec.rancher.enabled to false.",
            id="restricted-by-default-in-rancher",
        ),
        pytest.param(
            {"isolation": {"networkPolicy": False}},
            PLATFORM,
            "spec.isolation.networkPolicy: is enforced by the platform. Leave it out.",
            id="network-policy",
        ),
        pytest.param(
            {"isolation": {"egress": ["198.51.100.0/24"]}},
            PLATFORM,
            "spec.isolation.egress[0]: is not within the ranges that the platform allows. "
            "Allowed: none.",
            id="egress-where-none-is-allowed",
        ),
        pytest.param(
            {"isolation": {"egress": ["198.51.100.0/25", "198.51.100.0/23"]}},
            {**PLATFORM, "tenant.egress": ["198.51.100.0/24", "2001:db8::/32"]},
            "spec.isolation.egress[1]: is not within the ranges that the platform allows. "
            "Allowed: 198.51.100.0/24, 2001:db8::/32.",
            id="wider-egress",
        ),
        pytest.param(
            {"isolation": {"egress": ["2001:db9::/48"]}},
            {**PLATFORM, "tenant.egress": ["198.51.100.0/24", "2001:db8::/32"]},
            "spec.isolation.egress[0]: is not within the ranges that the platform allows. "
            "Allowed: 198.51.100.0/24, 2001:db8::/32.",
            id="egress-ipv6",
        ),
        pytest.param(
            {"quota": {"cpu": "10001m"}},
            PLATFORM,
            f"spec.quota.cpu: must be at most 10. {LESS}",
            id="cpu-of-the-plan",
        ),
        pytest.param(
            {"quota": {"memory": "21Gi"}},
            PLATFORM,
            f"spec.quota.memory: must be at most 20Gi. {LESS}",
            id="memory-of-the-plan",
        ),
        pytest.param(
            {"quota": {"pods": 51}},
            PLATFORM,
            f"spec.quota.pods: must be at most 50. {LESS}",
            id="pods-of-the-plan",
        ),
        pytest.param(
            {"quota": {"loadBalancers": 1}},
            PLATFORM,
            f"spec.quota.loadBalancers: must be at most 0. {LESS}",
            id="a-limit-of-none",
        ),
        pytest.param(
            {"quota": {"cpu": "21"}},
            {**PLATFORM, "tenant.quota": {"cpu": "20"}},
            f"spec.quota.cpu: must be at most 20. {LESS}",
            id="cpu-of-the-tenant-block",
        ),
        pytest.param(
            {"quota": {"storage": "2Ti"}},
            {**PLATFORM, "tenant.quota": {"storage": "1Ti"}},
            f"spec.quota.storage: must be at most 1Ti. {LESS}",
            id="storage-quota",
        ),
        pytest.param(
            {"quota": {"other": {"requests.nvidia.com/gpu": 3}}},
            {**PLATFORM, "tenant.quota": {"other": {"requests.nvidia.com/gpu": 2}}},
            f"spec.quota.other[requests.nvidia.com/gpu]: must be at most 2. {LESS}",
            id="gpu-quota",
        ),
        pytest.param(
            {"quota": {"other": {"count/secrets": 3}}},
            {**PLATFORM, "tenant.quota": {"other": {"requests.nvidia.com/gpu": 2}}},
            "spec.quota.other[count/secrets]: is not a resource that the platform limits. "
            "Remove it. Known: requests.nvidia.com/gpu.",
            id="quota-of-something-else",
        ),
        pytest.param(
            {"quota": {"volumeClaims": 11}},
            {**PLATFORM, "tenant.quota": {"volumeClaims": 10}},
            f"spec.quota.volumeClaims: must be at most 10. {LESS}",
            id="volume-claims-quota",
        ),
        pytest.param(
            {"quota": {"services": 11}},
            {**PLATFORM, "tenant.quota": {"services": 10}},
            f"spec.quota.services: must be at most 10. {LESS}",
            id="services",
        ),
        pytest.param(
            {"quota": {"pods": 49}},
            {**PLATFORM, "tenant.quota": {"pods": 40}},
            f"spec.quota.pods: must be at most 40. {LESS}",
            id="the-tenant-block-lowers-too",
        ),
        pytest.param(
            {"storage": {"size": "6Gi"}},
            PLATFORM,
            f"spec.storage.size: must be at most 5Gi. {LESS}",
            id="size-of-the-plan",
        ),
        pytest.param(
            {"storage": {"size": "51Gi"}},
            {**PLATFORM, "tenant.storage": {"size": "50Gi"}},
            f"spec.storage.size: must be at most 50Gi. {LESS}",
            id="size-of-the-tenant-block",
        ),
        pytest.param(
            {"storage": {"storageClassName": "fast"}},
            PLATFORM,
            "spec.storage.storageClassName: is not a StorageClass that the platform allows. "
            "Allowed: standard.",
            id="storage-class-of-the-plan",
        ),
        pytest.param(
            {"storage": {"onDelete": "Retain"}},
            PLATFORM,
            "spec.storage.onDelete: cannot be Retain on this platform. Leave it out, or ask the "
            "platform team to set tenant.storage.retain to Allowed.",
            id="retain",
        ),
        pytest.param(
            {"storage": {"storageClassName": "slow"}},
            {**PLATFORM, "tenant.storage": {"storageClassNames": ["fast"]}},
            "spec.storage.storageClassName: is not a StorageClass that the platform allows. "
            "Allowed: standard, fast.",
            id="storage-class",
        ),
        pytest.param(
            {"storage": {"storageClassName": "fast"}},
            {},
            "spec.storage.storageClassName: is not a StorageClass that the platform allows. "
            "Allowed: none.",
            id="storage-class-where-none-is-allowed",
        ),
        pytest.param(
            {},
            {
                **PLATFORM,
                "tenant.exposeTypes": ["Ingress", "LoadBalancer"],
                "expose.domain": "k8s.example.org",
            },
            "spec.expose.type: is not a way in that the platform allows. "
            "Choose one of: Ingress, LoadBalancer.",
            id="expose",
        ),
        *(
            pytest.param(
                {"sync": {kind: True}},
                PLATFORM,
                f"spec.sync.{kind}: is not synced on this platform. "
                "Leave it out. Allowed: storageClasses.",
                id=f"sync-{kind}",
            )
            for kind in ("ingresses", "podDisruptionBudgets", "serviceAccounts", "ingressClasses")
        ),
        pytest.param(
            {"sync": {"storageClasses": True}},
            {**PLATFORM, "tenant.sync": []},
            "spec.sync.storageClasses: is not synced on this platform. "
            "Leave it out. Allowed: none.",
            id="sync-where-nothing-is-allowed",
        ),
        pytest.param(
            {"sync": {"serviceAccounts": True}},
            {**PLATFORM, "tenant.sync": ["storageClasses", "ingresses"]},
            "spec.sync.serviceAccounts: is not synced on this platform. "
            "Leave it out. Allowed: storageClasses, ingresses.",
            id="sync-where-others-are-allowed",
        ),
        pytest.param(
            {"sync": {"networkPolicies": True}},
            {**PLATFORM, "tenant.sync": ["networkPolicies"]},
            "spec.sync.networkPolicies: cannot be on together with isolation.networkPolicy: "
            "policies only add up, so the tenant's would open what the platform's close. "
            "Switch one of the two off.",
            id="network-policies-beside-the-platforms",
        ),
        pytest.param(
            {"values": {"controlPlane": {"coredns": {"enabled": False}}}},
            PLATFORM,
            "spec.values.controlPlane.coredns.enabled: is not a path that the platform allows. "
            "Remove it. Allowed: none.",
            id="values-where-none-are-allowed",
        ),
        pytest.param(
            {"values": {"sync": {"toHost": {"pods": {"enabled": False}}}}},
            {**PLATFORM, "tenant.values": ["sync.toHost.pod", "sync.toHost.pods.enforce"]},
            "spec.values.sync.toHost.pods.enabled: is not a path that the platform allows. "
            "Remove it. Allowed: sync.toHost.pod, sync.toHost.pods.enforce.",
            id="a-path-is-no-prefix-of-text",
        ),
        pytest.param(
            {"values": {"sync": {}}},
            {**PLATFORM, "tenant.values": ["sync.toHost.events"]},
            "spec.values.sync: is not a path that the platform allows. "
            "Remove it. Allowed: sync.toHost.events.",
            id="an-empty-map-above-an-allowed-path",
        ),
        pytest.param(
            {"values": {"sync": None}},
            {**PLATFORM, "tenant.values": ["sync.toHost.events"]},
            "spec.values.sync: is not a path that the platform allows. "
            "Remove it. Allowed: sync.toHost.events.",
            id="null-above-an-allowed-path",
        ),
        pytest.param(
            {"values": {"sync.toHost": {"x": 1}}},
            {**PLATFORM, "tenant.values": ["sync.toHost.events"]},
            "spec.values.sync.toHost.x: is not a path that the platform allows. "
            "Remove it. Allowed: sync.toHost.events.",
            id="a-dot-in-a-key-is-no-path",
        ),
        pytest.param(
            {
                "kubeconfigReaders": [
                    {"kind": "User", "name": "a"},
                    {"kind": "Group", "name": "system:a"},
                ]
            },
            PLATFORM,
            "spec.kubeconfigReaders[1].name: must not begin with system:, which names whole groups "
            "of Kubernetes' own users. Name your users and groups.",
            id="system-group",
        ),
        pytest.param({"rancher": {"clusterName": "local"}}, IN_RANCHER, NAME, id="local"),
        pytest.param({"rancher": {"clusterName": "c-ab12z"}}, IN_RANCHER, NAME, id="like-an-id"),
        pytest.param(
            {"rancher": {"clusterName": "shop"}},
            {**PLATFORM, "rancher": {**RANCHER, "clusterNamePattern": "^caas-"}},
            "spec.rancher.clusterName: must match ^caas- and be neither local nor like c-x1y2z. "
            "Choose another name for the cluster in Rancher.",
            id="pattern",
        ),
        pytest.param(
            {},
            {**PLATFORM, "rancher": {**RANCHER, "clusterNamePattern": "^caas-"}},
            "spec.rancher.clusterName: must match ^caas- and be neither local nor like c-x1y2z. "
            "Choose another name for the cluster in Rancher.",
            id="pattern-of-the-default-name",
        ),
        pytest.param(
            {
                "rancher": {
                    "owners": [{"user": "u-1"}, {"user": "u-2", "role": "administrator"}],
                }
            },
            IN_RANCHER,
            "spec.rancher.owners[1].role: is not a role that the platform allows. "
            "Choose one of: cluster-owner, cluster-member.",
            id="role",
        ),
        pytest.param(
            {"rancher": {"labels": {"team": "shop"}}},
            {**PLATFORM, "rancher": {**RANCHER, "labelPatterns": {"tier": "^[a-z]+$"}}},
            "spec.rancher.labels[team]: is not a label that the platform allows. "
            "Remove it. Allowed: tier.",
            id="label",
        ),
        pytest.param(
            {"rancher": {"labels": {"tier": "Gold"}}},
            {**PLATFORM, "rancher": {**RANCHER, "labelPatterns": {"tier": "^[a-z]+$"}}},
            "spec.rancher.labels[tier]: must match ^[a-z]+$. Choose another value.",
            id="value-of-a-label",
        ),
        pytest.param(
            {"kubernetesVersion": "1.34"},
            {**PLATFORM, "vcluster.kubernetes.compatibility": {"0.36": ["1.35", "1.36"]}},
            "spec.kubernetesVersion: does not fit chart 0.36. Choose a version of: 1.35, 1.36.",
            id="compatibility",
        ),
        pytest.param(
            {},
            {**PLATFORM, "vcluster.kubernetes.compatibility": {"0.36": []}},
            "spec.kubernetesVersion: does not fit chart 0.36. Choose a version of: none.",
            id="compatible-with-nothing",
        ),
        pytest.param(
            {"upgrade": {"policy": "Manual"}},
            PLATFORM,
            "spec.upgrade.policy: cannot be Manual on this platform. "
            "Leave it out, or ask the platform team to set tenant.upgrade to Choice.",
            id="held-back",
        ),
        pytest.param(
            {"power": "Sleeping"},
            PLATFORM,
            "spec.power: cannot be Sleeping on this platform. "
            "Leave it out, or ask the platform team to set tenant.power to Choice.",
            id="asleep",
        ),
        pytest.param(
            {"upgrade": {"chartVersion": "0.36.1"}},
            PLATFORM,
            "spec.upgrade.chartVersion: is for policy Manual, and Automatic follows the platform's "
            "list. Leave it out, or set spec.upgrade.policy to Manual.",
            id="a-chart-without-the-policy",
        ),
        pytest.param(
            {"upgrade": {"policy": "Manual", "chartVersion": "0.35.9"}},
            {**PLATFORM, "tenant.upgrade": "Choice"},
            "spec.upgrade.chartVersion: is not a chart version of the platform. "
            "Choose one of: 0.34.7, 0.35.3, 0.36.1.",
            id="a-chart-that-is-not-offered",
        ),
        pytest.param(
            {"host": "local", "hostSelector": {"matchLabels": {}}},
            PLATFORM,
            "spec.hostSelector: cannot be set together with spec.host. "
            "Name the host, or choose it by its labels.",
            id="two-ways-to-a-host",
        ),
    ],
)
def test_refused(spec: dict[str, Any], platform: dict[str, Any], problem: str) -> None:
    """Each limit is held, and the answer says what is allowed."""
    assert problems(spec, platform) == [problem]


@pytest.mark.parametrize(
    ("spec", "platform"),
    [
        pytest.param({}, PLATFORM, id="nothing"),
        pytest.param({}, IN_RANCHER, id="nothing-in-rancher"),
        pytest.param({"isolation": {"podSecurity": "restricted"}}, PLATFORM, id="restricted"),
        pytest.param(
            {"upgrade": {"policy": "Manual", "chartVersion": "0.35.3"}},
            {**PLATFORM, "tenant.upgrade": "Choice"},
            id="held-back-where-it-may",
        ),
        pytest.param(
            {"isolation": {"podSecurity": "restricted"}, "rancher": {"enabled": False}},
            IN_RANCHER,
            id="restricted-out-of-rancher",
        ),
        pytest.param({"isolation": {"podSecurity": "baseline"}}, IN_RANCHER, id="baseline"),
        pytest.param(
            {"isolation": {"networkPolicy": False}},
            {**PLATFORM, "tenant.networkPolicy": "Choice"},
            id="network-policy-by-choice",
        ),
        pytest.param(
            {"isolation": {"egress": ["198.51.100.0/24", "198.51.100.7/32", "2001:db8:1::/48"]}},
            {**PLATFORM, "tenant.egress": ["2001:db8::/32", "198.51.100.0/24"]},
            id="egress-within",
        ),
        pytest.param(
            {
                "quota": {
                    "cpu": "10000m",
                    "memory": "20480Mi",
                    "storage": "9Ti",
                    "pods": 50,
                    "services": 9999,
                    "loadBalancers": 0,
                }
            },
            PLATFORM,
            id="exactly-the-limit-and-the-unlimited",
        ),
        pytest.param(
            {"quota": {"cpu": "20", "pods": 40}},
            {**PLATFORM, "tenant.quota": {"cpu": "20", "pods": 40}},
            id="quota-of-the-tenant-block",
        ),
        pytest.param(
            {},
            {**PLATFORM, "tenant.quota": {"cpu": "1"}},
            id="a-plan-may-be-larger-than-what-may-be-asked",
        ),
        pytest.param(
            {"storage": {"size": "5120Mi", "storageClassName": "standard"}},
            PLATFORM,
            id="storage-of-the-plan",
        ),
        pytest.param(
            {"storage": {"size": "50Gi", "storageClassName": "fast"}},
            {**PLATFORM, "tenant.storage": {"size": "50Gi", "storageClassNames": ["fast"]}},
            id="storage-of-the-tenant-block",
        ),
        pytest.param({"storage": {"size": "900Gi"}}, {}, id="a-size-without-any-limit"),
        pytest.param({"sync": {"storageClasses": True}}, PLATFORM, id="storage-classes"),
        pytest.param({}, {**PLATFORM, "tenant.sync": []}, id="no-sync-at-all"),
        pytest.param(
            {
                "sync": {
                    "ingresses": True,
                    "podDisruptionBudgets": True,
                    "serviceAccounts": True,
                    "ingressClasses": True,
                }
            },
            {
                **PLATFORM,
                "tenant.sync": [
                    "ingresses",
                    "podDisruptionBudgets",
                    "serviceAccounts",
                    "ingressClasses",
                ],
            },
            id="sync-of-all-that-is-allowed",
        ),
        pytest.param(
            {"sync": {"networkPolicies": True}, "isolation": {"networkPolicy": False}},
            {**PLATFORM, "tenant.sync": ["networkPolicies"], "tenant.networkPolicy": "Choice"},
            id="network-policies-instead-of-the-platforms",
        ),
        pytest.param(
            {"values": {"sync": {"toHost": {"events": {"a": 1, "b": {}}}}, "logging": {"c": None}}},
            {**PLATFORM, "tenant.values": ["sync.toHost.events", "logging.c"]},
            id="values",
        ),
        pytest.param({"values": {}}, PLATFORM, id="empty-values"),
        pytest.param(
            {"kubeconfigReaders": [{"kind": "User", "name": "oidc:system:a"}]},
            PLATFORM,
            id="system-inside-a-name",
        ),
        pytest.param({"rancher": {"clusterName": "c-ab12"}}, IN_RANCHER, id="shorter-than-an-id"),
        pytest.param({"rancher": {"clusterName": "c-ab12zx"}}, IN_RANCHER, id="longer-than-an-id"),
        pytest.param({"rancher": {"clusterName": "local-1"}}, IN_RANCHER, id="not-quite-local"),
        pytest.param(
            {"rancher": {"owners": [{"user": "u-1", "role": "cluster-member"}]}},
            IN_RANCHER,
            id="role",
        ),
        pytest.param(
            {"rancher": {"owners": [{"user": "u-1", "role": "reader"}]}},
            {**PLATFORM, "rancher": {**RANCHER, "ownerRoles": ["reader"]}},
            id="role-of-the-platform",
        ),
        pytest.param(
            {"kubernetesVersion": "1.35"},
            {**PLATFORM, "vcluster.kubernetes.compatibility": {"0.36": ["1.35"]}},
            id="compatible",
        ),
        pytest.param(
            {"kubernetesVersion": "1.34"},
            {**PLATFORM, "vcluster.kubernetes.compatibility": {"0.35": ["1.35"]}},
            id="a-chart-that-is-not-listed",
        ),
    ],
)
def test_allowed(spec: dict[str, Any], platform: dict[str, Any]) -> None:
    """What is within the limits is granted."""
    check(spec, platform)


def test_of_an_existing_cluster_the_guard_judges_the_versions() -> None:
    """An upgraded chart does not make an existing spec invalid."""
    platform = {**PLATFORM, "vcluster.kubernetes.compatibility": {"0.36": ["1.36"]}}
    spec = {"kubernetesVersion": "1.34"}
    check(spec, platform, new=False)
    assert len(problems(spec, platform)) == 1


def test_everything_at_once() -> None:
    """One answer names all that is wrong."""
    spec = {
        "isolation": {"networkPolicy": False, "egress": ["192.0.2.0/24"]},
        "quota": {"cpu": "11", "pods": 51},
        "storage": {"size": "6Gi", "storageClassName": "fast"},
        "sync": {"ingresses": True},
        "values": {"a": 1, "b": {"c": 2}},
        "kubeconfigReaders": [{"kind": "Group", "name": "system:masters"}],
        "rancher": {"clusterName": "local", "owners": [{"user": "u", "role": "admin"}]},
    }
    assert [problem.split(": ")[0] for problem in problems(spec, IN_RANCHER)] == [
        "spec.isolation.networkPolicy",
        "spec.isolation.egress[0]",
        "spec.quota.cpu",
        "spec.quota.pods",
        "spec.storage.size",
        "spec.storage.storageClassName",
        "spec.sync.ingresses",
        "spec.values.a",
        "spec.values.b.c",
        "spec.kubeconfigReaders[0].name",
        "spec.rancher.clusterName",
        "spec.rancher.owners[0].role",
    ]
