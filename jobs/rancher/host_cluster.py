"""The host cluster: the state ConfigMap and the kubeconfig of the virtual cluster."""

from collections.abc import Mapping
from contextlib import closing

from lightkube import Client
from lightkube.resources.core_v1 import ConfigMap, Secret

from jobs import kubeconfig_secret, state
from jobs.bounded_api import Api
from jobs.kubernetes import call, maybe
from jobs.rancher import report
from jobs.rancher.model import State
from jobs.state import StateConfigMap, Stored


class StoredState(Stored):
    """A state ConfigMap as it was read."""

    @property
    def state(self) -> State:
        """The state of the import."""
        return State(
            desired_inputs=self.data.get("desiredInputs", ""),
            phase=self.data.get("phase", ""),
            reason=self.data.get("reason", ""),
            message=self.data.get("message", ""),
            cluster_id=self.data.get("clusterId", ""),
            observed_inputs=self.data.get("observedInputs", ""),
            is_asleep=self.data.get("power") == "Sleeping",
        )


class HostCluster:
    """The host cluster, with rights on one ConfigMap and one Secret."""

    def __init__(self, client: Api, namespace: str, config_map: str) -> None:
        """Hold the client and the place of the state."""
        self._client = client
        self._namespace = namespace
        self._name = config_map
        self._state = StateConfigMap(client, namespace, config_map, StoredState)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def state(self) -> State:
        """Return the state of the ConfigMap, the empty state if it is absent."""
        config_map = maybe(
            lambda: self._client.get(ConfigMap, self._name, namespace=self._namespace),
            f"ConfigMap {self._namespace}/{self._name}",
        )
        return StoredState.read(config_map).state if config_map else State(desired_inputs="")

    def report(self, changes: Mapping[str, str]) -> None:
        """Write keys of the state ConfigMap, and the report with them."""
        self._state.write(lambda stored: report.changed(stored.data, changes))

    def kubeconfig(self, namespace: str, name: str, key: str) -> str | None:
        """Return a kubeconfig, or None while there is none."""
        return kubeconfig_secret.read(self._client, namespace, name, key)

    def await_kubeconfig(self, namespace: str, name: str, key: str, seconds: int) -> bool:
        """Return True as soon as a Secret holds a kubeconfig, False if it does not in time.

        Raises RefusedError if the right to watch it is missing.
        """

        def watch() -> bool:
            changes = self._client.watch_one(Secret, name, namespace=namespace, seconds=seconds)
            with closing(changes) as secrets:
                return any((secret.data or {}).get(key) for secret in secrets)

        return call(watch, f"the watch of Secret {namespace}/{name}")


def write_state(
    client: Client, namespace: str, name: str, stored: StoredState, changes: Mapping[str, str]
) -> None:
    """Write changes of a state, and the report made anew.

    Raises ConflictError if the ConfigMap was changed since it was read: the report would be of
    former values.
    """
    state.patch(client, namespace, name, stored, report.changed(stored.data, changes))
