"""Encryption for recipients of age, and decryption, as the content comes."""

import io
import os
import threading

import pyrage
import pytest
from pyrage import x25519

from jobs.backup import age
from jobs.backup.archive import PART_BYTES, Stream, Whole
from jobs.errors import RancherImportError, RefusedError, TransientError
from tests.jobs.backup.archives import archive
from tests.support.kills import KilledError

OURS, ANOTHER, STRANGE = (x25519.Identity.generate() for _ in range(3))
CONTENT = os.urandom(1_000_000)


def sealed(content: bytes = CONTENT, *, recipients: tuple[x25519.Identity, ...] = (OURS,)) -> bytes:
    """Return a ciphertext."""
    sink = io.BytesIO()
    age.encrypt(io.BytesIO(content), sink, [str(one.to_public()) for one in recipients])
    return sink.getvalue()


def plain(ciphertext: bytes, identities: str) -> bytes:
    """Return the plain content of a ciphertext."""
    return decrypt(io.BytesIO(ciphertext), identities)


def decrypt(ciphertext: Stream, identities: str) -> bytes:
    """Return the plain content of a ciphertext that comes in parts."""
    with age.decrypted(ciphertext, identities) as content:
        parts = []
        while part := content.read(PART_BYTES):
            parts.append(part)
        return b"".join(parts)


@pytest.mark.parametrize("reader", [OURS, ANOTHER], ids=["ours", "another"])
def test_each_recipient_reads(reader: x25519.Identity) -> None:
    """Each of the recipients decrypts alone, and as the tools of age do it."""
    ciphertext = sealed(recipients=(OURS, ANOTHER))
    assert CONTENT[:100] not in ciphertext
    assert plain(ciphertext, str(reader)) == CONTENT
    assert pyrage.decrypt(ciphertext, [reader]) == CONTENT


def test_a_file_of_identities() -> None:
    """The file of age-keygen is read as it is, with former identities after a rotation."""
    text = f"# created: now\n# public key: {ANOTHER.to_public()}\n{ANOTHER}\n\n{OURS}\n"
    assert plain(sealed(), text) == CONTENT


@pytest.mark.parametrize(
    ("ciphertext", "identities", "error", "reason"),
    [
        (sealed(), str(STRANGE), RefusedError, "IdentityWrong"),
        (sealed(), "# nothing\n", RefusedError, "IdentityWrong"),
        (sealed(), f"{OURS}x", RefusedError, "IdentityWrong"),
        (sealed(), str(OURS.to_public()), RefusedError, "IdentityWrong"),
        (b"", str(OURS), TransientError, "ArchiveBroken"),
        (CONTENT, str(OURS), TransientError, "ArchiveBroken"),
        (sealed()[:100], str(OURS), TransientError, "ArchiveBroken"),
        (sealed()[:500_000], str(OURS), TransientError, "ArchiveBroken"),
        (sealed()[:-1], str(OURS), TransientError, "ArchiveBroken"),
        (sealed() + b"x", str(OURS), TransientError, "ArchiveBroken"),
        (sealed()[:-9] + bytes(9), str(OURS), TransientError, "ArchiveBroken"),
    ],
    # Keys are new in each process, and the processes of xdist have to name the tests the same.
    ids=[
        "of another",
        "of none",
        "malformed",
        "a public key",
        "empty",
        "plain",
        "the header alone",
        "the first half",
        "without its end",
        "longer",
        "changed",
    ],
)
def test_refused(
    ciphertext: bytes, identities: str, error: type[RancherImportError], reason: str
) -> None:
    """What is for others, or not whole, is an error with a reason, and shows no identity."""
    with pytest.raises(error) as raised:
        plain(ciphertext, identities)
    assert raised.value.reason == reason
    assert str(OURS)[20:40] not in raised.value.message
    assert str(STRANGE)[20:40] not in raised.value.message


def test_unknown_recipient() -> None:
    """A text that is no public key is refused before anything is written."""
    sink = io.BytesIO()
    with pytest.raises(RefusedError, match="AGE_RECIPIENTS") as raised:
        age.encrypt(io.BytesIO(b"x"), sink, [str(OURS)])
    assert sink.getvalue() == b""
    assert str(OURS) not in raised.value.message


class Broken(io.BytesIO):
    """A place that ends by an error after some bytes."""

    def __init__(self, error: BaseException, content: bytes = b"") -> None:
        """Hold the error."""
        super().__init__(content)
        self._error = error

    def read(self, size: int | None = -1, /) -> bytes:
        """Return a part of the first half of the content."""
        if self.tell() > len(self.getvalue()) // 2:
            raise self._error
        return super().read(size)

    def write(self, _: object, /) -> int:
        """Take nothing."""
        raise self._error


@pytest.mark.parametrize("error", [TransientError("TimeIsUp", "late"), OSError("x"), KilledError()])
def test_errors_pass(error: BaseException) -> None:
    """An error of what is read or written is that of the encryption, or of the decryption."""
    recipients = [str(OURS.to_public())]
    with pytest.raises(type(error)) as raised:
        age.encrypt(Broken(error, CONTENT), io.BytesIO(), recipients)
    assert raised.value is error
    with pytest.raises(type(error)) as raised:
        age.encrypt(io.BytesIO(CONTENT), Broken(error), recipients)
    assert raised.value is error
    with pytest.raises(type(error)) as raised:
        decrypt(Broken(error, sealed()), str(OURS))
    assert raised.value is error


def test_a_reader_that_leaves() -> None:
    """A reader that leaves in the middle ends the decryption, and its own error is the one."""

    def leave() -> None:
        with age.decrypted(io.BytesIO(sealed()), str(OURS)) as content:
            assert content.read(10) == CONTENT[:10]
            raise KilledError

    with pytest.raises(KilledError):
        leave()
    assert [one.name for one in threading.enumerate() if one.name == "decryption"] == []


def test_an_archive_is_checked_while_it_is_encrypted() -> None:
    """An archive passes byte by byte, and one that is not whole has no end."""
    content = archive()
    sink = io.BytesIO()
    recipients = [str(OURS.to_public())]
    age.encrypt(Whole(io.BytesIO(content)), sink, recipients)
    assert plain(sink.getvalue(), str(OURS)) == content
    for broken in (content[:-9], content + b"x", b"", CONTENT):
        with pytest.raises(TransientError, match="ArchiveBroken"):
            age.encrypt(Whole(io.BytesIO(broken)), io.BytesIO(), recipients)
