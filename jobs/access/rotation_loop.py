"""One run of a rotation: look, plan and act, until it is reported or the time is up."""

from contextlib import closing

import structlog
from lightkube.config.kubeconfig import SingleConfig

from jobs.access import report as reports
from jobs.access import rotation_inside as inside
from jobs.access.host import Host
from jobs.access.rotation_host import RotationHost
from jobs.access.rotation_plan import (
    Complete,
    CopyAuthority,
    GiveUpPod,
    Leave,
    NotePods,
    Pause,
    RemovePod,
    Restart,
    RotationGoal,
    RotationSight,
    StartPod,
    Step,
    plan,
)
from jobs.backoff import Backoff, Clock
from jobs.errors import RefusedError, TransientError
from jobs.kubeconfig_secret import connect
from jobs.state import DESIRED_INPUTS, StateConfigMap, Stored

log = structlog.get_logger()

ROTATED = "rotated"
"""Part of the report with the number of the last rotation."""


class Rotation:
    """One run for one virtual cluster."""

    def __init__(
        self,
        goal: RotationGoal,
        host: Host,
        rotation_host: RotationHost,
        state: StateConfigMap[Stored],
        *,
        clock: Clock | None = None,
    ) -> None:
        """Hold the goal and the places."""
        self._goal = goal
        self._secrets = host
        self._host = rotation_host
        self._state = state
        self._clock = clock or Clock()

    def run(self, seconds: float) -> bool:
        """Return True when there is nothing more to do, False when the time is up.

        Raises RefusedError, after reporting it, when only a person can help.
        """
        deadline = self._clock.now() + seconds
        backoff = Backoff(self._clock)
        while self._clock.now() < deadline:
            try:
                action = plan(self._goal, self._look())
                if isinstance(action, Leave):
                    return True
                if isinstance(action, GiveUpPod):
                    return self._give_up()
                is_waiting = self._act(action)
            except TransientError as error:
                self._report(error.reason, error.message)
                is_waiting = True
            except RefusedError as error:
                self._report(error.reason, error.message, reports.FAILED)
                raise
            if is_waiting:
                backoff.wait()
            else:
                backoff.reset()
        return False

    def _look(self) -> RotationSight:
        """Return what is to be seen, no larger than the next action needs."""
        # The pod first: another run removes it after its report.
        pod = self._host.pod()
        stored = self._state.read()
        inputs, done = stored.data.get(DESIRED_INPUTS, ""), _done(stored)
        if inputs != self._goal.inputs or done >= self._goal.number:
            return RotationSight(inputs, done, pod=pod)
        config = self._secrets.config()
        authority = inside.authority(config)
        if pod is None or pod.phase != "Succeeded":
            return RotationSight(inputs, done, authority, pod)
        running = self._host.running()
        is_new = authority not in ("", pod.authority)
        is_over = pod.old is not None and not pod.old & {each.uid for each in running}
        roots = _roots(config) if config and is_new and is_over else {}
        digests = {inside.digest(pem) for pem in roots.values()}
        root = digests.pop() if len(digests) == 1 else ""
        stale = self._host.stale(roots, authority) if root == authority else {}
        return RotationSight(inputs, done, authority, pod, running, root, stale)

    def _act(self, action: Step) -> bool:
        """Execute an action, and return whether there is to be a pause."""
        log.info("rotating", action=type(action).__name__)
        match action:
            case Pause():
                self._report(action.reason, action.message)
            case StartPod():
                message = "CA and certificates are being made."
                self._report("MakingCertificates", message)
                self._host.start_pod(self._goal.number, action.authority)
            case NotePods():
                self._host.note_pods(action.uids)
            case Restart():
                message = "The control plane starts anew, with its new certificates."
                self._report("RestartingControlPlane", message)
                self._host.delete(action.names)
            case RemovePod():
                self._host.remove_pod()
            case CopyAuthority():
                for namespace, pem in action.authorities.items():
                    self._host.copy(namespace, pem)
            case Complete():
                self._complete()
        return isinstance(action, Pause | StartPod)

    def _give_up(self) -> bool:
        """Report a pod that has failed, and remove it; the Job's next run makes another."""
        line = self._host.log()
        message = f"The control plane's program made no certificates: {line or 'it says nothing'}."
        self._report("CertificatesFailed", message, reports.FAILED)
        self._host.remove_pod()
        return False

    def _complete(self) -> None:
        """Restart the clients inside that are the platform's, and then report the number."""
        config = self._secrets.config()
        if config is None:
            return
        with closing(connect(config)) as client:
            inside.restart(client, self._goal.number)
        parts = {ROTATED: self._goal.number}
        message = f"Rotation {self._goal.number} is done; rights and login are looked at again."
        self._state.report(
            lambda report: reports.changed(
                report, reports.ROTATING, "LookingAtRights", message, **parts
            )
        )
        log.info("rotated", number=self._goal.number)

    def _report(self, reason: str, message: str, phase: str = "") -> None:
        """Report how far it is; nothing is written where that is reported already."""
        self._state.try_report(
            lambda report: reports.changed(report, phase or reports.ROTATING, reason, message)
        )


def _roots(config: SingleConfig) -> dict[str, str]:
    """Return the CA that pods inside are given by namespace, nothing while nothing answers."""
    with closing(connect(config)) as client:
        try:
            return inside.root_authorities(client)
        except TransientError:
            return {}


def _done(stored: Stored) -> int:
    number = stored.report.get(ROTATED)
    return number if isinstance(number, int) and not isinstance(number, bool) else 0
