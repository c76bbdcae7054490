"""Encryption of archives for recipients of age, and decryption, as the content comes.

pyrage holds no more than a chunk of 64 KiB. It replaces an error of what it reads or writes by one
of its own, so the original is noted and raised in its place.
"""

import contextlib
import io
import os
import threading
from collections.abc import Iterator, Sequence
from typing import Protocol

import pyrage
from pyrage import x25519

from jobs.backup.archive import Stream
from jobs.errors import RefusedError, TransientError

COMMENT = "#"
"""Begin of the lines of an identity file that are for people."""

NO_KEY = "No matching keys found"
"""The error of pyrage for a ciphertext that is for other recipients."""


class Sink(Protocol):
    """A place that takes content in parts."""

    def write(self, content: bytes, /) -> int:
        """Take a part, and return its length."""


def encrypt(content: Stream, sink: Sink, recipients: Sequence[str]) -> None:
    """Write the ciphertext of a content, which each of the recipients can read alone."""
    try:
        keys = [x25519.Recipient.from_str(one) for one in recipients]
    except pyrage.RecipientError:
        message = "AGE_RECIPIENTS must be public keys of age, separated by commas."
        raise RefusedError("BadOptions", message) from None
    source, destination = _Source(content), _Destination(sink)
    try:
        pyrage.encrypt_io(source, destination, keys)
    except pyrage.EncryptError:
        if original := source.error or destination.error:
            raise original from None
        raise


@contextlib.contextmanager
def decrypted(content: Stream, identities: str) -> Iterator[Stream]:
    """Yield the plain content of a ciphertext, for the text of a file of identities.

    A thread decrypts, because pyrage writes what the reader of an archive reads. It ends with the
    block, when its pipe breaks.
    """
    keys = _parsed(identities)
    output, entry = os.pipe()
    decryption = _Decryption(content, entry, keys)
    try:
        decryption.start()
        yield _Plain(output, decryption)
    finally:
        os.close(output)
        decryption.join()


def _parsed(identities: str) -> list[x25519.Identity]:
    """Return the identities: after a rotation the former one still reads older archives."""
    lines = (line.strip() for line in identities.splitlines())
    try:
        return [
            x25519.Identity.from_str(line)
            for line in lines
            if line and not line.startswith(COMMENT)
        ]
    except pyrage.IdentityError:
        message = "The Secret of identitySecretRef has a line that is no secret key of age."
        raise RefusedError("IdentityWrong", message) from None


class _Source(io.BufferedIOBase):
    """A content that pyrage reads, and the error that ended it."""

    def __init__(self, content: Stream) -> None:
        self._content = content
        self.error: BaseException | None = None

    def read(self, size: int | None = -1, /) -> bytes:
        try:
            return self._content.read(size or 0)
        except BaseException as error:
            self.error = error
            raise


class _Destination(io.BufferedIOBase):
    """A sink that pyrage writes to, and the error that ended it."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.error: BaseException | None = None

    def write(self, content: bytes, /) -> int:  # type: ignore[override]  # pyrage writes bytes
        try:
            return self._sink.write(content)
        except BaseException as error:
            self.error = error
            raise


class _Decryption(threading.Thread):
    """A decryption into a pipe, and the error that ended it."""

    def __init__(self, content: Stream, entry: int, keys: Sequence[x25519.Identity]) -> None:
        super().__init__(name="decryption", daemon=True)
        self._source = _Source(content)
        self._entry = entry
        self._keys = keys
        self.error: BaseException | None = None

    def run(self) -> None:
        """Decrypt to the end, or until nothing reads any more."""
        try:
            with open(self._entry, "wb", buffering=0) as pipe:  # noqa: PTH123  # a descriptor
                pyrage.decrypt_io(self._source, _Destination(pipe), self._keys)
        except BaseException as error:  # noqa: BLE001  # raised where the plain content is read
            self.error = self._source.error or _explained(error)


def _explained(error: BaseException) -> BaseException:
    """Return the error of a ciphertext, as users read it."""
    if isinstance(error, pyrage.DecryptError) and str(error) == NO_KEY:
        message = (
            "The archive is encrypted for other recipients than the identity in the Secret of "
            "identitySecretRef: add that of one of the recipients in the archive's .json."
        )
        return RefusedError("IdentityWrong", message)
    if isinstance(error, pyrage.DecryptError | OSError):
        return TransientError("ArchiveBroken", f"The archive is not whole: {error}")
    return error


class _Plain:
    """The plain content, whose end is the error of the decryption if there was one."""

    def __init__(self, output: int, decryption: _Decryption) -> None:
        self._output = output
        self._decryption = decryption

    def read(self, size: int, /) -> bytes:
        part = os.read(self._output, size)
        if not part:
            self._decryption.join()
            if self._decryption.error is not None:
                raise self._decryption.error
        return part
