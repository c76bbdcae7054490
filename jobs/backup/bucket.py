"""The bucket with the archives, by the S3 client of botocore, and errors by what they need.

botocore, because it signs requests as every server of S3 expects. It uses the credentials of the
target, no configuration file, and nothing of the machine.
"""

import contextlib
import functools
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import msgspec
import urllib3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, SSLError
from botocore.response import StreamingBody
from botocore.session import Session

from jobs.backup.archive import Facts, Reader, verify
from jobs.backup.model import (
    ARCHIVE,
    METADATA,
    Archive,
    Credentials,
    Metadata,
    Target,
    time_of,
)
from jobs.backup.upload import Upload
from jobs.errors import RancherImportError, RefusedError, TransientError
from jobs.transport import accept_private_ca

CONNECT_SECONDS = 10
READ_SECONDS = 30
ATTEMPTS = 2

LONGEST_METADATA = 64 * 1024

REFUSALS = {
    "NoSuchBucket": "BucketMissing",
    "InvalidAccessKeyId": "CredentialsRefused",
    "SignatureDoesNotMatch": "CredentialsRefused",
    "ExpiredToken": "CredentialsRefused",
    "InvalidToken": "CredentialsRefused",
    "XAdminUserNotFound": "CredentialsRefused",
    "AccessDenied": "AccessDenied",
    "PermanentRedirect": "RegionWrong",
    "AuthorizationHeaderMalformed": "RegionWrong",
    "InvalidArgument": "RequestRefused",
    "NotImplemented": "RequestRefused",
}
"""Codes of S3 that need a change by a person, and the reasons for users."""

FULL = ("QuotaExceeded", "XMinioStorageFull", "InsufficientStorage", "EntityTooLarge")
"""Codes of servers without room, which may be made meanwhile."""

ABSENT = ("NoSuchKey", "404", "NotFound")

Check = Callable[[], None]
"""A check before each part of an archive, which ends the read by an error."""


class Bucket:
    """The archives of one VCluster in a bucket."""

    def __init__(self, target: Target, credentials: Credentials, ca_file: str = "") -> None:
        """Prepare a client; nothing is sent yet."""
        self._target = target
        self._credentials = credentials
        self._client = _client(target, credentials, ca_file)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def archives(self) -> dict[str, Archive]:
        """Return the archives by name; other objects are passed over."""
        archives: dict[str, Archive] = {}
        prefix = f"{self._target.prefix}/"
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._target.bucket, Prefix=prefix
        )
        with self._errors("the list of archives"):
            for page in pages:
                for entry in page.get("Contents", ()):
                    _add(archives, entry["Key"].removeprefix(prefix))
        return archives

    def verify(self, name: str, check: Check = lambda: None) -> Facts:
        """Read an archive to its end and return its size and SHA-256."""
        with self._opened(name, ARCHIVE, f"archive {name}") as body:
            return verify(body, check)

    def keys(
        self, name: str, is_wanted: Callable[[str], bool], check: Check
    ) -> tuple[Facts, frozenset[str]]:
        """Read an archive to its end; return its facts, and the wanted ones of its keys."""
        with self._opened(name, ARCHIVE, f"archive {name}") as body:
            reader = Reader(body, check)
            keys = frozenset(key for key, _ in reader.entries() if is_wanted(key))
        return reader.facts, keys

    def write_metadata(self, name: str, metadata: Metadata) -> None:
        """Write the .json of an archive, which makes it one that counts."""
        text = json.dumps(asdict(metadata), sort_keys=True, indent=2)
        with self._errors(f"the description of archive {name}"):
            self._client.put_object(
                Bucket=self._target.bucket,
                Key=self._target.key(name, METADATA),
                Body=text.encode(),
                ContentType="application/json",
                **self._encryption(),
            )

    def copy_to(self, key: str, name: str, is_wanted: Callable[[str], bool], check: Check) -> Facts:
        """Write the wanted entries of an archive to another key; return the facts of the archive.

        There is no copy before the archive was read to its end, and is whole.
        """
        place = {"Bucket": self._target.bucket, "Key": key}
        with self._opened(name, ARCHIVE, f"archive {name}") as body:
            reader = Reader(body, check)
            upload = Upload(self._client, place, self._encryption())
            upload.write(reader.parts(is_wanted))
        return reader.facts

    def remove_copy(self, key: str) -> None:
        """Remove a copy of a part of an archive."""
        with self._errors("the removal of the copy for a restoration"):
            self._client.delete_object(Bucket=self._target.bucket, Key=key)

    def metadata(self, name: str) -> Metadata:
        """Return the content of the .json of an archive."""
        with self._opened(name, METADATA, f"the description of archive {name}") as body:
            text = body.read(LONGEST_METADATA)
        try:
            return msgspec.json.decode(text, type=Metadata)
        except msgspec.MsgspecError:
            message = f"The description of archive {name} is not one of vcluster-backup."
            raise RefusedError("ArchiveUnreadable", message) from None

    def remove(self, name: str) -> None:
        """Remove an archive: its .json first, so that it counts no more than it can be restored."""
        for ending in (METADATA, ARCHIVE):
            with self._errors(f"the removal of archive {name}"):
                self._client.delete_object(
                    Bucket=self._target.bucket, Key=self._target.key(name, ending)
                )

    @contextlib.contextmanager
    def _opened(self, name: str, ending: str, what: str) -> Iterator[StreamingBody]:
        """Open an object of an archive; errors of all that is done with it name it as `what`."""
        with self._errors(what):
            answer = self._client.get_object(
                Bucket=self._target.bucket, Key=self._target.key(name, ending)
            )
            with contextlib.closing(answer["Body"]) as body:
                yield body

    def _encryption(self) -> dict[str, str]:
        algorithm, key = self._target.algorithm, self._target.kms_key_id
        return {
            **({"ServerSideEncryption": algorithm} if algorithm else {}),
            **({"SSEKMSKeyId": key} if key else {}),
        }

    @contextlib.contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        """Raise errors that name the target and the object `what`."""
        try:
            yield
        except ClientError as error:
            raise self._refusal(error, what) from None
        except SSLError as error:
            raise self._error(_untrusted(str(error)), f"{what}: {error}") from None
        except (HTTPClientError, BotoCoreError, urllib3.exceptions.HTTPError, OSError) as error:
            text = f"{what}: {str(error) or type(error).__name__}"
            raise self._error(("TargetUnreachable", TransientError), text) from None

    def _refusal(self, error: ClientError, what: str) -> RancherImportError:
        answer = error.response
        code = str(answer.get("Error", {}).get("Code", ""))
        status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        text = f"{what}: {code} {answer.get('Error', {}).get('Message', '')}".strip()
        if code in FULL or status == 507:  # noqa: PLR2004  # HTTP's code for no room
            return self._error(("BucketFull", TransientError), text)
        if code in ABSENT:
            return self._error(("ArchiveMissing", RefusedError), text)
        if code in REFUSALS:
            return self._error((REFUSALS[code], RefusedError), text)
        return self._error(("TargetFails", TransientError), text)

    def _error(self, kind: tuple[str, type[RancherImportError]], text: str) -> RancherImportError:
        reason, error = kind
        message = f"Backup target {self._target.name}, bucket {self._target.bucket}: {text}"
        return error(reason, self._credentials.redact(message))


def _add(archives: dict[str, Archive], file: str) -> None:
    """Note an object of an archive."""
    for ending in (ARCHIVE, METADATA):
        name = file.removesuffix(ending)
        if name == file or time_of(name) is None:
            continue
        archive = archives.get(name, Archive(name))
        archives[name] = Archive(
            name,
            has_data=archive.has_data or ending == ARCHIVE,
            has_metadata=archive.has_metadata or ending == METADATA,
        )


def _untrusted(text: str) -> tuple[str, type[RancherImportError]]:
    """Return the kind of an error of TLS: an unknown CA stays one, a broken connection does not."""
    if "CERTIFICATE_VERIFY_FAILED" in text or "certificate verify failed" in text:
        return "CertificateUnknown", RefusedError
    return "TargetUnreachable", TransientError


def _client(target: Target, credentials: Credentials, ca_file: str) -> Any:  # noqa: ANN401  # made at run time
    client: Any = _session().create_client(
        "s3",
        region_name=target.region or "us-east-1",
        endpoint_url=target.endpoint,
        verify=ca_file or True,
        aws_access_key_id=credentials.access_key_id,
        aws_secret_access_key=credentials.secret_access_key,
        aws_session_token=credentials.session_token or None,
        config=Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
            s3={"addressing_style": "path" if target.path_style else "virtual"},
            # The archive has a SHA-256 of its own, and not every server of S3 knows the others.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )
    pool = client._endpoint.http_session._manager.connection_pool_kw  # noqa: SLF001  # no setting
    accept_private_ca(pool["ssl_context"])
    return client


@functools.cache
def _session() -> Session:
    """Return a session, which holds the models of S3."""
    session = Session()
    for name in ("config_file", "credentials_file", "profile"):
        session.set_config_variable(name, None)
    return session
