"""A change of a chart shows in what it renders: golden/<case>.yaml, from values/<case>.yaml."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CASES = ["minimal", "everything", "no-network-policy"]


def test_every_case_is_compared() -> None:
    """No values file or golden lies about that nothing reads."""
    assert {path.stem for path in (HERE / "values").iterdir()} == set(CASES)
    assert {path.stem for path in (HERE / "golden").iterdir()} == set(CASES)


@pytest.mark.parametrize("case", CASES)
def test_rendering(
    run_helm: Callable[..., subprocess.CompletedProcess[str]],
    charts: Path,
    case: str,
    request: pytest.FixtureRequest,
) -> None:
    """A reviewer sees every object that a change of the chart changes."""
    done = run_helm(
        "template",
        "kunde1-namespace",
        charts / "vcluster-namespace",
        "--namespace=vcluster-system",
        "--values",
        HERE / "values" / f"{case}.yaml",
    )
    assert done.returncode == 0, done.stderr
    golden = HERE / "golden" / f"{case}.yaml"

    if request.config.getoption("--update-goldens", default=False):
        golden.write_text(done.stdout)

    assert done.stdout == golden.read_text(), "run pytest --update-goldens and read the difference"
