"""What runs now: read from the Releases, whatever became of their values."""

from typing import Any

import pytest

from function.observed.current import Current, Storage, read
from function.observed.state import Observed
from tests.support.factories import deployed

SINGLE = {
    "controlPlane": {
        "distro": {"k8s": {"image": {"tag": "v1.35.0"}}},
        "backingStore": {"etcd": {"deploy": {"enabled": False}}},
        "statefulSet": {"persistence": {"volumeClaim": {"size": "5Gi", "storageClass": "fast"}}},
    }
}
HA = {
    "controlPlane": {
        "distro": {"k8s": {"image": {"tag": "v1.36.0"}}},
        "backingStore": {
            "etcd": {
                "deploy": {
                    "enabled": True,
                    "statefulSet": {"persistence": {"volumeClaim": {"size": "20Gi"}}},
                }
            }
        },
        "statefulSet": {"persistence": {"volumeClaim": {"enabled": False, "size": "1Gi"}}},
    }
}
NOTHING = Current("Single", Storage(None, None), "0.36.1", "", "default", None)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param(
            SINGLE,
            Current("Single", Storage("5Gi", "fast"), "0.36.1", "1.35.0", "default", None),
            id="single",
        ),
        pytest.param(
            HA,
            Current("HA", Storage("20Gi", None), "0.36.1", "1.36.0", "default", None),
            id="highly-available",
        ),
        pytest.param({}, NOTHING, id="no-values"),
        pytest.param({"controlPlane": "text"}, NOTHING, id="values-of-a-wrong-type"),
        pytest.param(
            {"controlPlane": {"distro": {"k8s": {"image": {"tag": 1.35}}}}},
            NOTHING,
            id="a-tag-of-a-wrong-type",
        ),
        pytest.param(
            {"controlPlane": {"statefulSet": {"persistence": {"volumeClaim": {"size": ""}}}}},
            NOTHING,
            id="an-empty-size-is-none",
        ),
        pytest.param(
            {"controlPlane": {"backingStore": {"etcd": {"deploy": {"enabled": "true"}}}}},
            NOTHING,
            id="only-true-is-true",
        ),
    ],
)
def test_running(values: dict[str, Any], expected: Current) -> None:
    """What the Release asks for is what runs, also after a restore without status."""
    release = deployed(values=values, state="", deployed_version="", ready=None, synced=None)
    assert read(Observed(vcluster=release)) == expected


@pytest.mark.parametrize(
    ("probe", "expected"),
    [
        (None, False),
        ({"periodSeconds": 10}, False),
        ({"periodSeconds": 2, "failureThreshold": 900}, True),
        ({"periodSeconds": 10, "failureThreshold": 900}, True),
    ],
    ids=["the-chart's", "the-chart's-changed-by-the-platform", "ours", "ours-changed"],
)
def test_a_startup_probe_of_ours(probe: dict[str, Any] | None, *, expected: bool) -> None:
    """The platform's own values over ours do not hide that it was ours."""
    values = {"controlPlane": {"statefulSet": {"probes": {"startupProbe": probe}}}}
    found = read(Observed(vcluster=deployed(values=values)))
    assert found
    assert found.starts_quickly is expected


def test_a_sleeper_starts_quickly() -> None:
    """No pod of an earlier release would be restarted by our startup probe."""
    values = {"controlPlane": {"statefulSet": {"highAvailability": {"replicas": 0}}}}
    found = read(Observed(vcluster=deployed(values=values)))
    assert found
    assert found.starts_quickly is True


def test_other_chart_and_host() -> None:
    """Chart version and host come from the Release as well."""
    release = deployed(chart_version="0.35.3", provider_config="edge")
    found = read(Observed(vcluster=release))
    assert found == Current("Single", Storage(None, None), "0.35.3", "", "edge", None)


def test_nothing_runs() -> None:
    """Before there is a virtual cluster nothing binds, whatever else exists."""
    others = Observed(namespace=deployed(), rancher=deployed())
    assert read(Observed()) is None
    assert read(others) is None


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param({"rancher": {"clusterName": "shop"}}, "shop", id="name"),
        pytest.param({"rancher": {"clusterName": ""}}, None, id="empty"),
        pytest.param({"rancher": {}}, None, id="missing"),
        pytest.param({}, None, id="no-values"),
    ],
)
def test_cluster_name(values: dict[str, Any], expected: str | None) -> None:
    """An imported cluster has its name in Rancher."""
    found = read(Observed(vcluster=deployed(), rancher=deployed(values=values)))
    assert found
    assert found.cluster_name == expected
