"""The next action of a restoration, for each state of host and target."""

from dataclasses import replace

import pytest

from jobs.backup.actions import Superseded, Wait
from jobs.backup.model import Archive, Metadata, VirtualCluster
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
    RestorePod,
    RestoreSight,
    Source,
    StartPod,
    Workload,
    plan,
)
from jobs.errors import RefusedError

NAME, OLDER = "20260110T020000Z", "20260109T020000Z"
VCLUSTER = VirtualCluster("new", "uid-new", "vc-new", "new", "0.36.1", "1.36.3", "Single")
GOAL = RestoreGoal("run-1", VCLUSTER, Source("p/_/old/uid-old", "latest"))
HA = replace(GOAL, vcluster=replace(VCLUSTER, availability="HA"))
ARCHIVES = {
    NAME: Archive(NAME, has_plain=True, has_metadata=True),
    OLDER: Archive(OLDER, has_plain=True, has_metadata=True),
    "20260111T020000Z": Archive("20260111T020000Z", has_plain=True),
}
METADATA = Metadata("old", "uid-old", "0.36.1", "1.36.3", "HA", "t", 1, "hash")
STOPPED = Workload(desired=0, running=0, has_store=True)
SEEN = RestoreSight("run-1", workload=STOPPED, archives=ARCHIVES, metadata=METADATA)
LOCATION = f"uid-old/{NAME}"
IN_PLACE = replace(GOAL, source=Source("p/_/old/uid-old", OLDER, "7"))
COPIED = replace(SEEN, copied=OLDER)


def pod(phase: str, location: str = LOCATION, *, is_ending: bool = False) -> RestoreSight:
    """Return the sight of a pod."""
    return RestoreSight("run-1", pod=RestorePod(location, phase, is_ending))


@pytest.mark.parametrize(
    ("goal", "sight", "action"),
    [
        (GOAL, RestoreSight("run-2"), Superseded()),
        (GOAL, replace(SEEN, is_over=True), AlreadyEnded()),
        (IN_PLACE, replace(COPIED, workload=STOPPED), BeginReplacement()),
        (IN_PLACE, replace(COPIED, is_replacing=True), StartPod(OLDER)),
        (GOAL, pod("Running"), Wait("RestoringData", f"The archive {LOCATION} is being restored.")),
        (GOAL, pod("Succeeded"), ReportRestored(LOCATION)),
        (GOAL, pod("Failed"), GiveUpPod()),
        (GOAL, pod("Succeeded", f"other/{NAME}"), ClearAway()),
        (GOAL, pod("Succeeded", ""), ClearAway()),
        (
            GOAL,
            pod("Succeeded", is_ending=True),
            Wait("PodEnding", "An earlier pod of the restoration ends."),
        ),
        (
            GOAL,
            RestoreSight("run-1"),
            Wait("WaitingForWorkload", "The control plane is not installed yet."),
        ),
        (
            GOAL,
            replace(SEEN, workload=replace(STOPPED, desired=1)),
            Wait("WaitingForStop", "The control plane runs, and has to be stopped before."),
        ),
        (
            GOAL,
            replace(SEEN, workload=replace(STOPPED, running=1)),
            Wait("WaitingForStop", "The control plane runs, and has to be stopped before."),
        ),
        (GOAL, replace(SEEN, workload=replace(STOPPED, has_store=False)), CreateClaim()),
        (
            HA,
            replace(SEEN, workload=replace(STOPPED, has_store=False)),
            Wait("WaitingForStore", "The etcd of the control plane is not started yet."),
        ),
        (GOAL, replace(SEEN, archives=None), LookAtSource()),
        (GOAL, replace(SEEN, metadata=None), ReadMetadata(NAME)),
        (
            replace(GOAL, source=Source("p/_/old/uid-old", OLDER)),
            replace(SEEN, metadata=None),
            ReadMetadata(OLDER),
        ),
        (GOAL, SEEN, Copy(NAME)),
        (GOAL, replace(SEEN, copied=OLDER), Copy(NAME)),
        (GOAL, replace(SEEN, copied=NAME), StartPod(NAME)),
        (HA, replace(SEEN, copied=NAME), StartPod(NAME)),
    ],
)
def test_plan(goal: RestoreGoal, sight: RestoreSight, action: RestoreAction) -> None:
    """Each state leads to one next action."""
    assert plan(goal, sight) == action


@pytest.mark.parametrize(
    ("snapshot", "archives"),
    [("latest", {}), ("20260111T020000Z", ARCHIVES), ("20250101T000000Z", ARCHIVES)],
)
def test_no_archive(snapshot: str, archives: dict[str, Archive]) -> None:
    """An archive that is not whole, or not there, is refused: never an empty cluster instead."""
    goal = replace(GOAL, source=Source("p/_/old/uid-old", snapshot))
    with pytest.raises(RefusedError, match=f"no archive uid-old/{snapshot}"):
        plan(goal, replace(SEEN, archives=archives))


@pytest.mark.parametrize(
    ("chart", "kubernetes", "message"),
    [
        ("0.37.0-rc.1", "1.36.3", "vcluster chart 0.37.0-rc.1"),
        ("0.36.1", "1.36.4", "Kubernetes 1.36.4"),
        ("0.36.1", "1.37.0", "Kubernetes 1.37.0"),
    ],
)
def test_newer(chart: str, kubernetes: str, message: str) -> None:
    """An archive of a newer version is refused, with both versions."""
    metadata = replace(METADATA, chart=chart, kubernetes=kubernetes)
    with pytest.raises(RefusedError, match=message):
        plan(GOAL, replace(SEEN, metadata=metadata))


def test_older() -> None:
    """An archive of an older version is restored into a newer one."""
    metadata = replace(METADATA, chart="0.35.2", kubernetes="1.35.9")
    assert plan(GOAL, replace(SEEN, metadata=metadata)) == Copy(NAME)
