"""The check of an archive: read to its end, through gzip and tar, as it comes."""

import gzip
import hashlib
import io
import tarfile
import zlib
from collections.abc import Callable
from typing import IO, Protocol, cast

from jobs.errors import TransientError

PART_BYTES = 256 * 1024
REGISTRY = "registry/"
"""Begin of the keys of Kubernetes' objects, of which every virtual cluster has some."""

Facts = tuple[int, str]
"""Size of an archive, and its SHA-256."""


class Stream(Protocol):
    """A body that is read in parts."""

    def read(self, size: int, /) -> bytes:
        """Return the next part, the empty one at the end."""


class _Meter(io.RawIOBase):
    """A stream that counts and hashes what it passes on."""

    def __init__(self, stream: Stream, on_part: Callable[[], None]) -> None:
        super().__init__()
        self._stream = stream
        self._on_part = on_part
        self._digest = hashlib.sha256()
        self.size = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # any buffer
        self._on_part()
        part = self._stream.read(min(len(buffer), PART_BYTES))
        buffer[: len(part)] = part
        self._digest.update(part)
        self.size += len(part)
        return len(part)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


def verify(stream: Stream, on_part: Callable[[], None] = lambda: None) -> Facts:
    """Read an archive to its end and return its facts.

    `on_part` is called before each part and ends the read by an error. Raises TransientError for an
    archive that is not whole.
    """
    meter = _Meter(stream, on_part)
    try:
        keys = _count_keys(io.BufferedReader(meter, PART_BYTES))
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, ValueError) as error:
        message = f"The archive is not whole: {str(error) or type(error).__name__}"
        raise TransientError("ArchiveBroken", message) from None
    if not keys:
        raise TransientError("ArchiveBroken", "The archive holds no object of Kubernetes.")
    return meter.size, meter.sha256


def _count_keys(raw: io.BufferedReader) -> int:
    """Return the number of keys of Kubernetes' objects; gzip checks sum and length at its end."""
    with gzip.GzipFile(fileobj=raw) as plain:
        tail = _Tail(plain)
        keys = 0
        with tarfile.open(fileobj=cast("IO[bytes]", tail), mode="r|") as entries:
            while (entry := entries.next()) is not None:
                keys += entry.name.lstrip("/").startswith(REGISTRY)
                # It would keep the headers of all entries.
                entries.members.clear()  # type: ignore[attr-defined]  # as CPython has it
        while tail.read(PART_BYTES):
            pass
        if not tail.is_closed:
            message = "it has no end"
            raise tarfile.ReadError(message)
    return keys


class _Tail:
    """A stream that remembers whether its last block was empty, as the end of an archive is."""

    def __init__(self, plain: gzip.GzipFile) -> None:
        self._plain = plain
        self._last = b""

    def read(self, size: int) -> bytes:
        part = self._plain.read(size)
        self._last = (self._last + part)[-2 * tarfile.BLOCKSIZE :]
        return part

    @property
    def is_closed(self) -> bool:
        return len(self._last) == 2 * tarfile.BLOCKSIZE and not any(self._last)
