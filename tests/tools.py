"""Find the real programs that some tests run."""

import os
from pathlib import Path

import pytest

BIN = Path(__file__).parents[1] / ".tools" / "bin"


def tool(name: str, target: str = "tools") -> Path:
    """Return a program that `make <target>` builds, or the one that its variable names.

    The variable of kube-apiserver is KUBE_APISERVER. Where the program is absent the test is
    skipped, but fails under REQUIRE_TOOLS=1.
    """
    variable = name.upper().replace("-", "_")
    path = Path(os.environ.get(variable) or BIN / name).absolute()
    if not path.is_file():
        reason = f"{name} is not built: run `make {target}`"
        if os.environ.get("REQUIRE_TOOLS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return path
