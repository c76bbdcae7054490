"""Decide on power: what runs, and what is stopped next.

Only what is observed counts: the replicas that the Release of the control plane requests, the pods
of its workloads, and the nap in the values of the namespace's Release. So every step may be
interrupted or reversed. Asleep, the order is: no replicas, no pod of the control plane, then no pod
of the tenant, which a running control plane would make anew.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from function.api.errors import Refusal
from function.api.validate import Composite
from function.decision import calendar
from function.decision.calendar import SleepByTime
from function.decision.immutable_fields import having
from function.decision.resolve import ResolvedSpec
from function.decision.rollback import RollbackDecision
from function.k8s.helm_values import Values, nested, overlaid
from function.observed import backup, namespace, vcluster
from function.observed.current import REPLICAS, Current
from function.observed.release import FAILURES, judge
from function.observed.state import Condition, Observed

Phase = Literal["Awake", "FallingAsleep", "RollingBack", "Sleeping", "WakingUp"]

CONDITION = "Awake"

_FIELDS = frozenset({"expire", "power", "sleep"})
"""Fields of the spec that may request sleep."""

_ETCD = ("controlPlane", "backingStore", "etcd", "deploy", *REPLICAS[1:])

ROLLING_BACK: Literal["RollingBack"] = "RollingBack"

REASONS = ("FallingAsleep", "Reconnecting", ROLLING_BACK, "Sleeping", "WakingUp")
"""Reasons of conditions that sleep explains: no failure, and no cause of an alert."""

_SENTENCES: Mapping[Phase, str] = {
    "Awake": "awake",
    "FallingAsleep": "falling asleep",
    "RollingBack": "rolling back",
    "Sleeping": "asleep",
    "WakingUp": "waking up",
}


@dataclass(frozen=True)
class Power:
    """The power of a virtual cluster."""

    phase: Phase = "Awake"
    reason: str = ""
    """The end of a sentence that begins with the phase; empty if nothing but a default decides."""
    nap: str = ""
    """Identity of this sleep once no pod of the control plane is left; empty before."""
    is_started_on_host: bool = False
    """True if pods of the control plane run after it fell asleep: only a person can have started
    them, because its Release requests none."""
    is_shown: bool = False
    """True if the VCluster has a condition Awake: from the first request of sleep on."""
    is_stopped: bool = False
    """True once a rollback may replace the data: only etcd runs, into which it is written."""

    @property
    def is_off(self) -> bool:
        """True if nothing is to run."""
        return self.phase in ("FallingAsleep", ROLLING_BACK, "Sleeping")

    @property
    def sentence(self) -> str:
        """Phase and reason, such as `asleep, by spec.power`."""
        return ", ".join(filter(None, (_SENTENCES[self.phase], self.reason)))

    def applied(self, values: Values, *, highly_available: bool) -> Values:
        """Return values of the vcluster chart, without replicas if nothing is to run."""
        if not self.is_off:
            return values
        has_etcd = highly_available and not self.is_stopped
        paths = (REPLICAS, _ETCD) if has_etcd else (REPLICAS,)
        return overlaid(values, *(nested(path, 0) for path in paths))


AWAKE = Power()

_FAILURES = FAILURES | {"NotCreated", "ObservationFailed", "Terminating", backup.RESTORE_FAILED}


def decide_power(
    composite: Composite, observed: Observed, *, is_frozen: bool, rollback: RollbackDecision
) -> Power:
    """Return the power of a virtual cluster.

    A rollback stops it whatever the spec says, and starts it for the backup before.

    A new one runs once before it sleeps: until then there is no kubeconfig, and nothing is known to
    start. A frozen one keeps the values of its installation.
    """
    control_plane = observed.vcluster
    before = composite.conditions.get(CONDITION)
    if rollback.stops:
        return _rolling_back(observed, rollback, before)
    due = _due(composite, asleep_now=vcluster.is_off(control_plane))
    if due.asleep and rollback.needs_control_plane:
        due = SleepByTime(asleep=False, reason="for the backup before a rollback")
    is_shown = before is not None or not _FIELDS.isdisjoint(composite.spec.model_fields_set)
    if due.asleep and not is_frozen and vcluster.was_healthy(control_plane):
        return _falling_asleep(observed, due.reason, before, is_shown=is_shown)
    reason = "" if due.asleep else due.reason
    slept = before is not None and before[0] == "False"
    is_off = vcluster.is_off(control_plane) and vcluster.was_healthy(control_plane)
    if (slept or is_off) and not _runs(observed):
        return Power("WakingUp", reason, is_shown=is_shown)
    return Power("Awake", reason, is_shown=is_shown)


def _falling_asleep(
    observed: Observed, reason: str, before: tuple[str, str] | None, *, is_shown: bool
) -> Power:
    """Return the power of one that is to sleep: asleep once the pods inside are removed."""
    was_asleep = before == ("False", "Sleeping")
    nap = _nap(observed, was_asleep=was_asleep)
    if nap and vcluster.has_pods(observed.vcluster):
        # After a rollback it is only etcd, which ends by itself.
        is_started = vcluster.has_control_plane(observed.vcluster)
        return Power("FallingAsleep", reason, nap, is_started_on_host=is_started, is_shown=is_shown)
    is_over = nap and (was_asleep or _is_applied(observed, nap))
    return Power("Sleeping" if is_over else "FallingAsleep", reason, nap, is_shown=is_shown)


def _rolling_back(
    observed: Observed, rollback: RollbackDecision, before: tuple[str, str] | None
) -> Power:
    """Return the power of one that is rolled back: stopped as for sleep, but for etcd.

    Once its data is being replaced, it counts as stopped until that is done.
    """
    nap = namespace.nap(observed.namespace)
    is_stopped = rollback.phase == "Restoring"
    if not is_stopped:
        nap = _nap(observed, was_asleep=before == ("False", "Sleeping"))
        runs = vcluster.has_control_plane(observed.vcluster)
        is_stopped = bool(nap) and not runs and _is_applied(observed, nap)
    reason = f"to backup {rollback.snapshot}"
    return Power(ROLLING_BACK, reason, nap, is_shown=True, is_stopped=is_stopped)


def _due(composite: Composite, *, asleep_now: bool) -> SleepByTime:
    """Return the state that the spec requests: itself, or by time."""
    if composite.spec.power == "Sleeping":
        return SleepByTime(asleep=True, reason="by spec.power")
    return calendar.is_asleep_due(composite.spec, composite.clock, asleep_now=asleep_now)


def _runs(observed: Observed) -> bool:
    control_plane = observed.vcluster
    return not vcluster.is_off(control_plane) and vcluster.condition(control_plane).status == "True"


def _nap(observed: Observed, *, was_asleep: bool) -> str:
    """Return the identity of this sleep: the generation of the workload that has no pods.

    It stays while it sleeps, whatever else changes meanwhile. After pods ran on the host it is
    another, so that the hook removes what their syncer made.
    """
    if not vcluster.is_off(observed.vcluster):
        return ""
    nap = namespace.nap(observed.namespace)
    if nap and was_asleep:
        return nap
    return vcluster.stopped_generation(observed.vcluster) or nap


def _is_applied(observed: Observed, nap: str) -> bool:
    """Return whether the hook of the namespace's Release has stopped the tenant's pods."""
    room = judge(namespace.CONDITION, observed.namespace)
    return room.status == "True" and namespace.nap(observed.namespace) == nap


def keep_claims(
    requested: ResolvedSpec, now: Current, power: Power
) -> tuple[ResolvedSpec, tuple[Refusal, ...]]:
    """Return the spec that keeps the volume claims' end, and the refusal to retain them asleep.

    Kubernetes makes the StatefulSet their owner for Delete, and takes that back only while there
    are pods: without any they would be deleted with it, whatever it says by then.
    https://github.com/kubernetes/kubernetes/blob/v1.36.0/pkg/controller/statefulset/stateful_set_control.go
    """
    if not power.is_off or now.retains or not requested.retain:
        return requested, ()
    rule = "asleep there is no pod, and without one the volume claims keep their end"
    remedy = "Wake it up, wait for READY, then put it to sleep again."
    refusal = Refusal("spec.storage.onDelete", "Delete", "Retain", rule, remedy)
    return having(requested, retain=False), (refusal,)


def paused(phase: Condition, power: Power) -> Condition:
    """Return the condition of a part that stops and starts with the power.

    A failure stays: sleep explains why nothing runs, and not why a change cannot be applied.
    """
    if phase.status == "True" and not power.is_off:
        return phase
    if phase.reason in _FAILURES or phase.reason == "Disabled":
        return phase
    if power.is_off:
        return phase._replace(status="False", reason=power.phase, message=_message(power))
    if power.phase == "WakingUp" and phase.reason == vcluster.UNAVAILABLE:
        return phase._replace(reason=power.phase)
    return phase


def has_failure(phases: Iterable[Condition]) -> bool:
    """Return whether a condition shows a failure, which sleep does not explain."""
    return any(phase.reason in _FAILURES for phase in phases)


def condition(power: Power, control_plane: Condition) -> Condition:
    """Return Awake."""
    if power.phase == "Awake":
        message = _message(power) if power.reason else ""
        return Condition(CONDITION, "True", "Awake", message)
    message = _message(power)
    if power.is_stopped:
        is_failed = control_plane.reason == backup.RESTORE_FAILED
        rest = control_plane.message if is_failed else "Its data is being replaced."
        message = f"{message} {rest}"
    elif power.phase in ("FallingAsleep", ROLLING_BACK):
        rest = "The pods inside are removed." if power.nap else "The control plane stops."
        if power.is_started_on_host:
            rest = (
                "Its pods were started on the host: scale the StatefulSet to 0 there, or wake it "
                "up."
            )
        message = f"{message} {rest}"
    if power.phase == "WakingUp" and control_plane.message:
        message = f"{message} {control_plane.message}"
    return Condition(CONDITION, "False", power.phase, message)


def _message(power: Power) -> str:
    sentence = power.sentence
    return f"{sentence[:1].upper()}{sentence[1:]}."
