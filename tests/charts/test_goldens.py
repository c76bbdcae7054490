"""A change of a chart shows in what it renders: golden/<chart>/<case>.yaml, from values/."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
RELEASES = {
    "vcluster-access": "kunde1-access",
    "vcluster-backup": "kunde1-backup",
    "vcluster-clock": "vcluster-clock",
    "vcluster-namespace": "kunde1-namespace",
    "vcluster-rancher": "kunde1-rancher",
    "vcluster-rancher-watch": "vcluster-rancher-watch",
}
CASES = [
    ("vcluster-access", "minimal"),
    ("vcluster-access", "everything"),
    ("vcluster-access", "asleep"),
    ("vcluster-backup", "minimal"),
    ("vcluster-backup", "everything"),
    ("vcluster-backup", "asleep"),
    ("vcluster-backup", "rollback"),
    ("vcluster-clock", "minimal"),
    ("vcluster-clock", "everything"),
    ("vcluster-namespace", "minimal"),
    ("vcluster-namespace", "everything"),
    ("vcluster-namespace", "no-network-policy"),
    ("vcluster-namespace", "retained"),
    ("vcluster-namespace", "asleep"),
    ("vcluster-rancher", "minimal"),
    ("vcluster-rancher", "everything"),
    ("vcluster-rancher", "retained"),
    ("vcluster-rancher-watch", "minimal"),
    ("vcluster-rancher-watch", "everything"),
]


@pytest.mark.parametrize("folder", ["values", "golden"])
def test_every_case_is_compared(folder: str) -> None:
    """No values file or golden lies about that nothing reads."""
    found = {p.relative_to(HERE / folder) for p in (HERE / folder).rglob("*") if p.is_file()}

    assert found == {Path(chart) / f"{case}.yaml" for chart, case in CASES}


@pytest.mark.parametrize(("chart", "case"), CASES)
def test_rendering(
    run_helm: Callable[..., subprocess.CompletedProcess[str]],
    charts: Path,
    chart: str,
    case: str,
    *,
    update_goldens: bool,
) -> None:
    """A reviewer sees every object that a change of the chart changes."""
    done = run_helm(
        "template",
        RELEASES[chart],
        charts / chart,
        "--namespace=vcluster-system",
        "--values",
        HERE / "values" / chart / f"{case}.yaml",
    )
    assert done.returncode == 0, done.stderr
    golden = HERE / "golden" / chart / f"{case}.yaml"

    if update_goldens:
        golden.write_text(done.stdout)

    assert done.stdout == golden.read_text(), "run pytest --update-goldens and read the difference"
