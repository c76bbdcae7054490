"""The layout of the tests: each module has a test file of its name, or a reason why not."""

import ast
import re

import pytest

from tests.support.tools import ROOT

TESTS = ROOT / "tests"
README = (TESTS / "README.md").read_text()
ROWS = re.findall(r"^\| `((?:function|jobs)/\S+\.py)` \| (.+?) \| (.+?) \|$", README, re.MULTILINE)
FOLDERS = {"function": TESTS / "unit", "jobs": TESTS / "jobs"}
MODULES = {
    str(path.relative_to(ROOT)): path.read_text()
    for folder in ("function", "jobs", "dev")
    for path in sorted((ROOT / folder).rglob("*.py"))
}
LONGEST_FILE, LONGEST_FUNCTION = 300, 40
LONGER_FILES = {
    "function/api/decided_values.py": "a table, a row for each chart value",
    "function/api/fields.py": "types of the models' fields",
    "function/api/input.py": "the model of the Input, whose descriptions are its reference",
}


def untested() -> set[str]:
    """Return the modules without a test file of their name."""
    return {
        f"{package}/{path}"
        for package, tests in FOLDERS.items()
        for path in (each.relative_to(ROOT / package) for each in (ROOT / package).rglob("*.py"))
        if not path.name.startswith("__")
        and not (tests / path.parent / f"test_{path.name}").exists()
    }


def test_each_module_has_a_test_of_its_name_or_a_reason() -> None:
    """A new module needs a test file or a row; a row leaves with its reason."""
    named = [module for module, *_ in ROWS]
    assert named == sorted(set(named))
    assert set(named) == untested()


@pytest.mark.parametrize(("module", "tests", "reason"), ROWS, ids=[row[0] for row in ROWS])
def test_reasons(module: str, tests: str, reason: str) -> None:
    """What a row names exists, and its reason is a text."""
    files = re.findall(r"`(\S+?)`", tests)
    assert files
    assert [file for file in files if not (TESTS / file).is_file()] == []
    assert re.fullmatch(r"[a-z`].{5,}[^.]", reason), module


def test_each_folder_has_a_row() -> None:
    """The first table names the folders that there are, and no test lies outside of them."""
    first, _ = README.split("\n## ", 1)
    listed = set(re.findall(r"^\| `(\w+)/", first, re.MULTILINE))
    assert listed == {path.parent.name for path in TESTS.glob("*/[!_]*")}
    assert [*TESTS.glob("test_*.py")] == []


def test_units_mirror_the_packages() -> None:
    """Each folder of unit tests is a package of the function."""
    folders = {path.parent.relative_to(TESTS / "unit") for path in (TESTS / "unit").rglob("*.py")}
    assert folders
    assert [path for path in folders if not (ROOT / "function" / path).is_dir()] == []


def test_desired_decides_nothing() -> None:
    """Refusals come out of `decide`: no module of the stage after it makes or raises one."""
    names = {"InvalidError", "Refusal", "Replacement"}
    found = {
        path.name
        for path in (ROOT / "function/desired").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Raise) or (isinstance(node, ast.alias) and node.name in names)
    }
    assert found == set()


def long_functions(source: str) -> list[str]:
    """Return the functions of a module that are too long, methods and nested ones included."""
    return [
        node.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= LONGEST_FUNCTION
    ]


def test_functions_are_short() -> None:
    """A function is read without scrolling."""
    found = {path: long_functions(source) for path, source in MODULES.items()}
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(("lines", "expected"), [(40, []), (41, ["answer"])])
def test_long_functions(lines: int, expected: list[str]) -> None:
    """The signature counts, the decorators do not."""
    body = "        x = 1\n" * (lines - 1)
    assert long_functions(f"class A:\n    @b\n    async def answer(self):\n{body}") == expected


def test_files_are_short() -> None:
    """A file has one subject; a file leaves the list once it is short."""
    longer = [path for path, source in MODULES.items() if len(source.splitlines()) > LONGEST_FILE]
    assert longer == [*LONGER_FILES]
