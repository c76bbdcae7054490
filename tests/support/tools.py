"""Paths of the repository, and the real programs that some tests run."""

import os
from pathlib import Path

import pytest

from dev.scripts import life

ROOT = life.ROOT
FIXTURES = life.FIXTURES
TOOLS = ROOT / ".tools"


def tool(name: str, target: str = "tools") -> Path:
    """Return a program that `make <target>` builds, or the one that its variable names.

    The variable of kube-apiserver is KUBE_APISERVER. Where the program is absent the test is
    skipped, but fails under REQUIRE_TOOLS=1.
    """
    return _needed(name.upper().replace("-", "_"), TOOLS / "bin" / name, target)


def official_chart() -> Path:
    """Return the folder of the official vcluster chart, or of the one that VCLUSTER_CHART names."""
    return _needed("VCLUSTER_CHART", TOOLS / "charts" / "vcluster", "tools")


def _needed(variable: str, default: Path, target: str) -> Path:
    path = Path(os.environ.get(variable) or default).absolute()
    if not path.exists():
        reason = f"{path.name} is not built: run `make {target}`"
        if os.environ.get("REQUIRE_TOOLS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return path
