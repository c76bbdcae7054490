"""Run the end-to-end tests in their phases: beside each other, one at a time, and the last ones.

The first argument is one of TESTS, the others are pytest's, such as `-k deletion`.
"""

import subprocess
import sys
import time

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
    codes = []
    for phase, options in PHASES.items():
        started = time.monotonic()
        words = ("-m", "pytest", "tests/e2e", f"--phase={phase}", *TESTS[which], *options, *more)
        codes.append(subprocess.run((sys.executable, *words), check=False).returncode)
        print(f"e2e: {phase}: {time.monotonic() - started:.0f} s", flush=True)
    return max(codes, key=lambda code: (code not in (0, NO_TESTS), code == 0))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
