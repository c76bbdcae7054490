"""The charts pass helm's own checks, and helm understands their schemas."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

CASES = sorted((Path(__file__).parent / "values").glob("*.yaml"))


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_namespace_chart_is_linted(
    run_helm: Callable[..., subprocess.CompletedProcess[str]], charts: Path, case: Path
) -> None:
    """The platform gets a chart that helm has nothing to say about."""
    done = run_helm("lint", "--strict", charts / "vcluster-namespace", "--values", case)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("chart", ["vcluster-namespace", "vcluster-rancher"])
def test_schema_is_understood_by_helm(
    run_helm: Callable[..., subprocess.CompletedProcess[str]], charts: Path, chart: str
) -> None:
    """Helm, whose regular expressions are not Python's, refuses by this schema, by path."""
    done = run_helm(
        "template", "kunde1", charts / chart, values={"onwer": {}, "owner": {"uid": ""}}
    )

    assert done.returncode != 0
    assert "additional properties 'onwer' not allowed" in done.stderr
    assert "at '/owner': missing property 'name'" in done.stderr
    assert "at '/owner/uid': '' does not match pattern" in done.stderr


def test_quota_of_numbers_is_refused_by_helm(
    run_helm: Callable[..., subprocess.CompletedProcess[str]],
    charts: Path,
    minimal: dict[str, object],
) -> None:
    """A number, which would reach the quota as 2e+06, is refused with the place it stands at."""
    done = run_helm(
        "template",
        "kunde1-namespace",
        charts / "vcluster-namespace",
        values=minimal | {"quota": {"pods": 2000000}},
    )

    assert done.returncode != 0
    assert "at '/quota/pods': got number, want string" in done.stderr
