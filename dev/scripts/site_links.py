"""MkDocs hook: links from a page to files outside docs/ lead to the repository.

On GitHub such a link is relative, and works as it is. The site has no copy of these files.
https://www.mkdocs.org/user-guide/configuration/#hooks
"""

import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.pages import Page

LINK = re.compile(r"\]\((\.\./[^)#\s]+)(#[^)\s]*)?\)")


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, **_: Any) -> str:  # noqa: ANN401 - MkDocs passes its own
    """Return the page with links to the repository's web address."""
    source = Path(page.file.abs_src_path or "")
    root = Path(config.docs_dir).parent

    def absolute(match: re.Match[str]) -> str:
        target, anchor = match.groups(default="")
        file = (source.parent / target).resolve()
        if not file.is_relative_to(root) or not file.exists():
            msg = f"{page.file.src_uri}: {target} is not a file of the repository"
            raise PluginError(msg)
        kind = "tree" if file.is_dir() else "blob"
        path = file.relative_to(root).as_posix()
        return f"]({config.extra['repository']}/{kind}/main/{path}{anchor})"

    return LINK.sub(absolute, markdown)
