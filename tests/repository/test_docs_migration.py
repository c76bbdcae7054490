"""docs/migration.md: each published file becomes an Input and a VCluster that come up."""

import re
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from dev.scripts import life
from function.commands.plan import dry_run, requests, simulate
from function.compose import compose
from function.k8s.fieldpath import leaves
from function.k8s.helm_values import merge
from function.observed.state import Request
from tests.support.tools import ROOT, official_chart

PAGE = (ROOT / "docs" / "migration.md").read_text()
BLOCK = re.compile(r"^```yaml\n# ([\w.]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

OTHERWISE = {
    "A load balancer of a cloud": {"exportKubeConfig.server"},
    "A host name of its own": {
        "exportKubeConfig.server",
        "controlPlane.ingress.annotations.nginx.ingress.kubernetes.io/ssl-passthrough",
    },
    "An ingress controller inside": {"experimental.deploy.vcluster.helm"},
}
"""What a VCluster has in another way: the server from outside is in a kubeconfig of its own, the
annotation is a default of the chart, the tenant installs the controller."""


def sections() -> dict[str, dict[str, Any]]:
    """Return the blocks of each section, by heading."""
    found = {}
    for section in PAGE.split("\n## ")[1:]:
        heading, _, text = section.partition("\n")
        found[heading] = {kind: yaml.safe_load(block) for kind, block in BLOCK.findall(text)}
    return found


SECTIONS = sections()


def request(heading: str) -> Request:
    """Return the request for a section's VCluster on a platform with its Input."""
    blocks = SECTIONS[heading]
    metadata = {"name": "shop", "uid": "5d2f6c0e-8a31-4b7d-9c64-1e0f7a9b3c58"}
    composite = {**life.composite("kunde1"), "metadata": metadata, "spec": blocks["VCluster"]}
    platform = merge(life.platform_input(), blocks["Input"])
    (found,) = requests.build_requests([composite], (), platform)
    return found


def chart_values(heading: str) -> dict[str, Any]:
    """Return the chart's values of a section's VCluster, as soon as there are some."""
    asked = request(heading)
    after = simulate.following(asked, compose(asked))
    provider = compose(after).resources["vcluster"].resource["spec"]["forProvider"]
    values: dict[str, Any] = provider["values"]
    return values


def by_path(values: dict[str, Any]) -> dict[str, Any]:
    """Return values by their dotted paths."""
    return {".".join(path): value for path, value in leaves(values)}


def test_there_are_seven() -> None:
    """Each has the file, the Input and the VCluster."""
    assert len(SECTIONS) == 7
    for blocks in SECTIONS.values():
        assert [*blocks] == ["vcluster.yaml", "Input", "VCluster"]


@pytest.mark.parametrize("heading", SECTIONS)
def test_it_is_accepted_and_comes_up(heading: str) -> None:
    """Nothing is refused, and at the end READY is True."""
    found = dry_run.plan(request(heading))
    assert found.fatal == ""
    assert found.accepted.status == "True"
    assert found.unmet == ()


@pytest.mark.parametrize("heading", SECTIONS)
def test_it_has_what_the_file_asks_for(heading: str) -> None:
    """Each value of the file is a value of the chart, beside what the platform adds."""
    wanted = by_path(SECTIONS[heading]["vcluster.yaml"])
    has = by_path(chart_values(heading))
    missing = {
        path
        for path, value in wanted.items()
        if has.get(path) != value
        and not (isinstance(value, list) and all(each in has.get(path, ()) for each in value))
    }
    assert missing == OTHERWISE.get(heading, set())


@pytest.mark.parametrize("heading", SECTIONS)
def test_both_are_rendered(
    run_helm: Callable[..., subprocess.CompletedProcess[str]], heading: str
) -> None:
    """The official chart takes the file, and what becomes of it."""
    for values in (SECTIONS[heading]["vcluster.yaml"], chart_values(heading)):
        done = run_helm("template", "shop-vcluster", official_chart(), "-n=shop", values=values)
        assert done.returncode == 0, done.stderr
        assert "kind: Service" in done.stdout
