"""The next action of a rotation."""

import dataclasses

import pytest

from jobs.access.rotation_plan import (
    Complete,
    Leave,
    NotePods,
    Pause,
    RemovePod,
    Restart,
    RotationAction,
    RotationGoal,
    RotationPod,
    RotationSight,
    Running,
    StartPod,
    plan,
)

GOAL = RotationGoal("in-1", 2)
SIGHT = RotationSight("in-1", 1, "old")
POD = RotationPod(2, "Succeeded", "old")
NOTED = dataclasses.replace(POD, old=frozenset({"u0", "e0", "e1"}))
OLD = (Running("u0", "vc-0"), Running("e0", "etcd-0"), Running("e1", "etcd-1", is_ending=True))
NEW = (Running("u1", "vc-0"), Running("e9", "etcd-0"))
BACK = {"running": NEW, "authority": "new", "inside": "new"}


def reason(action: RotationAction) -> str:
    """Return the reason of a pause, and the name of any other action."""
    return action.reason if isinstance(action, Pause) else type(action).__name__


def seen(pod: RotationPod | None = None, **parts: object) -> RotationSight:
    """Return a sight with other parts."""
    return dataclasses.replace(SIGHT, pod=pod, **parts)  # type: ignore[arg-type]


def test_a_rotation_from_beginning_to_end() -> None:
    """Certificates first; then all old pods at once; then what is inside; then the report."""
    steps = [
        (seen(), StartPod("old")),
        (seen(POD, running=OLD), NotePods(frozenset({"u0", "e0", "e1"}))),
        (seen(NOTED, running=OLD), Restart(("etcd-0", "vc-0"))),
        (seen(NOTED, running=NEW, authority="new", inside="new"), Complete()),
        (seen(NOTED, done=2), RemovePod()),
        (seen(done=2), Leave()),
    ]
    for sight, action in steps:
        assert plan(GOAL, sight) == action


@pytest.mark.parametrize(
    ("sight", "expected"),
    [
        (seen(desired_inputs="in-2"), "Leave"),
        (seen(NOTED, desired_inputs="in-2"), "Leave"),
        (seen(done=3), "Leave"),
        (seen(dataclasses.replace(POD, is_ending=True), done=2), "Leave"),
        (seen(authority=""), "WaitingForKubeconfig"),
        (seen(dataclasses.replace(POD, is_ending=True)), "MakingCertificates"),
        (seen(dataclasses.replace(POD, phase="Pending")), "MakingCertificates"),
        (seen(dataclasses.replace(POD, phase="Running")), "MakingCertificates"),
        (seen(dataclasses.replace(POD, phase="")), "MakingCertificates"),
        (seen(dataclasses.replace(POD, phase="Failed")), "GiveUpPod"),
        (seen(dataclasses.replace(POD, number=1)), "RemovePod"),
        (seen(dataclasses.replace(POD, number=1, phase="Failed")), "RemovePod"),
        (seen(NOTED, running=OLD[2:]), "RestartingControlPlane"),
        (seen(NOTED, running=NEW), "WaitingForControlPlane"),
        (seen(NOTED, running=NEW, authority=""), "WaitingForControlPlane"),
        (seen(NOTED), "WaitingForControlPlane"),
        (seen(NOTED, running=NEW, authority="new"), "WaitingForControlPlane"),
        (seen(NOTED, running=NEW, authority="new", inside="old"), "WaitingForControlPlane"),
        (seen(NOTED, **BACK, stale={"shop": "new"}), "CopyAuthority"),
    ],
)
def test_steps(sight: RotationSight, expected: str) -> None:
    """Each step waits for the one before."""
    assert reason(plan(GOAL, sight)) == expected


def test_a_control_plane_that_is_stopped() -> None:
    """It has nothing to restart, and takes the new certificates when it starts."""
    assert plan(GOAL, seen(POD)) == NotePods(frozenset())
    nothing = dataclasses.replace(POD, old=frozenset())
    assert reason(plan(GOAL, seen(nothing))) == "WaitingForControlPlane"


def test_no_rotation_is_begun_twice_for_one_number() -> None:
    """Whatever else is seen, a number that is reported makes no pod."""
    for pod in (None, POD, NOTED):
        for authority in ("", "old", "new"):
            action = plan(GOAL, seen(pod, done=2, authority=authority))
            assert isinstance(action, Leave | RemovePod)
