"""The Secret with the kubeconfig of the virtual cluster, on the host."""

from jobs.bounded_api import CALL_SECONDS
from jobs.rancher.host_cluster import HostCluster
from jobs.rancher.virtual_cluster import VirtualCluster


class KubeconfigSecret:
    """The way to the virtual cluster."""

    def __init__(
        self, host: HostCluster, namespace: str, name: str, *, key: str = "config", server: str = ""
    ) -> None:
        """Hold the place; `server` takes the place of the kubeconfig's."""
        self._host = host
        self._namespace = namespace
        self._name = name
        self._key = key
        self._server = server

    def open(self, connect_seconds: float = CALL_SECONDS) -> VirtualCluster | None:
        """Return a client of the virtual cluster, or None while there is no kubeconfig."""
        kubeconfig = self._host.kubeconfig(self._namespace, self._name, self._key)
        return VirtualCluster(kubeconfig, self._server, connect_seconds) if kubeconfig else None

    def wait(self, seconds: int) -> bool:
        """Return True as soon as there is a kubeconfig, False if there is none in time.

        Raises RancherImportError where it cannot be watched.
        """
        return self._host.await_kubeconfig(self._namespace, self._name, self._key, seconds)
