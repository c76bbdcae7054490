"""The place of a platform: its name, files and addresses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / ".tools"
BIN = TOOLS / "bin"

# Inside, every platform has the same addresses: it has a network namespace of its own.
NODE = "node"
NODE_ADDRESS = "10.250.0.1"
POD_NETWORK = "10.244.0.0/16"
SERVICE_NETWORK = "10.96.0.0/16"
API_SERVICE = "10.96.0.1"
DNS_SERVICE = "10.96.0.10"
RANCHER_ADDRESS = "10.250.0.2"
"""A second address of the node, which policies close to clients of the API server."""

RANCHER_PORT = 8443
RANCHER_CONTROL_PORT = 18080
RANCHER = f"{RANCHER_ADDRESS}:{RANCHER_PORT}"
API_PORT = 6443
REGISTRY = f"{NODE_ADDRESS}:5000"
CHARTS_PORT = 8879
S3_PORT = 7070
ISSUER_PORT = 5556
CHARTS = f"http://{NODE_ADDRESS}:{CHARTS_PORT}"


@dataclass(frozen=True, slots=True)
class Place:
    """One platform on this machine."""

    name: str
    number: int
    """Number of the platform in its outer addresses, 0 to 255."""

    @property
    def folder(self) -> Path:
        """Folder of all files of the platform."""
        return folder(self.name)

    @property
    def var(self) -> Path:
        """Folder that its programs see as /var."""
        return self.folder / "var"

    @property
    def certificates(self) -> Path:
        """Certificates and keys."""
        return self.folder / "certificates"

    @property
    def programs(self) -> Path:
        """Logs and process ids of its programs."""
        return self.folder / "programs"

    @property
    def kubeconfig(self) -> Path:
        """Kubeconfig of an administrator outside the namespaces."""
        return self.folder / "kubeconfig"

    @property
    def link(self) -> str:
        """The network interface on the machine's side."""
        return f"vcluster{self.number}"

    @property
    def gateway(self) -> str:
        """The machine's address as the platform sees it."""
        return f"172.29.{self.number}.1"

    @property
    def address(self) -> str:
        """The platform's address as the machine sees it."""
        return f"172.29.{self.number}.2"

    @property
    def cgroup(self) -> str:
        """The group of all its pods, below each controller."""
        return f"vcluster-{self.name}"


def folder(name: str) -> Path:
    """Return the folder of a platform, which may not exist."""
    return ROOT / ".local" / name
