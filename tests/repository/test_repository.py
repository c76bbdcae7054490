"""The files by which a repository receives people: they are well formed, and name what exists."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.tools import ROOT

FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
REPOSITORY = "https://github.com/telekom/function-vcluster"
FIELDS = {"markdown", "textarea", "input", "dropdown"}


@pytest.mark.parametrize("path", [each for each in FORMS if each.stem != "config"], ids=str)
def test_an_issue_form_has_what_github_requires(path: Path) -> None:
    """GitHub drops a form in silence that lacks a name, a description, or a label of a field.

    https://docs.github.com/en/communities/using-templates-to-encourage-useful-issues-and-pull-requests/syntax-for-githubs-form-schema
    """
    form: dict[str, Any] = yaml.safe_load(path.read_text())
    assert {"name", "description", "body"} <= form.keys()
    fields = [each for each in form["body"] if each["type"] != "markdown"]
    assert {each["type"] for each in form["body"]} <= FIELDS
    assert all(each["attributes"]["label"] for each in fields)
    names = [each["id"] for each in fields]
    assert len(names) == len({*names}) > 0


def test_the_contact_links_lead_to_files_that_exist() -> None:
    """A page that is renamed is renamed here, too."""
    config = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / "config.yml").read_text())
    links = [each["url"] for each in config["contact_links"]]
    assert f"{REPOSITORY}/security/advisories/new" in links
    for link in links:
        path = link.partition("/blob/main/")[2]
        assert link.startswith(REPOSITORY)
        assert not path or (ROOT / path).exists()


@pytest.mark.parametrize("hook", HOOKS, ids=lambda each: str(each["id"]))
def test_a_hook_runs_what_the_project_installs(hook: dict[str, Any]) -> None:
    """A hook is a program of a locked package, or a target of make."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["dev"]
    program, first = hook["entry"].split()[:2] if " " in hook["entry"] else (hook["entry"], "")
    assert hook["language"] == "system"
    if program == "make":
        assert re.search(rf"^{first}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    else:
        package = {"lint-imports": "import-linter"}.get(Path(program).name, Path(program).name)
        assert any(each.startswith(f"{package}==") for each in groups)


def test_the_security_policy_leads_to_what_exists() -> None:
    """Links of SECURITY.md to files of the repository."""
    text = (ROOT / "SECURITY.md").read_text()
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if not link.startswith("http")]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_editors_wrap_where_ruff_does() -> None:
    """`.editorconfig` and pyproject.toml agree on the width."""
    width = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["line-length"]
    widths = re.findall(
        r"^max_line_length = (\d+)$", (ROOT / ".editorconfig").read_text(), re.MULTILINE
    )
    assert {int(each) for each in widths} == {width}
