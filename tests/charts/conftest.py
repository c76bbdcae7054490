"""What the tests of the charts share: the real helm, and a chart rendered by it."""

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def charts() -> Path:
    """Return the folder with the charts."""
    return ROOT / "charts"


@pytest.fixture(scope="session")
def render(
    run_helm: Callable[..., subprocess.CompletedProcess[str]], charts: Path
) -> Callable[[Mapping[str, object]], list[dict[str, Any]]]:
    """Return a function that turns values into the objects of the chart vcluster-namespace."""

    def objects(values: Mapping[str, object]) -> list[dict[str, Any]]:
        done = run_helm(
            "template",
            f"{values['name']}-namespace",
            charts / "vcluster-namespace",
            "--namespace=vcluster-system",
            values=values,
        )
        assert done.returncode == 0, done.stderr
        return [document for document in yaml.safe_load_all(done.stdout) if document]

    return objects


@pytest.fixture
def minimal() -> dict[str, Any]:
    """Return the least that the chart vcluster-namespace wants, to be changed at will."""
    return _values("minimal")


@pytest.fixture
def everything() -> dict[str, Any]:
    """Return values that use every feature of the chart vcluster-namespace."""
    return _values("everything")


def _values(case: str) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load(
        (ROOT / "tests" / "charts" / "values" / f"{case}.yaml").read_text()
    )
    return values
