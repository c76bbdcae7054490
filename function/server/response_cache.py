"""Answer a request that comes again as it was answered before.

By far the most calls find everything as it was: Crossplane asks again every few minutes. The same
request gives the same answer, so one that changes nothing is kept.

A request holds kubeconfigs, and nothing of it is kept but its tag, its length and a checksum. An
answer holds what this function desires and what came from earlier steps of the pipeline: with
anything of theirs it is not kept.
"""

import time
import zlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from google.protobuf.empty_pb2 import Empty
from google.protobuf.unknown_fields import UnknownFieldSet

from function import fn, protobuf
from function.response.outcome import READY, Call

MOST_BYTES = 4 * 1024 * 1024
"""What the answers may take: a thousand and some, compressed."""

UNUSED_SECONDS = 600
"""After which an answer makes room for another; Crossplane asks every two minutes, of several
replicas now this, now that. A fuller memory would otherwise forget each just before it is asked."""

_META = fnv1.RunFunctionRequest.META_FIELD_NUMBER

_OF_THE_TAG = frozenset(
    {
        _META,
        fnv1.RunFunctionRequest.OBSERVED_FIELD_NUMBER,
        fnv1.RunFunctionRequest.INPUT_FIELD_NUMBER,
    }
)
"""Fields of a request whose content the tag names and of which nobody else wrote anything.

Not those of earlier steps, nor what Crossplane fetches when it has given the tag already.
"""


@dataclass(frozen=True, slots=True)
class Answered:
    """A call and its answer."""

    data: bytes
    """The response."""
    call: Call
    tag: str
    """Of the request."""
    is_repeated: bool
    """Whether the answer was given before."""


@dataclass(slots=True)
class _Kept:
    request: tuple[int, int]
    """Length and checksum."""
    answer: bytes
    """Compressed."""
    call: Call
    used: float
    """When it was given last, in seconds."""


class ResponseCache:
    """The answers that may be asked for again.

    They are found by the request's tag, which is Crossplane's SHA-256 of it and by which Crossplane
    finds the answers that it keeps itself:
    https://github.com/crossplane/crossplane/blob/v2.3.4/internal/xfn/utils.go
    https://github.com/crossplane/crossplane/blob/v2.3.4/internal/xfn/cached/cached_runner.go
    """

    def __init__(
        self, most_bytes: int = MOST_BYTES, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Keep nothing yet; `clock` returns seconds."""
        self._most_bytes = most_bytes
        self._clock = clock
        self._bytes = 0
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def answer(self, data: bytes) -> Answered:
        """Answer a request on the wire. Raises DecodeError for what is none."""
        tag = _tag(data)
        kept = self._kept.get(tag)
        if kept and kept.request == _size_and_checksum(data):
            kept.used = self._clock()
            self._kept.move_to_end(tag)
            return Answered(zlib.decompress(kept.answer), kept.call, tag, is_repeated=True)
        req = protobuf.parse(data)
        rsp, call = fn.answer(req)
        answer = protobuf.serialize(rsp)
        if tag and not kept and _changes_nothing(call):
            known = _size_and_checksum(data)
            self._keep(tag, _Kept(known, zlib.compress(answer), call, self._clock()))
        return Answered(answer, call, req.meta.tag, is_repeated=False)

    def _keep(self, tag: str, kept: _Kept) -> None:
        size = len(kept.answer)
        while self._kept and self._bytes + size > self._most_bytes:
            oldest = next(iter(self._kept.values()))
            if self._clock() - oldest.used < UNUSED_SECONDS:
                return
            self._kept.popitem(last=False)
            self._bytes -= len(oldest.answer)
        if size <= self._most_bytes:
            self._kept[tag] = kept
            self._bytes += size


def _tag(data: bytes) -> str:
    """Return the tag of a request if it names all that is in it, otherwise an empty one.

    It is read without the rest, which takes longer than anything else about a repeated call.
    """
    unknown = UnknownFieldSet(Empty.FromString(data))
    found = [unknown[index] for index in range(len(unknown))]
    fields = {field.field_number: field.data for field in found}
    meta = fields.get(_META)
    if not isinstance(meta, bytes) or any(fields[number] for number in {*fields} - _OF_THE_TAG):
        return ""
    return fnv1.RequestMeta.FromString(meta).tag


def _size_and_checksum(data: bytes) -> tuple[int, int]:
    """Return what tells requests apart that bear the same tag, as ones made by hand may.

    Entries of maps go out in another order each time, so the checksum is the sum of the bytes:
    https://www.rfc-editor.org/rfc/rfc1950#section-8.2
    """
    return len(data), zlib.adler32(data) & 0xFFFF


def _changes_nothing(call: Call) -> bool:
    return call.phase == READY and not (
        call.created or call.changed or call.dropped or call.conditions
    )
