"""A request that comes again gets the same answer without being composed again."""

import pytest
from crossplane.function.proto.v1 import run_function_pb2 as fnv1

from bench import requests
from function import fn
from function.repeats import UNUSED_SECONDS, Repeats

SECRET = "s3cr3t-t0ken"


def steady(tag: str = "a" * 64) -> fnv1.RunFunctionRequest:
    """Return a request that changes nothing."""
    req = requests.steady()
    req.meta.tag = tag
    return req


def test_the_same_request() -> None:
    """From the second time on it is the same answer, byte by byte, and counts as the same call."""
    repeats = Repeats()
    rsp, call = fn.answer(steady())
    expected = fn.serialize(rsp)
    assert [repeats.answer(steady()) for _ in range(3)] == [
        (expected, call, False),
        (expected, call, True),
        (expected, call, True),
    ]


def test_the_order_of_maps_does_not_matter() -> None:
    """Crossplane writes them in another order each time."""
    repeats = Repeats()
    req = steady()
    repeats.answer(req)
    other = fnv1.RunFunctionRequest(meta=req.meta, input=req.input)
    other.observed.composite.CopyFrom(req.observed.composite)
    for key in sorted(req.observed.resources, reverse=True):
        other.observed.resources[key].CopyFrom(req.observed.resources[key])
    assert repeats.answer(other)[2]


def test_a_tag_alone_gets_nobody_an_answer() -> None:
    """Whoever sends another content under a known tag gets the answer to what was sent."""
    repeats = Repeats()
    repeats.answer(steady())
    other = requests.changed()
    other.meta.tag = steady().meta.tag
    expected = fn.serialize(fn.answer(other)[0])
    for _ in range(2):
        assert repeats.answer(other)[::2] == (expected, False)
    assert repeats.answer(steady())[2]


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
    repeats = Repeats()
    req = steady()
    change(req)
    assert [repeats.answer(req)[2] for _ in range(3)] == [False] * 3


def test_no_secret_is_kept() -> None:
    """Of the request a digest; the answer names Secrets and holds none."""
    repeats = Repeats()
    req = steady()
    for seen in req.observed.resources.values():
        seen.connection_details["kubeconfig"] = SECRET.encode()
    answer, _, _ = repeats.answer(req)
    assert repeats.answer(req)[2]
    assert SECRET.encode() not in answer


def test_memory_is_bounded() -> None:
    """What is full stays as it is while it is in use, and takes others in when it is not."""
    now = [0.0]
    repeats = Repeats(most_bytes=8_000, clock=lambda: now[0])
    tags = [letter * 64 for letter in "abcdef"]
    for tag in tags:
        repeats.answer(steady(tag))
    hits = [tag for tag in tags if repeats.answer(steady(tag))[2]]
    assert hits == tags[:2]
    now[0] = UNUSED_SECONDS + 1
    assert repeats.answer(steady(tags[0]))[2]
    assert not repeats.answer(steady(tags[5]))[2]
    assert [tag for tag in tags if repeats.answer(steady(tag))[2]] == [tags[0], tags[5]]


def test_an_answer_that_is_too_large() -> None:
    """It is given, and nothing else has to go for it."""
    repeats = Repeats(most_bytes=10)
    assert [repeats.answer(steady())[2] for _ in range(2)] == [False, False]
