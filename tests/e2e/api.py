"""An API server asked over one connection: a look costs a hundredth of a kubectl's.

Tests look twice a second for minutes, on the machine whose time they measure.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import httpx2
from lightkube import KubeConfig
from lightkube.config.client_adapter import Client, ConnectionParams

from dev.platform.command import PlatformError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Object = dict[str, Any]

DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
SECONDS = 60
NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object, as the API server offers it."""

    names: frozenset[str]
    """What kubectl calls it: plural and singular, alone and with the group."""
    full_name: str
    path: str
    plural: str
    namespaced: bool
    listed: bool

    def url(self, namespace: str | None, name: str = "") -> str:
        """Return the path of an object, or of all."""
        where = f"/namespaces/{namespace or 'default'}" if self.namespaced and name else ""
        if self.namespaced and namespace and not name:
            where = f"/namespaces/{namespace}"
        return f"{self.path}{where}/{self.plural}" + (f"/{name}" if name else "")


class Api:
    """An API server."""

    def __init__(self, kubeconfig: Path) -> None:
        """Connect as the kubeconfig says."""
        config = KubeConfig.from_file(kubeconfig).get()
        assert config
        timeout = httpx2.Timeout(SECONDS)
        self._client = Client(config, ConnectionParams(timeout=timeout, trust_env=False))
        self._kinds: tuple[Kind, ...] = ()

    def get(self, kind: str, name: str, namespace: str | None) -> Object | None:
        """Return an object, or None if there is none."""
        return self._ask(self._kind(kind).url(namespace, name))

    def list(self, kind: str, namespace: str | None, selector: str) -> list[Object]:
        """Return the objects of a kind, of all namespaces if none is named."""
        words = {"labelSelector": selector} if selector else {}
        found = self._ask(self._kind(kind).url(namespace), words) or {}
        items: list[Object] = found["items"]
        return items

    def names(self) -> Iterator[tuple[str, str, str]]:
        """Return full name of the kind, namespace and name of every object that there is."""
        self._kinds = tuple(self._discover())
        for kind in self._kinds:
            if kind.listed:
                found = self._ask(kind.url(None), accept=METADATA) or {}
                # Go writes an empty list as null here.
                for each in found.get("items") or ():
                    metadata = each["metadata"]
                    yield kind.full_name, metadata.get("namespace", ""), metadata["name"]

    def forget(self) -> None:
        """Ask anew which kinds there are: one has another scope now."""
        self._kinds = ()

    def _kind(self, name: str) -> Kind:
        for _ in range(2):
            for kind in self._kinds:
                if name in kind.names:
                    return kind
            # The API may have grown since the last look.
            self._kinds = tuple(self._discover())
        msg = f"the API server knows no {name}"
        raise PlatformError(msg)

    def _discover(self) -> Iterator[Kind]:
        for path in ("/api", "/apis"):
            for group in (self._ask(path, accept=DISCOVERY) or {})["items"]:
                name = group["metadata"].get("name", "")
                # The first version is the preferred one.
                version = group["versions"][0]
                for each in version.get("resources", ()):
                    plural = each["resource"]
                    bare = (plural, each.get("singularResource") or plural)
                    full = [f"{word}.{name}" if name else word for word in bare]
                    yield Kind(
                        names=frozenset((*bare, *full)),
                        full_name=full[0],
                        path="/".join(part for part in (path, name, version["version"]) if part),
                        plural=plural,
                        namespaced=each["scope"] == "Namespaced",
                        listed="list" in each["verbs"],
                    )

    def _ask(
        self, path: str, words: dict[str, str] | None = None, accept: str = "application/json"
    ) -> Object | None:
        try:
            answer = self._client.get(path, params=words, headers={"Accept": accept})
        except httpx2.HTTPError as error:
            msg = f"GET {path}: {error}"
            raise PlatformError(msg) from None
        if answer.status_code == NOT_FOUND:
            return None
        if answer.is_error:
            msg = f"GET {path}: {answer.status_code}: {answer.text[:500]}"
            raise PlatformError(msg)
        found: Object = answer.json()
        return found


@cache
def connect(kubeconfig: Path) -> Api:
    """Return the way to the API server of a kubeconfig."""
    return Api(kubeconfig)
