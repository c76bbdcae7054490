"""Each example's life: what the function answers in every state, whole and literal."""

import asyncio
from pathlib import Path

import pytest
import yaml
from google.protobuf import json_format

from dev.scripts import life
from function import fn
from tests.support.tools import FIXTURES

GOLDEN = FIXTURES / "golden"

CASES = [
    pytest.param(example, state, id=f"{example}-{state}")
    for example in life.names()
    for state in life.LIFE
]


def answer(example: str, state: str) -> str:
    """Return the whole response as YAML."""
    rsp = asyncio.run(fn.run_function(life.request(example, state)))
    return yaml.safe_dump(json_format.MessageToDict(rsp), width=100)


@pytest.mark.parametrize(("example", "state"), CASES)
def test_answer(example: str, state: str, *, update_goldens: bool) -> None:
    """An example gets exactly the answer that its golden shows."""
    golden = GOLDEN / example / f"{state}.yaml"
    found = answer(example, state)
    if update_goldens:
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(found)
    assert yaml.safe_load(found) == yaml.safe_load(golden.read_text())


@pytest.mark.parametrize(("example", "state"), CASES)
def test_observed_state_is_what_the_function_makes(example: str, state: str) -> None:
    """The observed states in the repository are not left over from an older function."""
    assert life.observed(example, state) == life.live(example, state), "run `make generate`"


def test_every_example_and_state_has_a_golden() -> None:
    """No golden outlives its example."""
    goldens = {path.relative_to(GOLDEN) for path in GOLDEN.glob("*/*.yaml")}
    assert goldens == {Path(e, f"{s}.yaml") for e in life.names() for s in life.LIFE}


@pytest.mark.parametrize("example", life.names())
def test_examples_become_ready(example: str) -> None:
    """Every example reaches READY, or sleep, at the end of its life, and nothing before."""
    ready = {state: yaml.safe_load(answer(example, state)) for state in ("nothing", "ready")}
    blocked_by = ready["ready"]["desired"]["composite"]["resource"]["status"]["blockedBy"]
    assert (blocked_by, ready["ready"]["meta"]["ttl"]) == (
        ("asleep, by spec.power", "14400s") if example == "asleep" else ("", "120s")
    )
    assert ready["nothing"]["meta"]["ttl"] == "10s"
