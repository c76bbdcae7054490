"""An upload in parts, because neither the size nor all of the bytes are there at its begin."""

import contextlib
import hashlib
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from jobs.backup.archive import Facts

PART_BYTES = 8 * 1024 * 1024
"""Bytes of a part: S3 permits no less than 5 MiB, and 10000 of them."""


class Upload:
    """The upload of one object, which there is once the block has ended without an error."""

    def __init__(
        self,
        client: Any,  # noqa: ANN401  # made at run time
        place: Mapping[str, str],
        encryption: Mapping[str, str],
    ) -> None:
        """Hold the client, the bucket and key, and the encryption to ask for."""
        self._client = client
        self._place = place
        self._encryption = encryption
        self._part = bytearray()
        self._upload: dict[str, str] = {}
        """The upload in parts, once it is begun."""
        self._done: list[dict[str, Any]] = []
        self._digest = hashlib.sha256()
        self._size = 0

    @property
    def facts(self) -> Facts:
        """Size and SHA-256 of what was written."""
        return self._size, self._digest.hexdigest()

    def write(self, content: bytes, /) -> int:
        """Take more of the content."""
        if len(self._part) >= PART_BYTES:
            self._send()
        self._part += content
        self._digest.update(content)
        self._size += len(content)
        return len(content)

    def __enter__(self) -> Self:
        """Begin to take the content."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Complete the upload, or abandon it after an error."""
        if kind is not None:
            self._abort()
            return
        try:
            self._complete()
        except BaseException:
            self._abort()
            raise

    def _send(self) -> None:
        """Send a part, the first one after the begin of the upload."""
        if not self._upload:
            created = self._client.create_multipart_upload(**self._place, **self._encryption)
            self._upload = {**self._place, "UploadId": created["UploadId"]}
        number = len(self._done) + 1
        answer = self._client.upload_part(**self._upload, PartNumber=number, Body=bytes(self._part))
        self._done.append({"PartNumber": number, "ETag": answer["ETag"]})
        self._part.clear()

    def _complete(self) -> None:
        if not self._upload:
            self._client.put_object(**self._place, Body=bytes(self._part), **self._encryption)
            return
        self._send()
        parts = {"Parts": self._done}
        self._client.complete_multipart_upload(**self._upload, MultipartUpload=parts)

    def _abort(self) -> None:
        """Remove what is left of an upload, which is invisible and costs room."""
        if self._upload:
            with contextlib.suppress(ClientError, BotoCoreError):
                self._client.abort_multipart_upload(**self._upload)
