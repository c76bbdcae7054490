"""The charts pass helm's own checks, and helm understands their schemas."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

CASES = sorted((Path(__file__).parent / "values").rglob("*.yaml"))


@pytest.mark.parametrize("case", CASES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_chart_is_linted(
    run_helm: Callable[..., subprocess.CompletedProcess[str]], charts: Path, case: Path
) -> None:
    """The platform gets charts that helm has nothing to say about."""
    done = run_helm("lint", "--strict", charts / case.parent.name, "--values", case)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "chart", ["vcluster-access", "vcluster-backup", "vcluster-namespace", "vcluster-rancher"]
)
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


def test_schema_of_the_watch_is_understood_by_helm(
    run_helm: Callable[..., subprocess.CompletedProcess[str]], charts: Path
) -> None:
    """Whoever installs the watch by hand reads what is missing and what is wrong, by path."""
    done = run_helm(
        "template",
        "watch",
        charts / "vcluster-rancher-watch",
        values={"rancher": {"url": "http://rancher", "token": "abc"}},
    )

    assert done.returncode != 0
    assert "additional properties 'token' not allowed" in done.stderr
    assert "at '/rancher/tokenSecret': missing property 'name'" in done.stderr
    assert "at '/rancher/url': 'http://rancher' does not match pattern" in done.stderr


@pytest.mark.parametrize("chart", ["vcluster-rancher", "vcluster-rancher-watch"])
def test_two_ways_to_trust_are_refused_by_helm(
    run_helm: Callable[..., subprocess.CompletedProcess[str]],
    charts: Path,
    case: Callable[[str, str], dict[str, dict[str, object]]],
    chart: str,
) -> None:
    """A checksum beside certificates, of which one would be ignored, is refused by its path."""
    values = case(chart, "everything")
    values["rancher"]["caChecksum"] = "0" * 64
    done = run_helm("template", "kunde1", charts / chart, values=values)

    assert done.returncode != 0
    assert "at '/rancher/caChecksum': value must be ''" in done.stderr


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
