"""The commands of a page of docs/, run as they are written."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from dev.platform.command import run
from dev.platform.place import BIN, ROOT

if TYPE_CHECKING:
    from tests.e2e.kube import Kube

SECONDS = 900


def blocks(page: str) -> list[str]:
    """Return a page's shell commands, block by block."""
    text = (ROOT / "docs" / page).read_text()
    return re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def block(page: str, words: str) -> str:
    """Return the one block that has these words."""
    [found] = [each for each in blocks(page) if words in each]
    return found


def shell(kube: Kube, folder: Path, name: str, *commands: str) -> str:
    """Run blocks as one script, as the administrator in a folder, with a name for NAME."""
    script = "\n".join(commands).replace("NAME", name)
    env = {
        "PATH": os.pathsep.join((str(BIN), str(Path(sys.executable).parent), os.environ["PATH"])),
        "PYTHONPATH": str(ROOT),
        "KUBECONFIG": str(kube.kubeconfig),
        "HOME": str(folder),
    }
    return run("sh", "-euc", script, env=env, folder=folder, timeout=SECONDS, shown=1)
