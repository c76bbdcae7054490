"""The pages for people who look for help name only what there is."""

import re
from pathlib import Path
from typing import get_args

import pytest

from rancher_import.model import Phase

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
TROUBLESHOOTING = (DOCS / "troubleshooting.md").read_text()
CONDITIONS = (DOCS / "conditions.md").read_text()
RANCHER = (DOCS / "rancher.md").read_text()
FAILURES = "".join(
    (ROOT / "tests" / "e2e" / f"test_{name}.py").read_text()
    for name in ("exposure", "failure", "resilience", "retain")
)
SOURCES = "".join(
    path.read_text()
    for pattern in ("function/*.py", "rancher_import/*.py", "charts/*/templates/state.yaml")
    for path in sorted(ROOT.glob(pattern))
)

KINDS = {"Accepted", "NamespaceReady", "ControlPlaneReady", "RancherConnected"}
HEADINGS = re.findall(r"^### (\w+): (\w+)$", TROUBLESHOOTING, re.MULTILINE)


def reasons(page: str, column: int) -> set[str]:
    """Return the reasons in the tables of a page; one cell may have several."""
    cells = [line.split("|")[column] for line in page.splitlines() if line.startswith("| ")]
    words = {word for cell in cells for word in cell.strip().split(", ")}
    return {word for word in words if re.fullmatch("[A-Z][A-Za-z]+", word)}


def raised() -> set[str]:
    """Return the reasons that the import gives for waiting, or for giving up."""
    said = r'(?:RefusedError|TransientError|Change|Wait)\(\s*(?:"[A-Z]\w+", )?"([A-Z]\w+)"'
    return set(re.findall(said, SOURCES)) - set(get_args(Phase))


def test_troubleshooting_has_a_section_per_symptom() -> None:
    """A section is headed by condition and reason, as people see them."""
    assert len(HEADINGS) == len(re.findall("^### ", TROUBLESHOOTING, re.MULTILINE))
    assert {kind for kind, _ in HEADINGS} == KINDS


@pytest.mark.parametrize(("kind", "reason"), HEADINGS)
def test_what_troubleshooting_names_is_explained(kind: str, reason: str) -> None:
    """Each reason is in the tables of the other pages, and in the test that makes it for real."""
    assert reason in reasons(CONDITIONS, 2) | reasons(RANCHER, 1)
    assert re.search(rf'"{kind} \w+ {reason}"', FAILURES)


@pytest.mark.parametrize(("page", "column"), [(CONDITIONS, 2), (RANCHER, 1)], ids=["all", "import"])
def test_no_page_explains_a_reason_that_nobody_gives(page: str, column: int) -> None:
    """A reason that was renamed is renamed here too."""
    assert {reason for reason in reasons(page, column) if f'"{reason}"' not in SOURCES} == set()


def test_every_reason_of_the_import_is_explained() -> None:
    """What the import says, somebody reads, and looks up."""
    assert raised() - reasons(RANCHER, 1) == set()


def test_the_tests_that_troubleshooting_names_exist() -> None:
    """Whoever doubts an entry runs its test."""
    named = set(re.findall(r"`(test_\w+)`", TROUBLESHOOTING))
    assert named
    assert {name for name in named if f"def {name}(" not in FAILURES} == set()
