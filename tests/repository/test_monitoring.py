"""Alerts and dashboard: every metric exists, every runbook leads somewhere."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY, CollectorRegistry

import jobs.clock.clock_loop
import jobs.rancher.watch_loop  # noqa: F401  # both register their metrics
from function.server.metrics import Metrics
from tests.support.tools import ROOT

MONITORING = ROOT / "install" / "monitoring"
PAGE = (ROOT / "docs" / "operations.md").read_text()
BASE = "https://github.com/telekom/function-vcluster/blob/main/"

[MONITOR, WATCH, CLOCK, RULE] = [*yaml.safe_load_all((MONITORING / "prometheus.yaml").read_text())]
RULES = [rule for group in RULE["spec"]["groups"] for rule in group["rules"]]
ALERTS = [rule for rule in RULES if "alert" in rule]
DASHBOARD = json.loads((MONITORING / "dashboard.json").read_text())
EXPRESSIONS = [
    *(rule["expr"] for rule in RULES if "alert" in rule or "function_" in rule["expr"]),
    *(target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]),
]


def exported(registry: CollectorRegistry) -> Iterator[str]:
    """Yield the names of all series."""
    for family in registry.collect():
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
        for suffix in suffixes.get(family.type, ("_info",) if family.type == "info" else ("",)):
            yield f"{family.name}{suffix}"


NAMES = {*exported(Metrics().registry)}
OF_THE_JOBS = {
    name for name in exported(REGISTRY) if name.startswith(("rancher_import_", "vcluster_clock_"))
}


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_metric_exists(expression: str) -> None:
    """An alert on a metric that nobody exports never fires."""
    named = set(
        re.findall(r"\b(?:function_vcluster|process|rancher_import|vcluster_clock)_\w+", expression)
    )
    assert named
    assert named <= NAMES | OF_THE_JOBS
    assert expression.count("(") == expression.count(")")


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_every_runbook_leads_somewhere(alert: dict[str, dict[str, str]]) -> None:
    """Whoever is woken up finds the page and its section."""
    page, _, anchor = alert["annotations"]["runbook_url"].removeprefix(BASE).partition("#")
    text = (ROOT / page).read_text()
    headings = {
        re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }
    assert not anchor or anchor in headings
    assert alert["annotations"]["summary"].endswith(".")
    assert alert["labels"]["severity"] in ("warning", "critical")


def test_the_page_names_every_metric_of_ours() -> None:
    """And none that there is not."""
    own = {
        re.sub("_(bucket|sum|count)$", "", name) for name in NAMES if name.startswith("function_")
    }
    assert set(re.findall(r"^\| `(function_vcluster_\w+)`", PAGE, re.MULTILINE)) == own


def test_prometheus_finds_the_pods() -> None:
    """The monitor names the port and the label that the runtime configuration sets."""
    function = [*yaml.safe_load_all((ROOT / "install" / "function.yaml").read_text())]
    [config] = [one for one in function if one["kind"] == "DeploymentRuntimeConfig"]
    [container] = config["spec"]["deploymentTemplate"]["spec"]["template"]["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert MONITOR["spec"]["podMetricsEndpoints"] == [{"port": "metrics"}]
    environment = {each["name"]: each["value"] for each in container["env"]}
    assert environment["METRICS_ADDRESS"] == f"0.0.0.0:{ports['metrics']}"
    labels = {one["kind"]: one for one in function}
    selector = MONITOR["spec"]["selector"]["matchLabels"]
    assert labels["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == selector
    assert labels["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == selector


@pytest.mark.parametrize(
    ("name", "monitor"), [("vcluster-rancher-watch", WATCH), ("vcluster-clock", CLOCK)]
)
def test_prometheus_finds_the_jobs(name: str, monitor: dict[str, Any]) -> None:
    """The monitor names the port and the label that the chart sets."""
    chart = ROOT / "charts" / name
    assert yaml.safe_load((chart / "Chart.yaml").read_text())["name"] == name
    assert monitor["spec"]["selector"] == {"matchLabels": {"app.kubernetes.io/name": name}}
    assert monitor["spec"]["podMetricsEndpoints"] == [{"port": "metrics"}]
    assert (
        "{name: metrics, containerPort: 8080" in (chart / "templates/deployment.yaml").read_text()
    )
