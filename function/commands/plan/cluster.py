"""Read the objects of a control plane that Crossplane sends to the function.

By lightkube, like the import; it accepts a kubeconfig with plugins, like kubectl.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import httpx2
from lightkube import Client
from lightkube.config.kubeconfig import KubeConfig
from lightkube.core.exceptions import ApiError, ConfigError
from lightkube.generic_resource import create_global_resource
from lightkube.resources.core_v1 import Secret

from function.api import xr
from function.desired import usages
from function.k8s.fieldpath import get, mapping
from function.observed import release
from function.observed.parse import KNOWN_DETAILS

NOT_FOUND = 404


class UnreadableError(Exception):
    """An unreadable control plane; the message is the cause, without credentials."""


def documents(kubeconfig: str, context: str | None) -> Iterator[Mapping[str, Any]]:
    """Yield all VClusters, Releases and Usages, and the keys of Secrets that the function reads.

    Needs the rights to list these kinds and to get the Secrets. Raises `UnreadableError`.
    """
    try:
        config = KubeConfig.from_file(kubeconfig)
        with contextlib.closing(Client(config=config.get(context_name=context))) as client:
            yield from _read(client)
    except ApiError as error:
        raise UnreadableError(error.status.message or error.status.reason) from None
    except (ConfigError, httpx2.HTTPError, OSError) as error:
        raise UnreadableError(str(error) or type(error).__name__) from None


def _read(client: Client) -> Iterator[Mapping[str, Any]]:
    for api_version, kind, plural in (
        (xr.API_VERSION, xr.KIND, "vclusters"),
        (release.API_VERSION, release.KIND, "releases"),
        (usages.API_VERSION, "Usage", "usages"),
        (usages.API_VERSION, "ClusterUsage", "clusterusages"),
    ):
        group, version = api_version.split("/")
        # The path without a namespace lists the objects of all namespaces as well.
        for item in client.list(create_global_resource(group, version, kind, plural)):
            plain = {**dict(item), "apiVersion": api_version, "kind": kind}
            yield plain
            name = get(plain, "spec", "writeConnectionSecretToRef", "name")
            if kind == release.KIND and isinstance(name, str):
                yield from _secret(client, str(get(plain, "metadata", "namespace")), name)


def _secret(client: Client, namespace: str, name: str) -> Iterator[Mapping[str, Any]]:
    try:
        secret = client.get(Secret, name, namespace=namespace)
    except ApiError as error:
        if error.status.code == NOT_FOUND:
            return
        raise
    data = {k: v for k, v in mapping(secret.data).items() if k in KNOWN_DETAILS}
    yield {"kind": "Secret", "metadata": {"namespace": namespace, "name": name}, "data": data}
