"""The state of backups: beside the report the runs that continue, and what a person decides."""

from collections.abc import Mapping

from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap

from jobs import state
from jobs.bounded_api import Api
from jobs.kubernetes import call, maybe

RUN, RESTORE_RUN = "run", "restoreRun"
"""Keys with the identity of the snapshot, and of the restoration, that began last: a first snapshot
waits beside a restoration."""

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
