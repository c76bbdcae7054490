"""The site of docs/: it builds strictly, and a browser that reads it needs no other host."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

from tests.support.tools import ROOT

CONFIG = ROOT / "mkdocs.yml"
REPOSITORY = "https://github.com/telekom/function-vcluster"
LOADED = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src"}
"""Elements of which a browser loads an attribute without being asked."""
TRIGGERS = {"mermaid", "md-source"}
"""Classes at which the theme's script loads from another host."""


class Page(HTMLParser):
    """The addresses that a page loads, the addresses it links to, and its classes."""

    def __init__(self, text: str) -> None:
        """Read a page."""
        super().__init__()
        self.loaded: set[str] = set()
        self.links: set[str] = set()
        self.classes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what an element refers to."""
        values = {name: value or "" for name, value in attrs}
        self.classes.update(values.get("class", "").split())
        if tag in LOADED:
            self.loaded.add(values.get(LOADED[tag], ""))
        if tag == "a":
            self.links.add(values.get("href", ""))


def build(config: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """Build a site."""
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "-f", config, "-d", site],
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def tiny(folder: Path, texts: dict[str, str]) -> Path:
    """Write a site with our configuration and these pages."""
    (folder / "docs").mkdir()
    for name, text in texts.items():
        (folder / "docs" / name).write_text(text)
    config = folder / "mkdocs.yml"
    config.write_text(
        yaml.safe_dump(
            {
                "INHERIT": str(CONFIG),
                "docs_dir": "docs",
                "hooks": [str(ROOT / "dev" / "scripts" / "site_links.py")],
                "nav": ["index.md"],
            }
        )
    )
    return config


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site of the repository."""
    folder = tmp_path_factory.mktemp("site")
    done = build(CONFIG, folder)
    assert done.returncode == 0, done.stderr
    return folder


def pages(site: Path) -> dict[str, Page]:
    """Return the pages of a site by file name."""
    return {path.name: Page(path.read_text()) for path in site.glob("*.html")}


def test_each_page_is_built(site: Path) -> None:
    """Each page of docs/ is one of the site."""
    built = {path.stem for path in site.glob("*.html")}
    assert {path.stem for path in (ROOT / "docs").glob("*.md")} <= built


def test_no_asset_of_another_host(site: Path) -> None:
    """Scripts, styles, fonts and pictures are the site's own."""
    found = pages(site)
    assert any("bundle" in address for address in found["security.html"].loaded)
    for name, page in found.items():
        assert {each for each in page.loaded if re.match(r"(https?:)?//", each)} == set(), name
        assert page.classes & TRIGGERS == set(), name
    for style in site.rglob("*.css"):
        assert re.findall(r"(?:url\(|@import )[\"']?(?:https?:)?//", style.read_text()) == []


def test_links_to_files_of_the_repository(site: Path) -> None:
    """A file that is no page is read in the repository."""
    links = pages(site)["tenants.html"].links
    assert f"{REPOSITORY}/blob/main/tests/e2e/test_guide.py" in links
    for page in pages(site).values():
        assert {each for each in page.links if each.startswith("../")} == set()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[a](other.md)", "other.md"),
        ("[a](index.md#none)", "#none"),
        ("[a](../none.py)", "../none.py is not a file of the repository"),
    ],
)
def test_a_link_that_leads_nowhere(tmp_path: Path, text: str, message: str) -> None:
    """Page, anchor or file that does not exist: the build fails and names it."""
    done = build(tiny(tmp_path, {"index.md": f"# Page\n\n{text}\n"}), tmp_path / "site")
    assert done.returncode == 1
    assert message in done.stderr


def test_a_page_that_is_not_in_the_navigation(tmp_path: Path) -> None:
    """A page that no reader finds fails the build."""
    config = tiny(tmp_path, {"index.md": "# Page\n", "hidden.md": "# Page\n"})
    done = build(config, tmp_path / "site")
    assert done.returncode == 1
    assert "hidden.md" in done.stderr
