"""Fuzz one target by libFuzzer: `python -m dev.fuzz TARGET CORPUS [libFuzzer's options]`.

It ends with the first finding, and writes the bytes that lead to it into the folder it runs in.
"""

import sys
from pathlib import Path

import atheris  # type: ignore[import-untyped]  # it is only in the environment of `make fuzz`

with atheris.instrument_imports(include=["function", "jobs", "yaml"]):
    from dev.fuzz.targets import TARGETS, seeds


def main() -> None:
    """Write the seeds into the corpus, and fuzz."""
    name, corpus, *options = sys.argv[1:]
    folder = Path(corpus)
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(name)):
        (folder / f"seed-{number}").write_bytes(seed)
    atheris.Setup([sys.argv[0], corpus, *options], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
