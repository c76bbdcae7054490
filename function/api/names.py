"""Every derived name. Names are forever: changing one orphans what bears the old one.

Kubernetes limits the length: the StatefulSet `<release>-etcd` may have 52 characters, because
its pods carry it in a label of 63 together with a hash, and the chart's ClusterRole
`vc-<release>-v-<namespace>` is cut at 63, so two long names must not begin alike.

In scope Namespaced customers choose names beside each other, so those on the host carry a hash of
namespace and name. It has 64 bits, because a customer could search for a name of his own with
another's hash, and then his Release would change and delete the other's namespace: 32 bits take
minutes.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from function.api.errors import InvalidError, Problem

LONGEST = 38
"""Length of a name in scope Cluster that leaves room for `-vcluster-etcd` in 52 characters."""

LONGEST_NAMESPACED = 63
"""Length of a name in scope Namespaced, where Crossplane writes it into a label."""

PATTERN = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")

DERIVED = re.compile(r".*-[0-9a-f]{16}")
"""What the names of scope Namespaced look like."""

LONGEST_ADOPTED_NAMESPACE = 43
"""Length of an adopted namespace that leaves room for `-namespace` in a Helm release's 53."""

LONGEST_RELEASE = 47
"""Length of a Helm release that leaves room for `-etcd` in 52 characters."""

RESERVED = ("default", "kube-*", "crossplane-system", "local", "cattle-*", "fleet-*", "rancher-*")
"""Namespaces of Kubernetes, Crossplane and Rancher (shell patterns)."""


@dataclass(frozen=True)
class Names:
    """The names of everything that belongs to one VCluster."""

    xr: str
    tenant_namespace: str
    """Namespace of the VCluster on the control plane; empty in scope Cluster."""
    platform_namespace: str
    """Namespace of the platform's own objects on the host."""
    namespace: str
    """Namespace on the host that holds the virtual cluster."""
    release: str
    """Helm release of the official chart."""
    adopted: bool = False
    """Whether namespace and Helm release were there before the VCluster."""

    @property
    def home(self) -> str:
        """Namespace on the control plane of the Releases and Usages.

        Crossplane puts what a namespaced VCluster consists of into the VCluster's own namespace.
        """
        return self.tenant_namespace or self.platform_namespace

    @property
    def vcluster_release(self) -> str:
        """Release of the official chart on the control plane.

        Elsewhere it is called like its Helm release, but people call theirs alike in several
        namespaces.
        """
        return f"{self.namespace}-vcluster" if self.adopted else self.release

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
    def external_secret(self) -> str:
        """Secret with the kubeconfig for outside the host."""
        return external_secret(self.release)

    @property
    def service(self) -> str:
        """DNS name of the API server inside the host."""
        return f"{self.release}.{self.namespace}.svc"

    @property
    def endpoint(self) -> str:
        """URL of the API server inside the host.

        The certificate of a virtual cluster that was installed by hand does not cover `.svc`.
        """
        host = f"{self.release}.{self.namespace}" if self.adopted else self.service
        return f"https://{host}:443"

    @property
    def etcd(self) -> str:
        """StatefulSet of etcd where the cluster is highly available."""
        return f"{self.release}-etcd"

    @property
    def vcluster_usage(self) -> str:
        """Usage that keeps the virtual cluster while it is in Rancher."""
        return f"{self.vcluster_release}-by-rancher"

    @property
    def namespace_usage(self) -> str:
        """Usage that keeps the namespace while the virtual cluster is in it."""
        return f"{self.namespace_release}-by-vcluster"

    @property
    def protection(self) -> str:
        """Usage, in scope Cluster a ClusterUsage, that refuses the deletion of the VCluster."""
        return f"{self.xr}-deletion-protection"


def external_secret(release: str) -> str:
    """Return the name of the Secret that a virtual cluster writes its kubeconfig for outside to."""
    return f"vc-{release}-external"


def connection_secret(release: str) -> str:
    """Return the name of the Secret with a Release's connection details."""
    return f"{release}-conn"


def derive(
    name: str, customer: str, platform: str, adopted: tuple[str, str] | None = None
) -> Names:
    """Return the names of a VCluster, of scope Namespaced if it is in a customer's namespace.

    `adopted` are namespace and Helm release of a virtual cluster that was there before.
    """
    if adopted:
        namespace, release = adopted
        return Names(name, customer, platform, namespace, release, adopted=True)
    if not customer:
        return Names(name, customer, platform, namespace=name, release=f"{name}-vcluster")
    unique = hashlib.sha256(f"{customer}/{name}".encode()).hexdigest()[:16]
    return Names(
        name,
        customer,
        platform,
        namespace=f"{_cut(customer, 12)}-{_cut(name, 12)}-{unique}",
        release=f"{_cut(name, 20)}-{unique}",
    )


def _cut(name: str, length: int) -> str:
    return name[:length].rstrip("-")


def is_reserved(namespace: str) -> bool:
    """Tell whether a namespace is Kubernetes', Crossplane's or Rancher's."""
    return any(fnmatchcase(namespace, taken) for taken in RESERVED)


def refuse(names: Names, reserved: Iterable[str]) -> None:
    """Raise `InvalidError` for a name that cannot become a namespace on the host.

    Of an adopted one the namespace is the Input's, which was checked.
    """
    longest = LONGEST_NAMESPACED if names.tenant_namespace else LONGEST
    if not PATTERN.fullmatch(names.xr):
        rule = "must be lower case letters, digits and '-', begin with a letter, not end with '-'"
        raise InvalidError(_renamed(rule))
    if len(names.xr) > longest:
        raise InvalidError(_renamed(f"must have at most {longest} characters"))
    if names.adopted:
        return
    is_taken = is_reserved(names.namespace)
    if names.tenant_namespace and (is_taken or names.tenant_namespace == names.platform_namespace):
        raise InvalidError(
            Problem(
                "metadata.namespace",
                "is reserved by the platform",
                "Create the VCluster in a namespace of a customer.",
            )
        )
    if is_taken or names.namespace in (names.platform_namespace, *reserved):
        raise InvalidError(_renamed("is reserved by the platform"))


def _renamed(rule: str) -> Problem:
    return Problem("metadata.name", rule, "Create the VCluster under another name.")
