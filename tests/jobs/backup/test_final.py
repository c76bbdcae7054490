"""The command `finish`: the final snapshot before a deletion, against real servers."""

import json

import pytest

from tests.jobs.backup.archives import KEYS, keys
from tests.jobs.backup.world import ETCD, PLATFORM, PREFIX, STATE, World
from tests.support.kills import KilledError, kills

FIRST = "20260110T020000Z"


def test_final_snapshot(world: World) -> None:
    """A deletion waits for an archive, and leaves no request."""
    assert world.finish()
    assert sorted(world.described()) == [FIRST]
    report = world.report()
    assert report["final"].endswith(f"/{FIRST}")
    assert (report["phase"], report["finalSince"]) == ("Completed", "2026-01-10T02:00:00Z")
    assert world.remainder() == []


def test_without_a_final_snapshot(world: World) -> None:
    """With onDelete None the request of a killed run goes, and nothing is written."""
    world.wire.kill_on, world.wire.phase = "/configmaps", "after"
    with pytest.raises(KilledError):
        world.snapshot()
    world.wire.reset()
    world.sleep(1)
    assert world.remainder() == ["Secret", "ConfigMap"]
    world.control_plane.runs = False
    world.env["ON_DELETE"] = "None"
    assert world.finish()
    assert world.remainder() == []
    assert world.names() == []


def test_late_archive_of_a_removed_request(world: World) -> None:
    """The archive of an earlier request is no final snapshot, even if the answer comes late."""
    world.control_plane.takes = 1000
    world.env["TIMEOUT"] = "5s"
    world.wire.kill_at, world.wire.phase = 30, "before"
    with pytest.raises(KilledError):
        world.snapshot()
    world.wire.reset()
    world.control_plane.takes, world.control_plane.late = 1, True
    world.env["TIMEOUT"] = "10m"
    assert world.finish()
    name = world.report()["final"].rpartition("/")[2]
    assert name > FIRST
    assert keys((world.s3.folder / PREFIX / f"{name}.tar.gz").read_bytes()) == KEYS


def test_asleep(world: World) -> None:
    """A virtual cluster that is asleep is started for its final snapshot."""
    world.scale(0)
    assert world.finish()
    assert world.replicas() == 1
    assert sorted(world.described()) == [FIRST]


def test_asleep_with_a_deployed_etcd(world: World) -> None:
    """The etcd of a virtual cluster that is asleep is started, too."""
    world.deploy(0)
    assert world.finish()
    assert world.replicas("Deployment") == 1
    assert world.replicas(name=ETCD) == 3
    assert world.described()[FIRST].availability == "HA"


def test_state_was_removed(world: World) -> None:
    """A deletion does not hang because of a state that a person removed."""
    world.api.delete("v1", "ConfigMap", STATE, namespace=PLATFORM)
    assert world.finish()
    assert world.report()["final"].endswith(f"/{FIRST}")


def test_block(world: World) -> None:
    """A target that is gone holds a deletion, until it is back or a person lets it go on."""
    world.env["S3_BUCKET"] = "gone"
    world.env["TIMEOUT"] = "4m"
    assert not world.finish()
    report = world.report()
    assert (report["phase"], report["reason"]) == ("Failed", "BucketMissing")
    assert "There is no final snapshot yet" in report["message"]
    world.env["S3_BUCKET"] = "backups"
    assert world.finish()
    assert len(world.described()) == 1


def test_block_is_lifted(world: World) -> None:
    """A person lets a deletion go on by one key; the note says that there is no archive."""
    world.env["S3_BUCKET"] = "gone"
    world.env["TIMEOUT"] = "4m"
    assert not world.finish()
    world.write_state(world.report(), onFailure="Delete")
    assert not world.finish()
    world.sleep(600)
    assert world.finish()
    (note,) = world.abandoned().values()
    assert json.loads(note)["reason"] == "TimeIsUp"
    assert json.loads(note)["left"] == "backup"


def test_unknown_chart(world: World) -> None:
    """A deletion waits for a version that knows the chart, without waking it for nothing."""
    world.scale(0)
    world.env.update(VCLUSTER_CHART="0.37.0", TIMEOUT="30s")
    assert not world.finish()
    report = world.report()
    assert (report["phase"], report["reason"]) == ("Failed", "UnknownChart")
    assert "There is no final snapshot yet" in report["message"]
    assert world.replicas() == 0
    world.env["ON_FAILURE"] = "Delete"
    world.sleep(600)
    assert world.finish()
    assert len(world.abandoned()) == 1


def test_delete(world: World) -> None:
    """With onFailure Delete the attempts together take no longer than the limit."""
    world.env.update(ON_FAILURE="Delete", S3_BUCKET="gone", TIMEOUT="4m")
    assert [world.finish(), world.finish()] == [False, False]
    assert world.finish()
    assert 600 <= world.seconds <= 610
    report = world.report()
    assert (report["phase"], report["reason"]) == ("Failed", "BucketMissing")
    assert world.remainder() == []


def test_no_control_plane(world: World) -> None:
    """What was never installed has nothing to lose; what had a snapshot is not given up."""
    world.api.delete("apps/v1", "StatefulSet", "kunde1", namespace="vc-kunde1")
    world.env["TIMEOUT"] = "30s"
    assert world.finish()
    world.write_state({"phase": "Completed", "last": "2026-01-09T02:00:00Z"})
    assert not world.finish()
    assert world.report()["reason"] == "ControlPlaneMissing"


def test_not_restored(world: World) -> None:
    """A virtual cluster that waits for its restoration has nothing of its own yet."""
    world.env.update(RESTORE_PREFIX="hosts/_/old/uid-old", RESTORE_SNAPSHOT="latest")
    world.scale(0)
    assert world.finish()
    assert world.names() == []
    assert world.replicas() == 0


def test_scheduled_run_leaves_a_final_one_alone(world: World) -> None:
    """A CronJob that starts during a deletion does nothing."""
    world.env["S3_BUCKET"] = "gone"
    world.env["TIMEOUT"] = "30s"
    assert not world.finish()
    world.env["S3_BUCKET"] = "backups"
    assert world.snapshot()
    assert world.names() == []


def test_killed_at_every_line(world: World) -> None:
    """An attempt that dies anywhere is finished by the next one; only then the deletion goes on."""
    assert world.finish()
    points = kills(world.wire)
    for number, phase in points:
        world.reset()
        world.wire.kill_at, world.wire.phase = number, phase
        with pytest.raises(KilledError):
            world.finish()
        assert world.finish(), (number, phase)
        assert world.report()["final"].rpartition("/")[2] in world.described()
        assert world.remainder() == []
    assert len(points) > 10
