"""Clients of Rancher, the host and the virtual cluster, from the environment."""

from collections.abc import Callable

from jobs.kubernetes import host_client
from jobs.rancher import proxies
from jobs.rancher.api import Rancher
from jobs.rancher.host_cluster import HostCluster
from jobs.rancher.options import Environment
from jobs.rancher.virtual_cluster import VirtualCluster
from jobs.transport import RANCHER_BYTES


def rancher_client(env: Environment, answer_bytes: int = RANCHER_BYTES) -> Rancher:
    """Return a client of Rancher."""
    options = env.rancher()
    return Rancher(options, proxy=proxies.proxy(options.url), answer_bytes=answer_bytes)


def host_cluster(env: Environment) -> HostCluster:
    """Return the host with the state of this import."""
    return HostCluster(host_client(), env.text("STATE_NAMESPACE"), env.text("STATE_CONFIG_MAP"))


def virtual_cluster_opener(
    env: Environment, host: HostCluster
) -> Callable[[], VirtualCluster | None]:
    """Return a function that reads the kubeconfig and opens the virtual cluster with it."""

    def open_virtual_cluster() -> VirtualCluster | None:
        kubeconfig = host.kubeconfig(
            env.text("KUBECONFIG_NAMESPACE"),
            env.text("KUBECONFIG_SECRET"),
            env.text("KUBECONFIG_KEY", "config"),
        )
        server = env.text("KUBECONFIG_SERVER", "")
        return VirtualCluster(kubeconfig, server) if kubeconfig else None

    return open_virtual_cluster
