"""One run of `apply`: look, plan and act, until it is reported or the time is up."""

import datetime as dt
from collections.abc import Callable

import structlog

from jobs.access import inside as insides
from jobs.access import report as reports
from jobs.access import validity
from jobs.access.actions import (
    Action,
    Bind,
    ChangeLogin,
    CreateLogin,
    Inside,
    OnHost,
    RemoveLogin,
    Report,
    SetSubjects,
    Superseded,
    Unbind,
    Wait,
)
from jobs.access.apply_plan import describe, plan
from jobs.access.host import Host
from jobs.access.model import Binding, Connection, Goal, Obstacle, Place, Sight
from jobs.backoff import Backoff, Clock
from jobs.errors import RancherImportError, RefusedError, TransientError
from jobs.state import DESIRED_INPUTS, StateConfigMap, Stored
from jobs.state import Report as StateReport

log = structlog.get_logger()


class Apply:
    """One run for one virtual cluster."""

    def __init__(
        self,
        goal: Goal,
        host: Host,
        state: StateConfigMap[Stored],
        *,
        clock: Clock | None = None,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        """Hold the goal and the places."""
        self._goal = goal
        self._host = host
        self._state = state
        self._clock = clock or Clock()
        self._now = now
        self._backoff = Backoff(self._clock)
        self._inside: insides.Inside | None = None
        self._connection: Connection | None = None
        self._obstacles: dict[Place, Obstacle] = {}
        self._problem: RancherImportError | Wait = Wait("TimeIsUp", "The time is up.")

    def run(self, seconds: float) -> bool:
        """Return True when all is applied or superseded, False when there is more to do.

        Raises RefusedError, after reporting it, when only a person can help.
        """
        try:
            return self._run(self._clock.now() + seconds)
        finally:
            self._disconnect()

    def _run(self, deadline: float) -> bool:
        last: Action | None = None
        while self._clock.now() < deadline:
            try:
                action = plan(self._goal, self._look())
                if isinstance(action, Superseded):
                    log.info("superseded by newer inputs, leaving the access to their Job")
                    return True
                if isinstance(action, Report):
                    return self._finish(action)
                # An action that is planned again had no effect yet: repeat it after a pause.
                is_waiting, last = action == last, action
                if isinstance(action, Wait):
                    self._note(action)
                    is_waiting = True
                else:
                    self._act(action)
            except TransientError as error:
                self._note(error)
                is_waiting = True
            except RefusedError as error:
                self._fail(error.reason, error.message)
                raise
            if is_waiting:
                # What is read after the pause may be another kubeconfig.
                self._disconnect()
                self._backoff.wait()
            else:
                self._backoff.reset()
        self._fail(self._problem.reason, self._problem.message)
        return False

    def _look(self) -> Sight:
        """Return what is to be seen, no larger than the next action needs."""
        inputs = self._state.read().data.get(DESIRED_INPUTS, "")
        now = self._now()
        if inputs != self._goal.inputs or not self._connect():
            return Sight(inputs, now)
        login_secret = self._host.login_secret()
        bindings, problem = self._bindings()
        return Sight(
            inputs,
            now,
            self._connection,
            login_secret,
            bindings,
            problem,
            obstacles={**self._obstacles},
        )

    def _bindings(self) -> tuple[tuple[Binding, ...] | None, str]:
        """Return our bindings, or the problem of a virtual cluster that does not answer."""
        if self._inside is None:
            return None, ""
        try:
            return self._inside.bindings(), ""
        except TransientError as error:
            return None, error.message

    def _connect(self) -> bool:
        """Return whether there is a kubeconfig, which is read again after each pause."""
        if self._inside is None:
            config = self._host.config()
            if config is None:
                return False
            self._connection = insides.connection(config)
            self._inside = insides.Inside(config)
        return True

    def _disconnect(self) -> None:
        if self._inside is not None:
            self._inside.close()
        self._inside = None

    def _act(self, action: Inside | OnHost) -> None:
        """Execute an action."""
        log.info("acting", action=type(action).__name__)
        match action:
            case CreateLogin():
                self._host.create_login(action.text)
            case ChangeLogin():
                self._host.change_login(action.text)
            case RemoveLogin():
                self._host.remove_login()
            case Unbind() | SetSubjects() | Bind():
                self._act_inside(action)

    def _act_inside(self, action: Inside) -> None:
        if self._inside is None:
            return
        match action:
            case Unbind():
                place, obstacle = action.binding.place, self._inside.unbind(action.binding)
            case SetSubjects():
                place = action.binding.place
                obstacle = self._inside.set_subjects(action.binding, action.subjects)
            case Bind():
                place = action.grant.place
                obstacle = self._inside.bind(action.grant, action.subjects)
        if obstacle:
            log.warning("no change", reason=obstacle.reason, message=obstacle.message)
            self._obstacles[place] = obstacle

    def _finish(self, action: Report) -> bool:
        """Report the end, and return whether nothing is in the way of any binding."""
        certificate = self._inside.server_certificate() if self._inside else None
        connection = self._connection
        dates = {
            "ca": connection.ca_until if connection else None,
            "server": validity.until(certificate) if certificate else None,
            "client": connection.client_until if connection else None,
        }
        parts = {
            "bindings": action.bindings,
            "expiry": reports.expiry(dates),
            "observedInputs": self._goal.inputs,
        }
        phase, end = reports.APPLIED, Obstacle(reports.APPLIED, "")
        if action.obstacles:
            phase, end = reports.FAILED, describe(action.obstacles)
        self._state.report(
            lambda report: reports.changed(report, phase, end.reason, end.message, **parts)
        )
        log.info("reported", phase=phase, reason=end.reason, bindings=action.bindings)
        return not action.obstacles

    def _note(self, problem: RancherImportError | Wait) -> None:
        """Log what is waited for, and report it before the first result."""
        log.info("progress", reason=problem.reason, message=problem.message)
        if problem.reason == self._problem.reason:
            return
        self._problem = problem

        def change(report: StateReport) -> StateReport:
            if report.get("phase", "") not in reports.UNDECIDED:
                return report
            return reports.changed(report, reports.PENDING, problem.reason, problem.message)

        self._state.try_report(change)

    def _fail(self, reason: str, message: str) -> None:
        """Report that the access is not as the spec says; what was done before stays."""
        log.warning("not applied", reason=reason, message=message)
        parts = {"observedInputs": self._goal.inputs}
        self._state.try_report(
            lambda report: reports.changed(report, reports.FAILED, reason, message, **parts)
        )
