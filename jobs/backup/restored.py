"""The command `restore`: one attempt at the restoration of an archive.

It is that of a new VCluster, or in place that of one that was stopped to be rolled back.
"""

from contextlib import closing
from dataclasses import replace

import structlog

from jobs.backoff import Backoff, repeat
from jobs.backup import claims, ranchers_part
from jobs.backup import report as reports
from jobs.backup.actions import Superseded, Wait
from jobs.backup.bucket import Bucket
from jobs.backup.deadline import Deadline
from jobs.backup.model import Archives, Metadata, Target, text_of
from jobs.backup.options import Environment
from jobs.backup.places import Places
from jobs.backup.replacement import Replacement
from jobs.backup.restore_plan import (
    AlreadyEnded,
    BeginReplacement,
    ClearAway,
    Copy,
    CreateClaim,
    GiveUpPod,
    LookAtSource,
    ReadMetadata,
    ReportRestored,
    RestoreAction,
    RestoreGoal,
    RestoreSight,
    StartPod,
    check_facts,
    plan,
)
from jobs.errors import RancherImportError, RefusedError, TransientError
from jobs.state import Report

PAUSE_SECONDS = 1.0
RETRY_SECONDS = 60.0
REPORT_SECONDS = 30.0
"""Time for the last report, after that of the attempt."""

log = structlog.get_logger()


def run(env: Environment, places: Places) -> bool:
    """Return whether the archive is restored, or another run restores it."""
    return Restoration(env.restore_goal(), places, env.seconds("TIMEOUT", "30m")).run()


class Restoration:
    """One attempt at a restoration."""

    def __init__(self, goal: RestoreGoal, places: Places, seconds: int) -> None:
        """Hold the goal and the places."""
        self._goal = goal
        self._places = places
        self._seconds = seconds
        self._deadline = Deadline(places.clock, seconds)
        self._retries = Backoff(places.clock, RETRY_SECONDS)
        self._begun = False
        self._archives: Archives | None = None
        self._metadata: Metadata | None = None
        self._copied = ""
        self._claims: frozenset[str] = frozenset()
        """Keys of the volume claims in the archive that was copied."""
        self._replacement = Replacement(goal, places, seconds)
        self._problem: RancherImportError = TransientError("TimeIsUp", "There was no time left.")

    def run(self) -> bool:
        """Return True when done, superseded or refused, False when the time is up.

        Both are reported. Raises RefusedError, after reporting it, when only a person can help and
        there is no way back.
        """
        while self._deadline.left > 0:
            try:
                self._begin()
                action = plan(self._goal, self._look())
                if isinstance(action, Superseded | AlreadyEnded):
                    log.info("nothing to do", action=type(action).__name__)
                    self._leave(action)
                    return True
                self._act(action)
                if isinstance(action, ReportRestored):
                    return True
            except TransientError as error:
                self._forget(error)
            except RefusedError as error:
                if self._fail(error):
                    return True
                raise
        return self._fail(self._problem)

    def _begin(self) -> None:
        if not self._begun:
            self._places.state.begin_restore(self._goal.run)
            self._begun = True

    def _look(self) -> RestoreSight:
        """Return what is to be seen, no larger than the next action needs."""
        stored = self._places.state.read()
        is_over = self._goal.source.is_over(stored.report)
        if stored.restorer != self._goal.run or is_over:
            return RestoreSight(stored.restorer, is_over)
        pod = self._places.restore.pod()
        return RestoreSight(
            stored.restorer,
            is_replacing=stored.is_replacing(self._goal.source.request),
            pod=pod,
            workload=None if pod else self._places.restore.workload(),
            archives=self._archives,
            metadata=self._metadata,
            copied=self._copied,
        )

    def _act(self, action: RestoreAction) -> None:
        """Execute an action."""
        if isinstance(action, Wait):
            self._wait(action)
            return
        log.info("acting", action=type(action).__name__)
        match action:
            case LookAtSource() | ReadMetadata() | Copy():
                with closing(self._places.open_bucket(self._source)) as bucket:
                    self._read(action, bucket)
            case ReportRestored():
                self._finish(action.location)
            case BeginReplacement():
                self._replacement.begin(self._claims)
            case CreateClaim() | StartPod() | ClearAway() | GiveUpPod():
                self._act_on_host(action)
            case Superseded() | AlreadyEnded():
                pass  # the end, handled by `run`

    def _read(self, action: LookAtSource | ReadMetadata | Copy, bucket: Bucket) -> None:
        match action:
            case LookAtSource():
                self._archives = bucket.archives()
            case ReadMetadata():
                self._metadata = bucket.metadata(action.name)
            case Copy():
                self._copy(action.name, bucket)

    def _copy(self, name: str, bucket: Bucket) -> None:
        """Copy an archive, if it is the one that was described.

        A new VCluster gets it without Rancher's part; rolled back it is the same cluster there.
        """
        described, is_new = self._metadata, not self._goal.source.request
        known: set[str] = set()

        def is_wanted(key: str) -> bool:
            if claims.is_claim(key):
                known.add(key)
            return not (is_new and ranchers_part.is_ranchers(key))

        facts = bucket.copy_to(
            self._places.target.copy_key,
            name,
            is_wanted,
            self._deadline.check,
            encrypted=described.object if described else "",
        )
        check_facts(name, described, facts)
        self._copied, self._claims = name, frozenset(known)

    def _act_on_host(self, action: CreateClaim | StartPod | ClearAway | GiveUpPod) -> None:
        host, places = self._places.restore, self._places
        match action:
            case CreateClaim():
                host.create_claim()
            case StartPod():
                host.start_pod(
                    places.target,
                    places.credentials(),
                    self._goal.source.location(action.name),
                    self._seconds,
                    is_new=not self._goal.source.request,
                )
            case ClearAway():
                host.clear_away()
            case GiveUpPod():
                line = places.credentials().redact(host.log())
                host.clear_away()
                raise TransientError("RestorePodFailed", f"The pod that restores failed: {line}")

    def _finish(self, location: str) -> None:
        """Remove pod and Secret, and report the end, after which the control plane starts.

        The copy is removed last: a bucket that keeps it does not keep a control plane stopped.
        """
        self._places.restore.clear_away()
        source, state = self._goal.source, self._places.state
        if source.request:
            now = text_of(self._places.now())
            state.end_rollback(
                lambda report: reports.rolled_back(report, source.request, source.snapshot, now)
            )
        else:
            state.report(
                lambda report: reports.changed(
                    report, "Restored", "Restored", "", restored=location
                )
            )
        log.info("restored", location=location)
        self._remove_copy()

    def _leave(self, action: Superseded | AlreadyEnded) -> None:
        """Remove a copy that no later run removes, and repeat a report that was set back."""
        if isinstance(action, AlreadyEnded):
            self._places.state.report(lambda report: report)
            self._remove_copy()
        elif self._copied and self._places.state.read().is_final:
            self._remove_copy()

    def _remove_copy(self) -> None:
        """Remove the copy, if the bucket lets it."""

        def remove() -> bool:
            with closing(self._places.open_bucket()) as bucket:
                bucket.remove_copy(self._places.target.copy_key)
            return True

        try:
            if not repeat(remove, timeout=REPORT_SECONDS, clock=self._places.clock):
                log.warning("a copy may be left")
        except RancherImportError as error:
            log.warning("a copy may be left", reason=error.reason, message=error.message)

    def _fail(self, error: RancherImportError) -> bool:
        """Report the end of an attempt, and remove the copy unless a pod still reads it.

        Return whether it is a refusal, with which a rollback ends that has not begun.
        """
        is_refused = self._replacement.refuse(error)
        if not is_refused:
            self._report("RestoreFailed", error.reason, error.message)
        try:
            if self._places.restore.pod() is None:
                self._remove_copy()
        except RancherImportError as problem:
            log.warning("a copy may be left", reason=problem.reason, message=problem.message)
        return is_refused

    def _wait(self, action: Wait) -> None:
        if action.reason != self._problem.reason:
            self._problem = TransientError(action.reason, action.message)
            self._report("Restoring", action.reason, action.message)
        self._places.clock.sleep(PAUSE_SECONDS)

    def _forget(self, error: TransientError) -> None:
        """Note an error, and begin again with a new look at the source after a pause."""
        self._problem = error
        self._report("Restoring", error.reason, error.message)
        self._archives, self._metadata, self._copied = None, None, ""
        self._retries.wait()

    def _report(self, phase: str, reason: str, message: str) -> None:
        log.info("progress", phase=phase, reason=reason, message=message)
        source, request = self._goal.source, self._goal.source.request

        def change(report: Report) -> Report:
            if source.is_over(report):
                # By another run meanwhile.
                return report
            if request:
                parts = {"reason": reason, "message": message}
                return reports.rolling_back(report, request, phase, **parts)
            return reports.changed(report, phase, reason, message)

        self._places.state.try_report(change)

    @property
    def _source(self) -> Target:
        return replace(self._places.target, prefix=self._goal.source.prefix)
