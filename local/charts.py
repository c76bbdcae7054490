"""The chart repository: our charts, and the official one of vcluster.

provider-helm keeps what it has pulled by name and version only, so a changed chart reaches a
running provider by a new version, or when it starts anew.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from local.machine import LocalError
from local.place import BIN, ROOT, TOOLS

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = TOOLS / "repository"


def build(say: Callable[[str], None]) -> Path:
    """Package all charts, and return the folder that is served."""
    say("packaging charts")
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.iterdir():
        old.unlink()
    for chart in sorted((ROOT / "charts").iterdir()):
        _helm("package", str(chart), "--destination", str(FOLDER))
    official = Path(os.environ.get("VCLUSTER_CHART") or TOOLS / "charts" / "vcluster")
    if official.is_file():
        shutil.copy(official, FOLDER)
    else:
        _helm("package", str(official), "--destination", str(FOLDER))
    _helm("repo", "index", str(FOLDER))
    return FOLDER


def _helm(*words: str) -> None:
    done = subprocess.run([str(BIN / "helm"), *words], capture_output=True, text=True, check=False)
    if done.returncode:
        msg = f"helm {' '.join(words[:2])}: {done.stderr.strip()}"
        raise LocalError(msg)
