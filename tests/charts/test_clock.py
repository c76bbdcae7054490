"""The chart of the clock: its pod, its way to the API server, and its rights."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.charts import CONTAINER_SECURITY, POD_SECURITY, Render, RenderChart, by_kind

CHART = "vcluster-clock"


@pytest.fixture(scope="session")
def render(render_chart: RenderChart) -> Render:
    """Return a function that turns values into the objects of the chart, by their kinds."""
    return by_kind(render_chart, CHART, "clock")


@pytest.fixture
def minimal(case: Callable[[str, str], dict[str, Any]]) -> dict[str, Any]:
    """Return the least that the chart wants."""
    return case(CHART, "minimal")


def test_the_pod_is_restricted(render: Render, minimal: dict[str, Any]) -> None:
    """The pod runs without root, rights and a file system to write to."""
    pod = render(minimal)["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"] == POD_SECURITY
    assert container["securityContext"] == CONTAINER_SECURITY
    assert container["command"] == ["vcluster-clock"]
    assert {
        probe: container[probe]["httpGet"] for probe in ("livenessProbe", "readinessProbe")
    } == {
        "livenessProbe": {"path": "/healthz", "port": "metrics"},
        "readinessProbe": {"path": "/readyz", "port": "metrics"},
    }
    assert container["env"] == [
        {"name": "PERIOD", "value": "30s"},
        {"name": "METRICS_ADDRESS", "value": ":8080"},
    ]


def test_one_at_a_time(render: Render, minimal: dict[str, Any]) -> None:
    """A new version starts when the old one has ended."""
    spec = render(minimal)["Deployment"]["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def test_network(render: Render, minimal: dict[str, Any]) -> None:
    """The clock reaches the API server, and nothing else but its metrics reaches it."""
    policy = render(minimal)["NetworkPolicy"]["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert policy["ingress"] == [{"ports": [{"port": "metrics", "protocol": "TCP"}]}]
    assert policy["egress"] == [
        {"ports": [{"port": 443, "protocol": "TCP"}, {"port": 6443, "protocol": "TCP"}]}
    ]


def test_no_network_policy(render: Render, minimal: dict[str, Any]) -> None:
    """A platform with policies of its own installs none of the chart's."""
    minimal["networkPolicy"] = {"enabled": False}
    assert "NetworkPolicy" not in render(minimal)


def test_the_kind_stays(render: Render, minimal: dict[str, Any]) -> None:
    """Uninstalling the chart removes no Calendar."""
    metadata = render(minimal)["CustomResourceDefinition"]["metadata"]
    assert metadata["annotations"] == {"helm.sh/resource-policy": "keep"}
