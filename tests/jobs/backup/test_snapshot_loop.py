"""The scheduled snapshot, against a real API server and a real S3 server."""

import contextlib
import hashlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.backup.bucket import Bucket
from jobs.errors import RefusedError
from tests.jobs.backup.archives import KEYS, archive, keys
from tests.jobs.backup.world import PREFIX, REQUEST, UID, World
from tests.support.kills import KilledError, kills

FIRST = "20260110T020000Z"


def test_from_nothing_to_an_archive(world: World) -> None:
    """A snapshot ends with an archive, its description, a report, and no request."""
    assert world.snapshot()
    assert world.names() == [f"{FIRST}.json", f"{FIRST}.tar.gz"]
    content = archive()
    described = world.described()[FIRST]
    assert (described.size, described.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    report = world.report()
    assert report["phase"] == "Completed"
    assert world.remainder() == []


def test_killed_at_every_line(world: World) -> None:
    """A run that dies anywhere leaves a good archive or none, and the next one completes."""
    assert world.snapshot()
    points = kills(world.wire)
    for number, phase in points:
        world.reset()
        world.wire.kill_at, world.wire.phase = number, phase
        with pytest.raises(KilledError):
            world.snapshot()
        line = world.wire.lines[-1]
        check(world)
        assert world.snapshot(), (number, phase, line)
        assert world.report()["phase"] == "Completed"
        assert world.remainder() == []
    assert len(points) > 10


def test_report(world: World) -> None:
    """The report has all that status.backup shows."""
    assert world.snapshot()
    assert world.report() == {
        "phase": "Completed",
        "reason": "Completed",
        "message": "",
        "last": "2026-01-10T02:00:00Z",
        "size": len(archive()),
        "location": f"{UID}/{FIRST}",
        "count": 1,
        "next": "2026-01-11T01:00:00Z",
        "overdueAt": "2026-01-11T01:25:00Z",
        "observedInputs": "in-1",
    }


def test_no_credential_stays(world: World) -> None:
    """The Secret is gone as soon as the control plane has written the archive."""
    assert world.snapshot()
    lines = world.wire.lines
    removal = next(n for n, line in enumerate(lines) if line.startswith("DELETE"))
    assert lines[removal].endswith(f"/secrets/{REQUEST}")
    read = next(n for n, line in enumerate(lines) if line.endswith(f"{FIRST}.tar.gz"))
    assert removal < read


def test_failed_archive_does_not_count(world: World) -> None:
    """What a failed request has written is well-formed and none: another one is asked for."""
    world.control_plane.broken = 2
    assert world.snapshot()
    (name,) = world.described()
    assert name > FIRST
    assert world.names() == [f"{name}.json", f"{name}.tar.gz"]
    assert world.report()["size"] == len(archive())


def test_broken_archive_does_not_count(world: World) -> None:
    """An archive that the bucket has lost a part of never gets a description."""
    world.control_plane.content = archive()[:-9]
    world.env["TIMEOUT"] = "60s"
    assert not world.snapshot()
    report = world.report()
    assert (report["phase"], report["reason"]) == ("Failed", "ArchiveBroken")
    assert world.described() == {}
    assert world.remainder() == []


def test_failure_leaves_the_last_archive(world: World) -> None:
    """A failure says why, and does not take back what is there."""
    assert world.snapshot()
    world.sleep(86400)
    world.env["S3_BUCKET"] = "gone"
    with pytest.raises(RefusedError, match="BucketMissing"):
        world.snapshot()
    report = world.report()
    assert (report["phase"], report["reason"]) == ("Failed", "BucketMissing")
    assert (report["last"], report["location"]) == ("2026-01-10T02:00:00Z", f"{UID}/{FIRST}")
    assert (report["count"], report["next"]) == (1, "2026-01-12T01:00:00Z")
    assert world.remainder() == []


def test_unknown_chart(world: World) -> None:
    """After an upgrade to an unknown minor the report says so, and the last archive stays."""
    assert world.snapshot()
    world.wire.kill_on, world.wire.phase = "/configmaps", "after"
    world.sleep(60)
    with pytest.raises(KilledError):
        world.snapshot()
    world.wire.reset()
    assert world.remainder() == ["Secret", "ConfigMap"]
    world.sleep(86400)
    world.env["VCLUSTER_CHART"] = "0.37.0"
    assert world.snapshot()
    report = world.report()
    assert (report["phase"], report["reason"]) == ("Unsupported", "UnknownChart")
    assert report["message"] == (
        "Chart 0.37.0 is of a minor that this version does not know how to back up or restore: "
        "0.30 to 0.36 are known. Update the function."
    )
    assert (report["location"], report["count"]) == (f"{UID}/{FIRST}", 1)
    assert sorted(world.described()) == [FIRST]
    assert world.remainder() == []
    world.env["VCLUSTER_CHART"] = "0.36.1"
    assert world.snapshot()
    assert world.report()["phase"] == "Completed"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"S3_BUCKET": "gone"}, "BucketMissing"),
        ({"S3_CA_FILE": "/nonexistent"}, "CertificateUnknown"),
        ({"S3_CREDENTIALS_DIR": "/nonexistent"}, "CredentialsMissing"),
    ],
)
def test_refused_target(world: World, changes: dict[str, str], reason: str) -> None:
    """A target that is wrong is named before any credential comes to the host."""
    world.env.update(changes)
    with pytest.raises(RefusedError, match=reason):
        world.snapshot()
    assert world.report()["reason"] == reason
    assert not [line for line in world.wire.lines if line.startswith("POST")]


def test_unreachable_target(world: World) -> None:
    """A target that does not answer is tried until the time is up."""
    world.env.update(S3_ENDPOINT="https://127.0.0.1:1", TIMEOUT="3m")
    assert not world.snapshot()
    assert world.report()["reason"] == "TargetUnreachable"
    assert 180 <= world.seconds < 260


def test_control_plane_without_an_answer(world: World) -> None:
    """A request that is not taken up is removed when the time is up."""
    world.control_plane.runs = False
    assert not world.snapshot()
    report = world.report()
    assert (report["phase"], report["reason"]) == ("Failed", "WaitingForControlPlane")
    assert world.remainder() == []
    assert 600 <= world.seconds < 620


def test_slow_archive(world: World) -> None:
    """An archive that takes minutes is waited for, by few looks."""
    world.control_plane.takes = 100
    assert world.snapshot()
    assert len(world.wire.lines) < 600


def test_retention(world: World) -> None:
    """Archives beyond count and days go with the next one; the report counts the others."""
    for day in range(1, 10):
        world.put(f"2026010{day}T020000Z")
        world.put(f"2026010{day}T020000Z", ".json", b"{}")
    world.put("20251231T020000Z")
    world.put("notes", ".txt")
    assert world.snapshot()
    stay = [f"2026010{day}T020000Z" for day in range(4, 10)]
    ends = (".json", ".tar.gz")
    expected = [f"{name}{end}" for name in [*stay, FIRST] for end in ends]
    assert world.names() == sorted([*expected, "notes.txt"])
    assert world.report()["count"] == 7


def test_archives_that_cannot_be_removed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket that keeps all that it has is no failure of the snapshot."""

    def refuse(_: Bucket, name: str) -> None:
        reason = "AccessDenied"
        raise RefusedError(reason, f"{name} stays")

    monkeypatch.setattr(Bucket, "remove", refuse)
    world.put("20250101T020000Z")
    assert world.snapshot()
    report = world.report()
    assert (report["phase"], report["reason"]) == ("Completed", "ArchivesNotRemoved")
    assert "20250101T020000Z stays" in report["message"]
    assert report["count"] == 1


def test_asleep(world: World) -> None:
    """Asleep nothing is taken, reported or left, and no other run ends because of it."""
    world.scale(0)
    assert world.snapshot()
    assert world.names() == []
    assert world.report()["phase"] == "Pending"
    assert "run" not in world.state()


def test_first_snapshot(world: World) -> None:
    """The first Job waits for the control plane, and does nothing once the target is proven."""
    world.env.update(FIRST="true", TIMEOUT="60s")
    world.scale(0)
    assert not world.snapshot()
    assert world.report()["phase"] == "Pending"
    world.scale(1)
    assert world.snapshot()
    world.wire.lines.clear()
    world.sleep(86400)
    assert world.snapshot()
    assert len(world.described()) == 1
    assert world.report()["next"] == "2026-01-12T01:00:00Z"
    assert not [line for line in world.wire.lines if "backups" in line]


def test_new_inputs(world: World) -> None:
    """The first Job of other inputs takes a snapshot again."""
    world.env["FIRST"] = "true"
    assert world.snapshot()
    world.env["INPUTS"] = "in-2"
    assert world.snapshot()
    assert len(world.described()) == 2
    assert world.report()["observedInputs"] == "in-2"


def test_spread(world: World) -> None:
    """Only what the CronJob starts waits for its turn."""
    world.env["JOB_NAME"] = "kunde1-backup-29401560"
    assert world.snapshot()
    spread = world.seconds
    world.reset()
    for name in ("kunde1-backup-first-1a2b", "manual-1", ""):
        world.env["JOB_NAME"] = name
        assert world.snapshot()
    assert spread > world.seconds


def test_two_runs(world: World) -> None:
    """The run that begins last continues with the request of the other, which ends well."""
    others: list[bool] = []
    act = world.control_plane.act

    def meanwhile() -> None:
        if not others:
            others.append(False)
            others.append(world.snapshot())
        act()

    world.control_plane.act = meanwhile  # type: ignore[method-assign]  # what another run does
    assert world.snapshot()
    assert others == [False, True]
    assert list(world.described()) == [FIRST]
    assert world.remainder() == []


def test_request_of_another_target(world: World) -> None:
    """A request that a killed run made for other inputs is replaced."""
    world.wire.kill_on, world.wire.phase = "/configmaps", "after"
    with pytest.raises(KilledError):
        world.snapshot()
    world.wire.reset()
    world.env.update(INPUTS="in-2", S3_PREFIX="hosts/_/kunde1/other")
    assert world.snapshot()
    assert [file.split("/")[3] for file in world.s3.files()] == ["other", "other"]


FAULTS = st.lists(
    st.tuples(st.integers(1, 70), st.sampled_from(["before", "after"])), min_size=1, max_size=4
)


@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(FAULTS, st.integers(0, 2), st.integers(1, 30), st.booleans())
def test_law(
    world: World,
    faults: list[tuple[int, str]],
    broken: int,
    takes: int,
    final: bool,  # noqa: FBT001  # drawn by Hypothesis
) -> None:
    """Killed anywhere, however often: an archive is a whole one, and completed means one more."""
    world.reset()
    world.control_plane.broken, world.control_plane.takes = broken, takes
    for number, phase in faults:
        world.wire.reset()
        world.wire.kill_at, world.wire.phase = number, phase
        with contextlib.suppress(KilledError):
            world.snapshot()
        check(world)
    world.wire.reset()
    assert world.finish() if final else world.snapshot()
    check(world)
    assert world.report()["phase"] == "Completed"
    assert world.remainder() == []


def check(world: World) -> None:
    """Check each archive that counts, and what the report says."""
    whole = world.described()
    for name, metadata in whole.items():
        content = (world.s3.folder / PREFIX / f"{name}.tar.gz").read_bytes()
        assert keys(content) == KEYS
        assert metadata.sha256 == hashlib.sha256(content).hexdigest()
    report = world.report()
    if report["phase"] == "Completed":
        assert report["location"].rpartition("/")[2] in whole
