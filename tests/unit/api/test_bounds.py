"""What people write is bounded before anything looks at it, and so is what is said of it."""

import subprocess
import sys
from typing import Any

import pytest

from dev.scripts import life
from function import protobuf
from function.api import bounds, errors, validate
from function.api.errors import InvalidError, Problem, Refusal
from function.api.xr import Spec
from function.compose import compose
from tests.support.factories import INPUT, changed
from tests.support.tools import ROOT

REMEDY = "Remove what is not needed."


def nested(levels: int) -> Any:
    """Return a value within so many maps."""
    value: Any = "x"
    for _ in range(levels):
        value = {"a": value}
    return value


def refused(spec: Any) -> str:
    """Return why a spec is malformed, or empty text."""
    try:
        validate.vcluster({"metadata": {"name": "a", "uid": "b"}, "spec": spec})
    except InvalidError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("most", "more", "rule"),
    [
        pytest.param(nested(16), nested(17), "must be nested at most 16 levels deep", id="depth"),
        pytest.param(
            {"a": [0] * 499},
            {"a": [0] * 500},
            "must have at most 500 keys and list entries",
            id="entries",
        ),
        pytest.param(
            {"a": {str(n): 0 for n in range(499)}},
            {"a": {str(n): 0 for n in range(500)}},
            "must have at most 500 keys and list entries",
            id="keys",
        ),
        pytest.param(
            {"a" * 512: 1}, {"a" * 513: 1}, "must have keys of at most 512 characters", id="key"
        ),
        pytest.param({"a": "x" * 32767}, {"a": "x" * 32768}, "must have at most 32 KiB", id="size"),
        pytest.param(
            {"a": "ä" * 16383}, {"a": "ä" * 16384}, "must have at most 32 KiB", id="bytes"
        ),
    ],
)
def test_bounds_of_a_spec(most: Any, more: Any, rule: str) -> None:
    """The last that is taken, and the first that is not."""
    assert refused({"values": most}) == ""
    assert refused({"values": more}) == f"spec.values: {rule}. {REMEDY}"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        pytest.param(
            {f"k{n:04d}": 0 for n in range(51)},
            f"spec: must have at most 50 fields. {REMEDY}",
            id="fields",
        ),
        pytest.param(
            {f"k{n}": "x" * 30_000 for n in range(5)},
            f"spec.k4: makes spec larger than 128 KiB. {REMEDY}",
            id="all-together",
        ),
        pytest.param(
            {"k" * 20_000: 0},
            f"spec.{'k' * 154}…: must have keys of at most 512 characters. {REMEDY}",
            id="long-field",
        ),
    ],
)
def test_bounds_of_all_fields(spec: dict[str, Any], message: str) -> None:
    """Many fields that nobody knows cost no more than one."""
    assert refused(spec) == message


def test_crossplanes_own_field_is_not_bounded() -> None:
    """It lists what is composed, and nobody else looks at it."""
    assert refused({"crossplane": {"resourceRefs": [{"name": "x" * 200}] * 1000}}) == ""


def test_every_spec_that_the_fields_allow_is_within_the_bounds() -> None:
    """Lists and maps as long as the models take them are no reason to refuse a spec."""
    spec = {
        "kubeconfigReaders": [{"kind": "Group", "name": "x" * 253}] * 50,
        "rancher": {"owners": [{"user": "x" * 253, "role": "x" * 63}] * 50},
        "isolation": {"egress": ["2001:db8:1111:2222:3333:4444:5555:6666/128"] * 50},
        "hostSelector": {"matchLabels": {f"{n:02d}{'x' * 61}": "y" * 63 for n in range(50)}},
        "values": {"a": "x" * 32_000},
    }
    assert refused(spec) == ""
    assert [*bounds.problems(Spec.model_validate(spec).model_dump(), "spec", bounds.SPEC)] == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param(
            {"vcluster.values": nested(18)},
            f"input.vcluster: must be nested at most 18 levels deep. {REMEDY}",
            id="depth",
        ),
        pytest.param(
            {"nodePools": {str(n): {} for n in range(20_001)}},
            f"input.nodePools: must have at most 20000 keys and list entries. {REMEDY}",
            id="keys",
        ),
        pytest.param(
            {"hostNamespace.annotations": {"a": "x" * 600_000}},
            f"input.hostNamespace: must have at most 512 KiB. {REMEDY}",
            id="size",
        ),
    ],
)
def test_bounds_of_the_input(changes: dict[str, Any], message: str) -> None:
    """A mistake there would reach every VCluster."""
    with pytest.raises(InvalidError) as error:
        validate.platform_input(changed(INPUT, changes))
    assert str(error.value) == message
    assert error.value.reason == "InvalidInput"


def test_many_problems_are_counted() -> None:
    """A message names twenty and says how many more there are."""
    problems = [Problem(f"spec.values.k{n}", "is not allowed", "Remove it.") for n in range(2000)]
    said = str(InvalidError(*problems)).split(" | ")
    assert len(said) == 21
    assert said[0] == "spec.values.k0: is not allowed. Remove it."
    assert said[-1] == "and 1980 more"


@pytest.mark.parametrize("count", [1, 20, 2000])
def test_no_message_is_longer_than_people_read(count: int) -> None:
    """Field, values, sentences and the whole are cut, however much each says."""
    long = "x" * 100_000
    for each in (Problem(long, long, long), Refusal(long, long, long, long, long)):
        message = errors.joined([each] * count)
        assert len(message) <= errors.LONGEST_MESSAGE
        assert message.startswith("x" * 159 + "…: ")


def test_the_list_of_what_is_allowed_is_said_once() -> None:
    """It may be longer than all else."""
    req = life.request("kunde1", "ready")
    spec = req.observed.composite.resource.get_or_create_struct("spec")
    spec.update({"values": {"a": 1, "b": {"c": 2, "d": 3}}})
    message = compose(protobuf.decode(req)).conditions[0].message
    assert message.count("Allowed: ") == 1
    assert [said.partition(":")[0] for said in message.split(" | ")] == [
        "spec.values.a",
        "spec.values.b.c",
        "spec.values.b.d",
    ]


KILLER = """
import resource, sys
from function import fn
from function.server.response_cache import ResponseCache
from dev.scripts import life
req = life.request("kunde1", sys.argv[1])
req.observed.composite.resource["spec"].update({
    "values": {"k" * 20_000: {f"{n:05d}": "x" for n in range(2000)}}
})
data = req.SerializeToString()
assert 42_000 < len(req.observed.composite.resource["spec"].SerializeToString()) < 100_000
repeats = ResponseCache()
repeats.answer(life.request("kunde1", "ready").SerializeToString())
now = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (now + 20_000_000, now + 20_000_000))
answer = repeats.answer(data)
print(len(answer.data), answer.call.reason)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of memory is Linux's")
@pytest.mark.parametrize(
    ("state", "reason"), [("ready", "ChangeRefused"), ("nothing", "InvalidSpec")]
)
def test_a_spec_that_took_all_memory(state: str, reason: str) -> None:
    """A key of 20,000 characters that holds 2,000 keys takes less than 20 MB more."""
    done = subprocess.run(
        [sys.executable, "-c", KILLER, state],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    size, found = done.stdout.split()
    assert int(size) < 40_000
    assert found == reason
