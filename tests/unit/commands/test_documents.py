"""The command line reads YAML of others within bounds."""

import io
import resource
import time
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from function.commands import documents
from function.main import main

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
DEEP = "[" * 5000
CYCLE = "a: &a [*a]\n"
MERGES = "a: &a {x: 1}\n" + "".join(
    f"{name}: &{name} {{<<: [{', '.join([f'*{before}'] * 9)}]}}\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    "text", [BOMB, DEEP, CYCLE, MERGES], ids=["bomb", "deep", "cycle", "merge"]
)
@pytest.mark.parametrize(
    "command",
    [
        ["images", "FILE"],
        ["plan", "--input", "FILE"],
        ["plan", "FILE", "--input", "GOOD"],
        ["plan", "--observed", "FILE", "--input", "GOOD"],
        ["adopt", "FILE", "GOOD", "--release", "GOOD"],
        ["adopt", "GOOD", "FILE", "--release", "GOOD"],
    ],
)
def test_bombs(tmp_path: Path, text: str, command: list[str]) -> None:
    """A few lines that stand for a billion values end in a sentence, at once."""
    bomb, good = tmp_path / "bomb.yaml", tmp_path / "good.yaml"
    bomb.write_text(text)
    good.write_text(Path("apis/cluster/composition.yaml").read_text())
    paths = {"FILE": str(bomb), "GOOD": str(good)}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()

    done = CliRunner().invoke(main, [paths.get(word, word) for word in command])

    assert done.exit_code == 1
    assert done.output == f"function: {bomb} is not YAML, or too large\n"
    assert time.process_time() - started < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def test_a_long_file() -> None:
    """A file without end is not read to its end."""
    with pytest.raises(documents.TooLargeError):
        [*documents.read(io.StringIO("x" * (documents.MOST_BYTES + 1)))]


def test_aliases_that_are_meant() -> None:
    """Anchors, aliases and merges work as people use them."""
    text = "base: &b {a: 1}\none: {<<: *b, c: 2}\ntwo: [*b, *b]\n---\nx: 1\n"
    assert [*documents.read(text)] == [*yaml.safe_load_all(text)]
    assert [*documents.read("")] == []
