"""The state of backups: beside the report the runs that continue, and what a person decides."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap

from jobs import state
from jobs.backup import report as reports
from jobs.backup.model import ROLLED_BACK
from jobs.bounded_api import Api
from jobs.kubernetes import call, maybe
from jobs.state import REPORT, Report, text

RUN, RESTORE_RUN = "run", "restoreRun"
"""Keys with the identity of the snapshot, and of the restoration, that began last: a first snapshot
waits beside a restoration."""

REPLACEMENT = "replacement"
"""Key with the last rollback whose replacement of data has begun: from then on none is refused."""

DONE = "rolledBack"
"""Key with the last rollback that is done. Helm sets the report back where it rolls back a release,
but no key that the chart does not render."""

OWNER = "ownerUid"
"""Key with the UID of the VCluster, from the chart. Nothing counts of another of the same name."""

FINAL = "final-"
"""Begin of the identity of a run before the deletion."""

ON_FAILURE = "onFailure"
"""Key by which a person lets a deletion go on that waits for the final snapshot."""


class Stored(state.Stored):
    """A state ConfigMap as it was read."""

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

    @property
    def report(self) -> dict[str, Any]:
        """The report, with the rollback that is done also where the report was set back."""
        report = super().report
        try:
            owner, done = json.loads(self.data.get(DONE, ""))
        except (ValueError, TypeError):
            return report
        is_own = owner == self._owner and isinstance(done, dict)
        return dict(reports.having_rolled_back(report, done)) if is_own else report

    def is_replacing(self, request: str) -> bool:
        """Return whether the data of a rollback is being replaced, or was."""
        return self.data.get(REPLACEMENT) == self._replacement(request)

    def begun(self, request: str) -> dict[str, str]:
        """Return the key by which the replacement for a rollback has begun."""
        return {REPLACEMENT: self._replacement(request)}

    def done(self, report: Report) -> dict[str, str]:
        """Return the keys of a report of a rollback that is done."""
        done = json.dumps([self._owner, report[ROLLED_BACK]])
        return {REPORT: text(report), DONE: done}

    def _replacement(self, request: str) -> str:
        return f"{self._owner}/{request}"

    @property
    def _owner(self) -> str:
        return self.data.get(OWNER, "")


class State(state.StateConfigMap[Stored]):
    """The state of the backups of one VCluster."""

    def __init__(self, client: Api, namespace: str, config_map: str) -> None:
        """Hold the client and the place."""
        super().__init__(client, namespace, config_map, Stored)

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

        self.write(change)

    def begin_restore(self, run: str) -> None:
        """Write that a restoration has begun, so that an earlier one ends."""
        self.write(lambda _: {RESTORE_RUN: run})

    def begin_replacement(self, run: str, request: str, change: Callable[[Report], Report]) -> None:
        """Write that a restoration replaces the data, with its report, unless another continues."""

        def changed(stored: Stored) -> Mapping[str, str]:
            if stored.restorer != run:
                return {}
            return {**stored.begun(request), REPORT: text(change(stored.report))}

        self.write(changed)

    def end_rollback(self, change: Callable[[Report], Report]) -> None:
        """Write that a rollback is done, so that it stays done."""
        self.write(lambda stored: stored.done(change(stored.report)))
