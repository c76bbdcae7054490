"""The state ConfigMap in the platform's namespace: the report, and the run that continues."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap
from lightkube.types import PatchType

from jobs.backup import report as reports
from jobs.backup.report import Report
from jobs.bounded_api import Api
from jobs.errors import ConflictError
from jobs.kubernetes import call, maybe

RUN, RESTORE_RUN = "run", "restoreRun"
"""Keys with the identity of the snapshot, and of the restoration, that began last: a first snapshot
waits beside a restoration."""

FINAL = "final-"
"""Begin of the identity of a run before the deletion."""

ON_FAILURE = "onFailure"
"""Key by which a person lets a deletion go on that waits for the final snapshot."""

ATTEMPTS = 5
"""Attempts at a write of the state while others change it."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Stored:
    """A state ConfigMap as it was read."""

    data: Mapping[str, str]
    version: str

    @property
    def report(self) -> dict[str, Any]:
        """The report."""
        return reports.read(self.data)

    @property
    def runner(self) -> str:
        """Identity of the snapshot that began last."""
        return self.data.get(RUN, "")

    @property
    def is_final(self) -> bool:
        """Return whether the VCluster is being deleted."""
        return self.runner.startswith(FINAL)

    @property
    def restorer(self) -> str:
        """Identity of the restoration that began last, or of what ends all of them."""
        return self.runner if self.is_final else self.data.get(RESTORE_RUN, "")


class State:
    """The state of the backups of one VCluster."""

    def __init__(self, client: Api, namespace: str, config_map: str) -> None:
        """Hold the client and the place."""
        self._client = client
        self._namespace = namespace
        self._name = config_map

    def read(self) -> Stored:
        """Return the state. Raises RancherImportError if there is none."""
        config_map = call(
            lambda: self._client.get(ConfigMap, self._name, namespace=self._namespace), self._what
        )
        version = config_map.metadata.resourceVersion if config_map.metadata else None
        return Stored(config_map.data or {}, version or "")

    def ensure(self) -> None:
        """Create the state if it was removed by hand, because a deletion cannot wait for another.

        Raises RancherImportError if that is refused.
        """
        existing = maybe(
            lambda: self._client.get(ConfigMap, self._name, namespace=self._namespace), self._what
        )
        if existing is None:
            body = ConfigMap(metadata=ObjectMeta(name=self._name), data={})
            call(lambda: self._client.create(body, namespace=self._namespace), self._what)

    def begin(self, run: str) -> None:
        """Write that a run has begun, so that others leave its request to it.

        No run takes over from a final one, because the VCluster is being deleted then.
        """

        def change(stored: Stored) -> Mapping[str, str]:
            is_over = stored.is_final and not run.startswith(FINAL)
            return {} if is_over else {RUN: run}

        self._write(change)

    def begin_restore(self, run: str) -> None:
        """Write that a restoration has begun, so that an earlier one ends."""
        self._write(lambda _: {RESTORE_RUN: run})

    def report(self, change: Callable[[Report], Report]) -> None:
        """Write a report made from the one that is there."""
        self._write(lambda stored: {reports.KEY: reports.text(change(stored.report))})

    def _write(self, change: Callable[[Stored], Mapping[str, str]]) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            stored = self.read()
            data = change(stored)
            if data.items() <= stored.data.items():
                return
            patch = {"data": data, "metadata": {"resourceVersion": stored.version}}
            try:
                self._patch(patch)
            except ConflictError:
                if attempt == ATTEMPTS:
                    raise
            else:
                return

    def _patch(self, patch: Mapping[str, object]) -> None:
        call(
            lambda: self._client.patch(
                ConfigMap,
                self._name,
                dict(patch),
                namespace=self._namespace,
                patch_type=PatchType.MERGE,
            ),
            self._what,
        )

    @property
    def _what(self) -> str:
        return f"ConfigMap {self._namespace}/{self._name}"
