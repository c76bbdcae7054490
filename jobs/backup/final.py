"""The command `finish`: the final snapshot, and the removal of requests from the host.

It is one attempt of several, because provider-helm repeats an uninstallation whose hook has failed.
The report keeps the time of the first: from then on a deletion counts that has a time limit.
"""

import datetime as dt
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass

import structlog

from jobs import abandoned
from jobs.backoff import Backoff, repeat
from jobs.backup import wire
from jobs.backup.actions import Action, Idle, Report
from jobs.backup.model import Goal, text_of
from jobs.backup.options import ON_DELETE, ON_FAILURE, Environment
from jobs.backup.places import Places
from jobs.backup.progress import Progress
from jobs.backup.snapshot_loop import RETRY_SECONDS, Snapshot, abandon, remove_plain
from jobs.backup.state import ON_FAILURE as ON_FAILURE_KEY
from jobs.bounded_api import Api
from jobs.errors import RancherImportError, RefusedError, TransientError

REMOVAL_SECONDS = 20
"""Time to remove a request at the end."""

SINCE = "finalSince"
"""Key of the report with the time of the first attempt."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Patience:
    """The time that a deletion waits for the final snapshot."""

    since: dt.datetime
    limit: dt.timedelta | None
    """None to wait until it is there."""

    def seconds(self, now: dt.datetime, attempt: dt.timedelta) -> float:
        """Return the time of an attempt that begins now."""
        left = attempt if self.limit is None else min(attempt, self.since + self.limit - now)
        return max(0.0, left.total_seconds())

    def is_over(self, now: dt.datetime) -> bool:
        """Return whether the deletion no longer waits for a final snapshot."""
        return self.limit is not None and now >= self.since + self.limit


def run(env: Environment, places: Places, client: Api) -> bool:
    """Return whether the VCluster may be deleted now."""
    goal = env.goal("Final")
    places.state.ensure()
    wanted = env.choice("ON_DELETE", ON_DELETE, "Snapshot") == "Snapshot"
    if wanted and not FinalSnapshot(env, goal, places, client).run():
        return False
    restores = env.source() is not None
    is_gone = remove_requests(goal, places, restores=restores)
    if restores:
        # After the restoration was ended, which else would still write it.
        remove_copy(places)
    if is_gone:
        # Nothing writes archives any more, and no later run removes what a killed one has left.
        remove_plain(places, places.now())
    return is_gone


def remove_requests(goal: Goal, places: Places, *, restores: bool) -> bool:
    """Remove what is left of requests, whichever run made it; return whether it is gone."""

    def remove() -> bool:
        places.state.begin(goal.run)
        places.control_plane.remove_request()
        if restores:
            places.restore.clear_away()
        return True

    try:
        return repeat(remove, timeout=REMOVAL_SECONDS, clock=places.clock)
    except RefusedError as error:
        # Without the right there is no namespace any more, and no request in it.
        log.warning("nothing to remove", reason=error.reason, message=error.message)
        return True


def remove_copy(places: Places) -> None:
    """Remove what a restoration that was killed has left in the bucket, if it can be reached."""
    try:
        with closing(places.open_bucket()) as bucket:
            bucket.remove_copy(places.target.copy_key)
    except RancherImportError as error:
        log.warning("a copy may be left", reason=error.reason, message=error.message)


class FinalSnapshot:
    """One attempt at the final snapshot."""

    def __init__(self, env: Environment, goal: Goal, places: Places, client: Api) -> None:
        """Hold the places; the client is for the note about a deletion without a snapshot."""
        self._env = env
        self._goal = goal
        self._places = places
        self._client = client
        self._progress = Progress(places.state, goal, None, places.now)
        self._problem: RancherImportError = TransientError("TimeIsUp", "There was no time left.")

    def run(self) -> bool:
        """Return whether the deletion may go on."""
        clock, places = self._places.clock, self._places
        patience = self._patience()
        attempt = self._env.duration("TIMEOUT", "4m")
        end = clock.now() + patience.seconds(places.now(), attempt)
        pauses = Backoff(clock, RETRY_SECONDS)
        while clock.now() < end:
            try:
                ended = self._attempt(end - clock.now())
            except RefusedError as error:
                # A person may change it meanwhile.
                self._problem = error
                log.warning("trying again", reason=error.reason, message=error.message)
                pauses.wait(max(0.1, end - clock.now()))
            else:
                if ended is not None:
                    return isinstance(ended, Report | Idle)
        return self._give_up(patience)

    def _attempt(self, seconds: float) -> Action | None:
        """Take the snapshot, and return the action that ended it, None if the time is up."""
        control_plane = self._places.control_plane
        try:
            replicas = control_plane.replicas()
            source = self._env.source()
            report = self._places.state.read().report
            if source and not source.is_over(report):
                return Idle("what is to be restored is not there yet")
            if replicas is None:
                return self._miss(report)
            wire.check_chart(self._goal.vcluster.chart)
            if replicas == 0:
                control_plane.wake()
            snapshot = Snapshot(self._goal, self._places, self._progress, source)
            ended = snapshot.run(seconds)
        except TransientError as error:
            self._problem = error
            self._places.clock.sleep(min(1.0, seconds))
            return None
        if ended is None:
            self._problem = snapshot.problem
        return ended

    def _miss(self, report: Mapping[str, object]) -> Action:
        """Return the end where there is no control plane, and never was one that ran."""
        if not report.get("last"):
            return Idle("the virtual cluster was never installed")
        message = (
            "The virtual cluster has no control plane, but it had one: nothing can read its data."
        )
        raise RefusedError("ControlPlaneMissing", message)

    def _patience(self) -> Patience:
        """Return the patience by the spec or by a person who changed the state meanwhile."""
        now = self._places.now()
        state = self._places.state
        state.report(lambda report: {SINCE: text_of(now), **report})
        stored = state.read()
        choice = self._env.choice("ON_FAILURE", ON_FAILURE, "Block")
        deletes = "Delete" in (choice, stored.data.get(ON_FAILURE_KEY))
        limit = self._env.duration("DELETE_TIMEOUT", "10m") if deletes else None
        since = dt.datetime.fromisoformat(str(stored.report[SINCE]))
        return Patience(since, limit)

    def _give_up(self, patience: Patience) -> bool:
        """Report that there is no final snapshot; return whether it waits no more."""
        reason, message = self._problem.reason, self._problem.message
        if not patience.is_over(self._places.now()):
            self._progress.fail(reason, f"There is no final snapshot yet. {message} {self._hint()}")
            return False
        self._progress.fail(reason, f"There is no final snapshot. {message}")
        self._note()
        abandon(self._goal, self._places)
        return True

    def _hint(self) -> str:
        state = self._env.text("STATE_CONFIG_MAP")
        return (
            "The deletion waits for it; the key onFailure with the value Delete in ConfigMap "
            f"{state} lets it go on without, as where a namespace was removed by hand."
        )

    def _note(self) -> None:
        """Note that a VCluster was deleted without a final snapshot."""
        vcluster = self._goal.vcluster
        fields = {
            "ownerUid": vcluster.uid,
            "left": "backup",
            "vcluster": vcluster.name,
            "namespace": vcluster.namespace,
            "reason": self._problem.reason,
        }
        namespace = self._env.text("STATE_NAMESPACE")
        try:
            abandoned.note(self._client, namespace, f"{vcluster.uid}.backup", fields)
        except RancherImportError as error:
            log.warning("cannot write a note", reason=error.reason, message=error.message)
