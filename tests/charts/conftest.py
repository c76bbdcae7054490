"""What the tests of the charts share: the real helm, and a chart rendered by it."""

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.charts import RenderChart
from tests.support.tools import ROOT

Cases = Callable[[str, str], dict[str, Any]]


@pytest.fixture(scope="session")
def charts() -> Path:
    """Return the folder with the charts."""
    return ROOT / "charts"


@pytest.fixture(scope="session")
def render_chart(
    run_helm: Callable[..., subprocess.CompletedProcess[str]], charts: Path
) -> RenderChart:
    """Return a function that turns a chart, a release's name and values into objects."""

    def objects(
        chart: str | Path, release: str, values: Mapping[str, object]
    ) -> list[dict[str, Any]]:
        done = run_helm(
            "template", release, charts / chart, "--namespace=vcluster-system", values=values
        )
        assert done.returncode == 0, done.stderr
        return [document for document in yaml.safe_load_all(done.stdout) if document]

    return objects


@pytest.fixture(scope="session")
def render(render_chart: RenderChart) -> Callable[[Mapping[str, object]], list[dict[str, Any]]]:
    """Return a function that turns values into the objects of the chart vcluster-namespace."""
    return lambda values: render_chart("vcluster-namespace", f"{values['name']}-namespace", values)


@pytest.fixture(scope="session")
def case() -> Cases:
    """Return a function that reads values/<chart>/<case>.yaml, to be changed at will."""

    def values(chart: str, name: str) -> dict[str, Any]:
        path = ROOT / "tests" / "charts" / "values" / chart / f"{name}.yaml"
        loaded: dict[str, Any] = yaml.safe_load(path.read_text())
        return loaded

    return values


@pytest.fixture
def minimal(case: Cases) -> dict[str, Any]:
    """Return the least that the chart vcluster-namespace wants."""
    return case("vcluster-namespace", "minimal")


@pytest.fixture
def everything(case: Cases) -> dict[str, Any]:
    """Return values that use every feature of the chart vcluster-namespace."""
    return case("vcluster-namespace", "everything")
