"""Secrets on the cluster, from the files of a platform."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Protocol

from dev.platform.supervise import kubectl

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PLATFORM = "vcluster-system"
"""The platform's namespace."""


class Host(Protocol):
    """A cluster, and the folder of what belongs to it."""

    @property
    def folder(self) -> Path:
        """Where credentials are."""

    @property
    def kubeconfig(self) -> Path:
        """The administrator's."""


def apply_secret(host: Host, name: str, namespace: str, data: Mapping[str, bytes]) -> None:
    """Create or change a Secret."""
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
    }
    kubectl(host, "apply", "-f", "-", text=json.dumps(secret))
