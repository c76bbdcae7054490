"""What the tests of the charts share: the real helm, and a chart rendered by it."""

import json
import os
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
def helm() -> Path:
    """Return the helm program: what HELM names, else the one that `make tools` builds."""
    path = Path(os.environ.get("HELM") or ROOT / ".tools" / "bin" / "helm")
    if path.is_file():
        return path
    reason = "helm is not built: run `make tools`"
    if os.environ.get("REQUIRE_TOOLS") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def run_helm(helm: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs helm, away from the kubeconfig of whoever runs the tests."""

    def run(
        *arguments: str | Path,
        values: Mapping[str, object] | None = None,
        kubeconfig: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [helm, *arguments, *(() if values is None else ("--values", "-"))],
            input=json.dumps(values),
            env={**os.environ, "KUBECONFIG": str(kubeconfig or os.devnull)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


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
