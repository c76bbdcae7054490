"""Run the end-to-end tests in their phases: beside each other, one at a time, and the last ones.

The first argument is one of TESTS, the others are pytest's, such as `-k deletion`. E2E is the name
of the platform. A container that was restarted by a probe fails the run: the machine could not
carry what started at once.
"""

import os
import subprocess
import sys
import time

from dev.platform.place import Place
from dev.scripts import probe_kills

TESTS = {"smoke": ("-m", "smoke"), "core": ("-m", "not further"), "all": ()}
"""Selections of tests: a few, the life of a VCluster, or all."""

PHASES = {"beside": ("-n", "4", "--no-loadscope-reorder"), "alone": (), "last": ()}
"""More workers than cores, because tests wait most of the time."""

NO_TESTS = 5


def main(arguments: list[str]) -> int:
    """Run all phases, and return an exit code: no test at all is a failure."""
    which, *more = arguments or [""]
    if which not in TESTS:
        print(f"e2e: E2E_TESTS is one of {', '.join(TESTS)}, not {which!r}", file=sys.stderr)
        return 2
    kubeconfig = Place(os.environ["E2E"], number=0).kubeconfig
    with probe_kills.watched(kubeconfig) as killed:
        codes = [_run(phase, *TESTS[which], *more) for phase in PHASES]
    if killed:
        print(f"e2e: restarted by a probe: {len(killed)}", *killed, sep="\n  ")
        return 1
    return max(codes, key=lambda code: (code not in (0, NO_TESTS), code == 0))


def _run(phase: str, *words: str) -> int:
    started = time.monotonic()
    command = (sys.executable, "-m", "pytest", "tests/e2e", f"--phase={phase}", *words)
    code = subprocess.run((*command, *PHASES[phase]), check=False).returncode
    print(f"e2e: {phase}: {time.monotonic() - started:.0f} s", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
