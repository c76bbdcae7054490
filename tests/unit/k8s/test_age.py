"""Public keys of age."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrage import x25519

from function.k8s.age import CHARACTERS, PATTERN, is_public_key

KNOWN = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
"""A key of age's own documentation."""


def test_known() -> None:
    """Keys of others, and of the library that encrypts, are public keys."""
    made = str(x25519.Identity.generate().to_public())
    for key in (KNOWN, made):
        assert re.fullmatch(PATTERN, key)
        assert is_public_key(key)


@given(st.integers(4, len(KNOWN) - 1), st.sampled_from(CHARACTERS))
def test_one_mistake(position: int, sign: str) -> None:
    """A key with one other character is none."""
    text = KNOWN[:position] + sign + KNOWN[position + 1 :]
    assert is_public_key(text) is (text == KNOWN)


@pytest.mark.parametrize(("first", "second"), [(4, 5), (10, 11), (60, 61)])
def test_two_characters_in_the_wrong_order(first: int, second: int) -> None:
    """A key with two characters in the wrong order is none."""
    signs = [*KNOWN]
    signs[first], signs[second] = signs[second], signs[first]
    assert not is_public_key("".join(signs))
