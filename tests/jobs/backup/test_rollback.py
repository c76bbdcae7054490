"""The commands of a rollback in place, against a real API server and a real S3 server."""

from typing import Any

import pytest

from jobs.backup import report as reports
from jobs.backup.bucket import Bucket
from jobs.backup.claims import message
from jobs.backup.control_plane import ControlPlane
from jobs.backup.model import name_of
from jobs.errors import RefusedError
from tests.jobs.backup.archives import KEYS, archive, keys
from tests.jobs.backup.test_restored import describe
from tests.jobs.backup.world import PLATFORM, PREFIX, STATE, UID, World
from tests.support.kills import KilledError, kills

OLD, LATER = "20260109T020000Z", "20260110T020000Z"
CLAIM = "/registry/persistentvolumeclaims/default/old"
RANCHERS = {"/registry/secrets/cattle-system/cattle-credentials-1a2b3c": b"secret"}
CONTENT = archive({**KEYS, CLAIM: b"claim", **RANCHERS})


@pytest.fixture
def asked(world: World) -> World:
    """Return the world of a VCluster that is to be rolled back to an archive of its own."""
    ask(world)
    return world


def ask(world: World, **env: str) -> None:
    """Put the archive into the bucket, make the tenant's volume, and request the rollback."""
    world.put(OLD, content=CONTENT)
    world.put(OLD, ".json", describe(CONTENT))
    world.claim("old")
    world.env.update(ROLLBACK_SNAPSHOT=OLD, ROLLBACK_REQUEST="7", TIMEOUT="5m", **env)


def stop(world: World) -> None:
    """Put the prepared virtual cluster to sleep, and let its data be replaced."""
    if not part(world):
        saved = name_of(world.now())
        rollback = {"request": "7", "phase": "Prepared", "saved": saved}
        world.write_state({**world.report(), "rollback": rollback})
    world.scale(0)
    world.env.update(RESTORE_PREFIX=PREFIX, RESTORE_SNAPSHOT=OLD, RESTORE_IN_PLACE="true")


def copies(world: World) -> list[str]:
    """Return the plain copies that are left of restorations."""
    return [name for name in world.names() if name.startswith("restore")]


def part(world: World) -> dict[str, Any]:
    """Return what the report says about the request."""
    return dict(world.report().get("rollback", {}))


def test_prepared(asked: World) -> None:
    """The archive is whole, no newer volume is there, and what is there is saved."""
    assert asked.prepare()
    assert part(asked) == {
        "request": "7",
        "phase": "Prepared",
        "reason": "",
        "message": "",
        "saved": LATER,
    }
    assert sorted(asked.described()) == [OLD, LATER]
    assert asked.report()["location"] == f"{UID}/{LATER}"
    assert asked.remainder() == []


def test_what_is_waited_for(asked: World) -> None:
    """While the backup before is made, the report says what holds it up."""
    seen: list[str] = []
    act = asked.control_plane.act

    def meanwhile() -> None:
        seen.append(part(asked)["reason"])
        act()

    asked.control_plane.act = meanwhile  # type: ignore[method-assign]  # a look at the report
    assert asked.prepare()
    assert seen[0] == "WaitingForControlPlane"
    assert part(asked)["reason"] == ""


def test_prepared_once(asked: World) -> None:
    """A Job that runs again for the same request does nothing; another request begins anew."""
    assert asked.prepare()
    asked.seconds += 60
    assert asked.prepare()
    assert len(asked.described()) == 2
    asked.env["ROLLBACK_REQUEST"] = "8"
    assert asked.prepare()
    assert len(asked.described()) == 3
    assert part(asked)["request"] == "8"


def test_an_older_request(asked: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a scheduled run asked for before is not what is saved: it lacks what came since."""
    verify = Bucket.verify

    def die(*_: Any) -> None:
        raise KilledError

    monkeypatch.setattr(Bucket, "verify", die)
    request = {key: asked.env.pop(key) for key in ("ROLLBACK_SNAPSHOT", "ROLLBACK_REQUEST")}
    with pytest.raises(KilledError):
        asked.snapshot()
    monkeypatch.setattr(Bucket, "verify", verify)
    asked.seconds += 60
    begin = f"{asked.now():%Y%m%dT%H%M%SZ}"
    asked.env.update(request)
    assert asked.prepare()
    assert part(asked)["saved"] >= begin


def test_a_snapshot_beside_a_rollback_that_loses(
    asked: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that does not know of the rollback ends before it removes the archive."""
    verify = Bucket.verify

    def meanwhile(bucket: Bucket, *args: Any) -> Any:
        facts = verify(bucket, *args)
        asked.env.update(request, LOSE_NEWER="true", RETENTION_COUNT="3")
        assert asked.prepare()
        return facts

    monkeypatch.setattr(Bucket, "verify", meanwhile)
    request = {key: asked.env.pop(key) for key in ("ROLLBACK_SNAPSHOT", "ROLLBACK_REQUEST")}
    asked.env.update(RETENTION_COUNT="1", RETENTION_DAYS="1")
    asked.seconds += 3 * 24 * 3600
    assert asked.snapshot()
    assert part(asked)["phase"] == "Prepared"
    assert OLD in asked.described()
    assert asked.remainder() == []


def test_two_preparations_at_once(asked: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was overtaken pauses before it begins again, instead of overtaking at once."""
    verify, keys_of = Bucket.verify, Bucket.keys
    read: list[float] = []
    overtaken: list[float] = []

    def meanwhile(bucket: Bucket, *args: Any) -> Any:
        if not overtaken:
            overtaken.append(asked.seconds)
            data = {"data": {"run": "rollback-other"}}
            asked.api.patch("v1", "ConfigMap", STATE, data, namespace=PLATFORM)
        return verify(bucket, *args)

    def counted(bucket: Bucket, *args: Any) -> Any:
        read.append(asked.seconds)
        return keys_of(bucket, *args)

    monkeypatch.setattr(Bucket, "verify", meanwhile)
    monkeypatch.setattr(Bucket, "keys", counted)
    assert asked.prepare()
    assert len(read) == 2
    assert read[1] - overtaken[0] > 0.3
    assert part(asked)["phase"] == "Prepared"


@pytest.mark.parametrize(
    ("content", "changes", "reason"),
    [
        pytest.param(None, {}, "ArchiveMissing", id="missing"),
        pytest.param(CONTENT[:-20], {}, "ArchiveBroken", id="broken"),
        pytest.param(archive(), {}, "ArchiveChanged", id="changed"),
        pytest.param(CONTENT, {"kubernetes": "1.37.0"}, "ArchiveNewer", id="newer"),
    ],
)
def test_an_archive_that_is_not_good(
    asked: World, content: bytes | None, changes: dict[str, str], reason: str
) -> None:
    """It is refused while everything still runs, without another backup, and finally."""
    asked.put(OLD, content=content)
    asked.put(OLD, ".json", describe(CONTENT, **changes))
    if content is None:
        (asked.s3.folder / PREFIX / f"{OLD}.json").unlink()
    assert asked.prepare()
    assert (part(asked)["phase"], part(asked)["reason"]) == ("Refused", reason)
    before = asked.names()
    assert asked.prepare()
    assert asked.names() == before
    assert LATER not in asked.described()


def test_a_volume_that_the_archive_lacks(asked: World) -> None:
    """The syncer would delete it with its data: only `loseNewer` lets it."""
    asked.claim("new")
    assert asked.prepare()
    assert part(asked) == {
        "request": "7",
        "phase": "Refused",
        "reason": "VolumesNewer",
        "message": "The backup lacks volume claims, whose data would be deleted: default/new.",
        "saved": "",
    }
    asked.env.update(ROLLBACK_REQUEST="8", LOSE_NEWER="true")
    assert asked.prepare()
    assert part(asked)["phase"] == "Prepared"


def test_a_volume_that_is_made_meanwhile(asked: World) -> None:
    """A claim that is made while the backup is written is seen too."""
    act, plane = asked.control_plane.act, asked.control_plane

    def meanwhile() -> None:
        asked.claim("new")
        act()

    plane.act = meanwhile  # type: ignore[method-assign]  # what a tenant does
    assert asked.prepare()
    assert part(asked)["reason"] == "VolumesNewer"


def test_the_names_of_many_volumes() -> None:
    """A message names a few, and says how many more there are."""
    names = [f"default/{number}" for number in range(7)]
    shown = "default/0, default/1, default/2, default/3, default/4 and 2 more."
    assert message(names).endswith(shown)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [("control plane", "WaitingForControlPlane"), ("asleep", "TimeIsUp")],
)
def test_no_safety_backup(asked: World, broken: str, reason: str) -> None:
    """What cannot be saved is not rolled back, until newer data may be lost."""
    if broken == "asleep":
        asked.scale(0)
    asked.control_plane.runs = False
    assert asked.prepare()
    assert (part(asked)["phase"], part(asked)["reason"]) == ("Refused", reason)
    assert asked.report()["phase"] == ("Running" if broken == "control plane" else "Pending")
    assert asked.remainder() == []
    asked.env.update(ROLLBACK_REQUEST="8", LOSE_NEWER="true")
    assert asked.prepare()
    assert (part(asked)["phase"], part(asked)["saved"]) == ("Prepared", "")


def test_unknown_chart(asked: World) -> None:
    """A rollback of a chart of an unknown minor is refused before anything is done."""
    asked.env["VCLUSTER_CHART"] = "0.37.0"
    assert asked.prepare()
    assert (part(asked)["phase"], part(asked)["reason"]) == ("Refused", "UnknownChart")
    assert sorted(asked.described()) == [OLD]


def test_the_archive_stays_beyond_the_retention(asked: World) -> None:
    """The backup before the rollback removes old archives, but not the one that is needed."""
    other = "20260108T020000Z"
    asked.put(other, content=CONTENT)
    asked.put(other, ".json", describe(CONTENT))
    asked.env.update(RETENTION_COUNT="1", RETENTION_DAYS="1")
    asked.seconds += 3 * 24 * 3600
    assert asked.prepare()
    assert part(asked)["phase"] == "Prepared"
    assert sorted(asked.described()) == [OLD, part(asked)["saved"]]


def test_deletion_ends_a_preparation(asked: World) -> None:
    """A VCluster that is being deleted is not rolled back; its final snapshot is made."""
    assert asked.finish()
    assert asked.prepare()
    assert part(asked) == {}


def test_a_late_preparation_says_nothing(asked: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pod of the preparation that still runs overwrites nothing of what comes after it."""
    before: list[dict[str, Any]] = []

    def meanwhile(*_: Any) -> list[str]:
        if not before:
            stop(asked)
            report = reports.rolling_back(asked.report(), "7", "Replacing")
            asked.write_state(report, replacement="/7")
            before.append(asked.report())
        return ["default/new"]

    monkeypatch.setattr(ControlPlane, "claims", meanwhile)
    assert asked.prepare()
    assert [asked.report()] == before


def test_killed_at_every_line_of_the_preparation(asked: World) -> None:
    """A run that dies anywhere is finished by the next one; it says Prepared after a backup."""
    assert asked.prepare()
    points = kills(asked.wire)
    for number, phase in points:
        asked.reset()
        ask(asked)
        asked.wire.kill_at, asked.wire.phase = number, phase
        with pytest.raises(KilledError):
            asked.prepare()
        line = asked.wire.lines[-1]
        is_prepared = part(asked).get("phase") == "Prepared"
        assert not is_prepared or part(asked)["saved"] in asked.described(), (number, phase, line)
        assert asked.prepare(), (number, phase, line)
        assert part(asked)["phase"] == "Prepared"
        assert part(asked)["saved"] in asked.described()
        assert asked.remainder() == []
    assert len(points) > 10


def test_rolled_back(asked: World) -> None:
    """All keys of the archive are written, Rancher's too, and the report says what was saved."""
    assert asked.prepare()
    stop(asked)
    assert asked.restore()
    (content,) = asked.kubelet.restored
    assert keys(content) == {**KEYS, CLAIM: b"claim", **RANCHERS}
    assert part(asked) == {}
    report = asked.report()
    at = asked.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    assert report["rolledBack"] == {"request": "7", "snapshot": OLD, "saved": LATER, "at": at}
    assert (report["phase"], report["location"]) == ("Completed", f"{UID}/{LATER}")
    assert "restored" not in report
    assert asked.remainder() == []


def test_rolled_back_again(asked: World) -> None:
    """Another request to the same archive replaces the data once more, the same one does not."""
    stop(asked)
    for request, times in (("7", 1), ("7", 1), ("8", 2)):
        asked.env.update(ROLLBACK_REQUEST=request, LOSE_NEWER="true")
        assert asked.restore()
        assert len(asked.kubelet.restored) == times


def test_a_restore_that_fails_is_tried_again(asked: World) -> None:
    """The reason is in the report, and what was saved before stays there."""
    assert asked.prepare()
    stop(asked)
    asked.kubelet.failing = 100
    assert not asked.restore()
    assert (part(asked)["phase"], part(asked)["reason"]) == ("RestoreFailed", "RestorePodFailed")
    assert part(asked)["saved"] == LATER
    (asked.s3.folder / PREFIX / f"{OLD}.tar.gz").write_bytes(archive())
    with pytest.raises(RefusedError, match="ArchiveChanged"):
        asked.restore()
    assert (part(asked)["phase"], part(asked)["reason"]) == ("RestoreFailed", "ArchiveChanged")
    asked.put(OLD, content=CONTENT)
    asked.kubelet.failing = 0
    assert asked.restore()
    assert asked.report()["rolledBack"]["saved"] == LATER


def test_killed_at_every_line_of_the_restore(asked: World) -> None:
    """A run that dies anywhere is finished by the next one; only then the report says so."""
    stop(asked)
    assert asked.restore()
    points = kills(asked.wire)
    for number, phase in points:
        asked.reset()
        ask(asked)
        stop(asked)
        asked.wire.kill_at, asked.wire.phase = number, phase
        with pytest.raises(KilledError):
            asked.restore()
        line = asked.wire.lines[-1]
        assert "rolledBack" not in asked.report() or asked.kubelet.restored, (number, phase, line)
        has_begun = "replacement" in asked.state()
        assert has_begun or not {"Pod", "Secret"} & {*asked.remainder()}, (number, phase, line)
        assert asked.restore(), (number, phase, line)
        assert asked.report()["rolledBack"]["request"] == "7"
        assert asked.remainder() == []
        assert copies(asked) == []
    assert len(points) > 10


def test_no_snapshot_of_half_of_the_data(asked: World) -> None:
    """Neither the schedule nor a deletion saves what is being replaced."""
    stop(asked)
    before = asked.names()
    assert asked.snapshot()
    assert asked.finish()
    assert asked.names() == before
    assert asked.replicas() == 0


def test_a_deletion_after_the_rollback_saves(asked: World) -> None:
    """What was rolled back is saved as always, although the Release still requests it."""
    stop(asked)
    assert asked.restore()
    assert asked.finish()
    assert len(asked.described()) == 2


def test_later_snapshots_keep_the_report(asked: World) -> None:
    """A scheduled snapshot leaves what is said about rollbacks."""
    stop(asked)
    assert asked.restore()
    asked.scale(1)
    done = asked.report()["rolledBack"]
    assert asked.snapshot()
    assert asked.report()["rolledBack"] == done
