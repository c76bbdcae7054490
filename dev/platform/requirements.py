"""Programs that the machine needs, and their installation."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

from dev.platform.command import PlatformError, run

if TYPE_CHECKING:
    from collections.abc import Callable

PACKAGES = {
    "containerd": "containerd",
    "runc": "runc",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "iptables": "iptables",
    "ipset": "ipset",
    "ip": "iproute2",
    "conntrack": "conntrack",
    "socat": "socat",
    "tini": "tini",
    "nsenter": "util-linux",
    "sysctl": "procps",
    "openssl": "openssl",
    "docker-registry": "docker-registry",
    "buildah": "buildah",
    "debootstrap": "debootstrap",
    "busybox": "busybox-static",
}
"""Programs or files, and the Debian package of each."""


def check(say: Callable[[str], None]) -> None:
    """Install missing packages where that is possible, or list them."""
    if sys.platform != "linux":
        msg = "a node runs on Linux only: use CLUSTER=kind, or set KUBECONFIG to a cluster of yours"
        raise PlatformError(msg)
    if os.geteuid() != 0:
        msg = "a node needs root: sudo make up, CLUSTER=kind, or KUBECONFIG of a cluster of yours"
        raise PlatformError(msg)
    missing = sorted({package for need, package in PACKAGES.items() if not shutil.which(need)})
    if not missing:
        return
    install = ["apt-get", "install", "--yes", "--no-install-recommends", *missing]
    if not shutil.which("apt-get"):
        msg = f"these Debian packages, or what they hold, are missing: {' '.join(missing)}"
        raise PlatformError(msg)
    say(" ".join(install))
    for words in (["apt-get", "update"], install):
        run(*words, env={"DEBIAN_FRONTEND": "noninteractive"})
