"""Measure `rancher-import`: its start, and an import against a fast test Rancher."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping

from dev.demo.importer import stage

STARTS = 5
KIBIBYTE = 1024


def lines() -> Iterator[str]:
    """Yield the measurements, a line each."""
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


METER = """
import json, os, sys, time
null = [(os.POSIX_SPAWN_OPEN, output, os.devnull, os.O_WRONLY, 0) for output in (1, 2)]
command = [sys.executable, *sys.argv[1:]]
started = time.perf_counter()
program = os.posix_spawn(command[0], command, os.environ, file_actions=null)
_, status, usage = os.wait4(program, 0)
json.dump([time.perf_counter() - started, usage.ru_maxrss, status], sys.stdout)
"""
"""Program that starts another and waits for it: on Linux a process inherits the largest size of its
parent, which for the benchmark is more than the program's own."""


def _run(command: str, env: Mapping[str, str]) -> tuple[float, int]:
    """Return the program's duration in seconds, and its largest resident size in bytes."""
    meter = [sys.executable, "-S", "-c", METER]
    done = subprocess.run(
        [*meter, "-m", "jobs.rancher", command], env=env, stdout=subprocess.PIPE, check=True
    )
    seconds, resident, status = json.loads(done.stdout)
    if status:
        code = os.waitstatus_to_exitcode(status)
        msg = f"rancher-import {command} failed with exit code {code}"
        raise RuntimeError(msg)
    return seconds, resident * (1 if sys.platform == "darwin" else KIBIBYTE)
