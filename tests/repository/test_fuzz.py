"""What the fuzzer begins with, and what it has found, breaks nothing."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dev.fuzz.targets import FINDINGS, TARGETS, seeds


@pytest.mark.parametrize("name", TARGETS)
def test_seeds(name: str) -> None:
    """Real input, and all that was found before."""
    found = [*seeds(name)]
    assert found
    for seed in found:
        TARGETS[name](seed)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32))
def test_damaged_seeds(name: str, seed: int) -> None:
    """Real input with some bytes changed, taken away or doubled."""
    chance = random.Random(seed)  # noqa: S311  # the same damage for the same number
    data = bytearray(chance.choice([*seeds(name)]))
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(3):
            case 0:
                data[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del data[at : at + chance.randrange(20)]
            case _:
                data[at:at] = data[at : at + chance.randrange(200)]
    TARGETS[name](bytes(data))


def test_all_that_was_found_is_kept() -> None:
    """Each finding belongs to a target."""
    assert FINDINGS.keys() <= TARGETS.keys()
