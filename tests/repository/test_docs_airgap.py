"""docs/airgap.md: its Input is valid, its commands list and copy every image."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from dev.scripts import life
from function.api import validate
from function.commands import images
from function.desired.images import CHART_TAGS
from tests.support.factories import config
from tests.support.tools import ROOT

PAGE = (ROOT / "docs" / "airgap.md").read_text()
COMMENTED = re.findall(r"^ {6}# ((?: {2})?[\w.]+:.*)$", life.COMPOSITION.read_text(), re.MULTILINE)

SKOPEO = """#!/bin/sh
echo "$*" >> copied
cat > /dev/null
"""
"""Notes what it shall copy, and would take the loop's input if it were given."""


def blocks(language: str) -> list[str]:
    """Return the page's code in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def shell(command: str, folder: Path, *before: Path) -> str:
    """Run a command as written, with the programs of our environment and of these folders."""
    path = os.pathsep.join(
        [*map(str, before), str(Path(sys.executable).parent), os.environ["PATH"]]
    )
    return subprocess.run(
        ["sh", "-euc", command],
        cwd=folder,
        env={**os.environ, "PATH": path},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout


def mirrored() -> dict[str, Any]:
    """Return what the page sets in the Input."""
    loaded: dict[str, Any] = yaml.safe_load(blocks("yaml")[0])
    return loaded


def test_its_input_moves_every_image() -> None:
    """Whoever copies it has a mirror for each image of our Composition."""
    found = validate.platform_input({**life.platform_input(), **mirrored()})
    assert [each for each in images.listed(found) if each.source == each.mirror] == []
    assert found.pullSecret == "mirror"


def test_the_comment_in_our_composition_is_the_same() -> None:
    """What the Composition shows to be uncommented is valid, and what the page shows."""
    assert yaml.safe_load("\n".join(COMMENTED)) == mirrored()
    assert config(mirrored()).registries == mirrored()["registries"]


def test_the_list() -> None:
    """The first command prints what is in the Composition that comes along."""
    printed = shell(blocks("sh")[0], ROOT).splitlines()
    expected = images.listed(validate.platform_input(life.platform_input()))
    assert printed == [each.source for each in expected]


def test_the_loop_copies_every_image(tmp_path: Path) -> None:
    """Each image is copied to where virtual clusters will pull it from."""
    composition = yaml.safe_load(life.COMPOSITION.read_text())
    composition["spec"]["pipeline"][0]["input"] |= mirrored()
    (tmp_path / "composition.yaml").write_text(yaml.safe_dump(composition))
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "skopeo").write_text(SKOPEO)
    (programs / "skopeo").chmod(0o755)
    shell(blocks("sh")[1], tmp_path, programs)
    expected = images.listed(validate.platform_input({**life.platform_input(), **mirrored()}))
    assert (tmp_path / "copied").read_text().splitlines() == [
        f"copy --all docker://{each.source} docker://{each.mirror}" for each in expected
    ]


def test_it_names_the_charts_that_are_known() -> None:
    """The versions on the page are those in the table."""
    *first, last = CHART_TAGS
    assert f"known of charts {', '.join(first)} and {last}." in PAGE
