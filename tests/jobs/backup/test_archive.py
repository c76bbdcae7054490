"""The check of an archive, which is read to its end."""

import gzip
import hashlib
import io

import pytest

from jobs.backup.archive import verify
from jobs.errors import TransientError
from tests.jobs.backup.archives import KEYS, archive

LARGE = archive({f"/registry/pods/default/{n}": bytes(range(256)) * 8 for n in range(300)})
PLAIN = gzip.decompress(LARGE)


def test_whole() -> None:
    """A whole archive has its size and its hash."""
    assert verify(io.BytesIO(LARGE)) == (len(LARGE), hashlib.sha256(LARGE).hexdigest())


@pytest.mark.parametrize("blocks", range(2, 22))
def test_any_padding(blocks: int) -> None:
    """The two empty blocks at the end are enough, wherever a part of the read ends."""
    plain = gzip.decompress(archive({f"/registry/{n}": b"x" for n in range(blocks)}))
    end = plain.rstrip(b"\0")
    whole = end + bytes(-len(end) % 512 + 1024)
    assert verify(io.BytesIO(gzip.compress(whole)))[0] > 0


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(LARGE[:-1], id="without the last byte"),
        pytest.param(LARGE[:-8], id="without the checksum"),
        pytest.param(LARGE[: len(LARGE) // 2], id="half"),
        pytest.param(LARGE[:900] + bytes([LARGE[900] ^ 1]) + LARGE[901:], id="one bit"),
        pytest.param(gzip.compress(PLAIN[: 512 * 40]), id="some keys, packed well"),
        pytest.param(gzip.compress(PLAIN.rstrip(b"\0")), id="no end of tar"),
        pytest.param(LARGE + b"more", id="more after the end"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"<html>", id="another file"),
        pytest.param(gzip.compress(b""), id="nothing, packed"),
        pytest.param(archive({}), id="no keys"),
        pytest.param(archive({"/vcluster/x": b""}), id="no keys of Kubernetes"),
    ],
)
def test_not_whole(content: bytes) -> None:
    """An archive that is not whole is none."""
    with pytest.raises(TransientError, match="ArchiveBroken"):
        verify(io.BytesIO(content))


def test_every_cut() -> None:
    """There is no place at which an archive may end early."""
    whole = archive(KEYS)
    for length in range(len(whole)):
        with pytest.raises(TransientError, match="ArchiveBroken"):
            verify(io.BytesIO(whole[:length]))


def test_end_by_the_caller() -> None:
    """The caller ends a read between two parts."""

    def late() -> None:
        reason, message = "TimeIsUp", "late"
        raise TransientError(reason, message)

    with pytest.raises(TransientError, match="late"):
        verify(io.BytesIO(LARGE), late)
