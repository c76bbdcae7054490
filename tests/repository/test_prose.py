"""The mechanical part of the writing style in CONTRIBUTING.md, over docstrings and comments."""

import ast
import io
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.prose import AVOIDED
from tests.support.tools import ROOT

FILES = sorted(
    path for folder in ("function", "jobs", "dev") for path in (ROOT / folder).rglob("*.py")
)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
PARTICIPLES = frozenset({"asked", "found", "given", "granted", "kept", "seen", "told"})
"""No names of values in the programs of the image: a noun says what the value is."""
BEGINNINGS = ("What ", "Whether ", "How ", "Which ", "That ")


def docstrings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of every docstring, those below constants and fields too."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        for each in body if isinstance(body, list) else ():
            if isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant):
                text = each.value.value
                if isinstance(text, str):
                    yield each.lineno, text


def comments(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of every comment."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_style(path: Path) -> None:
    """A docstring begins with a verb or a noun phrase, and the words of the list do not occur."""
    source = path.read_text()
    found = [*docstrings(ast.parse(source))]
    beginnings = [(line, text) for line, text in found if text.lstrip().startswith(BEGINNINGS)]
    words = [
        (line, match[0])
        for line, text in (*found, *comments(source))
        for match in AVOIDED.finditer(text)
    ]
    assert (beginnings, words) == ([], [])


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('"""What it is."""\n', [(1, "What it is.")]),
        ('X = 1\n"""Whether."""\n', [(2, "Whether.")]),
        ('class A:\n    """A."""\n\n    x: int\n    """How."""\n', [(2, "A."), (5, "How.")]),
    ],
)
def test_docstrings(source: str, expected: list[tuple[int, str]]) -> None:
    """Every kind of docstring is looked at."""
    assert sorted(docstrings(ast.parse(source))) == expected


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_function_has_another_name_than_its_module(path: Path) -> None:
    """One name has one meaning; `compose` and `main` are what their callers look for."""
    names = {
        node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, FUNCTIONS)
    }
    assert path.stem in ("compose", "main") or path.stem not in names


def value_names(tree: ast.AST) -> set[tuple[int, str]]:
    """Return the line and the name of every parameter, variable and field."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            names.add((node.lineno, node.arg))
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add((node.lineno, node.id))
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            names.add((node.lineno, node.attr))
        elif isinstance(node, ast.MatchAs | ast.MatchStar | ast.ExceptHandler) and node.name:
            names.add((node.lineno, node.name))
    return names


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if path.relative_to(ROOT).parts[0] != "dev"],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_no_participle_is_the_name_of_a_value(path: Path) -> None:
    """A noun says what the value is, a participle only what was done with it."""
    names = value_names(ast.parse(path.read_text()))
    assert [(line, name) for line, name in names if name.strip("_").lower() in PARTICIPLES] == []


@pytest.mark.parametrize(
    "source",
    [
        "def f(found): ...",
        "def f(*, found: int = 0): ...",
        "def f(**found): ...",
        "lambda found: 1",
        "found = 1",
        "found: int = 1",
        "a, found = 1, 2",
        "[found for found in ()]",
        "with a as found: ...",
        "if found := 1: ...",
        "a.found = 1",
        "try: ...\nexcept E as found: ...",
        "match a:\n  case [found]: ...",
        "match a:\n  case [*found]: ...",
        "class A:\n  found: int",
    ],
)
def test_value_names(source: str) -> None:
    """Every kind of name is looked at, a function's own is not."""
    assert "found" in {name for _, name in value_names(ast.parse(source))}
    assert value_names(ast.parse("def found(): a.found(found=1)")) == set()
