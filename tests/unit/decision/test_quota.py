"""The ResourceQuota: a quota of ten pods is worth ten pods."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from dev.scripts.life import ROOT
from function.api.fields import Quota
from function.api.input import LimitRange, Resources
from function.decision import allowances, quota
from function.decision.allowances import Allowance, list_allowances, too_large
from function.k8s.fieldpath import Parts, parts_of
from tests.support.factories import CONTROL_PLANE, changed

HA = changed(
    CONTROL_PLANE,
    {
        "controlPlane.statefulSet.persistence": {"volumeClaim": {"enabled": False}},
        "controlPlane.backingStore.etcd.deploy.statefulSet.persistence.volumeClaim.size": "5Gi",
    },
)
VOLUME = "controlPlane.statefulSet.persistence.volumeClaim"
FULL = Quota(cpu="10", memory="20Gi", storage="100Gi", pods=50, services=20, loadBalancers=1)


def hard(
    asked: Quota,
    values: Mapping[str, object],
    *,
    highly_available: bool = False,
    agent: Resources | None = None,
    limits: LimitRange | None = None,
) -> dict[str, str]:
    """Return the quota for a control plane with values."""
    filled = limits or LimitRange()
    rows = list_allowances(values, filled, highly_available=highly_available, agent=agent)
    return quota.hard(asked, rows, filled)


EVERYTHING = changed(
    CONTROL_PLANE,
    {
        "controlPlane.statefulSet.sidecarContainers": [{"resources": {"limits": {"cpu": "3"}}}],
        "controlPlane.statefulSet.initContainers": [{"resources": {"limits": {"cpu": "9"}}}],
        "controlPlane.statefulSet.persistence.volumeClaim": {"size": "7Gi", "storageClass": "a"},
        "controlPlane.backingStore.etcd.deploy.statefulSet": {
            "resources": {"limits": {"cpu": "5"}},
            "persistence": {"volumeClaim": {"size": "8Gi", "storageClass": "b"}},
        },
        "controlPlane.coredns.deployment": {"replicas": 5, "resources": {"limits": {"cpu": "4"}}},
        "controlPlane.service.spec.type": "NodePort",
        "networking.advanced.proxyKubelets.byHostname": False,
    },
)
"""Values that each have a part in the quota."""


def paths(parts: Parts, above: str = "") -> Iterator[str]:
    """Yield the paths that are read as a whole."""
    for key, below in parts.items():
        yield from paths(below, f"{above}{key}.") if below else [f"{above}{key}"]


@pytest.mark.parametrize("path", [*paths(allowances.VALUES)])
def test_values_that_are_read(path: str) -> None:
    """The parts of the values have the quota of all values, and none of them is left out."""
    limits = LimitRange()
    read = parts_of(EVERYTHING, allowances.VALUES)
    less = parts_of(changed(EVERYTHING, {path: None}), allowances.VALUES)

    def rows(values: Mapping[str, object]) -> list[tuple[Allowance, ...]]:
        return [
            list_allowances(values, limits, highly_available=each, agent=None)
            for each in (True, False)
        ]

    assert rows(read) == rows(EVERYTHING)
    assert rows(less) != rows(read)


@pytest.mark.parametrize(
    ("values", "highly_available", "in_rancher", "expected"),
    [
        pytest.param(
            CONTROL_PLANE,
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
            CONTROL_PLANE,
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
    agent = Resources() if in_rancher else None
    found = hard(FULL, values, highly_available=highly_available, agent=agent)
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
        pytest.param({"nodePorts": 3}, {"services.nodeports": "3"}, id="node-ports"),
        pytest.param(
            {"nodePorts": 3, "loadBalancers": 1},
            {"services.loadbalancers": "1", "services.nodeports": "7"},
            id="node-ports-beside-load-balancers",
        ),
        pytest.param({"volumeClaims": 3}, {"persistentvolumeclaims": "4"}, id="volume-claims"),
        pytest.param(
            {"ephemeralStorage": "20Gi"},
            {
                "requests.ephemeral-storage": "21760Mi",  # 20Gi, 1Gi, CoreDNS 2 x 128Mi
                "limits.ephemeral-storage": "32Gi",  # 20Gi, 10Gi, CoreDNS 2 x 1Gi
            },
            id="storage-on-the-node",
        ),
    ],
)
def test_what_is_not_asked_is_not_limited(asked: dict[str, Any], expected: dict[str, str]) -> None:
    """Every field of the quota stands for itself."""
    found = hard(Quota(**asked), CONTROL_PLANE)
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
    values = changed(CONTROL_PLANE, {"controlPlane.statefulSet.resources": changes})
    asked = Quota(cpu="0", memory="0")
    found = hard(asked, values)
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
    values = changed(CONTROL_PLANE, changes)
    assert hard(asked, values) == expected


def test_resources_of_etcd() -> None:
    """What is enforced of etcd is counted for each of its members."""
    place = "controlPlane.backingStore.etcd.deploy.statefulSet.resources.limits.memory"
    found = hard(Quota(memory="0"), changed(HA, {place: "2Gi"}), highly_available=True)
    assert found["limits.memory"] == "14846Mi"  # 4 x 2Gi, 3 x 170Mi, 3 x 2Gi


def test_a_volume_of_the_charts_default_size() -> None:
    """Without a size in the values the volume is as large as the chart makes it."""
    assert hard(Quota(storage="1Gi"), {}) == {"requests.storage": "6Gi"}
    assert hard(Quota(storage="1Gi"), {}, highly_available=True) == {"requests.storage": "16Gi"}


CLASS = "fast.storageclass.storage.k8s.io"


@pytest.mark.parametrize(
    ("asked", "values", "expected"),
    [
        pytest.param(
            {"requests.nvidia.com/gpu": "2"}, CONTROL_PLANE, "2", id="nothing-of-the-platforms"
        ),
        pytest.param(
            {f"{CLASS}/requests.storage": "1Gi"}, CONTROL_PLANE, "6Gi", id="the-default-class"
        ),
        pytest.param(
            {f"{CLASS}/requests.storage": "1Gi"},
            changed(CONTROL_PLANE, {f"{VOLUME}.storageClass": "fast"}),
            "6Gi",
            id="that-class",
        ),
        pytest.param(
            {f"{CLASS}/requests.storage": "1Gi"},
            changed(CONTROL_PLANE, {f"{VOLUME}.storageClass": "slow"}),
            "1Gi",
            id="another-class",
        ),
        pytest.param(
            {f"{CLASS}/persistentvolumeclaims": "3"}, CONTROL_PLANE, "4", id="claims-of-a-class"
        ),
        pytest.param(
            {"count/ingresses.networking.k8s.io": "5"},
            CONTROL_PLANE,
            "6",
            id="objects-of-the-platforms",
        ),
        pytest.param(
            {"count/certificates.cert-manager.io": "5"}, CONTROL_PLANE, "5", id="other-objects"
        ),
    ],
)
def test_other_resources(asked: dict[str, str], values: dict[str, Any], expected: str) -> None:
    """What has no field of its own has the platform's share on top as well."""
    (name,) = asked
    assert hard(Quota(other=asked), values) == {name: expected}


def test_the_objects_of_the_platform_are_counted() -> None:
    """The share of the platform is at least what its charts make in the namespace."""
    made = Counter[str]()
    for golden in (ROOT / "tests" / "charts" / "golden" / "vcluster-namespace").glob("*.yaml"):
        here = Counter[str]()
        for found in yaml.safe_load_all(golden.read_text()):
            group = found["apiVersion"].rpartition("/")[0] if found else ""
            if found and "." in group and found["metadata"].get("namespace"):
                plural = inflected(found["kind"])
                here[f"{plural}.{group}"] += 1
        made |= here
    assert made
    assert {kind: n for kind, n in made.items() if n > quota.OBJECTS.get(kind, 0)} == {}


def inflected(kind: str) -> str:
    """Return the name of a kind in the API."""
    singular = kind.lower()
    return f"{singular[:-1]}ies" if singular.endswith("y") else f"{singular}s"


@pytest.mark.parametrize(
    ("given", "request_", "limit"),
    [
        pytest.param({}, "14976Mi", "18772Mi", id="constants"),
        pytest.param({"default": {}}, "14976Mi", None, id="without-limits-requests-count"),
        pytest.param(
            {"default": {}, "max": {"memory": "4Gi"}}, "14976Mi", "33108Mi", id="the-maximum"
        ),
        pytest.param(
            {"default": {"memory": "1Gi"}, "defaultRequest": {}},
            "18816Mi",
            "20820Mi",
            id="a-request-follows-the-limit",
        ),
    ],
)
def test_limit_range(given: dict[str, Any], request_: str, limit: str | None) -> None:
    """The quota counts the platform's pods as Kubernetes fills them in."""
    asked = Quota(memory="10Gi")
    limits = quota.limit_range(asked, LimitRange(**given))
    agent = Resources(limits={"memory": "2Gi"})
    found = hard(asked, CONTROL_PLANE, limits=limits, agent=agent)
    assert found == {"requests.memory": request_} | ({"limits.memory": limit} if limit else {})


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"defaultRequest": {"memory": "1Gi"}}, "defaultRequest must not be above"),
        ({"max": {"memory": "256Mi"}}, "default must not be above max"),
        ({"default": {}, "max": {"memory": "32Mi"}}, "defaultRequest must not be above"),
    ],
)
def test_contradictions(given: dict[str, Any], rule: str) -> None:
    """What the API server would refuse as a LimitRange is refused when it is read."""
    with pytest.raises(ValidationError, match=rule):
        LimitRange(**given)


def test_a_maximum_below_the_platforms_own_limits() -> None:
    """A component that the LimitRange would refuse is named."""
    values = changed(CONTROL_PLANE, {f"{WORKLOAD}.sidecarContainers": [SIDECAR]})
    rows = list_allowances(values, LimitRange(), highly_available=False, agent=None)
    assert too_large(rows, {"memory": "1Gi"}) == "control plane (memory)"
    on_the_node = too_large(rows, {"ephemeral-storage": "8Gi"})
    assert on_the_node == "control plane (ephemeral-storage)"
    assert too_large(rows, {"memory": "2Gi", "ephemeral-storage": "10Gi"}) is None


@pytest.mark.parametrize(
    "name",
    ["pods", "count/pods", "count/persistentvolumeclaims", "requests.cpu", "limits.memory", "gpu"],
)
def test_names_of_other_resources(name: str) -> None:
    """What has a field, or is none, has no place among the others."""
    with pytest.raises(ValidationError, match="pattern"):
        Quota(other={name: "1"})


def test_components() -> None:
    """Each component of the platform has its row."""

    def rows(*, highly_available: bool, in_rancher: bool) -> list[str]:
        agent = Resources() if in_rancher else None
        found = list_allowances({}, LimitRange(), highly_available=highly_available, agent=agent)
        return [row.component for row in found]

    assert rows(highly_available=False, in_rancher=False) == ["control plane", "CoreDNS"]
    assert rows(highly_available=True, in_rancher=True) == [
        "control plane",
        "CoreDNS",
        "etcd",
        "Rancher's agent",
        "Rancher's helpers",
    ]
