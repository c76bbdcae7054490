"""One run of a snapshot: look, plan and act, until it is reported or the time is up."""

import datetime as dt
from contextlib import closing

import structlog

from jobs.backoff import Backoff
from jobs.backup import wire
from jobs.backup.actions import (
    Action,
    Await,
    GiveUpRequest,
    Idle,
    LookIntoBucket,
    Prune,
    RemovePlain,
    RemoveRequest,
    RemoveSecret,
    Report,
    RequestSnapshot,
    Superseded,
    Verify,
    Wait,
)
from jobs.backup.bucket import Bucket
from jobs.backup.deadline import Deadline
from jobs.backup.model import Archives, Goal, Metadata, Request, Sight, name_of, text_of, time_of
from jobs.backup.places import Places
from jobs.backup.progress import Progress
from jobs.backup.restore_plan import Source
from jobs.backup.retention import exposed
from jobs.backup.snapshot_plan import plan
from jobs.errors import RancherImportError, TransientError

SHORT_PAUSE, LONG_PAUSE = 0.5, 5.0
"""Pauses while the control plane writes an archive, which takes a second or two."""

SHORT_PAUSES = 60
"""Number of short pauses; an archive that takes longer is looked for less often."""

RETRY_SECONDS = 60.0
"""Longest pause after a failure."""

log = structlog.get_logger()


class Snapshot:
    """One run of a snapshot of one virtual cluster."""

    def __init__(
        self, goal: Goal, places: Places, progress: Progress, source: Source | None
    ) -> None:
        """Hold the goal and the places; `source` is what has to be restored before."""
        self._goal = goal
        self._places = places
        self._progress = progress
        self._source = source
        self._retries = Backoff(places.clock, RETRY_SECONDS)
        self._begun = False
        self._open_bucket: Bucket | None = None
        self._archives: Archives | None = None
        self._phase = ""
        """Phase of the request when the archives were listed."""
        self._failed = ""
        self._pruned = False
        self._warning = ""
        self._waits = 0
        self._deadline = Deadline(places.clock, 0)
        self.is_obstructed = False
        """True while there is nothing to back up yet."""
        self.problem: RancherImportError = TransientError(
            "TimeIsUp", "The time is up before the control plane was asked for a snapshot."
        )
        """The last error, or what was waited for at last."""

    def run(self, seconds: float) -> Action | None:
        """Return the action that ended the run, None when the time is up.

        Raises RefusedError when only a person can help. Only a snapshot that is complete is
        reported: what becomes of a failure is for the caller to say.
        """
        self._deadline = Deadline(self._places.clock, seconds)
        try:
            return self._run()
        finally:
            self._close_bucket()

    def _run(self) -> Action | None:
        while self._deadline.left > 0:
            try:
                action = plan(self._goal, self._look())
                if isinstance(action, Superseded | Idle):
                    log.info("nothing to do", action=type(action).__name__)
                    return action
                if not self._begun and not isinstance(action, Await):
                    self._begin()
                    continue
                self._act(action)
                if isinstance(action, Report):
                    return action
            except TransientError as error:
                self._fail(error)
        return None

    def _begin(self) -> None:
        """Take over from the run before, once there is something to back up.

        It is done once, because a later run may take over from this one.
        """
        self._places.state.begin(self._goal.run)
        self._begun = True

    def _look(self) -> Sight:
        """Return what is to be seen, no larger than the next action needs."""
        stored = self._places.state.read()
        now = self._places.now()
        is_over = stored.is_final and self._goal.purpose == "Scheduled"
        runner = stored.runner if self._begun or is_over else self._goal.run
        if runner != self._goal.run:
            return Sight(now, runner)
        control_plane, report = self._places.control_plane, stored.report
        request = control_plane.request()
        self._forget_archives(request)
        return Sight(
            now,
            runner,
            is_restored=self._source is None or self._source.is_over(report),
            replicas=control_plane.replicas(),
            request=request,
            has_secret=control_plane.has_secret(),
            archives=self._archives,
            reported=str(report.get("location", "")).rpartition("/")[2],
            failed=self._failed,
            pruned=self._pruned,
        )

    def _forget_archives(self, request: Request | None) -> None:
        """Forget a list of archives that is older than the phase of the request."""
        phase = request.phase if request else ""
        if phase != self._phase:
            self._phase, self._archives = phase, None

    def _act(self, action: Action) -> None:
        """Execute an action."""
        self.is_obstructed = isinstance(action, Await)
        match action:
            case Wait():
                self._wait(action)
            case Await():
                log.info("waiting", reason=action.reason)
                self._places.clock.sleep(LONG_PAUSE)
            case LookIntoBucket():
                self._archives = self._bucket.archives()
            case Verify() | RemovePlain() | Prune() | Report():
                self._act_in_bucket(action)
            case _:
                log.info("acting", action=type(action).__name__)
                self._act_on_host(action)

    def _act_on_host(
        self,
        action: RequestSnapshot | RemoveSecret | RemoveRequest | GiveUpRequest | Superseded | Idle,
    ) -> None:
        control_plane = self._places.control_plane
        match action:
            case RequestSnapshot():
                text = wire.request_text(self._goal, action.name, self._places.now())
                control_plane.ask(self._goal, self._places.credentials(), action.name, text)
                self._waits = 0
            case RemoveSecret():
                control_plane.remove_secret()
            case RemoveRequest():
                self._failed = max(self._failed, action.name)
                control_plane.remove_request()
            case GiveUpRequest():
                self._failed = action.name
                control_plane.remove_request()
                message = self._places.credentials().redact(action.message)
                raise TransientError(action.reason, message)
            case Superseded() | Idle():
                pass  # the end, handled by `run`

    def _act_in_bucket(self, action: Verify | RemovePlain | Prune | Report) -> None:
        match action:
            case Verify():
                self._verify(action.name)
            case RemovePlain():
                self._remove_plain(action.names)
            case Prune():
                self._prune(action.names)
            case Report():
                metadata = self._bucket.metadata(action.name)
                self._progress.complete(action.name, metadata, action.count, self._warning)
                self._places.control_plane.remove_request()

    def _verify(self, name: str) -> None:
        """Read an archive to its end, and describe it, by which it becomes one.

        Where the target has recipients it is the encrypted one that is described.
        """
        recipients = self._goal.target.recipients
        file = ""
        if recipients:
            file, (size, sha256) = self._bucket.encrypt(name, self._deadline.check)
        else:
            size, sha256 = self._bucket.verify(name, self._deadline.check)
        vcluster, time = self._goal.vcluster, time_of(name)
        metadata = Metadata(
            vcluster=vcluster.name,
            uid=vcluster.uid,
            chart=vcluster.chart,
            kubernetes=vcluster.kubernetes,
            availability=vcluster.availability,
            time=text_of(time) if time else "",
            size=size,
            sha256=sha256,
            encryption="age" if recipients else "",
            object=file,
            recipients=recipients,
        )
        self._bucket.write_metadata(name, metadata)
        self._archives = None

    def _remove_plain(self, names: tuple[str, ...]) -> None:
        """Remove plain archives, without which there is no complete snapshot."""
        self._archives = None
        for name in names:
            self._bucket.remove_plain(name)

    def _prune(self, names: tuple[str, ...]) -> None:
        """Remove archives; where the bucket refuses that, the snapshot is complete all the same."""
        self._pruned, self._archives = True, None
        try:
            for name in names:
                self._bucket.remove(name)
        except RancherImportError as error:
            log.warning("archives stay", reason=error.reason, message=error.message)
            self._warning = error.message

    def _wait(self, action: Wait) -> None:
        if action.reason != self.problem.reason:
            self.problem = TransientError(action.reason, action.message)
            self._progress.note(action.reason, action.message)
        self._waits += 1
        self._places.clock.sleep(SHORT_PAUSE if self._waits <= SHORT_PAUSES else LONG_PAUSE)

    def _fail(self, error: TransientError) -> None:
        """Note an error, and begin again with new connections and credentials after a pause."""
        self.problem = error
        self._progress.note(error.reason, error.message)
        self._archives = None
        self._close_bucket()
        self._retries.wait()

    @property
    def _bucket(self) -> Bucket:
        if self._open_bucket is None:
            self._open_bucket = self._places.open_bucket(self._goal.target)
        return self._open_bucket

    def _close_bucket(self) -> None:
        if self._open_bucket is not None:
            self._open_bucket.close()
        self._open_bucket = None


def abandon(goal: Goal, places: Places) -> None:
    """Remove the request of a run that has failed, unless another one has taken it up."""
    now = places.now()
    try:
        if places.state.read().runner != goal.run:
            return
        places.control_plane.remove_request()
    except RancherImportError as error:
        log.warning("a request may be left", reason=error.reason, message=error.message)
    else:
        remove_plain(places, now)


def remove_plain(places: Places, now: dt.datetime) -> None:
    """Remove plain archives that came to nothing where the target has recipients, if possible.

    Those that were requested since may be another run's.
    """
    if not places.target.recipients:
        return
    try:
        with closing(places.open_bucket()) as bucket:
            for name in exposed(bucket.archives(), ""):
                if name < name_of(now):
                    bucket.remove_plain(name)
    except RancherImportError as error:
        log.warning("a plain archive may be left", reason=error.reason, message=error.message)
