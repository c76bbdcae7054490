"""The begin of the replacement of data in a rollback, and what is refused before it."""

from collections.abc import Callable
from typing import Any

import pytest

from jobs.backup.bucket import Bucket
from jobs.backup.restore_host import RestoreHost
from jobs.errors import RefusedError
from tests.jobs.backup.test_restored import describe
from tests.jobs.backup.test_rollback import CONTENT, OLD, ask, copies, part, stop
from tests.jobs.backup.world import PLATFORM, PREFIX, STATE, World


@pytest.fixture
def asked(world: World) -> World:
    """Return the world of a VCluster that is to be rolled back to an archive of its own."""
    ask(world)
    return world


def break_archive(world: World) -> None:
    """Cut the archive off."""
    (world.s3.folder / PREFIX / f"{OLD}.tar.gz").write_bytes(CONTENT[:-20])


def lose_archive(world: World) -> None:
    """Remove the archive, as the pod of a schedule does that knows of no rollback."""
    for ending in (".tar.gz", ".json"):
        (world.s3.folder / PREFIX / f"{OLD}{ending}").unlink()


def wait_for_hours(world: World) -> None:
    """Let more time pass than a backup before is good for."""
    world.seconds += 2 * 3600


def forget(world: World) -> None:
    """Lose what the preparation has reported, as where Helm rolls back a release."""
    world.write_state({"phase": "Completed"})


CHANGES = [
    pytest.param(lambda world: world.claim("new"), "VolumesNewer", id="volume"),
    pytest.param(wait_for_hours, "SafetyBackupOld", id="old"),
    pytest.param(forget, "SafetyBackupOld", id="forgotten"),
    pytest.param(break_archive, "ArchiveBroken", id="broken"),
    pytest.param(lose_archive, "ArchiveMissing", id="missing"),
    pytest.param(lambda world: world.scale(1), "WaitingForStop", id="running"),
]


@pytest.mark.parametrize(("change", "reason"), CHANGES)
def test_what_changes_after_the_preparation(
    asked: World, change: Callable[[World], None], reason: str
) -> None:
    """What is no longer as it was prepared is refused before anything is replaced, and finally."""
    assert asked.prepare()
    stop(asked)
    change(asked)
    for _ in range(2):
        assert asked.restore()
        assert (part(asked)["phase"], part(asked)["reason"]) == ("Refused", reason)
        assert (asked.kubelet.restored, asked.remainder(), copies(asked)) == ([], [], [])
        asked.put(OLD, content=CONTENT)
        asked.put(OLD, ".json", describe(CONTENT))
    asked.scale(1)
    assert asked.finish()
    assert asked.report()["final"]


def test_newer_volumes_may_be_lost(asked: World) -> None:
    """With `loseNewer` neither volumes nor the age of a backup before hold it up."""
    asked.env["LOSE_NEWER"] = "true"
    assert asked.prepare()
    stop(asked)
    asked.claim("new")
    wait_for_hours(asked)
    assert asked.restore()
    assert asked.report()["rolledBack"]["saved"] == ""


def test_nothing_is_refused_once_it_has_begun(asked: World) -> None:
    """The phase Replacing is there before the pod; later claims and hours do not stop it."""
    assert asked.prepare()
    stop(asked)
    seen: list[str] = []
    act = asked.kubelet.act

    def meanwhile() -> None:
        seen.append(part(asked)["phase"])
        act()

    asked.kubelet.act = meanwhile  # type: ignore[method-assign]  # a look at the report
    asked.kubelet.failing = 100
    assert not asked.restore()
    assert "Refused" not in seen
    asked.kubelet.failing = 0
    forget_report = {**asked.state(), "report": "{}"}
    asked.api.patch("v1", "ConfigMap", STATE, {"data": forget_report}, namespace=PLATFORM)
    asked.claim("new")
    wait_for_hours(asked)
    assert asked.prepare()
    assert part(asked) == {}
    assert asked.restore()
    assert asked.report()["rolledBack"]["request"] == "7"


def test_replacing_is_reported_before_the_pod(
    asked: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function that sees no Replacing knows that nothing is replaced."""
    assert asked.prepare()
    stop(asked)
    seen: list[str] = []
    start = RestoreHost.start_pod

    def started(*args: Any, **options: Any) -> None:
        seen.append(part(asked)["phase"])
        start(*args, **options)

    monkeypatch.setattr(RestoreHost, "start_pod", started)
    assert asked.restore()
    assert seen == ["Replacing"]


def test_a_bucket_that_keeps_its_objects(asked: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused while all runs; noticed later, it does not keep the control plane stopped."""
    remove = Bucket.remove_copy

    def refuse(*_: Any) -> None:
        reason = "AccessDenied"
        raise RefusedError(reason, "Backup target nightly: AccessDenied")

    monkeypatch.setattr(Bucket, "remove_copy", refuse)
    assert asked.prepare()
    assert (part(asked)["phase"], part(asked)["reason"]) == ("Refused", "AccessDenied")
    monkeypatch.setattr(Bucket, "remove_copy", remove)
    asked.env["ROLLBACK_REQUEST"] = "8"
    assert asked.prepare()
    stop(asked)
    monkeypatch.setattr(Bucket, "remove_copy", refuse)
    for _ in range(2):
        assert asked.restore()
        assert asked.report()["rolledBack"]["request"] == "8"
        assert len(asked.kubelet.restored) == 1
    monkeypatch.setattr(Bucket, "remove_copy", remove)
    assert asked.restore()
    assert copies(asked) == []


def test_done_although_helm_sets_the_report_back(asked: World) -> None:
    """A rollback that is done stays done, and is reported again; of another VCluster nothing is."""
    assert asked.prepare()
    before = asked.state()["report"]
    stop(asked)
    assert asked.restore()
    done = asked.report()["rolledBack"]
    patch = {"data": {"report": before}}
    asked.api.patch("v1", "ConfigMap", STATE, patch, namespace=PLATFORM)
    asked.scale(1)
    assert asked.restore()
    assert len(asked.kubelet.restored) == 1
    assert (asked.report()["rolledBack"], part(asked)) == (done, {})
    assert asked.restore()
    patch["data"]["ownerUid"] = "another"
    asked.api.patch("v1", "ConfigMap", STATE, patch, namespace=PLATFORM)
    asked.scale(0)
    assert asked.restore()
    assert len(asked.kubelet.restored) == 2
