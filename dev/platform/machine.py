"""A machine within the machine: namespaces for network, mounts, processes and host name.

All mounts, programs and settings of a node live in them and end with their first process. So a
platform is removed by killing one process; only files and control groups have to be cleaned up.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dev.platform import cgroups
from dev.platform.command import PlatformError, run
from dev.platform.place import (
    NODE,
    NODE_ADDRESS,
    RANCHER_ADDRESS,
    ROOT,
    SERVICE_NETWORK,
    Place,
    folder,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

NETWORKS = 256
START_SECONDS = 10
STOP_SECONDS = 120
"""Time for the end of a machine: on a busy one hundreds of processes take a while."""

MARK = "VCLUSTER_PLATFORM"
"""Environment variable of a machine's first process, with the platform's folder."""

NUMBER = "network"
"""File in the platform's folder with its number."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A running machine."""

    place: Place
    pid: int
    """Id of the first process, which holds the namespaces."""

    def command(self, *words: str) -> list[str]:
        """Return the prefix of a command that runs inside."""
        return ["nsenter", f"--target={self.pid}", "--net", "--mount", "--uts", "--pid", *words]

    def run(self, *words: str, text: str | None = None, timeout: float = 120) -> str:
        """Run a command inside to its end, and return its output."""
        inside = self.command()
        return run(*inside, *words, text=text, timeout=timeout, shown=len(inside) + 3)

    def start(self, name: str, words: Sequence[str], env: Mapping[str, str]) -> None:
        """Start a program that keeps running, with its output in a log."""
        base = self.place.programs / name
        settings = [f"{key}={value}" for key, value in env.items()]
        script = f"echo $$ >'{base}.pid'; exec \"$@\" >>'{base}.log' 2>&1 </dev/null"
        self.run("setsid", "--fork", "env", *settings, "sh", "-c", script, "sh", *words)

    def process(self, name: str) -> int | None:
        """Return the number, inside, of a program's process, or None if it does not run."""
        try:
            pid = int((self.place.programs / f"{name}.pid").read_text())
            status = self.proc(pid, "status").read_text()
        except (OSError, ValueError):
            return None
        return None if "\nState:\tZ" in status else pid

    def proc(self, pid: int, name: str) -> Path:
        """Return a file of a process that is known by its number inside."""
        return Path("/proc", str(self.pid), "root", "proc", str(pid), name)


def find(name: str) -> Machine | None:
    """Return the machine of that name, if it runs."""
    try:
        saved = json.loads(_saved(name).read_text())
    except (OSError, ValueError):
        return None
    number = _number(name)
    if number is None or _started(saved["pid"]) != saved["started"]:
        return None
    return Machine(Place(name, number), saved["pid"])


def start(name: str) -> Machine:
    """Create the namespaces, the network to them, and the mounts that a node expects.

    It is found by others once it is complete. What an interrupted start has left is ended first.
    """
    _end(name)
    (folder(name) / "programs").mkdir(parents=True, exist_ok=True)
    first = _child(_unshare(name))
    place = _connect(name, first)
    place.var.mkdir(exist_ok=True)
    for pid in place.programs.glob("*.pid"):
        pid.unlink()
    machine = Machine(place, first)
    _mount(machine)
    _set_up_network(machine)
    cgroups.make(place)
    saved = {"pid": first, "started": _started(first)}
    _write(_saved(name), json.dumps(saved))
    return machine


def remove(name: str) -> None:
    """End everything of a platform, and remove all its files."""
    _end(name)
    cgroups.remove(name)
    shutil.rmtree(folder(name), ignore_errors=True)
    with contextlib.suppress(OSError):
        folder(name).parent.rmdir()


def _saved(name: str) -> Path:
    return folder(name) / "machine.json"


def _write(path: Path, text: str) -> None:
    """Write a file that is there whole or not at all."""
    half = path.with_suffix(".new")
    half.write_text(text)
    half.replace(path)


def _number(name: str) -> int | None:
    """Return the number of a platform, or None if it has none."""
    try:
        return int((folder(name) / NUMBER).read_text())
    except (OSError, ValueError):
        return None


def _numbers(name: str) -> Iterator[int]:
    """Yield the number that the platform had, and all numbers without a network."""
    if (number := _number(name)) is not None:
        yield number
    used = {each.name for each in Path("/sys/class/net").iterdir()}
    yield from (number for number in range(NETWORKS) if Place(name, number).link not in used)


def _first_processes(name: str) -> list[int]:
    """Return the processes that hold a platform's namespaces, by the mark in their environment."""
    entry = f"{MARK}={folder(name)}".encode()
    found = []
    for each in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if entry in each.read_bytes().split(b"\0"):
                found.append(int(each.parent.name))
    return found


def _unshare(name: str) -> int:
    """Start the first process in namespaces of its own, which outlives this one, and its parent."""
    log = folder(name) / "programs" / "init.log"
    environment = {**os.environ, MARK: str(folder(name))}
    words = (
        *("unshare", "--net", "--mount", "--uts", "--pid", "--fork", "--kill-child"),
        *("--propagation=private", "--mount-proc", "tini", "--", "sleep", "infinity"),
    )
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    try:
        files = [(os.POSIX_SPAWN_DUP2, nothing, 0)]
        files += [(os.POSIX_SPAWN_DUP2, output, number) for number in (1, 2)]
        return os.posix_spawnp(words[0], words, environment, file_actions=files, setsid=True)
    finally:
        os.close(output)
        os.close(nothing)


def _child(pid: int) -> int:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, IndexError):
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            child = int(children[0])
            if Path(f"/proc/{child}/comm").read_text() in {"tini\n", "sleep\n"}:
                return child
        time.sleep(0.02)
    msg = "no namespaces could be made: see programs/init.log"
    raise PlatformError(msg)


def _started(pid: int) -> str | None:
    """Return the start time of a process, which distinguishes it from a later one with its id."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return stat.rpartition(")")[2].split()[19]


def _mount(machine: Machine) -> None:
    place = machine.place
    resolv = place.folder / "resolv.conf"
    # It never answers, but CoreDNS does not start without one.
    resolv.write_text(f"nameserver {NODE_ADDRESS}\n")
    for each in ("run", "log", "tmp", "lib/kubelet"):
        (place.var / each).mkdir(parents=True, exist_ok=True)
    machine.run("mount", "--bind", str(resolv), "/etc/resolv.conf")
    _cover(machine, Path("/tmp"), place.var / "tmp")  # noqa: S108 -- the node's own
    _cover(machine, Path("/var"), place.var)
    machine.run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    # The kubelet's mounts must reach the containers with mount propagation.
    machine.run("mount", "--make-rshared", "/")
    machine.run("hostname", NODE)


def _cover(machine: Machine, folder: Path, own: Path) -> None:
    """Put an own folder over one of the machine's, with this checkout still in its place below."""
    if ROOT.is_relative_to(folder):
        inner = own / ROOT.relative_to(folder)
        machine.run("mkdir", "-p", str(inner))
        machine.run("mount", "--bind", str(ROOT), str(inner))
    machine.run("mount", "--rbind", str(own), str(folder))


def _connect(name: str, pid: int) -> Place:
    """Lay a line into the network namespace of a process, and return the place by its number.

    Another platform that starts may take a number first.
    """
    for number in _numbers(name):
        place = Place(name, number)
        outside = ["ip", "link", "add", place.link, "type", "veth", "peer", "name", "outside"]
        try:
            run(*outside, "netns", str(pid))
        except PlatformError as error:
            if "File exists" not in str(error):
                raise
        else:
            (folder(name) / NUMBER).write_text(str(number))
            return place
    msg = f"all {NETWORKS} networks of platforms are in use"
    raise PlatformError(msg)


def _set_up_network(machine: Machine) -> None:
    place = machine.place
    run("ip", "address", "add", f"{place.gateway}/30", "dev", place.link)
    run("ip", "link", "set", place.link, "up")
    for words in (
        "ip link set lo up",
        f"ip address add {NODE_ADDRESS}/32 dev lo",
        f"ip address add {RANCHER_ADDRESS}/32 dev lo",
        f"ip address add {place.address}/30 dev outside",
        "ip link set outside up",
        # Services have no interface: without a route, nothing would get as far as kube-proxy's
        # rules. Nothing is forwarded to the machine.
        f"ip route add {SERVICE_NETWORK} via {place.gateway} src {NODE_ADDRESS}",
        "iptables --append FORWARD --out-interface outside --jump REJECT",
        "sysctl -qw net.ipv4.ip_forward=1",
        "sysctl -qw net.bridge.bridge-nf-call-iptables=1",
    ):
        machine.run(*words.split())
    # It counts for the whole machine: several control planes watch many files.
    watches = Path("/proc/sys/fs/inotify/max_user_instances")
    if int(watches.read_text()) < 1024:  # noqa: PLR2004
        watches.write_text("1024")


def _end(name: str) -> None:
    """End all processes of a platform, those of an interrupted start included.

    The network is gone some time after the last of them.
    """
    deadline = time.monotonic() + STOP_SECONDS
    number = _number(name)
    link = Path("/sys/class/net", Place(name, number).link) if number is not None else None
    while (pids := _first_processes(name)) or (link and link.exists()):
        if time.monotonic() > deadline:
            msg = f"processes {pids} of platform {name} do not end"
            raise PlatformError(msg)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
