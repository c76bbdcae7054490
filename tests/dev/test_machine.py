"""Machines of namespaces: made, entered, side by side, and removed without a trace."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.platform import machine
from dev.platform.command import PlatformError
from dev.platform.machine import Machine
from dev.platform.place import ROOT, folder

NAMES = ("test-one", "test-two")

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's"),
    pytest.mark.skipif(
        sys.platform == "linux" and os.geteuid() != 0, reason="making a machine needs root"
    ),
    pytest.mark.skipif(not shutil.which("tini"), reason="tini is not installed"),
    pytest.mark.skipif(not shutil.which("iptables"), reason="iptables is not installed"),
]


@pytest.fixture
def two() -> Iterator[tuple[Machine, Machine]]:
    """Make two, and remove them."""
    try:
        yield machine.start(NAMES[0]), machine.start(NAMES[1])
    finally:
        for name in NAMES:
            machine.remove(name)


def traces() -> list[str]:
    """Return what machines leave on the real one while they run."""
    links = [each.name for each in Path("/sys/class/net").iterdir()]
    groups = [str(each) for name in NAMES for each in Path("/sys/fs/cgroup").rglob(f"*-{name}")]
    folders = [str(folder(name)) for name in NAMES if folder(name).exists()]
    mounts = [
        line for line in Path("/proc/self/mounts").read_text().splitlines() if "test-" in line
    ]
    return sorted([*links, *groups, *folders, *mounts])


def test_two_machines_do_not_see_each_other(two: tuple[Machine, Machine]) -> None:
    """Each has its own processes, network and /tmp, and the same addresses."""
    first, second = two
    first.start("sleeper", ("sleep", "300"), {})
    first.run("sh", "-c", "echo hello >/tmp/file")
    assert "sleep 300" in first.run("ps", "ax")
    assert "sleep 300" not in second.run("ps", "ax")
    assert "file" not in second.run("sh", "-c", "ls /tmp").split()
    assert first.place.number != second.place.number
    for each in two:
        assert "10.250.0.1" in each.run("ip", "address", "show", "dev", "lo")
        assert each.run("hostname") == "node\n"


def test_a_program_is_known_while_it_runs(two: tuple[Machine, Machine]) -> None:
    """`process` tells whether a program must be started again."""
    first, _ = two
    assert first.process("sleeper") is None
    first.start("sleeper", ("sleep", "300"), {})
    pid = first.process("sleeper")
    assert pid is not None
    first.run("kill", "-9", str(pid))
    first.run("sh", "-c", f"while kill -0 {pid} 2>/dev/null; do sleep 0.05; done")
    assert first.process("sleeper") is None


def test_a_machine_is_found_again_until_it_is_removed() -> None:
    """Afterwards no process, mount, interface, control group or file is left."""
    before = traces()
    made = machine.start(NAMES[0])
    try:
        made.start("sleeper", ("sleep", "300"), {})
        assert machine.find(NAMES[0]) == made
        assert traces() != before
    finally:
        machine.remove(NAMES[0])
    assert machine.find(NAMES[0]) is None
    assert traces() == before
    assert not Path(f"/proc/{made.pid}/ns/net").exists()


INTERRUPTED = """
import os, signal, sys
from dev.platform import command, machine

calls = int(sys.argv[2])

def run(*words, **options):
    global calls
    if calls == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    calls -= 1
    return original(*words, **options)

original = command.run
machine.run = run
machine.start(sys.argv[1])
"""
"""A start that is killed before its n-th command."""


@pytest.mark.parametrize("calls", [0, 1, 2, 6, 12, 99], ids=lambda calls: f"after-{calls}")
def test_a_start_that_was_killed_leaves_nothing_in_the_way(calls: int) -> None:
    """It is not found half made; the next start makes a whole one, and removal takes both along."""
    before = traces()
    words = (sys.executable, "-c", INTERRUPTED, NAMES[0], str(calls))
    killed = subprocess.run(words, cwd=ROOT, check=False)
    is_complete = killed.returncode == 0
    try:
        assert (machine.find(NAMES[0]) is not None) is is_complete
        made = machine.find(NAMES[0]) or machine.start(NAMES[0])
        assert "UP" in made.run("ip", "link", "show", "dev", "lo")
        assert "vcluster" in " ".join(traces())
    finally:
        machine.remove(NAMES[0])
    assert traces() == before
    assert is_complete is (calls == 99)


def test_removal_after_a_killed_start() -> None:
    """`make down` removes what an interrupted `make up` has left."""
    before = traces()
    subprocess.run((sys.executable, "-c", INTERRUPTED, NAMES[0], "4"), cwd=ROOT, check=False)
    assert traces() != before
    machine.remove(NAMES[0])
    assert traces() == before


def test_a_number_that_is_taken_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two platforms that start at once choose the same number; the later one takes another."""
    one = machine.start(NAMES[0])
    try:
        monkeypatch.setattr(machine, "_numbers", lambda _: iter([one.place.number, 200]))
        assert machine.start(NAMES[1]).place.number == 200
    finally:
        for name in NAMES:
            machine.remove(name)


def test_a_failing_command_says_what_it_printed(two: tuple[Machine, Machine]) -> None:
    """The error has the command's own words."""
    with pytest.raises(PlatformError, match=r"exit code 1: .*nothing-there"):
        two[0].run("cat", "/nothing-there")
