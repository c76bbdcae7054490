"""The next action of a snapshot, for each state of request and bucket."""

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

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
from jobs.backup.model import (
    Archive,
    Goal,
    Request,
    Retention,
    Sight,
    Target,
    VirtualCluster,
    name_of,
)
from jobs.backup.snapshot_plan import plan
from jobs.errors import RefusedError

NOW = dt.datetime(2026, 1, 10, 2, 0, 30, tzinfo=dt.UTC)
NAME = "20260110T020000Z"
VCLUSTER = VirtualCluster("kunde1", "uid", "vc", "kunde1", "0.36.1", "1.36.3", "Single")
TARGET = Target("nightly", "backups", "https://s3", "eu", True, "p/uid", "AES256")  # noqa: FBT003
GOAL = Goal(
    "run-1", VCLUSTER, TARGET, "in-1", "Scheduled", Retention(2, 2), dt.timedelta(minutes=30)
)
REQUEST = Request(TARGET.url(NAME), "", "", "in-1", "Scheduled", NAME)
SEEN = Sight(NOW, "run-1", replicas=1, archives={})


def whole(*names: str) -> dict[str, Archive]:
    """Return archives that count."""
    return {name: Archive(name, has_plain=True, has_metadata=True) for name in names}


def completed(**sight: Any) -> Sight:
    """Return the sight of a request that the control plane calls completed."""
    return replace(SEEN, request=replace(REQUEST, phase="Completed"), **sight)


WAIT = Wait(
    "WaitingForControlPlane",
    "The control plane has not taken up the request for a snapshot yet.",
)
DATA = {NAME: Archive(NAME, has_plain=True)}
OLD = ("20260105T020000Z", "20260106T020000Z", "20260107T020000Z")


@pytest.mark.parametrize(
    ("sight", "action"),
    [
        (Sight(NOW, "run-2"), Superseded()),
        (replace(SEEN, replicas=0), Idle("the virtual cluster is asleep, or not installed")),
        (replace(SEEN, replicas=None), Idle("the virtual cluster is asleep, or not installed")),
        (replace(SEEN, replicas=0, request=REQUEST), RemoveRequest()),
        (replace(SEEN, replicas=0, has_secret=True), RemoveRequest()),
        (replace(SEEN, is_restored=False), Idle("the virtual cluster is not restored yet")),
        (replace(SEEN, archives=None), LookIntoBucket()),
        (SEEN, RequestSnapshot(name_of(NOW))),
        (replace(SEEN, has_secret=True), RequestSnapshot(name_of(NOW))),
        (replace(SEEN, archives=whole("20260110T020030Z")), RequestSnapshot("20260110T020031Z")),
        (replace(SEEN, failed="20260110T020040Z"), RequestSnapshot("20260110T020041Z")),
        (replace(SEEN, request=REQUEST, has_secret=True), WAIT),
        (
            replace(SEEN, request=replace(REQUEST, phase="CreatingEtcdBackup")),
            Wait("Writing", "The control plane writes the archive."),
        ),
        (
            replace(SEEN, request=replace(REQUEST, phase="Failed", error="no space")),
            GiveUpRequest(NAME, "SnapshotFailed", "The control plane says Failed: no space"),
        ),
        (
            replace(SEEN, request=replace(REQUEST, phase="Canceled")),
            GiveUpRequest(NAME, "SnapshotFailed", "The control plane says Canceled"),
        ),
        (completed(has_secret=True), RemoveSecret()),
        (
            completed(),
            GiveUpRequest(
                NAME,
                "ArchiveMissing",
                "The control plane calls the snapshot completed, but the bucket has no archive.",
            ),
        ),
        (completed(archives=DATA), Verify(NAME)),
        (completed(archives=whole(NAME)), Report(NAME, 1)),
        (completed(archives=whole(NAME, *OLD)), Prune(OLD[:2])),
        (completed(archives=whole(NAME, *OLD), pruned=True), Report(NAME, 4)),
        (completed(archives={**whole(NAME), OLD[0]: Archive(OLD[0])}), Prune(OLD[:1])),
        # A request that is another's, or over, is removed.
        (completed(archives=whole(NAME), reported=NAME), RemoveRequest(NAME)),
        (completed(archives=whole(NAME), failed=NAME), RemoveRequest(NAME)),
        (replace(SEEN, request=replace(REQUEST, inputs="in-0")), RemoveRequest(NAME)),
        (replace(SEEN, request=replace(REQUEST, purpose="Final")), RemoveRequest(NAME)),
        (replace(SEEN, request=replace(REQUEST, is_ending=True)), RemoveRequest(NAME)),
        (replace(SEEN, request=replace(REQUEST, url="")), RemoveRequest(NAME)),
        (
            replace(SEEN, request=replace(REQUEST, url="s3://backups/p/uid/x.tar.gz")),
            RemoveRequest(NAME),
        ),
        (
            replace(SEEN, request=replace(REQUEST, url=f"s3://backups/p/other/{NAME}.tar.gz")),
            RemoveRequest(NAME),
        ),
        (
            replace(SEEN, request=replace(REQUEST, phase="Completed", archive=OLD[0])),
            RemoveRequest(OLD[0]),
        ),
        (replace(SEEN, request=REQUEST, now=NOW + dt.timedelta(minutes=31)), RemoveRequest(NAME)),
    ],
)
def test_plan(sight: Sight, action: Action) -> None:
    """Each state leads to one next action."""
    assert plan(GOAL, sight) == action


def test_unknown_chart() -> None:
    """A chart of an unknown minor is asked for nothing, and what was asked for is removed."""
    goal = replace(GOAL, vcluster=replace(VCLUSTER, chart="0.37.0"))
    assert plan(goal, Sight(NOW, "run-2")) == Superseded()
    assert plan(goal, replace(SEEN, request=REQUEST)) == RemoveRequest()
    assert plan(goal, replace(SEEN, has_secret=True)) == RemoveRequest()
    for sight in (SEEN, replace(SEEN, replicas=0), replace(SEEN, archives=None)):
        with pytest.raises(RefusedError, match="UnknownChart"):
            plan(goal, sight)


@pytest.mark.parametrize(
    ("sight", "reason"),
    [
        (replace(SEEN, replicas=0), "the virtual cluster is asleep, or not installed"),
        (replace(SEEN, replicas=None), "the virtual cluster is asleep, or not installed"),
        (replace(SEEN, is_restored=False), "the virtual cluster is not restored yet"),
    ],
)
def test_first_snapshot_waits(sight: Sight, reason: str) -> None:
    """The run that shows that the target works waits for a control plane."""
    assert plan(replace(GOAL, is_first=True), sight) == Await(reason)


def test_final_snapshot_of_a_sleeper() -> None:
    """A final snapshot waits for a control plane that starts."""
    goal = replace(GOAL, purpose="Final")
    assert plan(goal, replace(SEEN, replicas=0)) == RequestSnapshot(name_of(NOW))


SEALED = replace(GOAL, target=replace(TARGET, recipients=("age1x",)))
OLDER = "20260109T020000Z"


def there(name: str, **parts: bool) -> dict[str, Archive]:
    """Return one archive with these objects."""
    return {name: Archive(name, **parts)}


@pytest.mark.parametrize(
    ("archives", "expected"),
    [
        (there(NAME, has_plain=True), Verify(NAME)),
        (there(NAME, has_plain=True, has_encrypted=True), Verify(NAME)),
        (
            there(NAME, has_plain=True, has_encrypted=True, has_metadata=True),
            RemovePlain((NAME,)),
        ),
        (there(NAME, has_encrypted=True, has_metadata=True), Report(NAME, 1)),
        (there(NAME, has_plain=True, has_metadata=True), Verify(NAME)),
        (
            there(NAME, has_plain=True) | there(OLDER, has_plain=True),
            RemovePlain((OLDER,)),
        ),
        (
            there(NAME, has_encrypted=True, has_metadata=True) | whole(OLDER),
            Report(NAME, 2),
        ),
    ],
)
def test_encrypted(archives: dict[str, Archive], expected: Action) -> None:
    """With recipients an archive is reported once it is encrypted and no longer plain."""
    assert plan(SEALED, completed(archives=archives)) == expected


def test_ciphertext_without_description() -> None:
    """A ciphertext whose plain archive was lost before it was described does not count."""
    action = plan(SEALED, completed(archives=there(NAME, has_encrypted=True)))
    assert isinstance(action, GiveUpRequest)
    assert action.reason == "ArchiveMissing"


def test_plain_remnants_before_a_request() -> None:
    """What a killed run has left plain is removed before another archive is requested."""
    remnant = there(OLDER, has_plain=True)
    assert plan(SEALED, replace(SEEN, archives=remnant)) == RemovePlain((OLDER,))
    assert isinstance(plan(GOAL, replace(SEEN, archives=remnant)), RequestSnapshot)
