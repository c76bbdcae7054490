"""The next action of a rotation, as one pure function of what is seen.

All that a later run has to know is on the pod that makes the certificates: it is removed last.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class RotationPod:
    """The pod that makes the certificates."""

    number: int
    phase: str
    authority: str
    """Digest of the CA before it."""
    old: frozenset[str] | None = None
    """UIDs of the pods that have to start anew, None until they are noted."""
    is_ending: bool = False


@dataclass(frozen=True)
class Running:
    """A pod of the control plane or of its etcd."""

    uid: str
    name: str
    is_ending: bool = False


@dataclass(frozen=True)
class RotationGoal:
    """The rotation to reach."""

    inputs: str
    number: int


@dataclass(frozen=True)
class RotationSight:
    """All that the next action depends on, no larger than it needs."""

    desired_inputs: str
    done: int
    """Number of the last rotation, as the report says."""
    authority: str = ""
    """Digest of the CA in the kubeconfig, "" without one."""
    pod: RotationPod | None = None
    running: tuple[Running, ...] = ()
    inside: str = ""
    """Digest of the CA that pods inside are given, "" while it is not one for all."""
    stale: Mapping[str, str] = field(default_factory=dict)
    """The CA, as PEM, by namespace inside whose pods mount another one, from a copy on the host."""


@dataclass(frozen=True)
class Leave:
    """Nothing: it is done, or the Job of newer inputs does it."""


@dataclass(frozen=True)
class Pause:
    """Another look after a pause."""

    reason: str
    message: str


@dataclass(frozen=True)
class StartPod:
    """Creation of the pod."""

    authority: str


@dataclass(frozen=True)
class GiveUpPod:
    """Removal of a pod that has failed, after a look at its log."""


@dataclass(frozen=True)
class RemovePod:
    """Removal of a pod of another rotation, or of one that is reported."""


@dataclass(frozen=True)
class NotePods:
    """Note of the pods that have the certificates from before."""

    uids: frozenset[str]


@dataclass(frozen=True)
class Restart:
    """Deletion of pods, all at once: members of an etcd with different CAs refuse each other."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class CopyAuthority:
    """Change of the copies on the host that pods of these namespaces mount their CA from.

    The syncer does not: what is changed before it starts counts for it as the same on both sides.
    """

    authorities: Mapping[str, str]
    """The CA by namespace inside, as PEM."""


@dataclass(frozen=True)
class Complete:
    """Restart of the platform's pods inside, whose clients keep the CA from before; the report."""


Step = Pause | StartPod | RemovePod | NotePods | Restart | CopyAuthority | Complete
RotationAction = Leave | GiveUpPod | Step


def plan(goal: RotationGoal, sight: RotationSight) -> RotationAction:
    """Return the next action."""
    if sight.desired_inputs != goal.inputs:
        return Leave()
    if sight.done >= goal.number:
        return RemovePod() if sight.pod and not sight.pod.is_ending else Leave()
    if sight.pod is None:
        return _begin(sight)
    return _await_certificates(goal, sight.pod) or _restart(sight, sight.pod)


def _begin(sight: RotationSight) -> RotationAction:
    if not sight.authority:
        message = "The virtual cluster has written no kubeconfig yet."
        return Pause("WaitingForKubeconfig", message)
    return StartPod(sight.authority)


def _await_certificates(goal: RotationGoal, pod: RotationPod) -> RotationAction | None:
    """Return the next action until the pod has made the certificates."""
    if pod.is_ending:
        return Pause("MakingCertificates", "The pod of an earlier rotation ends.")
    if pod.number != goal.number:
        return RemovePod()
    if pod.phase == "Failed":
        return GiveUpPod()
    if pod.phase != "Succeeded":
        return Pause("MakingCertificates", "CA and certificates are being made.")
    return None


def _restart(sight: RotationSight, pod: RotationPod) -> RotationAction:
    """Return the next action once the certificates are made."""
    if pod.old is None:
        return NotePods(frozenset(each.uid for each in sight.running))
    old = [each for each in sight.running if each.uid in pod.old]
    names = tuple(sorted(each.name for each in old if not each.is_ending))
    if names:
        return Restart(names)
    if old:
        return Pause("RestartingControlPlane", "Pods with the certificates from before end.")
    return _await_authority(sight, pod) or Complete()


def _await_authority(sight: RotationSight, pod: RotationPod) -> RotationAction | None:
    """Return the next action until all who give out the CA have the new one."""
    if sight.authority in ("", pod.authority):
        message = "The control plane starts with its new certificates."
        return Pause("WaitingForControlPlane", message)
    if sight.inside != sight.authority:
        message = "The virtual cluster does not give its new CA to its pods yet."
        return Pause("WaitingForControlPlane", message)
    return CopyAuthority(sight.stale) if sight.stale else None
