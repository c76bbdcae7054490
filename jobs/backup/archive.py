"""The read of an archive to its end, through gzip and tar, as it comes; and a copy of a part."""

import gzip
import hashlib
import io
import tarfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Protocol, cast

from jobs.errors import TransientError

PART_BYTES = 256 * 1024
REGISTRY = "registry/"
"""Begin of the keys of Kubernetes' objects, of which every virtual cluster has some."""

END = bytes(2 * tarfile.BLOCKSIZE)
"""The two empty blocks at the end of an archive."""

COMPRESSION = 3
"""The level of gzip that the control plane uses, because a higher one takes long."""

Facts = tuple[int, str]
"""Size of an archive, and its SHA-256."""


class Stream(Protocol):
    """A body that is read in parts."""

    def read(self, size: int, /) -> bytes:
        """Return the next part, the empty one at the end."""


class Reader:
    """One read of an archive; its facts are right once it was read to its end."""

    def __init__(self, stream: Stream, on_part: Callable[[], None] = lambda: None) -> None:
        """Hold the stream; `on_part` is called before each part and ends the read by an error."""
        self._meter = Meter(stream, on_part)

    @property
    def facts(self) -> Facts:
        """Size and SHA-256 of what was read."""
        return self._meter.facts

    def entries(self) -> Iterator[tuple[str, bytes]]:
        """Yield the key of each entry, and the entry as it is in the archive.

        Raises TransientError, at the latest at the end, for an archive that is not whole.
        """
        try:
            yield from _entries(io.BufferedReader(self._meter, PART_BYTES))
        except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, ValueError) as error:
            message = f"The archive is not whole: {str(error) or type(error).__name__}"
            raise TransientError("ArchiveBroken", message) from None

    def parts(self, is_wanted: Callable[[str], bool]) -> Iterator[bytes]:
        """Yield the parts of an archive of the wanted entries, and check the one that is read."""
        packer = zlib.compressobj(COMPRESSION, zlib.DEFLATED, zlib.MAX_WBITS | 16)
        for key, entry in self.entries():
            if is_wanted(key):
                yield packer.compress(entry)
        yield packer.compress(END) + packer.flush()


class Whole:
    """The bytes of an archive as they are, whose read ends by an error if it is not whole."""

    def __init__(self, stream: Stream, on_part: Callable[[], None] = lambda: None) -> None:
        """Hold the stream, which is checked while it is read."""
        self._held = bytearray()
        self._entries = Reader(_Copied(stream, self._held), on_part).entries()

    def read(self, size: int, /) -> bytes:
        """Return the next part, the empty one at the end."""
        while not self._held and next(self._entries, None) is not None:
            pass
        part = bytes(self._held[:size])
        del self._held[:size]
        return part


def verify(stream: Stream, on_part: Callable[[], None] = lambda: None) -> Facts:
    """Read an archive to its end and return its facts."""
    reader = Reader(stream, on_part)
    for _ in reader.entries():
        pass
    return reader.facts


def facts_of(stream: Stream, on_part: Callable[[], None] = lambda: None) -> Facts:
    """Read any content to its end and return its facts."""
    meter = Meter(stream, on_part)
    while meter.read(PART_BYTES):
        pass
    return meter.facts


def _entries(raw: io.BufferedReader) -> Iterator[tuple[str, bytes]]:
    """Yield keys and entries; gzip checks sum and length at its end."""
    is_empty = True
    with gzip.GzipFile(fileobj=raw) as packed:
        plain = _Plain(packed)
        with tarfile.open(fileobj=cast("IO[bytes]", plain), mode="r|") as entries:
            entry = entries.next()
            while entry is not None:
                # It would keep the headers of all entries.
                entries.members.clear()  # type: ignore[attr-defined]  # as CPython has it
                key, after = entry.name, entries.next()
                is_empty = is_empty and not key.lstrip("/").startswith(REGISTRY)
                size = -(-entry.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
                yield key, plain.cut(entry.offset, entry.offset_data + size)
                entry = after
        plain.finish()
    if is_empty:
        raise TransientError("ArchiveBroken", "The archive holds no object of Kubernetes.")


class _Copied:
    """A stream whose parts are written to another place too."""

    def __init__(self, stream: Stream, copy: bytearray) -> None:
        self._stream = stream
        self._copy = copy

    def read(self, size: int, /) -> bytes:
        part = self._stream.read(size)
        self._copy += part
        return part


class Meter(io.RawIOBase):
    """A stream that counts and hashes what it passes on."""

    def __init__(self, stream: Stream, on_part: Callable[[], None]) -> None:
        """Hold the stream; `on_part` is called before each part and ends the read by an error."""
        super().__init__()
        self._stream = stream
        self._on_part = on_part
        self._digest = hashlib.sha256()
        self._size = 0

    def readable(self) -> bool:
        """Return true."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # any buffer
        """Read the next part."""
        self._on_part()
        part = self._stream.read(min(len(buffer), PART_BYTES))
        buffer[: len(part)] = part
        self._digest.update(part)
        self._size += len(part)
        return len(part)

    @property
    def facts(self) -> Facts:
        """Size and SHA-256 of what was read."""
        return self._size, self._digest.hexdigest()


class _Plain:
    """The unpacked archive, of which the last entry is held until it is cut out."""

    def __init__(self, packed: gzip.GzipFile) -> None:
        self._packed = packed
        self._start = 0
        self._held = bytearray()
        self._tail = b""

    def read(self, size: int) -> bytes:
        part = self._packed.read(size)
        self._held += part
        self._tail = (self._tail + part)[-len(END) :]
        return part

    def cut(self, start: int, end: int) -> bytes:
        """Return the bytes from one position to another, and forget all before."""
        entry = bytes(self._held[start - self._start : end - self._start])
        del self._held[: end - self._start]
        self._start = end
        return entry

    def finish(self) -> None:
        """Read to the end, which has to be that of an archive."""
        while self.read(PART_BYTES):
            self._held.clear()
        if self._tail != END:
            message = "it has no end"
            raise tarfile.ReadError(message)
