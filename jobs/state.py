"""A state ConfigMap in the platform's namespace, which the chart makes and the programs write."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

import structlog
from lightkube import Client
from lightkube.resources.core_v1 import ConfigMap
from lightkube.types import PatchType

from jobs.bounded_api import Api
from jobs.errors import ConflictError, RancherImportError
from jobs.kubernetes import call

REPORT = "report"
"""Key with the report, one JSON document: the contract with the charts and the function."""

DESIRED_INPUTS = "desiredInputs"
"""Key with the digest of the inputs that are to be reached, from the chart."""

ATTEMPTS = 5
"""Attempts at a write of the state while others change it."""

Report = Mapping[str, Any]

log = structlog.get_logger()


@dataclass(frozen=True)
class Stored:
    """A state ConfigMap as it was read."""

    data: Mapping[str, str]
    version: str

    @classmethod
    def read(cls, config_map: ConfigMap) -> Self:
        """Return the state in a ConfigMap."""
        version = config_map.metadata.resourceVersion if config_map.metadata else None
        return cls(config_map.data or {}, version or "")

    @property
    def report(self) -> dict[str, Any]:
        """The report, the empty one if it is unreadable."""
        try:
            report = json.loads(self.data.get(REPORT, ""))
        except ValueError:
            return {}
        return report if isinstance(report, dict) else {}


S = TypeVar("S", bound=Stored)


class StateConfigMap(Generic[S]):
    """A state ConfigMap, which is read as a kind of `Stored`."""

    def __init__(self, client: Api, namespace: str, name: str, kind: type[S]) -> None:
        """Hold the client and the place."""
        self._client = client
        self._namespace = namespace
        self._name = name
        self._kind = kind

    def read(self) -> S:
        """Return the state. Raises RancherImportError if there is none."""
        config_map = call(
            lambda: self._client.get(ConfigMap, self._name, namespace=self._namespace), self._what
        )
        return self._kind.read(config_map)

    def report(self, change: Callable[[Report], Report]) -> None:
        """Write a report made from the one that is there."""
        self.write(lambda stored: {REPORT: text(change(stored.report))})

    def try_report(self, change: Callable[[Report], Report]) -> None:
        """Write a report; log the error where that fails, because a run continues without it."""
        try:
            self.report(change)
        except RancherImportError as error:
            log.warning("cannot write the state", reason=error.reason, message=error.message)

    def write(self, change: Callable[[S], Mapping[str, str]]) -> None:
        """Write keys made from the state that is there; nothing is sent where none changes."""
        for attempt in range(1, ATTEMPTS + 1):
            stored = self.read()
            data = change(stored)
            if data.items() <= stored.data.items():
                return
            try:
                patch(self._client, self._namespace, self._name, stored, data)
            except ConflictError:
                if attempt == ATTEMPTS:
                    raise
            else:
                return

    @property
    def _what(self) -> str:
        return f"ConfigMap {self._namespace}/{self._name}"


def patch(
    client: Client, namespace: str, name: str, stored: Stored, data: Mapping[str, str]
) -> None:
    """Write keys of a state. Raises ConflictError if it was changed since it was read."""
    body = {"data": dict(data), "metadata": {"resourceVersion": stored.version}}
    call(
        lambda: client.patch(
            ConfigMap, name, body, namespace=namespace, patch_type=PatchType.MERGE
        ),
        f"ConfigMap {namespace}/{name}",
    )


def text(report: Report) -> str:
    """Return a report as the state holds it."""
    return json.dumps(report, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
