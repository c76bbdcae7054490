"""An upload in parts, because neither the size nor all of the bytes are there at its begin."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

PART_BYTES = 8 * 1024 * 1024
"""Bytes of a part: S3 permits no less than 5 MiB, and 10000 of them."""


class Upload:
    """The upload of one object."""

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

    def write(self, content: Iterable[bytes]) -> None:
        """Write the object. If the content ends by an error there is none."""
        parts = _parts(content)
        first = next(parts)
        second = next(parts, None)
        if second is None:
            self._client.put_object(**self._place, Body=first, **self._encryption)
            return
        created = self._client.create_multipart_upload(**self._place, **self._encryption)
        upload = {**self._place, "UploadId": created["UploadId"]}
        try:
            numbered = enumerate(_chain(first, second, parts), 1)
            done = [self._send(upload, number, part) for number, part in numbered]
            self._client.complete_multipart_upload(**upload, MultipartUpload={"Parts": done})
        except BaseException:
            # What is left of an upload is invisible, and costs room.
            with contextlib.suppress(ClientError, BotoCoreError):
                self._client.abort_multipart_upload(**upload)
            raise

    def _send(self, upload: Mapping[str, str], number: int, part: bytes) -> dict[str, Any]:
        answer = self._client.upload_part(**upload, PartNumber=number, Body=part)
        return {"PartNumber": number, "ETag": answer["ETag"]}


def _chain(first: bytes, second: bytes, others: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield second
    yield from others


def _parts(content: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the content in parts of at least the least size, and a last one."""
    part = bytearray()
    for some in content:
        part += some
        if len(part) >= PART_BYTES:
            yield bytes(part)
            part.clear()
    yield bytes(part)
