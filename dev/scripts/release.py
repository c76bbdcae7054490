"""Release chores beside the Makefile: `python -m dev.scripts.release check|notes|place ...`.

`check v1.2.3` compares the versions of tag, package, charts and changelog, `notes v1.2.3` prints
the section of the changelog, `place REGISTRY` writes the registry into the published files.
"""

import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
PLACEHOLDER = "ghcr.io/example"
PLACES = ("apis", "install")


class ReleaseError(Exception):
    """An obstacle to a release."""


def check(tag: str, root: Path) -> None:
    """Raise `ReleaseError` naming each version that is not the one of the tag."""
    if not re.fullmatch(r"v\d+\.\d+\.\d+", tag):
        msg = f"{tag} is no version such as v1.2.3"
        raise ReleaseError(msg)
    wrong = [f"{file} has {version}" for file, version in versions(root) if f"v{version}" != tag]
    if wrong:
        msg = f"the tag is {tag}, but {', '.join(wrong)}"
        raise ReleaseError(msg)
    notes(tag, root)


def versions(root: Path) -> Iterator[tuple[str, str]]:
    """Yield each file with a version, and the version."""
    project = tomllib.loads((root / "pyproject.toml").read_text())
    yield "pyproject.toml", project["project"]["version"]
    for chart in sorted((root / "charts").glob("*/Chart.yaml")):
        yield str(chart.relative_to(root)), yaml.safe_load(chart.read_text())["version"]


def notes(tag: str, root: Path) -> str:
    """Return the changelog's section of a version. Raises `ReleaseError` if there is none."""
    changelog = (root / "CHANGELOG.md").read_text()
    version = re.escape(tag.removeprefix("v"))
    section = rf"^## \[{version}\][^\n]*\n(.*?)(?=^## \[|\Z)"
    match = re.search(section, changelog, re.MULTILINE | re.DOTALL)
    if not match or not match[1].strip():
        msg = f"CHANGELOG.md has no section [{tag.removeprefix('v')}]"
        raise ReleaseError(msg)
    return match[1].strip()


def place(registry: str, root: Path) -> None:
    """Replace the registry of the example by the real one, with its path."""
    for folder in PLACES:
        for file in sorted((root / folder).rglob("*.yaml")):
            text = file.read_text()
            file.write_text(text.replace(PLACEHOLDER, registry))


def main(arguments: Sequence[str] = tuple(sys.argv[1:]), root: Path = ROOT) -> str | None:
    """Run the command of the first argument with the second; return the error."""
    actions: dict[str, Callable[[str, Path], None]] = {
        "check": check,
        "notes": _print_notes,
        "place": place,
    }
    match arguments:
        case [str(name), str(argument)] if name in actions:
            try:
                actions[name](argument, root)
            except ReleaseError as error:
                return f"release: {error}"
            return None
        case _:
            return "release: give check TAG, notes TAG or place REGISTRY"


def _print_notes(tag: str, root: Path) -> None:
    print(notes(tag, root))


if __name__ == "__main__":
    sys.exit(main())
