"""The ResourceQuota: a quota of ten pods is worth ten pods."""

from typing import Any

import pytest

from function import quota
from function.models.fields import Quota
from tests.factories import changed

SINGLE: dict[str, Any] = {
    "controlPlane": {
        "statefulSet": {
            "resources": {
                "requests": {"cpu": "200m", "memory": "256Mi"},
                "limits": {"cpu": "1", "memory": "2Gi"},
            },
            "persistence": {"volumeClaim": {"size": "5Gi"}},
        }
    }
}
HA = changed(
    SINGLE,
    {
        "controlPlane.statefulSet.persistence": {"volumeClaim": {"enabled": False}},
        "controlPlane.backingStore.etcd.deploy.statefulSet.persistence.volumeClaim.size": "5Gi",
    },
)
FULL = Quota(cpu="10", memory="20Gi", storage="100Gi", pods=50, services=20, loadBalancers=1)


@pytest.mark.parametrize(
    ("values", "highly_available", "in_rancher", "expected"),
    [
        pytest.param(
            SINGLE,
            False,
            False,
            {
                "requests.cpu": "10240m",  # 10, 200m, CoreDNS 2 x 20m
                "limits.cpu": "13",  # 10, 1, CoreDNS 2 x 1
                "requests.memory": "20864Mi",  # 20Gi, 256Mi, CoreDNS 2 x 64Mi
                "limits.memory": "22868Mi",  # 20Gi, 2Gi, CoreDNS 2 x 170Mi
                "requests.storage": "105Gi",
                "pods": "53",
                "services": "23",
                "services.loadbalancers": "1",
                "services.nodeports": "4",
            },
            id="single",
        ),
        pytest.param(
            SINGLE,
            False,
            True,
            {
                "requests.cpu": "10540m",  # and 6 x 50m
                "limits.cpu": "19",  # and 6 x 1
                "requests.memory": "21248Mi",  # and 6 x 64Mi
                "limits.memory": "25940Mi",  # and 6 x 512Mi
                "requests.storage": "105Gi",
                "pods": "59",
                "services": "26",
                "services.loadbalancers": "1",
                "services.nodeports": "4",
            },
            id="single-in-rancher",
        ),
        pytest.param(
            HA,
            True,
            False,
            {
                "requests.cpu": "10920m",  # 10, 4 x 200m, CoreDNS 3 x 20m, etcd 3 x 20m
                "limits.cpu": "20",  # 10, 4 x 1, CoreDNS 3 x 1, etcd 3 x 1
                "requests.memory": "22146Mi",  # 20Gi, 4 x 256Mi, 3 x 64Mi, 3 x 150Mi
                "limits.memory": "32254Mi",  # 20Gi, 4 x 2Gi, 3 x 170Mi, 3 x 1Gi
                "requests.storage": "115Gi",  # 3 volumes of etcd, none of the control plane
                "pods": "60",
                "services": "24",
                "services.loadbalancers": "1",
                "services.nodeports": "4",
            },
            id="highly-available",
        ),
        pytest.param(
            HA,
            True,
            True,
            {
                "requests.cpu": "11220m",
                "limits.cpu": "26",
                "requests.memory": "22530Mi",
                "limits.memory": "35326Mi",
                "requests.storage": "115Gi",
                "pods": "66",
                "services": "27",
                "services.loadbalancers": "1",
                "services.nodeports": "4",
            },
            id="highly-available-in-rancher",
        ),
    ],
)
def test_hard(
    values: dict[str, Any], expected: dict[str, str], *, highly_available: bool, in_rancher: bool
) -> None:
    """The platform's own pods come on top of what the customer may use."""
    found = quota.hard(FULL, values, highly_available=highly_available, in_rancher=in_rancher)
    assert found == expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param({}, {}, id="nothing"),
        pytest.param({"cpu": "2"}, {"requests.cpu": "2240m", "limits.cpu": "5"}, id="cpu"),
        pytest.param(
            {"memory": "1Gi"},
            {"requests.memory": "1408Mi", "limits.memory": "3412Mi"},
            id="memory",
        ),
        pytest.param({"storage": "1Gi"}, {"requests.storage": "6Gi"}, id="storage"),
        pytest.param({"pods": 0}, {"pods": "3"}, id="no-pods-is-not-unlimited"),
        pytest.param({"services": 0}, {"services": "3"}, id="no-services"),
        pytest.param(
            {"loadBalancers": 0},
            {"services.loadbalancers": "0", "services.nodeports": "0"},
            id="no-load-balancers",
        ),
        pytest.param(
            {"loadBalancers": 3},
            {"services.loadbalancers": "3", "services.nodeports": "12"},
            id="node-ports-of-load-balancers",
        ),
    ],
)
def test_what_is_not_asked_is_not_limited(asked: dict[str, Any], expected: dict[str, str]) -> None:
    """Every field of the quota stands for itself."""
    found = quota.hard(Quota(**asked), SINGLE, highly_available=False, in_rancher=False)
    assert found == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param(
            {"requests": {}, "limits": {}},
            {
                "requests.cpu": "90m",
                "limits.cpu": "3",
                "requests.memory": "192Mi",
                "limits.memory": "852Mi",
            },
            id="the-limit-range-fills-in",
        ),
        pytest.param(
            {"requests": {"cpu": 1}, "limits": {"cpu": 2}},
            {
                "requests.cpu": "1040m",
                "limits.cpu": "4",
                "requests.memory": "192Mi",
                "limits.memory": "852Mi",
            },
            id="numbers-of-the-platforms-values",
        ),
        pytest.param(
            {"requests": {"cpu": None}, "limits": {"cpu": None}},
            {
                "requests.cpu": "90m",
                "limits.cpu": "3",
                "requests.memory": "192Mi",
                "limits.memory": "852Mi",
            },
            id="null-as-helm-removes-a-default",
        ),
    ],
)
def test_resources_of_the_values(changes: dict[str, Any], expected: dict[str, str]) -> None:
    """What the control plane takes is what the chart's values give it, from whatever layer."""
    values = changed(SINGLE, {"controlPlane.statefulSet.resources": changes})
    asked = Quota(cpu="0", memory="0")
    found = quota.hard(asked, values, highly_available=False, in_rancher=False)
    assert found == expected


SIDECAR = {"name": "log", "resources": {"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}}}
WORKLOAD = "controlPlane.statefulSet"
DEPLOYMENT = "controlPlane.coredns.deployment"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param(
            {f"{WORKLOAD}.sidecarContainers": [SIDECAR, {"name": "bare"}]},
            {
                "requests.cpu": "1290m",  # 240m, 1, 50m
                "limits.cpu": "5",  # 3, 1, 1
                "requests.memory": "1472Mi",  # 384Mi, 1Gi as its limit, 64Mi
                "limits.memory": "3924Mi",  # 2388Mi, 1Gi, 512Mi
            },
            id="sidecars",
        ),
        pytest.param(
            {
                f"{WORKLOAD}.initContainers": [
                    {"name": "big", "resources": {"limits": {"memory": "4Gi"}}},
                    {"name": "beside", "restartPolicy": "Always"},
                ]
            },
            {
                "requests.cpu": "290m",  # 240m, 50m
                "limits.cpu": "4",  # 3, 1
                "requests.memory": "4224Mi",  # 4Gi, CoreDNS 2 x 64Mi
                "limits.memory": "4436Mi",  # 4Gi, CoreDNS 2 x 170Mi
            },
            id="init-containers",
        ),
        pytest.param(
            {f"{DEPLOYMENT}.replicas": 5},
            {
                "requests.cpu": "340m",  # 200m, 7 x 20m
                "limits.cpu": "8",  # 1, 7 x 1
                "requests.memory": "704Mi",  # 256Mi, 7 x 64Mi
                "limits.memory": "3238Mi",  # 2Gi, 7 x 170Mi
            },
            id="replicas-of-coredns",
        ),
        pytest.param(
            {f"{DEPLOYMENT}.resources": {"limits": {"memory": "1Gi"}, "requests": {"cpu": 1}}},
            {
                "requests.cpu": "2200m",  # 200m, 2 x 1
                "limits.cpu": "3",
                "requests.memory": "384Mi",
                "limits.memory": "4Gi",  # 2Gi, 2 x 1Gi
            },
            id="resources-of-coredns",
        ),
    ],
)
def test_all_that_runs_is_counted(changes: dict[str, Any], expected: dict[str, str]) -> None:
    """Containers beside the control plane, and what is enforced of CoreDNS, are the platform's."""
    asked = Quota(cpu="0", memory="0")
    values = changed(SINGLE, changes)
    assert quota.hard(asked, values, highly_available=False, in_rancher=False) == expected


def test_resources_of_etcd() -> None:
    """What is enforced of etcd is counted for each of its members."""
    place = "controlPlane.backingStore.etcd.deploy.statefulSet.resources.limits.memory"
    found = quota.hard(
        Quota(memory="0"),
        changed(HA, {place: "2Gi"}),
        highly_available=True,
        in_rancher=False,
    )
    assert found["limits.memory"] == "14846Mi"  # 4 x 2Gi, 3 x 170Mi, 3 x 2Gi


def test_a_volume_of_the_charts_default_size_is_unknown() -> None:
    """Without a size in the values nothing is added for the volume."""
    found = quota.hard(Quota(storage="1Gi"), {}, highly_available=False, in_rancher=False)
    assert found == {"requests.storage": "1Gi"}


def test_components() -> None:
    """Each component of the platform has its row."""

    def rows(*, highly_available: bool, in_rancher: bool) -> list[str]:
        found = quota.allowances({}, highly_available=highly_available, in_rancher=in_rancher)
        return [row.component for row in found]

    assert rows(highly_available=False, in_rancher=False) == ["control plane", "CoreDNS"]
    assert rows(highly_available=True, in_rancher=True) == [
        "control plane",
        "CoreDNS",
        "etcd",
        "Rancher's agents",
    ]
