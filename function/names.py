"""Every derived name. Names are forever: changing one orphans what bears the old one.

Kubernetes limits the length: the StatefulSet `<release>-etcd` may have 52 characters, because
its pods carry it in a label of 63 together with a hash, and the chart's ClusterRole
`vc-<release>-v-<namespace>` is cut at 63, so two long names must not begin alike.
"""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

from function.errors import InvalidError, Problem

LONGEST = 38
"""Length of a VCluster's name that leaves room for `-vcluster-etcd` in 52 characters."""

PATTERN = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")

RESERVED = ("default", "kube-*", "crossplane-system", "local", "cattle-*", "fleet-*", "rancher-*")
"""Namespaces of Kubernetes, Crossplane and Rancher (shell patterns)."""


@dataclass(frozen=True)
class Names:
    """The names of everything that belongs to one VCluster."""

    xr: str
    platform: str
    """Namespace of the Releases, and on the host of the platform's own objects."""
    namespace: str
    """Namespace on the host that holds the virtual cluster."""
    release: str
    """Helm release of the official chart."""

    @property
    def namespace_release(self) -> str:
        """Helm release of the chart that makes the namespace."""
        return f"{self.namespace}-namespace"

    @property
    def rancher_release(self) -> str:
        """Helm release of the chart that imports the cluster into Rancher."""
        return f"{self.namespace}-rancher"

    @property
    def state_config_map(self) -> str:
        """ConfigMap in the platform namespace in which the import keeps its state."""
        return f"{self.namespace}-rancher"

    @property
    def kubeconfig_secret(self) -> str:
        """Secret that the virtual cluster writes its kubeconfig to."""
        return f"vc-{self.release}"

    @property
    def service(self) -> str:
        """DNS name of the API server inside the host."""
        return f"{self.release}.{self.namespace}.svc"

    @property
    def endpoint(self) -> str:
        """URL of the API server inside the host."""
        return f"https://{self.service}:443"

    @property
    def etcd(self) -> str:
        """StatefulSet of etcd where the cluster is highly available."""
        return f"{self.release}-etcd"

    @property
    def vcluster_usage(self) -> str:
        """Usage that keeps the virtual cluster while it is in Rancher."""
        return f"{self.release}-by-rancher"

    @property
    def namespace_usage(self) -> str:
        """Usage that keeps the namespace while the virtual cluster is in it."""
        return f"{self.namespace_release}-by-vcluster"

    @property
    def protection(self) -> str:
        """ClusterUsage that refuses the deletion of the VCluster."""
        return f"{self.xr}-deletion-protection"


def connection_secret(release: str) -> str:
    """Return the name of the Secret with a Release's connection details."""
    return f"{release}-conn"


def derive(name: str, platform: str) -> Names:
    """Return the names of a VCluster of scope Cluster."""
    return Names(xr=name, platform=platform, namespace=name, release=f"{name}-vcluster")


def refuse(name: str, platform: str, reserved: list[str]) -> None:
    """Raise `InvalidError` for a name that cannot become a namespace on the host."""
    if not PATTERN.fullmatch(name):
        rule = "must be lower case letters, digits and '-', begin with a letter, not end with '-'"
        raise InvalidError(_renamed(rule))
    if len(name) > LONGEST:
        raise InvalidError(_renamed(f"must have at most {LONGEST} characters"))
    if name in (platform, *reserved) or any(fnmatchcase(name, taken) for taken in RESERVED):
        raise InvalidError(_renamed("is reserved by the platform"))


def _renamed(rule: str) -> Problem:
    return Problem("metadata.name", rule, "Create the VCluster under another name.")
