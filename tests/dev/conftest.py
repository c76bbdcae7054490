"""What the tests of the platform share: its place, and its servers without a machine."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from dev.apiserver.processes import await_listener, free_ports, process
from dev.platform import place
from dev.platform.place import Place
from dev.platform.programs import Program


@pytest.fixture
def somewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Place:
    """Return the place of a platform whose files are temporary."""
    monkeypatch.setattr(place, "ROOT", tmp_path)
    return Place("test", 0)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[Program, Mapping[str, str]], str]]:
    """Return a function that runs a program of the platform, and returns its address.

    It replaces words of the command, with a free port in the place of `PORT`.
    """
    with contextlib.ExitStack() as stack:

        def run(program: Program, words: Mapping[str, str]) -> str:
            (port,) = free_ports(1)
            other = {word: new.replace("PORT", str(port)) for word, new in words.items()}
            assert {*words} <= {*program.command}
            command = [other.get(each, each) for each in program.command]
            log = tmp_path / f"{program.name}.log"
            started = stack.enter_context(process(log, command, program.env))
            await_listener(started, port, log)
            return f"https://127.0.0.1:{port}"

        yield run
