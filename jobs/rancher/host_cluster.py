"""The host cluster: the state ConfigMap and the kubeconfig of the virtual cluster."""

import base64
from collections.abc import Mapping

from lightkube import Client
from lightkube.resources.core_v1 import ConfigMap, Secret
from lightkube.types import PatchType

from jobs.errors import TransientError
from jobs.kubernetes import call, maybe, shorten
from jobs.rancher.model import State


class HostCluster:
    """The host cluster, with rights on one ConfigMap and one Secret."""

    def __init__(self, client: Client, namespace: str, config_map: str) -> None:
        """Hold the client and the place of the state."""
        self._client = client
        self._namespace = namespace
        self._name = config_map

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def state(self) -> State:
        """Return the state of the ConfigMap, the empty state if it is absent."""
        config_map = maybe(
            lambda: self._client.get(ConfigMap, self._name, namespace=self._namespace),
            f"ConfigMap {self._namespace}/{self._name}",
        )
        return read_state((config_map.data if config_map else None) or {})

    def report(self, changes: Mapping[str, str]) -> None:
        """Write keys of the state ConfigMap."""
        write_data(self._client, self._namespace, self._name, changes)

    def kubeconfig(self, namespace: str, name: str, key: str) -> str | None:
        """Return a kubeconfig, or None while there is none."""
        what = f"Secret {namespace}/{name}"
        secret = maybe(lambda: self._client.get(Secret, name, namespace=namespace), what)
        encoded = (secret.data or {}).get(key) if secret else None
        try:
            return base64.b64decode(encoded).decode() if encoded else None
        except ValueError:
            message = "The kubeconfig Secret holds no text."
            raise TransientError("BadKubeconfig", message) from None


def read_state(data: Mapping[str, str]) -> State:
    """Return the state from the data of a ConfigMap."""
    return State(
        desired_inputs=data.get("desiredInputs", ""),
        phase=data.get("phase", ""),
        reason=data.get("reason", ""),
        message=data.get("message", ""),
        cluster_id=data.get("clusterId", ""),
        observed_inputs=data.get("observedInputs", ""),
    )


def write_data(client: Client, namespace: str, name: str, changes: Mapping[str, str]) -> None:
    """Write keys of a ConfigMap, each of a bounded length."""
    data = {key: shorten(value) for key, value in changes.items()}
    call(
        lambda: client.patch(
            ConfigMap, name, {"data": data}, namespace=namespace, patch_type=PatchType.MERGE
        ),
        f"ConfigMap {namespace}/{name}",
    )
