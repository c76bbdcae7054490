"""A request that comes again gets the same answer without being composed again."""

import pytest
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from google.protobuf.message import DecodeError

from dev.bench import requests
from function import fn, protobuf
from function.server.response_cache import UNUSED_SECONDS, Answered, ResponseCache

SECRET = "s3cr3t-t0ken"


def steady(tag: str = "a" * 64) -> fnv1.RunFunctionRequest:
    """Return a request that changes nothing."""
    req = requests.steady()
    req.meta.tag = tag
    return req


def ask(repeats: ResponseCache, req: fnv1.RunFunctionRequest) -> bool:
    """Return whether the answer was given before."""
    return repeats.answer(req.SerializeToString()).is_repeated


def test_the_same_request() -> None:
    """From the second time on it is the same answer, byte by byte, and counts as the same call."""
    repeats = ResponseCache()
    rsp, call = fn.answer(steady())
    expected = protobuf.serialize(rsp)
    assert [repeats.answer(steady().SerializeToString()) for _ in range(3)] == [
        Answered(expected, call, "a" * 64, is_repeated=False),
        Answered(expected, call, "a" * 64, is_repeated=True),
        Answered(expected, call, "a" * 64, is_repeated=True),
    ]


def test_the_order_of_maps_does_not_matter() -> None:
    """Crossplane writes them in another order each time."""
    repeats = ResponseCache()
    one, other = (steady().SerializeToString(deterministic=sort) for sort in (False, True))
    assert one != other
    assert [repeats.answer(data).is_repeated for data in (one, other)] == [False, True]


def test_a_tag_alone_gets_nobody_an_answer() -> None:
    """Whoever sends another content under a known tag gets the answer to what was sent."""
    repeats = ResponseCache()
    ask(repeats, steady())
    other = requests.changed()
    other.meta.tag = steady().meta.tag
    expected = protobuf.serialize(fn.answer(other)[0])
    for _ in range(2):
        answered = repeats.answer(other.SerializeToString())
        assert (answered.data, answered.is_repeated) == (expected, False)
    assert ask(repeats, steady())


def test_what_crossplane_fetched_since_it_gave_the_tag() -> None:
    """The tag does not name it, so it is looked at."""
    repeats = ResponseCache()
    ask(repeats, steady())
    other = steady()
    other.required_resources["strangers"].items.add().resource["kind"] = "Release"
    assert [ask(repeats, other) for _ in range(2)] == [False, False]
    assert ask(repeats, steady())


@pytest.mark.parametrize("data", [b"\xff", b"\x0a\x02\x0a\x05"])
def test_no_request(data: bytes) -> None:
    """What is cut off is no request."""
    with pytest.raises(DecodeError):
        ResponseCache().answer(data)


@pytest.mark.parametrize("data", [b"", b"\x08\x01"])
def test_no_meta(data: bytes) -> None:
    """Nothing, or another type of field, is answered as an empty request is."""
    expected = protobuf.serialize(fn.answer(fnv1.RunFunctionRequest())[0])
    answered = ResponseCache().answer(data)
    assert (answered.data, answered.tag) == (expected, "")


def _context(req: fnv1.RunFunctionRequest) -> None:
    req.context["secret"] = SECRET


def _desired(req: fnv1.RunFunctionRequest) -> None:
    req.desired.composite.connection_details["password"] = SECRET.encode()


def _no_tag(req: fnv1.RunFunctionRequest) -> None:
    req.meta.tag = ""


def _change(req: fnv1.RunFunctionRequest) -> None:
    spec = req.observed.composite.resource.get_or_create_struct("spec")
    spec["quota"] = {"cpu": "6"}


def _refused(req: fnv1.RunFunctionRequest) -> None:
    req.observed.composite.resource.get_or_create_struct("spec")["unknown"] = "x"


@pytest.mark.parametrize("change", [_context, _desired, _no_tag, _change, _refused])
def test_not_kept(change: object) -> None:
    """Nothing of other steps, nothing that is on its way, and nothing without a name."""
    assert callable(change)
    repeats = ResponseCache()
    req = steady()
    change(req)
    assert [ask(repeats, req) for _ in range(3)] == [False] * 3


def test_no_secret_is_kept() -> None:
    """Of the request a tag and two numbers; the answer names Secrets and holds none."""
    repeats = ResponseCache()
    req = steady()
    for seen in req.observed.resources.values():
        seen.connection_details["kubeconfig"] = SECRET.encode()
    answered = repeats.answer(req.SerializeToString())
    assert ask(repeats, req)
    assert SECRET.encode() not in answered.data


def test_memory_is_bounded() -> None:
    """What is full stays as it is while it is in use, and takes others in when it is not."""
    now = [0.0]
    repeats = ResponseCache(most_bytes=10_000, clock=lambda: now[0])
    tags = [letter * 64 for letter in "abcdef"]
    for tag in tags:
        ask(repeats, steady(tag))
    hits = [tag for tag in tags if ask(repeats, steady(tag))]
    assert hits == tags[:2]
    now[0] = UNUSED_SECONDS + 1
    assert ask(repeats, steady(tags[0]))
    assert not ask(repeats, steady(tags[5]))
    assert [tag for tag in tags if ask(repeats, steady(tag))] == [tags[0], tags[5]]


def test_an_answer_that_is_too_large() -> None:
    """It is given, and nothing else has to go for it."""
    repeats = ResponseCache(most_bytes=10)
    assert [ask(repeats, steady()) for _ in range(2)] == [False, False]
