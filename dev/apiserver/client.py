"""A client of a Kubernetes API server, with an administrator's token."""

from __future__ import annotations

import base64
import contextlib
import functools
import http.client
import json
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

REQUEST_TIMEOUT_SECONDS = 30
SERVED_TIMEOUT_SECONDS = 10
POLL_SECONDS = 0.05

LOOPBACK = "127.0.0.1"
MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"


class Answer(NamedTuple):
    """Answer of an apiserver; a refusal carries a Kubernetes Status as its body."""

    status: int
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Client:
    """An administrator of the apiserver. Refusals are answers, not exceptions."""

    port: int
    token: str
    ca: Path
    """The certificate to trust."""
    address: str = LOOPBACK

    @property
    def kubeconfig(self) -> dict[str, Any]:
        """The same rights for a program that reads a kubeconfig."""
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "clusters": [
                {
                    "name": "test",
                    "cluster": {
                        "server": f"https://{self.address}:{self.port}",
                        "certificate-authority-data": base64.b64encode(
                            self.ca.read_bytes()
                        ).decode(),
                    },
                }
            ],
            "users": [{"name": "test", "user": {"token": self.token}}],
        }

    def apply(self, obj: Mapping[str, Any], *, dry_run: bool = False) -> Answer:
        """Create or change an object by server-side apply; unknown fields are refused."""
        query = "?fieldManager=tests&force=true&fieldValidation=Strict"
        if dry_run:
            query += "&dryRun=All"
        metadata = obj["metadata"]
        path = self._path(
            obj["apiVersion"], obj["kind"], metadata["name"], metadata.get("namespace")
        )
        return self.request("PATCH", path + query, obj, APPLY_PATCH)

    def get(
        self, api_version: str, kind: str, name: str, *, namespace: str | None = None
    ) -> Answer:
        """Read an object."""
        return self.request("GET", self._path(api_version, kind, name, namespace))

    def patch(  # noqa: PLR0913 -- an object's address and what to do there
        self,
        api_version: str,
        kind: str,
        name: str,
        patch: Mapping[str, Any],
        *,
        namespace: str | None = None,
        subresource: str | None = None,
    ) -> Answer:
        """Change an object, or one of its subresources such as status, by merge patch."""
        path = self._path(api_version, kind, name, namespace)
        if subresource:
            path += f"/{subresource}"
        return self.request("PATCH", path + "?fieldValidation=Strict", patch, MERGE_PATCH)

    def delete(
        self, api_version: str, kind: str, name: str, *, namespace: str | None = None
    ) -> Answer:
        """Delete an object."""
        return self.request("DELETE", self._path(api_version, kind, name, namespace))

    def request(  # noqa: PLR0913 -- what a request consists of
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        *,
        user: str = "",
    ) -> Answer:
        """Send one request to a path of the API, as another user if one is named."""
        connection = http.client.HTTPSConnection(
            self.address,
            self.port,
            timeout=REQUEST_TIMEOUT_SECONDS,
            context=_trust(self.ca),
        )
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": content_type,
            "Accept": accept,
            **({"Impersonate-User": user} if user else {}),
        }
        payload = None if body is None else json.dumps(body)
        with contextlib.closing(connection):
            connection.request(method, path, payload, headers)
            response = connection.getresponse()
            text = response.read().decode()
        try:
            return Answer(response.status, json.loads(text))
        except json.JSONDecodeError:
            return Answer(response.status, {"message": text})

    def _path(self, api_version: str, kind: str, name: str, namespace: str | None) -> str:
        root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        resource = self._resource(root, kind)
        plural = resource["name"]
        if not resource["namespaced"]:
            return f"{root}/{plural}/{name}"
        return f"{root}/namespaces/{namespace or 'default'}/{plural}/{name}"

    def _resource(self, root: str, kind: str) -> dict[str, Any]:
        # A CustomResourceDefinition is accepted a moment before its kind is served.
        deadline = time.monotonic() + SERVED_TIMEOUT_SECONDS
        while True:
            resources = self.request("GET", root).body.get("resources", [])
            for resource in resources:
                if resource["kind"] == kind and "/" not in resource["name"]:
                    return dict(resource)
            if time.monotonic() > deadline:
                msg = f"{kind} is not served below {root}"
                raise LookupError(msg)
            time.sleep(POLL_SECONDS)


@functools.cache
def _trust(ca: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(ca))
