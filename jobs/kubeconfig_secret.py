"""The Secret with the kubeconfig of a virtual cluster, on the host, and the way that it leads."""

import base64

from lightkube.config.kubeconfig import SingleConfig
from lightkube.resources.core_v1 import Secret

from jobs.bounded_api import CALL_SECONDS, Api
from jobs.errors import TransientError
from jobs.kubernetes import FIELD_MANAGER, client, maybe


def read(host: Api, namespace: str, name: str, key: str) -> str | None:
    """Return the text of a kubeconfig, or None while there is none."""
    what = f"Secret {namespace}/{name}"
    secret = maybe(lambda: host.get(Secret, name, namespace=namespace), what)
    encoded = (secret.data or {}).get(key) if secret else None
    try:
        return base64.b64decode(encoded).decode() if encoded else None
    except ValueError:
        message = "The kubeconfig Secret holds no text."
        raise TransientError("BadKubeconfig", message) from None


def connect(
    config: SingleConfig,
    connect_seconds: float = CALL_SECONDS,
    field_manager: str = FIELD_MANAGER,
) -> Api:
    """Return a client of the virtual cluster; nothing is sent yet."""
    try:
        return client(config, connect_seconds, field_manager)
    except (ValueError, OSError):
        message = "The kubeconfig Secret holds no certificates that can be read."
        raise TransientError("BadKubeconfig", message) from None
