"""Programs that run to their end, and errors for the user."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SAID_CHARACTERS = 4000


class PlatformError(Exception):
    """A failure of a platform or its programs, with a message for the user."""


def run(
    *words: str,
    text: str | None = None,
    timeout: float | None = None,
    env: Mapping[str, str] | None = None,
    folder: Path | None = None,
    shown: int = 6,
) -> str:
    """Run a program, and return its output.

    An error names the first words of the command, as many as `shown`, and quotes the end of
    the output. `timeout` is in seconds; `env` is added to the environment.
    """
    command = " ".join(words[:shown])
    try:
        done = subprocess.run(
            words,
            input=text,
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**os.environ, **(env or {})},
            cwd=folder,
            check=False,
        )
    except subprocess.TimeoutExpired:
        msg = f"{command}: no end after {timeout:.0f} s"
        raise PlatformError(msg) from None
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip())[-SAID_CHARACTERS:]
        msg = f"{command}: exit code {done.returncode}: {said}"
        raise PlatformError(msg)
    return done.stdout
