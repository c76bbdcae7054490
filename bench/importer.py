"""Measure `rancher-import`: its start, and an import against a Rancher that answers at once."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping

from demo.importer import stage

STARTS = 5
KIBIBYTE = 1024


def lines() -> Iterator[str]:
    """Yield what was measured, a line each."""
    starts = [_run("--help", os.environ)[0] for _ in range(STARTS)]
    yield f"rancher-import --help: {min(starts):.2f} s, the best of {STARTS} cold starts"
    if shutil.which("openssl") is None:
        yield "rancher-import import: not measured, the test Rancher needs openssl"
        return
    with stage() as (env, _, _):
        seconds, resident = _run("import", env)
    yield (
        f"rancher-import import: {seconds:.2f} s in all, {resident / 1e6:.0f} MB at most, "
        "against a test Rancher that answers at once"
    )


def _run(command: str, env: Mapping[str, str]) -> tuple[float, int]:
    """Return the seconds that the program took, and its largest resident size in bytes."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "rancher_import", command],
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        msg = f"rancher-import {command} failed with exit code {process.returncode}"
        raise RuntimeError(msg)
    unit = 1 if sys.platform == "darwin" else KIBIBYTE
    return time.perf_counter() - started, usage.ru_maxrss * unit
