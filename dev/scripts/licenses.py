"""Write docs/licenses.md: the packages in the image, with their licences."""

import re
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "licenses.md"
LOCK = ROOT / "requirements/runtime.lock"

_CLASSIFIER = "License :: OSI Approved :: "
_LONGEST = 60
"""A licence field that is longer holds the text itself."""

_TITLE = re.compile(r"(MIT|BSD|Apache) License")
"""A licence in the first line of its text."""


def packages() -> list[str]:
    """Return the names of the locked packages."""
    return sorted(re.findall(r"^([a-z0-9][-a-z0-9._]*)==", LOCK.read_text(), re.MULTILINE))


def licence(name: str) -> str:
    """Return the licence of a package; by expression, classifier, field or its text's title."""
    package: Any = metadata.metadata(name)
    classifiers = [c for c in package.get_all("Classifier") or [] if c.startswith(_CLASSIFIER)]
    field = (package.get("License") or "").strip()
    return str(
        package.get("License-Expression")
        or ", ".join(sorted(c.removeprefix(_CLASSIFIER) for c in classifiers))
        or (field if len(field) <= _LONGEST else "")
        or _title(name)
    )


def _title(name: str) -> str:
    """Return the licence in the title of the text that a package comes with, "" without one."""
    files = metadata.files(name) or []
    texts = [file.read_text() for file in files if file.name.startswith("LICENSE")]
    titles = [_TITLE.search(text.strip().partition("\n")[0]) for text in texts]
    return ", ".join(title[0] for title in titles if title)


def page() -> str:
    """Return the page; packages that this platform does not install are left out."""
    rows = []
    for name in packages():
        try:
            rows.append(f"| {name} | {metadata.version(name)} | {licence(name)} |")
        except metadata.PackageNotFoundError:
            continue
    table = "\n".join(rows)
    return f"""# Licences

This project is under Apache-2.0. Its image contains the packages of requirements/runtime.lock,
under the licences that they declare, beside Python and the base image's Debian. Written by
`make generate`.

| package | version | licence |
|---|---|---|
{table}
"""
