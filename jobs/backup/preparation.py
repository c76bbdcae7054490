"""The command `prepare`: one attempt at all that comes before a rollback in place.

While the virtual cluster still runs, the archive is read to its end, volumes are looked for that it
does not know, and a backup of what is there is made. A refusal changes nothing and is final for
this request.
"""

import secrets
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import structlog

from jobs.backoff import Backoff
from jobs.backup import claims, wire
from jobs.backup import report as reports
from jobs.backup.actions import Report as Reported
from jobs.backup.deadline import Deadline
from jobs.backup.model import REFUSED
from jobs.backup.options import Environment
from jobs.backup.places import Places
from jobs.backup.progress import Progress
from jobs.backup.restore_plan import check_facts, check_versions, choose
from jobs.backup.rollback import Rollback
from jobs.backup.snapshot_loop import Snapshot, abandon
from jobs.errors import RancherImportError, RefusedError, TransientError
from jobs.state import Report

RETRY_SECONDS = 60.0
REPORT_SECONDS = 30.0
"""Time for the last report, after that of the attempt."""

RUN = "rollback-"
"""Begin of the identity of a run before a rollback."""

ENDED = (reports.PREPARED, REFUSED)

OPEN = ("", reports.PREPARING)
"""Phases of a request that is still to be prepared. In all others a restoration may have begun."""

BROKEN = "ArchiveBroken"

log = structlog.get_logger()


def run(env: Environment, places: Places) -> bool:
    """Return True once the request is prepared or refused, or the VCluster is being deleted."""
    return Preparation(env, env.rollback_goal(), places).run()


class _Noted(Progress):
    """The reports of a safety backup, of which the rollback says what it waits for."""

    on_note: Callable[[str, str], None]

    def note(self, reason: str, message: str) -> None:
        super().note(reason, message)
        self.on_note(reason, message)


class Preparation:
    """One attempt at the preparation of a rollback."""

    def __init__(self, env: Environment, goal: Rollback, places: Places) -> None:
        """Hold the goal and the places."""
        self._env = env
        self._goal = goal
        self._places = places
        self._since = places.now().replace(microsecond=0)
        """Instant as the names of archives have it; an older request is not what is there now."""
        self._deadline = Deadline(places.clock, env.seconds("TIMEOUT", "30m"))
        self._retries = Backoff(places.clock, RETRY_SECONDS)
        self._problem: RancherImportError = TransientError("TimeIsUp", "There was no time left.")

    def run(self) -> bool:
        """Return True at the end of the request; raise RancherImportError if it is not reported."""
        while self._deadline.left > 0:
            try:
                if self._is_over():
                    return True
                self._prepare()
            except TransientError as error:
                self._problem = error
                self._note(reports.PREPARING, error)
                self._retries.wait()
            except RefusedError as error:
                self._problem = error
                break
        self._note(REFUSED, self._problem)
        return self._is_over()

    def _is_over(self) -> bool:
        stored, request = self._places.state.read(), self._goal.request
        return stored.is_final or stored.is_replacing(request) or not self._is_open(stored.report)

    def _is_open(self, report: Report) -> bool:
        is_done = self._goal.source.is_done(report)
        return not is_done and reports.rollback_phase(report, self._goal.request) in OPEN

    def _prepare(self) -> None:
        """Read the archive, compare the volumes, make a backup, and report that all is ready."""
        wire.check_chart(self._goal.vcluster.chart)
        self._report(reports.PREPARING, message="The archive is read, and a backup is made.")
        if self._goal.loses_newer:
            self._end_snapshot()
            self._read()
            self._report(reports.PREPARED)
            return
        known = self._read()
        self._compare(known)
        saved = self._save()
        # A volume that was made meanwhile.
        self._compare(known)
        self._report(reports.PREPARED, saved=saved)

    def _end_snapshot(self) -> None:
        """End a snapshot that does not know of the rollback, and may remove the archive."""
        state, run = self._places.state, _run()
        state.begin(run)
        if state.read().runner == run:
            self._places.control_plane.remove_request()

    def _read(self) -> frozenset[str]:
        """Read the archive to its end, and return the keys of the volume claims in it."""
        snapshot = self._goal.snapshot
        with closing(self._places.open_bucket()) as bucket:
            # Of a restoration that was killed; and a bucket that keeps copies refuses in time.
            bucket.remove_copy(self._places.target.copy_key)
            choose(self._goal.source, bucket.archives())
            metadata = bucket.metadata(snapshot)
            check_versions(self._goal.vcluster, metadata)
            try:
                facts, keys = bucket.keys(
                    snapshot, claims.is_claim, self._deadline.check, metadata.object
                )
            except TransientError as error:
                raise _final(error) from None
        check_facts(snapshot, metadata, facts)
        return keys

    def _compare(self, known: frozenset[str]) -> None:
        """Refuse a rollback by which volumes would be deleted."""
        claims.check(self._places.control_plane.claims(), known)

    def _save(self) -> str:
        """Make the safety backup, and return its name."""
        goal = replace(self._env.goal("Scheduled"), is_first=True, run=_run(), since=self._since)
        progress = _Noted(self._places.state, goal, self._env.schedule(), self._places.now)
        progress.on_note = self._wait_for
        snapshot = Snapshot(goal, self._places, progress, None)
        try:
            ended = snapshot.run(self._deadline.left)
        except RefusedError:
            abandon(goal, self._places)
            raise
        if isinstance(ended, Reported):
            return ended.name
        if ended is None:
            abandon(goal, self._places)
            raise snapshot.problem
        # Also by another pod for this request: without a pause both would begin again at once.
        raise TransientError("Writing", "Another backup is being made.")

    def _wait_for(self, reason: str, message: str) -> None:
        self._report(reports.PREPARING, reason=reason, message=message)

    def _note(self, phase: str, error: RancherImportError) -> None:
        self._report(phase, reason=error.reason, message=error.message)

    def _report(self, phase: str, **parts: str) -> None:
        log.info("progress", phase=phase, **parts)
        request = self._goal.request

        def change(report: Report) -> Report:
            if not self._is_open(report):
                return report
            return reports.rolling_back(report, request, phase, **parts)

        self._write(phase, change)

    def _write(self, phase: str, change: Callable[[Report], Report]) -> None:
        """Write the report; its end has to be written, a note need not."""
        state = self._places.state
        (state.report if phase in ENDED else state.try_report)(change)


def _run() -> str:
    """Return a new identity of a run before a rollback."""
    return f"{RUN}{secrets.token_hex(8)}"


def _final(error: TransientError) -> RancherImportError:
    """Return the error of an archive as a refusal if it stays."""
    return RefusedError(BROKEN, error.message) if error.reason == BROKEN else error
