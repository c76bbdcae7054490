"""The bucket, on a real S3 server over TLS with a private CA."""

import datetime as dt
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dev.platform.command import run
from jobs.backup import s3_client
from jobs.backup.bucket import Bucket
from jobs.backup.model import Credentials, Metadata, Target
from jobs.errors import RancherImportError, RefusedError, TransientError
from tests.jobs.backup.archives import archive
from tests.support.s3_server import ACCESS_KEY, BUCKET, REGION, SECRET_KEY, S3Server

NAME = "20260110T020000Z"
GOOD = Credentials(ACCESS_KEY, SECRET_KEY)
METADATA = Metadata("kunde1", "uid", "0.36.1", "1.36.3", "Single", "t", 1, "hash")


def target(s3: S3Server, **changes: Any) -> Target:
    """Return a target on the server."""
    made = Target("nightly", BUCKET, s3.endpoint, REGION, True, "t/_/kunde1/uid", "AES256")  # noqa: FBT003
    return replace(made, **changes)


@pytest.fixture
def bucket(s3: S3Server) -> Iterator[Bucket]:
    """Yield an empty bucket."""
    for file in s3.files():
        (s3.folder / file).unlink()
    with closing(Bucket(target(s3), GOOD, str(s3.ca_file))) as found:
        yield found


def put(s3: S3Server, file: str, content: bytes = b"") -> None:
    """Write an object."""
    path = s3.folder / "t/_/kunde1/uid" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def test_life_of_an_archive(s3: S3Server, bucket: Bucket) -> None:
    """An archive counts with its description, which is gone first."""
    assert bucket.archives() == {}
    put(s3, f"{NAME}.tar.gz", archive())
    put(s3, "notes.txt")
    put(s3, "copy/20260110T020000Z.tar.gz")
    (one,) = bucket.archives().values()
    assert (one.name, one.counts) == (NAME, False)
    size, sha256 = bucket.verify(NAME)
    bucket.write_metadata(NAME, replace(METADATA, size=size, sha256=sha256))
    assert bucket.metadata(NAME).size == len(archive())
    assert bucket.archives()[NAME].counts
    bucket.remove(NAME)
    assert bucket.archives() == {}
    bucket.remove(NAME)


def test_pages(s3: S3Server, bucket: Bucket) -> None:
    """All archives are listed, however many there are."""
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    for minute in range(1100):
        put(s3, f"{start + dt.timedelta(minutes=minute):%Y%m%dT%H%M%SZ}.tar.gz")
    assert len(bucket.archives()) == 1100


@pytest.mark.parametrize(
    ("changes", "credentials", "error", "reason"),
    [
        ({}, Credentials("stranger", SECRET_KEY), RefusedError, "CredentialsRefused"),
        ({}, Credentials(ACCESS_KEY, "another-secret"), RefusedError, "CredentialsRefused"),
        ({"bucket": "absent"}, GOOD, RefusedError, "BucketMissing"),
        ({"endpoint": "https://127.0.0.1:1"}, GOOD, TransientError, "TargetUnreachable"),
        ({"endpoint": "https://s3.invalid"}, GOOD, TransientError, "TargetUnreachable"),
    ],
)
def test_errors(
    s3: S3Server,
    changes: dict[str, Any],
    credentials: Credentials,
    error: type[RancherImportError],
    reason: str,
) -> None:
    """An error names target, bucket and reason, and no credential."""
    with (
        closing(Bucket(target(s3, **changes), credentials, str(s3.ca_file))) as found,
        pytest.raises(error) as raised,
    ):
        found.archives()
    assert raised.value.reason == reason
    assert "Backup target nightly, bucket" in raised.value.message
    for secret in (credentials.access_key_id, credentials.secret_access_key):
        assert secret not in raised.value.message


def test_unknown_ca(s3: S3Server) -> None:
    """A server whose CA is not the target's is not spoken to."""
    with (
        closing(Bucket(target(s3), GOOD)) as found,
        pytest.raises(RefusedError, match="CertificateUnknown"),
    ):
        found.archives()


def test_absent_archive(bucket: Bucket) -> None:
    """An archive that is not there is said to be missing."""
    with pytest.raises(RefusedError, match="ArchiveMissing"):
        bucket.verify(NAME)
    with pytest.raises(RefusedError, match="ArchiveMissing"):
        bucket.metadata(NAME)


def test_unreadable_description(s3: S3Server, bucket: Bucket) -> None:
    """A description that another program wrote is refused."""
    put(s3, f"{NAME}.json", b"{}")
    with pytest.raises(RefusedError, match="ArchiveUnreadable"):
        bucket.metadata(NAME)


def test_environment_is_not_used(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Credentials and settings of the machine change nothing."""
    config = tmp_path / "config"
    config.write_text("[default]\nregion = nowhere\nendpoint_url = https://s3.invalid\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "stranger")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-secret")
    s3_client._session.cache_clear()  # noqa: SLF001  # the machine's are read once
    with closing(Bucket(target(s3), GOOD, str(s3.ca_file))) as found:
        found.archives()


@contextmanager
def broken(folder: Path, answer: bytes, *, stays: bool) -> Iterator[tuple[str, Path]]:
    """Serve TLS connections that end, or hang, after some bytes of an answer."""
    files = [str(folder / name) for name in ("cut.crt", "cut.key")]
    run(
        *("openssl", "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-days", "2"),
        *("-subj", "/CN=s3", "-addext", "subjectAltName=IP:127.0.0.1"),
        *("-keyout", files[1], "-out", files[0]),
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    over = threading.Event()

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                plain, _ = listener.accept()
                with context.wrap_socket(plain, server_side=True) as one:
                    one.recv(65536)
                    one.sendall(answer)
                    if stays:
                        over.wait()
            except OSError:
                if over.is_set():
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        try:
            yield f"https://127.0.0.1:{listener.getsockname()[1]}", folder / "cut.crt"
        finally:
            over.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)


XML = "<Error><Code>{}</Code><Message>more than there is</Message></Error>"


@pytest.mark.parametrize(
    ("status", "code", "error", "reason"),
    [
        ("507 Insufficient Storage", "XMinioStorageFull", TransientError, "BucketFull"),
        ("507 Insufficient Storage", "Other", TransientError, "BucketFull"),
        ("403 Forbidden", "QuotaExceeded", TransientError, "BucketFull"),
        ("403 Forbidden", "AccessDenied", RefusedError, "AccessDenied"),
        ("403 Forbidden", "ExpiredToken", RefusedError, "CredentialsRefused"),
        ("400 Bad Request", "AuthorizationHeaderMalformed", RefusedError, "RegionWrong"),
        ("501 Not Implemented", "NotImplemented", RefusedError, "RequestRefused"),
        ("500 Internal Server Error", "InternalError", TransientError, "TargetFails"),
        ("503 Slow Down", "SlowDown", TransientError, "TargetFails"),
    ],
)
def test_answers(  # noqa: PLR0913  # a row of the table
    *,
    s3: S3Server,
    tmp_path: Path,
    status: str,
    code: str,
    error: type[RancherImportError],
    reason: str,
) -> None:
    """A bucket without room, and other answers, are told apart by what they need."""
    body = XML.format(code)
    answer = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    with broken(tmp_path, answer, stays=False) as (endpoint, ca_file):
        place = target(s3, endpoint=endpoint)
        with closing(Bucket(place, GOOD, str(ca_file))) as found, pytest.raises(error) as raised:
            found.write_metadata(NAME, METADATA)
    assert raised.value.reason == reason


HALF = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 9000\r\n\r\n"
    + archive()[:100]
)


@pytest.mark.parametrize("stays", [False, True], ids=["broken", "slow"])
@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200", HALF], ids=["none", "begin", "half"])
def test_connection(
    s3: S3Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: bytes,
    stays: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    """A connection that breaks or hangs is an error that passes, in bounded time."""
    monkeypatch.setattr(s3_client, "CONNECT_SECONDS", 1)
    monkeypatch.setattr(s3_client, "READ_SECONDS", 1)
    with broken(tmp_path, answer, stays=stays) as (endpoint, ca_file):
        place = target(s3, endpoint=endpoint)
        began = time.monotonic()
        with closing(Bucket(place, GOOD, str(ca_file))) as found, pytest.raises(TransientError):
            found.verify(NAME)
        assert time.monotonic() - began < 10
