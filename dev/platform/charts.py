"""The chart repository: our charts, and the official one of vcluster.

provider-helm caches charts by name and version only, so a changed chart reaches a running provider
by a new version, or after a restart.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from dev.platform import images
from dev.platform.command import run
from dev.platform.place import BIN, ROOT, TOOLS

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = TOOLS / "repository"
NOTE = "inputs.sha256"


def build(say: Callable[[str], None]) -> None:
    """Package all charts into the folder that is served, unless nothing has changed."""
    inputs = _digest()
    if (FOLDER / "index.yaml").exists() and digest(FOLDER) == inputs:
        return
    say("packaging charts")
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.iterdir():
        old.unlink()
    for chart in (*sorted((ROOT / "charts").iterdir()), _official()):
        _package(chart)
    for chart in _earlier():
        _helm("package", str(chart), "--destination", str(FOLDER))
    _helm("repo", "index", str(FOLDER))
    (FOLDER / NOTE).write_text(inputs)


def digest(folder: Path) -> str:
    """Return the digest of the charts' sources; packages themselves differ with every packaging."""
    note = folder / NOTE
    return note.read_text() if note.exists() else ""


def _package(chart: Path) -> None:
    """Package a chart, and once more as its next version, for tests of upgrades."""
    if chart.is_file():
        shutil.copy(chart, FOLDER)
    else:
        _helm("package", str(chart), "--destination", str(FOLDER))
    known = yaml.safe_load(_helm("show", "chart", str(chart)))
    with tempfile.TemporaryDirectory() as folder:
        if chart.is_file():
            with tarfile.open(chart) as archive:
                archive.extractall(folder, filter="data")
            chart = Path(folder) / known["name"]
        version = next_version(known["version"])
        _helm("package", str(chart), "--version", version, "--destination", str(FOLDER))


def next_version(version: str) -> str:
    """Return the next patch version."""
    rest, _, patch = version.rpartition(".")
    return f"{rest}.{int(patch) + 1}"


def _official() -> Path:
    return Path(os.environ.get("VCLUSTER_CHART") or TOOLS / "charts" / "vcluster")


def _earlier() -> list[Path]:
    """Return the official charts of earlier releases, if they are built."""
    if not images.has_earlier():
        return []
    return [folder / "chart" for folder in images.EARLIER_VCLUSTERS.values()]


def _digest() -> str:
    made_of = hashlib.sha256(Path(__file__).read_bytes())
    for root in (ROOT / "charts", _official(), *_earlier()):
        for each in [root] if root.is_file() else sorted(root.rglob("*")):
            if each.is_file():
                made_of.update(f"{each}\0".encode())
                made_of.update(each.read_bytes())
    return made_of.hexdigest()


def _helm(*words: str) -> str:
    return run(str(BIN / "helm"), *words)
