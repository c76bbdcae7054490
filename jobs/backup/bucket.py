"""The bucket with the archives of a VCluster, and errors by what they need."""

import contextlib
import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import asdict

import msgspec
import urllib3
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, SSLError
from botocore.response import StreamingBody

from jobs.backup import age, s3_client
from jobs.backup.archive import Facts, Meter, Reader, Stream, Whole, facts_of, verify
from jobs.backup.model import (
    ARCHIVE,
    ENCRYPTED,
    METADATA,
    Archive,
    Credentials,
    Metadata,
    Target,
    time_of,
)
from jobs.backup.upload import Upload
from jobs.errors import RancherImportError, RefusedError, TransientError

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
        self._client = s3_client.open_client(target, credentials, ca_file)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def archives(self) -> dict[str, Archive]:
        """Return the archives by name; other objects are passed over."""
        archives: dict[str, Archive] = {}
        with self._errors("the list of archives"):
            for file in self._files():
                _add(archives, file)
        return archives

    def verify(self, name: str, check: Check = lambda: None) -> Facts:
        """Read an archive to its end and return its size and SHA-256."""
        with self._opened(name, ARCHIVE, f"archive {name}") as body:
            return verify(body, check)

    def keys(
        self, name: str, is_wanted: Callable[[str], bool], check: Check, encrypted: str = ""
    ) -> tuple[Facts, frozenset[str]]:
        """Read an archive to its end; return its facts, and the wanted ones of its keys.

        `encrypted` names its object, "" for a plain one.
        """
        with self._read(name, check, encrypted) as (meter, reader):
            keys = frozenset(key for key, _ in reader.entries() if is_wanted(key))
        return meter.facts, keys

    def encrypt(self, name: str, check: Check = lambda: None) -> tuple[str, Facts]:
        """Write an archive encrypted beside the plain one; return the object and its facts.

        There is none before the plain one was read to its end, and is whole. It is read back,
        because without an identity nothing else shows that it is there.
        """
        what = f"encrypted archive {name}"
        file = f"{name}.{secrets.token_hex(4)}{ENCRYPTED}"
        with (
            self._opened(name, ARCHIVE, f"archive {name}") as body,
            self._upload(self._target.key(file)) as upload,
        ):
            age.encrypt(Whole(body, check), upload, self._target.recipients)
        try:
            self._compare(file, what, upload.facts, check)
        except RancherImportError:
            with contextlib.suppress(RancherImportError), self._errors(what):
                self._delete(file)
            raise
        return file, upload.facts

    def _compare(self, file: str, what: str, facts: Facts, check: Check) -> None:
        """Read an object back, and raise an error if it is another one than was written."""
        with self._opened(file, "", what) as body:
            is_whole = facts_of(body, check) == facts
        if not is_whole:
            message = f"The {what} is not the one that was uploaded."
            raise TransientError("ArchiveBroken", message)

    def remove_plain(self, name: str) -> None:
        """Remove the plain object of an archive, and nothing else of it."""
        with self._errors(f"the removal of the plain archive {name}"):
            self._delete(f"{name}{ARCHIVE}")

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

    def copy_to(
        self,
        key: str,
        name: str,
        is_wanted: Callable[[str], bool],
        check: Check,
        *,
        encrypted: str = "",
    ) -> Facts:
        """Write the wanted entries of an archive to another key; return the facts of the archive.

        `encrypted` names its object, "" for a plain one. The copy is plain, and there is none
        before the archive was read to its end, and is whole.
        """
        with (
            self._read(name, check, encrypted) as (meter, reader),
            self._upload(key) as upload,
        ):
            for part in reader.parts(is_wanted):
                upload.write(part)
        return meter.facts

    def remove_copy(self, key: str) -> None:
        """Remove a copy of a part of an archive."""
        with self._errors("the removal of the copy for a restoration"):
            self._client.delete_object(Bucket=self._target.bucket, Key=key)

    def metadata(self, name: str) -> Metadata:
        """Return the content of the .json of an archive."""
        with self._opened(name, METADATA, f"the description of archive {name}") as body:
            text = body.read(LONGEST_METADATA)
        with contextlib.suppress(msgspec.MsgspecError):
            metadata = msgspec.json.decode(text, type=Metadata)
            if _names_own(name, metadata):
                return metadata
        message = f"The description of archive {name} is not one of vcluster-backup."
        raise RefusedError("ArchiveUnreadable", message)

    def remove(self, name: str) -> None:
        """Remove an archive: its .json first, so that it counts no more than it can be restored."""
        with self._errors(f"the removal of archive {name}"):
            files = [file for file in self._files(name) if file.endswith(ENCRYPTED)]
            for file in (f"{name}{METADATA}", *files, f"{name}{ARCHIVE}"):
                self._delete(file)

    def _delete(self, file: str) -> None:
        self._client.delete_object(Bucket=self._target.bucket, Key=self._target.key(file))

    def _files(self, start: str = "") -> Iterator[str]:
        """Yield the names of the objects of this VCluster that begin so."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._target.bucket, Prefix=self._target.key(start)
        )
        for page in pages:
            for entry in page.get("Contents", ()):
                yield entry["Key"].removeprefix(self._target.key(""))

    @contextlib.contextmanager
    def _opened(self, name: str, ending: str, what: str) -> Iterator[StreamingBody]:
        """Open an object of an archive; errors of all that is done with it name it as `what`."""
        with self._errors(what):
            answer = self._client.get_object(
                Bucket=self._target.bucket, Key=self._target.key(name, ending)
            )
            with contextlib.closing(answer["Body"]) as body:
                yield body

    @contextlib.contextmanager
    def _read(
        self, name: str, check: Check, encrypted: str
    ) -> Iterator[tuple[Meter | Reader, Reader]]:
        """Open an archive; yield what has the facts of the object in the bucket, and the reader."""
        with self._opened(encrypted or f"{name}{ARCHIVE}", "", f"archive {name}") as body:
            if not encrypted:
                reader = Reader(body, check)
                yield reader, reader
                return
            meter = Meter(body, check)
            with self._decrypted(meter) as plain:
                yield meter, Reader(plain)

    def _decrypted(self, content: Stream) -> contextlib.AbstractContextManager[Stream]:
        """Open a content that is encrypted."""
        identities = self._credentials.identities
        if not identities:
            message = (
                f"The archive is encrypted, and backup target {self._target.name} has no identity "
                "to decrypt it: name it in identitySecretRef."
            )
            raise RefusedError("IdentityMissing", message)
        return age.decrypted(content, identities)

    def _upload(self, key: str) -> Upload:
        place = {"Bucket": self._target.bucket, "Key": key}
        return Upload(self._client, place, self._encryption())

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
    name, dot, rest = file.partition(".")
    ending = dot + rest
    is_encrypted = ending.endswith(ENCRYPTED)
    if time_of(name) is None or not (is_encrypted or ending in (ARCHIVE, METADATA)):
        return
    archive = archives.get(name, Archive(name))
    archives[name] = Archive(
        name,
        has_plain=archive.has_plain or ending == ARCHIVE,
        has_encrypted=archive.has_encrypted or is_encrypted,
        has_metadata=archive.has_metadata or ending == METADATA,
    )


def _names_own(name: str, metadata: Metadata) -> bool:
    """Return whether a description names an object of its archive, and one if it is encrypted."""
    file = metadata.object
    is_own = file.startswith(f"{name}.") and file.endswith(ENCRYPTED) and "/" not in file
    return is_own if metadata.encryption else not file


def _untrusted(text: str) -> tuple[str, type[RancherImportError]]:
    """Return the kind of an error of TLS: an unknown CA stays one, a broken connection does not."""
    if "CERTIFICATE_VERIFY_FAILED" in text or "certificate verify failed" in text:
        return "CertificateUnknown", RefusedError
    return "TargetUnreachable", TransientError
