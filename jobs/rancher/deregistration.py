"""Remove a cluster from Rancher while the virtual cluster still runs.

Best effort within a time limit: a dead Rancher must not block a tenant's deletion.
"""

import structlog

from jobs.backoff import Clock, repeat
from jobs.errors import RefusedError
from jobs.rancher.api import Rancher
from jobs.rancher.host_cluster import HostCluster
from jobs.rancher.import_loop import PERMISSION_LAG_SECONDS
from jobs.rancher.model import OWNER_UID, State
from jobs.rancher.sight import look

CLEANING_SECONDS = 75
"""Time reserved for the virtual cluster where its data is retained.

Rancher needs 3 seconds to remove a cluster that it reaches, and 100 for another, in which it starts
no clean-up.
"""

LAST_LOOK_SECONDS = 10
"""Time for the last look at Rancher; with the notes it fits the Job's deadline."""

log = structlog.get_logger()


def removal_seconds(timeout: float, *, retain: bool) -> float:
    """Return the part of the whole time for the removal from Rancher."""
    return timeout - CLEANING_SECONDS if retain else timeout


class Deregistration:
    """The removal of one cluster from Rancher."""

    def __init__(  # noqa: PLR0913  # its collaborators
        self,
        name: str,
        owner_uid: str,
        host: HostCluster,
        rancher: Rancher,
        *,
        timeout: float,
        is_asleep: bool = False,
        clock: Clock | None = None,
    ) -> None:
        """Hold the name and the clients.

        `is_asleep`: Rancher needs minutes to remove a cluster that it does not reach, and does so
        by itself.
        """
        self._is_asleep = is_asleep
        self._name = name
        self._owner_uid = owner_uid
        self._host = host
        self._rancher = rancher
        self._timeout = timeout
        self._clock = clock or Clock()

    def run(self) -> bool:
        """Return True when the cluster is gone or never was ours, False after giving up."""
        started = self._clock.now()
        stopped = False

        def deregister() -> bool:
            # A running import ends when the state has other inputs than its own.
            nonlocal stopped
            stopped = stopped or self._stop_the_import()
            is_done = self._step(self._host.state(), self._clock.now() - started)
            if is_done:
                self._report_gone()
            return is_done

        try:
            if repeat(deregister, timeout=self._timeout, clock=self._clock):
                return True
        except RefusedError as error:
            log.warning("giving up", reason=error.reason, message=error.message)
            return False
        log.warning("giving up", reason="TimeIsUp")
        return False

    def leaves_something(self) -> bool:
        """Return whether an import may have created a cluster in Rancher."""
        state = self._host.state()
        return bool(state.cluster_id) or state.phase not in ("", "Pending")

    def _report_gone(self) -> None:
        log.info("out of Rancher", cluster=self._name)
        if self._host.state().phase:
            self._host.report({"phase": "Pending", "reason": "Deregistered", "clusterId": ""})

    def _stop_the_import(self) -> bool:
        if self._host.state().desired_inputs:
            self._host.report({"desiredInputs": ""})
        return True

    def _step(self, state: State, elapsed: float) -> bool:
        """Take the next step; return whether nothing of ours is left."""
        sight = look(self._rancher, self._name)
        cluster = sight.cluster
        if cluster is not None and cluster.labels.get(OWNER_UID) != self._owner_uid:
            log.warning("a cluster of this name is not ours, leaving it alone", cluster=self._name)
            return True
        if cluster is not None and not cluster.terminating:
            log.info("removing", cluster=self._name)
            self._rancher.delete(self._name)
            return False
        if cluster is not None or (state.cluster_id and self._is_asleep):
            return self._is_asleep
        if state.cluster_id:
            # Rancher removes the provisioning cluster first; the management cluster has to be gone.
            return sight.is_gone(state.cluster_id)
        # Rancher may hide a new cluster from its creator for a while.
        return state.phase in ("", "Pending") or elapsed > PERMISSION_LAG_SECONDS
