"""Archives that are encrypted for recipients of age, against a real S3 server."""

import contextlib
import hashlib
import json
import os
import re
from dataclasses import asdict
from typing import Any

import pyrage
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyrage import x25519

from jobs.backup import age
from jobs.backup.archive import facts_of
from jobs.backup.bucket import Bucket
from jobs.backup.model import Metadata
from jobs.errors import RefusedError, TransientError
from tests.jobs.backup.archives import KEYS, archive, keys
from tests.jobs.backup.test_restored import CONTENT, LATER, OLD, copies, describe, prepare, put
from tests.jobs.backup.test_snapshot_loop import FAULTS
from tests.jobs.backup.world import PREFIX, UID, World
from tests.support.kills import KilledError, kills

FIRST = "20260110T020000Z"
OLDER = "20260109T020000Z"
CIPHER = ".1a2b3c4d.tar.gz.age"
"""A word and the ending of an encrypted object."""

OURS, ANOTHER = (x25519.Identity.generate() for _ in range(2))
RECIPIENTS = (str(OURS.to_public()), str(ANOTHER.to_public()))


@pytest.fixture
def sealed(world: World) -> World:
    """Return the world with a target that has recipients."""
    world.encrypt_for(*RECIPIENTS)
    return world


def check(world: World) -> None:
    """Check that what counts is encrypted and can be decrypted."""
    whole = world.described()
    for metadata in whole.values():
        content = (world.s3.folder / PREFIX / metadata.object).read_bytes()
        assert keys(pyrage.decrypt(content, [OURS])) == KEYS
        assert (metadata.size, metadata.sha256) == (
            len(content),
            hashlib.sha256(content).hexdigest(),
        )
    report = world.report()
    if report["phase"] == "Completed":
        assert report["location"].rpartition("/")[2] in whole


def plain(world: World) -> list[str]:
    """Return the plain archives in the bucket."""
    return [name for name in world.names() if name.endswith(".tar.gz")]


def test_snapshot(sealed: World) -> None:
    """A snapshot ends with the ciphertext and its description, and without the plain archive."""
    assert sealed.snapshot()
    described = sealed.described()[FIRST]
    assert re.fullmatch(rf"{FIRST}\.[0-9a-f]{{8}}\.tar\.gz\.age", described.object)
    assert sealed.names() == sorted([f"{FIRST}.json", described.object])
    check(sealed)
    assert (described.encryption, [*described.recipients]) == ("age", [*RECIPIENTS])
    report = sealed.report()
    assert (report["size"], report["location"]) == (described.size, f"{UID}/{FIRST}")
    assert report["count"] == 1


def test_killed_at_every_line(sealed: World) -> None:
    """A run that dies anywhere leaves a good archive or none; the next one leaves no plain one."""
    assert sealed.snapshot()
    points = kills(sealed.wire)
    for number, phase in points:
        sealed.reset()
        sealed.encrypt_for(*RECIPIENTS)
        sealed.wire.kill_at, sealed.wire.phase = number, phase
        with pytest.raises(KilledError):
            sealed.snapshot()
        check(sealed)
        assert sealed.snapshot(), (number, phase, sealed.wire.lines[-1])
        assert sealed.report()["phase"] == "Completed"
        assert sealed.remainder() == []
        assert plain(sealed) == []
        check(sealed)
    assert len(points) > 14


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(FAULTS, st.integers(0, 2), st.booleans())
def test_law(
    world: World,
    faults: list[tuple[int, str]],
    broken: int,
    final: bool,  # noqa: FBT001  # drawn by Hypothesis
) -> None:
    """Killed anywhere, however often: completed means encrypted, and no plain archive."""
    world.reset()
    world.encrypt_for(*RECIPIENTS)
    world.control_plane.broken = broken
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
    assert plain(world) == []


def test_archives_from_before(world: World) -> None:
    """Plain archives from before the encryption stay and count; remnants of them do not."""
    assert world.snapshot()
    world.put("20260109T010000Z")
    world.sleep(3600)
    world.env["INPUTS"] = "in-2"
    world.encrypt_for(*RECIPIENTS)
    assert world.snapshot()
    assert [name for name in world.names() if not name.startswith("20260110T03")] == [
        f"{FIRST}.json",
        f"{FIRST}.tar.gz",
    ]
    assert world.report()["count"] == 2


def test_without_recipients_again(sealed: World) -> None:
    """Encrypted archives stay, count and are removed by the retention of a plain target."""
    for day in range(1, 10):
        sealed.put(f"2026010{day}T020000Z", ".1a2b3c4d.tar.gz.age")
        sealed.put(f"2026010{day}T020000Z", ".json", b"{}")
    sealed.encrypt_for()
    assert sealed.snapshot()
    assert sealed.report()["count"] == 7
    assert not [name for name in sealed.names() if name.startswith("20260103")]


def test_broken_archive(sealed: World) -> None:
    """An archive that is not whole is not encrypted, and does not stay."""
    sealed.control_plane.content = archive()[:-9]
    sealed.env["TIMEOUT"] = "60s"
    assert not sealed.snapshot()
    assert sealed.report()["reason"] == "ArchiveBroken"
    assert sealed.names() == []


def test_lost_ciphertext(sealed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ciphertext that the bucket does not hold as it was uploaded counts as none."""
    opened = Bucket._opened  # noqa: SLF001  # a server that loses bytes

    @contextlib.contextmanager
    def cut(bucket: Bucket, name: str, ending: str, what: str):  # type: ignore[no-untyped-def]  # noqa: ANN202  # as the original
        if name.endswith(".tar.gz.age"):
            file = sealed.s3.folder / PREFIX / name
            file.write_bytes(file.read_bytes()[:-1])
        with opened(bucket, name, ending, what) as body:
            yield body

    monkeypatch.setattr(Bucket, "_opened", cut)
    sealed.env["TIMEOUT"] = "60s"
    assert not sealed.snapshot()
    assert sealed.report()["reason"] == "ArchiveBroken"
    assert sealed.names() == []


def test_plain_archive_that_stays(sealed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket that keeps the plain archive is a failure, because it can be read there."""

    def refuse(_: Bucket, name: str) -> None:
        reason = "AccessDenied"
        raise RefusedError(reason, f"{name} stays")

    monkeypatch.setattr(Bucket, "remove_plain", refuse)
    with pytest.raises(RefusedError, match="AccessDenied"):
        sealed.snapshot()
    report = sealed.report()
    assert (report["phase"], report["reason"], report["last"]) == ("Failed", "AccessDenied", "")


def test_two_runs_that_encrypt_at_once(sealed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that was overtaken, and ends before it describes its ciphertext, spoils no archive."""
    others: list[bool] = []
    encrypt, place = age.encrypt, "jobs.backup.bucket.facts_of"

    def overtaken(*args: Any) -> None:
        if not others:
            others.append(False)
            others.append(sealed.snapshot())
            monkeypatch.setattr(place, late)
        encrypt(*args)

    def late(*_: Any) -> Any:
        monkeypatch.setattr(place, facts_of)
        reason = "TimeIsUp"
        raise TransientError(reason, "late")

    monkeypatch.setattr(age, "encrypt", overtaken)
    sealed.snapshot()
    assert others == [False, True]
    check(sealed)
    assert list(sealed.described()) == [FIRST]
    assert plain(sealed) == []


def test_large_archive(sealed: World) -> None:
    """An archive of many parts is encrypted whole."""
    values = {f"/registry/pods/default/{n}": os.urandom(1_000_000) for n in range(20)}
    sealed.control_plane.content = archive(values)
    assert sealed.snapshot()
    content = (sealed.s3.folder / PREFIX / sealed.described()[FIRST].object).read_bytes()
    assert keys(pyrage.decrypt(content, [ANOTHER])) == values


def test_final_snapshot(sealed: World) -> None:
    """The final snapshot is encrypted, too."""
    assert sealed.finish()
    assert [*sealed.described()] == [FIRST]
    assert plain(sealed) == []
    check(sealed)
    assert sealed.report()["final"] == f"{UID}/{FIRST}"


def test_deletion_after_a_killed_run(sealed: World) -> None:
    """A deletion without a final snapshot removes a plain archive that a killed run has left."""
    sealed.wire.kill_on, sealed.wire.phase = ".tar.gz.age", "before"
    with pytest.raises(KilledError):
        sealed.snapshot()
    assert sealed.names() == [f"{FIRST}.tar.gz"]
    sealed.wire.reset()
    sealed.env["ON_DELETE"] = "None"
    assert sealed.finish()
    assert sealed.names() == []


def encrypted(
    content: bytes, *identities: x25519.Identity, name: str = LATER
) -> tuple[bytes, bytes]:
    """Return a ciphertext and its description."""
    recipients = [one.to_public() for one in identities]
    ciphertext = pyrage.encrypt(content, recipients)
    metadata = Metadata(
        *("former", "uid-old", "0.36.1", "1.36.3", "HA", "t"),
        size=len(ciphertext),
        sha256=hashlib.sha256(ciphertext).hexdigest(),
        encryption="age",
        object=f"{name}{CIPHER}",
        recipients=tuple(str(one) for one in recipients),
    )
    return ciphertext, json.dumps(asdict(metadata)).encode()


def make_source(world: World, ciphertext: bytes, description: bytes) -> None:
    """Put an encrypted archive beside older plain ones, and a new VCluster that has not begun."""
    prepare(world)
    folder = world.s3.folder / OLD
    for file in folder.glob(f"{LATER}*"):
        file.unlink()
    (folder / f"{LATER}{CIPHER}").write_bytes(ciphertext)
    (folder / f"{LATER}.json").write_bytes(description)
    write_identity(world, f"# public key: {OURS.to_public()}\n{OURS}\n")


def write_identity(world: World, text: str) -> None:
    """Write the mounted file with identities."""
    file = world.folder / "identity"
    file.write_text(text)
    world.env["AGE_IDENTITY_FILE"] = str(file)


def test_restores(world: World) -> None:
    """An encrypted archive is restored without Rancher's part, and its plain copy is removed."""
    make_source(world, *encrypted(CONTENT, OURS))
    assert world.restore()
    (content,) = world.kubelet.restored
    assert keys(content) == KEYS
    assert world.report()["restored"] == f"uid-old/{LATER}"
    assert copies(world) == []


def test_restores_plain_ones_too(world: World) -> None:
    """A plain archive from before the encryption is restored as it was, with or without a key."""
    prepare(world)
    put(world, LATER, CONTENT, describe(CONTENT))
    world.encrypt_for(*RECIPIENTS)
    assert world.restore()
    assert keys(world.kubelet.restored[0]) == KEYS


def test_restores_many_parts(world: World) -> None:
    """A large archive is decrypted and copied whole."""
    values = {f"/registry/pods/default/{n}": os.urandom(1_000_000) for n in range(20)}
    make_source(world, *encrypted(archive(values), OURS))
    assert world.restore()
    assert keys(world.kubelet.restored[0]) == values


def test_restore_killed_at_every_line(world: World) -> None:
    """A restoration that dies anywhere is finished by the next run, and leaves no plain copy."""
    source = encrypted(CONTENT, OURS)
    make_source(world, *source)
    assert world.restore()
    points = kills(world.wire)
    for number, phase in points:
        world.reset()
        make_source(world, *source)
        world.wire.kill_at, world.wire.phase = number, phase
        with pytest.raises(KilledError):
            world.restore()
        assert world.restore(), (number, phase, world.wire.lines[-1])
        assert {len(keys(content)) for content in world.kubelet.restored} == {len(KEYS)}
        assert copies(world) == []
    assert len(points) > 10


def make_rollback(world: World, identities: str) -> None:
    """Put an encrypted archive of the VCluster itself into the bucket, and request a rollback."""
    ciphertext, description = encrypted(CONTENT, OURS, name=OLDER)
    world.put(OLDER, CIPHER, ciphertext)
    world.put(OLDER, ".json", description)
    world.encrypt_for(*RECIPIENTS)
    write_identity(world, identities)
    world.env.update(ROLLBACK_SNAPSHOT=OLDER, ROLLBACK_REQUEST="7", TIMEOUT="5m")


def test_rollback(world: World) -> None:
    """A rollback reads an encrypted archive, saves one, and restores all of it in place."""
    make_rollback(world, str(OURS))
    assert world.prepare()
    assert world.report()["rollback"]["phase"] == "Prepared"
    assert plain(world) == []
    assert len(world.described()) == 2
    world.scale(0)
    world.env.update(RESTORE_PREFIX=PREFIX, RESTORE_SNAPSHOT=OLDER, RESTORE_IN_PLACE="true")
    assert world.restore()
    assert keys(world.kubelet.restored[0]) == keys(CONTENT)
    assert plain(world) == []


@pytest.mark.parametrize(
    ("identities", "reason"),
    [("", "IdentityMissing"), (str(ANOTHER), "IdentityWrong")],
    ids=["none", "another"],
)
def test_rollback_without_the_identity(world: World, identities: str, reason: str) -> None:
    """A rollback to an archive that cannot be decrypted is refused while everything runs."""
    make_rollback(world, identities)
    assert world.prepare()
    rollback = world.report()["rollback"]
    assert (rollback["phase"], rollback["reason"]) == ("Refused", reason)
    assert sorted(world.described()) == [OLDER]


GOOD = encrypted(CONTENT, OURS)
CUT = GOOD[0][:-20]


@pytest.mark.parametrize(
    ("ciphertext", "description", "text", "reason"),
    [
        (*GOOD, "", "IdentityMissing"),
        (*GOOD, "# no key\n", "IdentityWrong"),
        (*GOOD, "not a key\n", "IdentityWrong"),
        (*encrypted(CONTENT, ANOTHER), str(OURS), "IdentityWrong"),
        (CUT, GOOD[1], str(OURS), "ArchiveBroken"),
        (encrypted(CONTENT, OURS)[0], GOOD[1], str(OURS), "ArchiveChanged"),
        (*encrypted(CONTENT[:-20], OURS), str(OURS), "ArchiveBroken"),
        (GOOD[0], GOOD[1].replace(b'"age"', b'"rot13"'), str(OURS), "ArchiveUnreadable"),
        (GOOD[0], GOOD[1].replace(b'"age"', b'""'), str(OURS), "ArchiveUnreadable"),
        (GOOD[0], GOOD[1].replace(CIPHER.encode(), b"/../x"), str(OURS), "ArchiveUnreadable"),
        (
            GOOD[0],
            GOOD[1].replace(b"1a2b3c4d", b"00000000"),
            str(OURS),
            "ArchiveMissing",
        ),
    ],
    ids=[
        "no identity",
        "a comment",
        "no key",
        "for another",
        "without its end",
        "another encryption",
        "of half an archive",
        "another kind",
        "no kind",
        "elsewhere",
        "not there",
    ],
)
def test_no_archive_to_restore(
    world: World, ciphertext: bytes, description: bytes, text: str, reason: str
) -> None:
    """An archive that cannot be decrypted changes nothing, and the reason shows no secret."""
    make_source(world, ciphertext, description)
    write_identity(world, text)
    world.env.update(RESTORE_SNAPSHOT=LATER, TIMEOUT="20s")
    if reason == "ArchiveBroken":
        assert not world.restore()
    else:
        with pytest.raises(RefusedError, match=reason):
            world.restore()
    report = world.report()
    assert (report["phase"], report["reason"]) == ("RestoreFailed", reason)
    assert str(OURS)[20:40] not in json.dumps(world.state())
    assert world.kubelet.restored == []
    assert world.remainder() == []
    assert copies(world) == []
