"""Take a cluster out of Rancher while the virtual cluster still lives.

Best effort under a limit: a dead Rancher must not hold a tenant's deletion up.
"""

import structlog

from jobs.backoff import Backoff, Clock
from jobs.errors import RefusedError, TransientError
from jobs.rancher.api import Rancher
from jobs.rancher.import_loop import PERMISSION_LAG_SECONDS
from jobs.rancher.kubernetes import Host
from jobs.rancher.model import OWNER_UID, State
from jobs.rancher.sight import look

CLEANING_SECONDS = 75
"""Time that is kept for the virtual cluster where its data is retained.

Rancher takes 100 seconds for the removal of a cluster that it does not reach, which then begins no
clean-up of its own, and 3 for one that it reaches.
"""

LAST_LOOK_SECONDS = 10
"""Time for the look after the cleaning: with the notes it fits the Job's deadline."""

log = structlog.get_logger()


def removal_seconds(timeout: float, *, retain: bool) -> float:
    """Return how long the removal from Rancher may take, of the time for all."""
    return timeout - CLEANING_SECONDS if retain else timeout


class Deregistration:
    """The removal of one cluster."""

    def __init__(  # noqa: PLR0913  # what it works with
        self,
        name: str,
        owner_uid: str,
        host: Host,
        rancher: Rancher,
        *,
        timeout: float,
        clock: Clock | None = None,
    ) -> None:
        """Remember what to remove and by what."""
        self._name = name
        self._owner_uid = owner_uid
        self._host = host
        self._rancher = rancher
        self._timeout = timeout
        self._clock = clock or Clock()

    def run(self) -> bool:
        """Return True when the cluster is gone or never was ours, False when we gave up."""
        deadline = self._clock.now() + self._timeout
        backoff = Backoff(self._clock)
        started = self._clock.now()
        stopped = False
        while self._clock.now() < deadline:
            try:
                # A running import leaves when other inputs than its own are wished for.
                stopped = stopped or self._stop_the_import()
                if self._step(self._host.state(), self._clock.now() - started):
                    self._report_gone()
                    return True
            except TransientError as error:
                log.warning("trying again", reason=error.reason, message=error.message)
            except RefusedError as error:
                log.warning("giving up", reason=error.reason, message=error.message)
                return False
            backoff.wait()
        log.warning("giving up", reason="TimeIsUp")
        return False

    def leaves_something(self) -> bool:
        """Return whether an import has made something in Rancher, or may have."""
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
        """Do what is next; tell whether nothing of ours is left."""
        sight = look(self._rancher, self._name)
        cluster = sight.cluster
        if cluster is not None and cluster.labels.get(OWNER_UID) != self._owner_uid:
            log.warning("a cluster of this name is not ours, leaving it alone", cluster=self._name)
            return True
        if cluster is not None and not cluster.terminating:
            log.info("removing", cluster=self._name)
            self._rancher.delete(self._name)
            return False
        if cluster is not None:
            return False
        if state.cluster_id:
            # The provisioning cluster goes first; it is the management cluster that must be gone.
            return sight.is_gone(state.cluster_id)
        # A cluster that was created a moment ago may still be hidden from us.
        return state.phase in ("", "Pending") or elapsed > PERMISSION_LAG_SECONDS
