"""Never change a derived name: existing objects would be orphaned.

Kubernetes limits the length: the StatefulSet `<release>-etcd` may have 52 characters, because a
label of its pods holds it together with a hash in 63. The chart cuts its ClusterRole
`vc-<release>-v-<namespace>` at 63, so two long names must not begin alike.

In scope Namespaced tenants choose names independently, so names on the host contain a hash of
namespace and name. It has 64 bits: with 32, a tenant would need minutes to compute a name with the
hash of another tenant, and their Release would change and delete the other's namespace.
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
"""Form of the names in scope Namespaced."""

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
    """True if namespace and Helm release existed before the VCluster."""

    @property
    def home(self) -> str:
        """Namespace on the control plane of the Releases and Usages.

        Crossplane puts the composed resources of a namespaced VCluster into its own namespace.
        """
        return self.tenant_namespace or self.platform_namespace

    @property
    def vcluster_release(self) -> str:
        """Release of the official chart on the control plane.

        It has the name of its Helm release, unless the virtual cluster was adopted: several
        namespaces may have a Helm release of one name.
        """
        return f"{self.namespace}-vcluster" if self.adopted else self.release

    @property
    def namespace_release(self) -> str:
        """Helm release of the chart that creates the namespace."""
        return f"{self.namespace}-namespace"

    @property
    def rancher_release(self) -> str:
        """Helm release of the chart that imports the cluster into Rancher."""
        return f"{self.namespace}-rancher"

    @property
    def state_config_map(self) -> str:
        """ConfigMap in the platform namespace with the state of the import."""
        return f"{self.namespace}-rancher"

    @property
    def backup_release(self) -> str:
        """Helm release of the chart that makes backups."""
        return f"{self.namespace}-backup"

    @property
    def backup_config_map(self) -> str:
        """ConfigMap in the platform namespace with the report of the backups."""
        return f"{self.namespace}-backup"

    @property
    def access_release(self) -> str:
        """Helm release of the chart that lets people log in."""
        return f"{self.namespace}-access"

    @property
    def access_config_map(self) -> str:
        """ConfigMap in the platform namespace with the report of the login."""
        return f"{self.namespace}-access"

    @property
    def login_secret(self) -> str:
        """Secret with a kubeconfig without certificate, by which people log in."""
        return f"{self.release}-login"

    @property
    def kubeconfig_secret(self) -> str:
        """Secret with the kubeconfig that the virtual cluster writes."""
        return f"vc-{self.release}"

    @property
    def external_secret(self) -> str:
        """Secret with the kubeconfig for use outside the host."""
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
        """StatefulSet of etcd of a highly available virtual cluster."""
        return f"{self.release}-etcd"

    @property
    def vcluster_usage(self) -> str:
        """Usage that keeps the virtual cluster while it is in Rancher."""
        return f"{self.vcluster_release}-by-rancher"

    @property
    def backup_usage(self) -> str:
        """Usage that keeps the virtual cluster until its final backup is made."""
        return f"{self.vcluster_release}-by-backup"

    @property
    def namespace_usage(self) -> str:
        """Usage that keeps the namespace while the virtual cluster is in it."""
        return f"{self.namespace_release}-by-vcluster"

    @property
    def protection(self) -> str:
        """Usage, in scope Cluster a ClusterUsage, that refuses the deletion of the VCluster."""
        return f"{self.xr}-deletion-protection"


def external_secret(release: str) -> str:
    """Return the name of the Secret with the kubeconfig for use outside the host."""
    return f"vc-{release}-external"


def adopted_key(name: str, namespace: str) -> str:
    """Return the key of a VCluster in the Input's `adopted`."""
    return f"{namespace}/{name}" if namespace else name


def connection_secret(release: str) -> str:
    """Return the name of the Secret with a Release's connection details."""
    return f"{release}-conn"


def derive(
    name: str,
    tenant_namespace: str,
    platform_namespace: str,
    adopted: tuple[str, str] | None = None,
) -> Names:
    """Return the names of a VCluster, which is of scope Namespaced if it has a tenant namespace.

    `adopted` is namespace and Helm release of a virtual cluster that existed before.
    """
    if adopted:
        namespace, release = adopted
        return Names(name, tenant_namespace, platform_namespace, namespace, release, adopted=True)
    if not tenant_namespace:
        return Names(
            name,
            tenant_namespace,
            platform_namespace,
            namespace=name,
            release=f"{name}-vcluster",
        )
    unique = hashlib.sha256(f"{tenant_namespace}/{name}".encode()).hexdigest()[:16]
    return Names(
        name,
        tenant_namespace,
        platform_namespace,
        namespace=f"{_cut(tenant_namespace, 12)}-{_cut(name, 12)}-{unique}",
        release=f"{_cut(name, 20)}-{unique}",
    )


def _cut(name: str, length: int) -> str:
    return name[:length].rstrip("-")


def is_reserved(namespace: str) -> bool:
    """Return whether a namespace is Kubernetes', Crossplane's or Rancher's."""
    return any(fnmatchcase(namespace, taken) for taken in RESERVED)


def refuse(names: Names, reserved: Iterable[str]) -> None:
    """Refuse a VCluster whose name cannot become a namespace on the host.

    The namespace of an adopted virtual cluster was checked with the Input.
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
                "Create the VCluster in a namespace of a tenant.",
            )
        )
    if is_taken or names.namespace in (names.platform_namespace, *reserved):
        raise InvalidError(_renamed("is reserved by the platform"))


def _renamed(rule: str) -> Problem:
    return Problem("metadata.name", rule, "Create the VCluster under another name.")
