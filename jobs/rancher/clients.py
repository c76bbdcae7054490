"""Clients of Rancher, the host and the virtual cluster, from the environment."""

from jobs.kubernetes import host_client
from jobs.rancher import proxies
from jobs.rancher.api import Rancher
from jobs.rancher.host_cluster import HostCluster
from jobs.rancher.kubeconfig_secret import KubeconfigSecret
from jobs.rancher.options import Environment
from jobs.transport import RANCHER_BYTES


def rancher_client(env: Environment, answer_bytes: int = RANCHER_BYTES) -> Rancher:
    """Return a client of Rancher."""
    options = env.rancher()
    return Rancher(options, proxy=proxies.proxy(options.url), answer_bytes=answer_bytes)


def host_cluster(env: Environment) -> HostCluster:
    """Return the host with the state of this import."""
    return HostCluster(host_client(), env.text("STATE_NAMESPACE"), env.text("STATE_CONFIG_MAP"))


def kubeconfig_secret(env: Environment, host: HostCluster) -> KubeconfigSecret:
    """Return the Secret through which the virtual cluster is reached."""
    return KubeconfigSecret(
        host,
        env.text("KUBECONFIG_NAMESPACE"),
        env.text("KUBECONFIG_SECRET"),
        key=env.text("KUBECONFIG_KEY", "config"),
        server=env.text("KUBECONFIG_SERVER", ""),
    )
