"""The pages for people who look for help name only what there is."""

import re
import subprocess
from pathlib import Path
from typing import get_args

import pytest

from dev.platform.place import folder
from jobs.rancher.model import Phase
from tests.support.prose import AVOIDED
from tests.support.tools import ROOT

DOCS = ROOT / "docs"
TROUBLESHOOTING = (DOCS / "troubleshooting.md").read_text()
CONDITIONS = (DOCS / "conditions.md").read_text()
RANCHER = (DOCS / "rancher.md").read_text()
SECURITY = (DOCS / "security.md").read_text()
TESTS = {path: path.read_text() for path in sorted((ROOT / "tests").rglob("test_*.py"))}
FAILURES = "".join(
    (ROOT / "tests" / "e2e" / f"test_{name}.py").read_text()
    for name in ("exposure", "failure", "resilience", "retain")
)
SOURCES = "".join(
    path.read_text()
    for pattern in ("function/**/*.py", "jobs/**/*.py", "charts/*/templates/state.yaml")
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
    """What the programs on the host say is read and looked up."""
    pages = ("calendars.md", "backup.md", "login.md")
    texts = ((ROOT / "docs" / page).read_text() for page in pages)
    others = {
        one
        for text in texts
        for one in re.findall(r"(?:^\||,) `([A-Z]\w+)`(?=,| \|)", text, re.MULTILINE)
    }
    assert {reason for reason in others if f'"{reason}"' not in SOURCES} == set()
    assert raised() - reasons(RANCHER, 1) - others == set()


def test_the_tests_that_troubleshooting_names_exist() -> None:
    """Whoever doubts an entry runs its test."""
    named = set(re.findall(r"`(test_\w+)`", TROUBLESHOOTING))
    assert named
    assert {name for name in named if f"def {name}(" not in FAILURES} == set()


NAMED = re.findall(r"`((?:[\w/]+\.py)?(?:::)?(?:test_\w+)?)`", SECURITY)
"""Tests, as a file, a function or a function of a file."""


def found(named: str) -> list[Path]:
    """Return the files that a test's name may mean."""
    file, _, function = named.rpartition("::")
    if not file and named.endswith(".py"):
        file, function = named, ""
    suffix = f"/{file.removeprefix('tests/')}" if file else ".py"
    return [
        path
        for path, text in TESTS.items()
        if str(path).endswith(suffix) and (not function or f"\ndef {function}(" in text)
    ]


@pytest.mark.parametrize("named", sorted({name for name in NAMED if "test_" in name}))
def test_the_tests_that_the_security_page_names_exist(named: str) -> None:
    """A guarantee without its test is a wish."""
    assert found(named)


def test_the_security_page_names_tests() -> None:
    """The names are found in the text at all, in each of the forms that it uses."""
    assert {"test_fn.py::test_nothing", "test_nothing"} & set(NAMED) == set()
    assert "unit/decision/test_tenant_limits.py::test_refused" in NAMED
    assert found("tests/unit/test_fn.py") == [ROOT / "tests" / "unit" / "test_fn.py"]
    assert found("test_fn.py::test_encode") == [ROOT / "tests" / "unit" / "test_fn.py"]
    assert found("test_encode") == [ROOT / "tests" / "unit" / "test_fn.py"]
    assert found("test_fn.py::test_nothing") == found("tests/test_nothing.py") == []


def test_a_threat_without_a_test_says_so() -> None:
    """Where nothing is shown, the page says that nothing stops it."""
    rows = [line.split("|") for line in SECURITY.splitlines() if line.startswith("| to ")]
    assert len(rows) > 20
    unshown = [cells[2] for cells in rows if not cells[3].strip()]
    assert all(each.startswith(" Nothing of ours: ") for each in unshown)


COMMANDS = {"backup.md": "NAME", "tenants.md": "YOU"}


@pytest.mark.parametrize(("page", "placeholder"), COMMANDS.items())
def test_pages_that_are_run_have_commands_of_the_shell(page: str, placeholder: str) -> None:
    """Their blocks are found by the end-to-end tests, and are complete."""
    text = (DOCS / page).read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == text.count("```") // 2
    assert any(placeholder in each for each in blocks)
    for each in blocks:
        subprocess.run(["sh", "-n"], input=each, text=True, check=True)


@pytest.mark.parametrize("page", sorted(path.name for path in DOCS.glob("*.md")))
def test_links_lead_somewhere(page: str) -> None:
    """A page that was renamed is renamed everywhere."""
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", (DOCS / page).read_text())
    files = [link for link in links if not link.startswith("http")]
    assert [link for link in files if not (DOCS / link).exists()] == []


PAGES = {"README.md": ROOT / "README.md", **{path.name: path for path in DOCS.glob("*.md")}}
MAKEFILES = "".join(path.read_text() for path in (ROOT / "Makefile", *ROOT.glob("[!.]*/**/*.mk")))


def commands(page: str) -> list[str]:
    """Return the lines of a page's shell blocks, continued lines joined."""
    text = PAGES[page].read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return "".join(blocks).replace("\\\n", " ").splitlines()


@pytest.mark.parametrize("page", sorted(PAGES))
def test_commands_name_what_there_is(page: str) -> None:
    """Files of the repository exist, and so do targets of make."""
    text = "\n".join(commands(page))
    files = re.findall(r"(?<![\w./])(?:apis|charts|example|install)/[\w./-]+", text)
    assert [file for file in files if not (ROOT / file).exists()] == []
    targets = re.findall(r"^make ([a-z][\w-]*(?: [a-z][\w-]*)*)", text, re.MULTILINE)
    named = {target for each in targets for target in each.split()}
    assert {
        each for each in named if not re.search(rf"^{each}( .*)?:", MAKEFILES, re.MULTILINE)
    } == set()


def test_getting_started_has_few_commands() -> None:
    """Eight at most lead to a VCluster that is READY; the kubeconfig is where `make up` has it."""
    page = PAGES["getting-started.md"].read_text()
    [block] = re.findall(r"^## Seven commands\n\n```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert len(block.splitlines()) == 7
    kubeconfig = folder("dev").relative_to(ROOT) / "kubeconfig"
    assert f"export KUBECONFIG=$PWD/{kubeconfig} " in block


def test_the_readme_is_short() -> None:
    """It is read in two minutes, and installs with eight commands."""
    text = PAGES["README.md"].read_text()
    assert len(text.splitlines()) < 120
    [block] = re.findall(r"^## Install\n.*?```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(block.splitlines()) <= 8


def test_the_readme_names_the_first_commands() -> None:
    """Whoever clones the repository sees it work, and tests it, by two commands."""
    block = PAGES["README.md"].read_text().partition("\n## See it\n")[2].split("```")[1]
    assert re.findall("^make [a-z]+", block, re.MULTILINE) == ["make demo", "make test", "make up"]


def test_links_of_the_readme_lead_somewhere() -> None:
    """Pages, headings and pictures exist."""
    for link, anchor in re.findall(r"\]\(([^):#]+)(?:#([^)]*))?\)", PAGES["README.md"].read_text()):
        file = ROOT / link
        assert file.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)
            assert anchor in {each.lower().replace(" ", "-") for each in headings}, link


PROSE = {
    **PAGES,
    **{name: ROOT / name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")},
}
GENERATED = {"reference.md", "licenses.md"}


@pytest.mark.parametrize("page", sorted(PROSE.keys() - GENERATED))
def test_pages_keep_the_writing_style(page: str) -> None:
    """No words that CONTRIBUTING.md avoids, no line that is too long but for a table or address."""
    text = re.sub(
        r"^( *)```.*?^\1```$", "", PROSE[page].read_text(), flags=re.MULTILINE | re.DOTALL
    )
    plain = " ".join(re.sub(r"`[^`]*`|\]\([^)]*\)", "", text).split())
    assert AVOIDED.findall(plain) == []
    wide = [line for line in text.splitlines() if len(line) > 100]
    assert [
        line for line in wide if not line.startswith(("|", "![", "#")) and "](h" not in line
    ] == []


FOLDERS = "apis|charts|dev|docs|example|function|install|jobs|package|requirements|tests"
FILE = re.compile(rf"`((?:{FOLDERS})/[\w./-]+)`")


@pytest.mark.parametrize("page", sorted(PROSE))
def test_files_that_pages_name_exist(page: str) -> None:
    """A file that has moved has moved in the pages too; those of tests are looked for elsewhere."""
    named = {name for name in FILE.findall(PROSE[page].read_text()) if "/test_" not in name}
    assert {name for name in named if not (ROOT / name).exists()} == set()


@pytest.mark.parametrize("page", sorted(PROSE))
def test_modules_that_pages_run_exist(page: str) -> None:
    """`python -m` names a module of the repository, or a program that it installs."""
    modules = set(re.findall(r"python3? -m ([\w.]+)", PROSE[page].read_text())) - {"pytest"}
    paths = [ROOT / name.replace(".", "/") for name in modules]
    assert [
        str(path) for path in paths if not path.is_dir() and not path.with_suffix(".py").exists()
    ] == []
