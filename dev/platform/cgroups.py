"""Control groups of a platform's pods: one below each controller of the machine."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from dev.platform.place import Place

CGROUPS = Path("/sys/fs/cgroup")


def make(place: Place) -> None:
    """Make the groups of a platform's pods."""
    for controller in _controllers():
        group = controller / place.cgroup
        group.mkdir(exist_ok=True)
        if (controller / "cgroup.controllers").exists() and controller == CGROUPS:
            wanted = " ".join(f"+{each}" for each in ("cpu", "cpuset", "io", "memory", "pids"))
            for each in (controller, group):
                (each / "cgroup.subtree_control").write_text(wanted)
        for name in ("cpuset.cpus", "cpuset.mems"):
            if (group / name).exists() and controller != CGROUPS:
                (group / name).write_text((controller / name).read_text())


def remove(name: str) -> None:
    """Remove the groups of a platform's pods, which have ended."""
    for controller in _controllers():
        group = controller / Place(name, 0).cgroup
        if group.exists():
            for each, _, _ in os.walk(group, topdown=False):
                with contextlib.suppress(OSError):
                    Path(each).rmdir()


def _controllers() -> list[Path]:
    if (CGROUPS / "cgroup.controllers").exists():
        return [CGROUPS]
    return [each for each in CGROUPS.iterdir() if each.is_dir() and not each.is_symlink()]
