"""The watch over all imports of a host: what it is told, and what it may do."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.charts import Render, RenderChart, by_kind

CHART = "vcluster-rancher-watch"


@pytest.fixture(scope="session")
def render(render_chart: RenderChart) -> Render:
    """Return a function that turns values into the objects of the chart, by their kinds."""
    return by_kind(render_chart, CHART, "watch")


@pytest.fixture
def minimal(case: Callable[[str, str], dict[str, Any]]) -> dict[str, Any]:
    """Return the least that the chart wants."""
    return case(CHART, "minimal")


@pytest.fixture
def everything(case: Callable[[str, str], dict[str, Any]]) -> dict[str, Any]:
    """Return values that use every feature of the chart."""
    return case(CHART, "everything")


def test_objects(render: Render, everything: dict[str, Any]) -> None:
    """One of each in the platform's namespace, named so that two releases cannot both be there."""
    objects = render(everything)

    assert set(objects) == {"ServiceAccount", "Role", "RoleBinding", "Deployment"}
    assert [o["metadata"] for o in objects.values()] == [
        {
            "name": "vcluster-rancher-watch",
            "namespace": "vcluster-system",
            "labels": {
                "app.kubernetes.io/instance": "watch",
                "app.kubernetes.io/managed-by": "Helm",
                "app.kubernetes.io/name": "vcluster-rancher-watch",
                "app.kubernetes.io/version": "0.1.0",
                "helm.sh/chart": "vcluster-rancher-watch-0.1.0",
            },
        }
    ] * 4


def test_environment(render: Render, minimal: dict[str, Any]) -> None:
    """The program is told everything, by these names, and no secret."""
    assert _container(render(minimal))["env"] == [
        {"name": "RANCHER_URL", "value": "https://rancher.example.org"},
        {"name": "RANCHER_TOKEN_FILE", "value": "/run/secrets/rancher/token"},
        {"name": "STATE_NAMESPACE", "value": "vcluster-system"},
        {"name": "PERIOD", "value": "30s"},
        {"name": "TOKEN_EXPIRY_DAYS", "value": "14"},
        {"name": "METRICS_ADDRESS", "value": ":8080"},
    ]


def test_environment_with_everything(render: Render, everything: dict[str, Any]) -> None:
    """Each value reaches the program."""
    assert _container(render(everything))["env"] == [
        {"name": "RANCHER_URL", "value": "https://rancher.example.org:8443"},
        {"name": "RANCHER_TOKEN_FILE", "value": "/run/secrets/rancher/token"},
        {"name": "RANCHER_CA_FILE", "value": "/run/secrets/rancher-ca/ca.crt"},
        {"name": "HTTPS_PROXY", "value": "http://proxy.example.org:3128"},
        {"name": "HTTP_PROXY", "value": "http://proxy.example.org:3128"},
        {"name": "NO_PROXY", "value": "10.0.0.0/8,.svc"},
        {"name": "STATE_NAMESPACE", "value": "vcluster-system"},
        {"name": "PERIOD", "value": "1m"},
        {"name": "TOKEN_EXPIRY_DAYS", "value": "30"},
        {"name": "METRICS_ADDRESS", "value": ":8080"},
    ]


def test_checksum_instead_of_certificates(render: Render, minimal: dict[str, Any]) -> None:
    """Rancher's certificates are known by a checksum: nothing is mounted for it."""
    minimal["rancher"]["caChecksum"] = "0123456789abcdef" * 4
    objects = render(minimal)
    env = _container(objects)["env"]

    assert {"name": "RANCHER_CA_CHECKSUM", "value": "0123456789abcdef" * 4} in env
    assert "RANCHER_CA_FILE" not in {v["name"] for v in env}
    pod = objects["Deployment"]["spec"]["template"]["spec"]
    assert [v["name"] for v in pod["volumes"]] == ["rancher", "tmp"]


def test_proxy(render: Render, minimal: dict[str, Any]) -> None:
    """The watcher takes the way to Rancher that the imports take."""
    minimal["rancher"]["proxy"] = {
        "https": "http://proxy.example.org:3128",
        "noProxy": ["10.0.0.0/8", ".svc"],
    }
    env = {v["name"]: v["value"] for v in _container(render(minimal))["env"]}
    assert env["HTTPS_PROXY"] == "http://proxy.example.org:3128"
    assert env["NO_PROXY"] == "10.0.0.0/8,.svc"
    assert "HTTP_PROXY" not in env


def test_one_at_a_time(render: Render, minimal: dict[str, Any]) -> None:
    """A new version starts when the old one has ended."""
    spec = render(minimal)["Deployment"]["spec"]

    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def test_pods_are_found(render: Render, minimal: dict[str, Any]) -> None:
    """The Deployment selects its pods, by labels that no new version changes."""
    spec = render(minimal)["Deployment"]["spec"]
    selected = {
        "app.kubernetes.io/name": "vcluster-rancher-watch",
        "app.kubernetes.io/instance": "watch",
    }

    assert spec["selector"] == {"matchLabels": selected}
    assert spec["template"]["metadata"] == {
        "labels": {**selected, "app.kubernetes.io/component": "watch"}
    }


def test_probes_and_metrics(render: Render, minimal: dict[str, Any]) -> None:
    """Both probes and the metrics are on the one port that the program is told."""
    container = _container(render(minimal))

    assert container["ports"] == [{"name": "metrics", "containerPort": 8080, "protocol": "TCP"}]
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "metrics"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "metrics"}


def test_rights(render: Render, minimal: dict[str, Any]) -> None:
    """It lists and patches ConfigMaps in the platform's namespace: no Secret, nothing elsewhere."""
    objects = render(minimal)

    assert objects["Role"]["rules"] == [
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list", "patch"]}
    ]
    assert objects["RoleBinding"]["roleRef"] == {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": "Role",
        "name": "vcluster-rancher-watch",
    }
    assert objects["RoleBinding"]["subjects"] == [
        {
            "kind": "ServiceAccount",
            "name": "vcluster-rancher-watch",
            "namespace": "vcluster-system",
        }
    ]
    assert objects["ServiceAccount"]["automountServiceAccountToken"] is False


def test_resources_can_be_set(render: Render, everything: dict[str, Any]) -> None:
    """A host with many virtual clusters gives it more."""
    assert _container(render(everything))["resources"] == {
        "requests": {"cpu": "50m", "memory": "128Mi", "ephemeral-storage": "32Mi"},
        "limits": {"cpu": "1", "memory": "512Mi", "ephemeral-storage": "256Mi"},
    }


def test_nothing_is_looked_up(charts: Path) -> None:
    """No template reads a Secret, so none can end up in the release."""
    for path in (charts / CHART).rglob("templates/*"):
        assert "lookup" not in path.read_text()


def _container(objects: dict[str, dict[str, Any]]) -> dict[str, Any]:
    (container,) = objects["Deployment"]["spec"]["template"]["spec"]["containers"]
    found: dict[str, Any] = container
    return found
