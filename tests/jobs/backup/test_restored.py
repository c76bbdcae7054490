"""The command `restore`, against a real API server and a real S3 server."""

import hashlib
import json
import os
from dataclasses import asdict
from typing import Any

import pytest

from jobs.backup.bucket import Bucket
from jobs.backup.model import Metadata
from jobs.errors import RefusedError
from tests.jobs.backup.archives import KEYS, archive, keys
from tests.jobs.backup.world import CLAIM, PREFIX, TENANT, World
from tests.support.kills import KilledError, kills

OLD = "hosts/_/former/uid-old"
NAME, LATER = "20260109T020000Z", "20260109T030000Z"
RANCHERS = {
    "/registry/secrets/cattle-system/cattle-credentials-1a2b3c": b"secret",
    "/registry/configmaps/kube-system/caas-rancher-import": b"marker",
}
CONTENT = archive({**KEYS, **RANCHERS})


def describe(content: bytes, **changes: str) -> bytes:
    """Return the description of an archive."""
    metadata = Metadata(
        *("former", "uid-old", "0.36.1", "1.36.3", "HA", "t"),
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )
    return json.dumps({**asdict(metadata), **changes}).encode()


@pytest.fixture
def source(world: World) -> World:
    """Return the world with archives of a former VCluster, and a new one that has not begun."""
    prepare(world)
    return world


def prepare(world: World) -> None:
    """Make the archives and the new VCluster."""
    put(world, NAME, CONTENT, describe(CONTENT))
    put(world, LATER, CONTENT, describe(CONTENT))
    put(world, "20260109T040000Z", CONTENT, None)
    world.env.update(RESTORE_PREFIX=OLD, RESTORE_SNAPSHOT="latest")
    world.scale(0)


def put(world: World, name: str, content: bytes, description: bytes | None) -> None:
    """Put an archive of the former VCluster into the bucket."""
    folder = world.s3.folder / OLD
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.tar.gz").write_bytes(content)
    if description:
        (folder / f"{name}.json").write_bytes(description)


def copies(world: World) -> list[str]:
    """Return what is in the bucket below the prefix of the new VCluster."""
    return [file for file in world.s3.files() if file.startswith(PREFIX)]


@pytest.mark.parametrize(("snapshot", "name"), [("latest", LATER), (NAME, NAME)])
def test_restores(source: World, snapshot: str, name: str) -> None:
    """A new VCluster gets all keys but Rancher's; afterwards nothing of the restoration is left."""
    source.env["RESTORE_SNAPSHOT"] = snapshot
    assert source.restore()
    (content,) = source.kubelet.restored
    assert keys(content) == KEYS
    report = source.report()
    assert (report["phase"], report["restored"]) == ("Restored", f"uid-old/{name}")
    assert source.remainder() == []
    assert copies(source) == []
    claim = source.api.get("v1", "PersistentVolumeClaim", CLAIM, namespace=TENANT)
    assert claim.body["spec"]["resources"] == {"requests": {"storage": "5Gi"}}


def test_again_changes_nothing(source: World) -> None:
    """What was restored stays so: a second run does nothing, even with a later archive there."""
    assert source.restore()
    put(source, "20260110T010000Z", CONTENT, describe(CONTENT))
    assert source.restore()
    assert len(source.kubelet.restored) == 1


def test_a_snapshot_waits(source: World) -> None:
    """Before the restoration there is no snapshot; after it the report keeps what was restored."""
    source.scale(1)
    assert source.snapshot()
    assert copies(source) == []
    assert source.report()["phase"] == "Pending"
    source.scale(0)
    assert source.restore()
    source.scale(1)
    assert source.snapshot()
    report = source.report()
    assert (report["phase"], report["restored"]) == ("Completed", f"uid-old/{LATER}")


def test_first_snapshot_beside_it(source: World) -> None:
    """The first Job waits beside a restoration, and neither ends the other."""
    ended: list[bool] = []
    act = source.kubelet.act

    def meanwhile() -> None:
        if not ended:
            ended.append(False)
            source.env.update(FIRST="true", TIMEOUT="1s")
            ended.append(source.snapshot())
        act()

    source.kubelet.act = meanwhile  # type: ignore[method-assign]  # what another run does
    assert source.restore()
    assert ended == [False, False]
    assert source.report()["restored"] == f"uid-old/{LATER}"


def test_deletion_beside_it(source: World) -> None:
    """A restoration ends as soon as its VCluster is deleted."""
    act = source.kubelet.act
    ended: list[bool] = []

    def meanwhile() -> None:
        if not ended:
            ended.append(False)
            ended.append(source.finish())
        act()

    source.kubelet.act = meanwhile  # type: ignore[method-assign]  # what another run does
    assert source.restore()
    assert "restored" not in source.report()
    assert source.remainder() == []


@pytest.mark.parametrize("at", ["before", "after"])
def test_deletion_while_it_is_copied(
    source: World, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """A copy stays neither of an upload that ends after the deletion, nor of one before."""
    copy_to = Bucket.copy_to

    def meanwhile(*args: Any, **options: Any) -> Any:
        if at == "before":
            assert source.finish()
        facts = copy_to(*args, **options)
        if at == "after":
            assert source.finish()
        return facts

    monkeypatch.setattr(Bucket, "copy_to", meanwhile)
    assert source.restore()
    assert copies(source) == []
    assert source.remainder() == []


def test_the_restoration_ends_before_its_copy_is_removed(
    source: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deletion removes the copy once nothing writes it any more."""
    runs: list[str] = []
    remove = Bucket.remove_copy

    def removed(*args: Any) -> None:
        runs.append(source.state().get("run", ""))
        remove(*args)

    monkeypatch.setattr(Bucket, "remove_copy", removed)
    assert source.finish()
    assert [run.startswith("final-") for run in runs] == [True]


def test_running_control_plane(source: World) -> None:
    """Nothing is written under a control plane that runs."""
    source.scale(1)
    source.env["TIMEOUT"] = "20s"
    assert not source.restore()
    report = source.report()
    assert (report["phase"], report["reason"]) == ("RestoreFailed", "WaitingForStop")
    assert source.kubelet.restored == []


def test_deployed_etcd(source: World) -> None:
    """A deployed etcd is to run, but no member has to: of a new one, none does before the pod."""
    source.deploy(0)
    source.env["TIMEOUT"] = "20s"
    assert not source.restore()
    assert source.report()["reason"] == "WaitingForStore"
    source.start_etcd()
    assert source.restore()
    assert source.report()["phase"] == "Restored"
    assert source.api.get("v1", "PersistentVolumeClaim", CLAIM, namespace=TENANT).status == 404


@pytest.mark.parametrize(
    ("content", "description", "reason"),
    [
        (CONTENT[:-20], describe(CONTENT), "ArchiveBroken"),
        (archive(), describe(CONTENT), "ArchiveChanged"),
        (CONTENT, describe(CONTENT, chart="0.37.0"), "ArchiveNewer"),
        (CONTENT, b"{}", "ArchiveUnreadable"),
        (CONTENT, None, "ArchiveMissing"),
    ],
)
def test_no_archive_to_restore(
    source: World, content: bytes, description: bytes | None, reason: str
) -> None:
    """An archive that is not good changes nothing: no pod, no claim of an empty cluster."""
    (source.s3.folder / OLD / f"{NAME}.json").unlink()
    put(source, NAME, content, description)
    source.env.update(RESTORE_SNAPSHOT=NAME, TIMEOUT="20s")
    if reason == "ArchiveBroken":
        assert not source.restore()
    else:
        with pytest.raises(RefusedError, match=reason):
            source.restore()
    report = source.report()
    assert (report["phase"], report["reason"]) == ("RestoreFailed", reason)
    assert "restored" not in report
    assert source.kubelet.restored == []
    assert source.remainder() == []
    assert copies(source) == []


def test_unknown_chart(source: World) -> None:
    """A chart of an unknown minor does not begin with a backup."""
    source.env["VCLUSTER_CHART"] = "0.37.0"
    with pytest.raises(RefusedError, match="UnknownChart"):
        source.restore()
    report = source.report()
    assert (report["phase"], report["reason"]) == ("RestoreFailed", "UnknownChart")
    assert source.kubelet.restored == []


def test_failing_pod(source: World) -> None:
    """A pod that fails is made again."""
    source.kubelet.failing = 2
    assert source.restore()
    assert len(source.kubelet.restored) == 1


def test_large_archive(source: World) -> None:
    """An archive of many parts is copied whole."""
    values = {f"/registry/pods/default/{n}": os.urandom(1_000_000) for n in range(20)}
    content = archive({**values, **RANCHERS})
    put(source, LATER, content, describe(content))
    assert source.restore()
    assert keys(source.kubelet.restored[0]) == values


def test_killed_at_every_line(source: World) -> None:
    """A run that dies anywhere is finished by the next one; only then the report says restored."""
    assert source.restore()
    points = kills(source.wire)
    for number, phase in points:
        source.reset()
        prepare(source)
        source.wire.kill_at, source.wire.phase = number, phase
        with pytest.raises(KilledError):
            source.restore()
        line = source.wire.lines[-1]
        assert "restored" not in source.report() or source.kubelet.restored, (number, phase, line)
        assert source.restore(), (number, phase, line)
        assert source.report()["restored"] == f"uid-old/{LATER}"
        assert {len(keys(content)) for content in source.kubelet.restored} == {len(KEYS)}
        assert source.remainder() == []
        assert copies(source) == []
    assert len(points) > 10


def test_deletion_in_the_middle(source: World) -> None:
    """A VCluster that is deleted while it is restored leaves no pod, no Secret and no copy."""
    source.wire.kill_at, source.wire.phase = len(_until_pod(source)), "after"
    with pytest.raises(KilledError):
        source.restore()
    assert source.remainder() == ["Secret", "Pod"]
    assert source.finish()
    source.sleep(1)
    assert source.remainder() == []
    assert copies(source) == []


def _until_pod(world: World) -> list[str]:
    """Return the requests of a run up to the creation of the pod, and begin anew."""
    assert world.restore()
    lines = list(world.wire.lines)
    end = next(n for n, line in enumerate(lines) if line.startswith("POST") and "/pods" in line)
    world.reset()
    prepare(world)
    return lines[: end + 1]
