"""The host: the kubeconfig of the virtual cluster, and the Secret with the one for people."""

import base64

from lightkube.config.kubeconfig import SingleConfig
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Secret
from lightkube.types import PatchType

from jobs import kubeconfig, kubeconfig_secret
from jobs.access.model import OWNED_BY, LoginSecret
from jobs.access.options import Places
from jobs.bounded_api import Api
from jobs.kubernetes import call, maybe

KEY = "config"
"""Key of a kubeconfig in the Secret, as in the one that the virtual cluster writes."""

OPAQUE = "Opaque"


class Host:
    """The Secrets of one virtual cluster on the host."""

    def __init__(self, client: Api, places: Places) -> None:
        """Hold the client and the places."""
        self._client = client
        self._places = places

    def config(self) -> SingleConfig | None:
        """Return the kubeconfig with the certificate, None while there is none."""
        places = self._places
        text = kubeconfig_secret.read(
            self._client, places.namespace, places.kubeconfig_secret, places.kubeconfig_key
        )
        return kubeconfig.read(text, places.server) if text else None

    def login_secret(self) -> LoginSecret | None:
        """Return the Secret with the kubeconfig for people, None without one."""
        secret = maybe(
            lambda: self._client.get(
                Secret, self._places.login_secret, namespace=self._places.namespace
            ),
            self._what,
        )
        if secret is None:
            return None
        key, value = OWNED_BY
        labels = (secret.metadata and secret.metadata.labels) or {}
        return LoginSecret(
            text=_decoded((secret.data or {}).get(KEY, "")),
            is_ours=labels.get(key) == value,
            is_fixed=bool(secret.immutable) or secret.type != OPAQUE,
        )

    def create_login(self, text: str) -> None:
        """Make the Secret with the kubeconfig for people."""
        metadata = ObjectMeta(
            name=self._places.login_secret,
            namespace=self._places.namespace,
            labels=dict([OWNED_BY]),
        )
        body = Secret(metadata=metadata, data={KEY: _encoded(text)}, type=OPAQUE)
        call(lambda: self._client.create(body), self._what)

    def change_login(self, text: str) -> None:
        """Write the kubeconfig for people."""
        patch = {"metadata": {"labels": dict([OWNED_BY])}, "data": {KEY: _encoded(text)}}
        maybe(
            lambda: self._client.patch(
                Secret,
                self._places.login_secret,
                patch,
                namespace=self._places.namespace,
                patch_type=PatchType.MERGE,
            ),
            self._what,
        )

    def remove_login(self) -> None:
        """Remove the Secret with the kubeconfig for people."""
        maybe(
            lambda: self._client.delete(
                Secret, self._places.login_secret, namespace=self._places.namespace
            ),
            self._what,
        )

    @property
    def _what(self) -> str:
        return f"Secret {self._places.namespace}/{self._places.login_secret}"


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _decoded(data: str) -> str:
    """Return a text, "" for what is none: it is overwritten."""
    try:
        return base64.b64decode(data).decode()
    except ValueError:
        return ""
