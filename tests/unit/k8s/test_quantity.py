"""Quantities: read and written exactly, and never smaller than they were."""

import re
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from function.k8s import quantity

AMOUNTS = st.decimals(min_value=0, max_value=10**15, places=4)
TEXTS = st.from_regex(
    re.compile(r"[0-9]{1,9}(\.[0-9]{1,3})?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?"), fullmatch=True
)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        pytest.param("0", "0", id="nothing"),
        pytest.param("10", "10", id="plain"),
        pytest.param("1.5", "1.5", id="fraction"),
        pytest.param("500m", "0.5", id="milli"),
        pytest.param("2k", "2000", id="kilo"),
        pytest.param("2M", "2000000", id="mega"),
        pytest.param("2G", "2000000000", id="giga"),
        pytest.param("2T", "2000000000000", id="tera"),
        pytest.param("2P", "2000000000000000", id="peta"),
        pytest.param("2Ki", "2048", id="kibi"),
        pytest.param("2Mi", "2097152", id="mebi"),
        pytest.param("1.5Gi", "1610612736", id="gibi"),
        pytest.param("2Ti", "2199023255552", id="tebi"),
        pytest.param("2Pi", "2251799813685248", id="pebi"),
    ],
)
def test_parse(text: str, amount: str) -> None:
    """A quantity means what Kubernetes means by it."""
    assert quantity.parse(text) == Decimal(amount)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("Gi", id="suffix-only"),
        pytest.param("10X", id="unknown-suffix"),
        pytest.param("10gi", id="wrong-case"),
        pytest.param("1e3", id="exponent"),
        pytest.param("-1", id="negative"),
        pytest.param("10 Gi", id="space"),
        pytest.param("1.2.3", id="two-points"),
        pytest.param(".", id="point"),
        pytest.param("None", id="null-as-text"),
    ],
)
def test_parse_refuses(text: str) -> None:
    """What is no quantity is said to be none, without quoting it."""
    with pytest.raises(ValueError, match=r"^not a quantity$"):
        quantity.parse(text)


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        pytest.param("0", "0", id="nothing"),
        pytest.param("2", "2", id="whole"),
        pytest.param("10", "10", id="tens"),
        pytest.param("1.5", "1500m", id="half"),
        pytest.param("0.02", "20m", id="milli"),
        pytest.param("10.24", "10240m", id="cores-and-milli"),
        pytest.param("0.0001", "1m", id="rounded-up"),
        pytest.param("1.9999", "2", id="rounded-up-to-whole"),
    ],
)
def test_cores(amount: str, text: str) -> None:
    """CPU is written as people write it."""
    assert quantity.cores(Decimal(amount)) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        pytest.param("0", "0", id="nothing"),
        pytest.param("1000", "1000", id="no-suffix"),
        pytest.param("1024", "1Ki", id="kibi"),
        pytest.param("1536", "1536", id="not-a-multiple"),
        pytest.param("3145728", "3Mi", id="mebi"),
        pytest.param("21474836480", "20Gi", id="gibi"),
        pytest.param("21877489664", "20864Mi", id="gibi-and-mebi"),
        pytest.param("1099511627776", "1Ti", id="tebi"),
        pytest.param("1125899906842624", "1Pi", id="pebi"),
        pytest.param("0.1", "1", id="rounded-up"),
    ],
)
def test_size(amount: str, text: str) -> None:
    """Bytes are written with the largest suffix that is exact."""
    assert quantity.size(Decimal(amount)) == text


@settings(deadline=None)
@given(TEXTS)
def test_every_accepted_text_is_understood(text: str) -> None:
    """What the API accepts can be calculated with."""
    assert re.search(quantity.PATTERN, text)
    assert quantity.parse(text) >= 0


@settings(deadline=None)
@given(AMOUNTS)
def test_cores_lose_nothing(amount: Decimal) -> None:
    """A quota of CPU is never smaller than what was asked for, and less than 1m larger."""
    written = quantity.parse(quantity.cores(amount))
    assert amount <= written < amount + Decimal("0.001")


@settings(deadline=None)
@given(AMOUNTS)
def test_sizes_lose_nothing(amount: Decimal) -> None:
    """A quota of bytes is never smaller than what was asked for, and less than 1 larger."""
    written = quantity.parse(quantity.size(amount))
    assert amount <= written < amount + 1


@settings(deadline=None)
@given(st.integers(0, 10**18))
def test_whole_sizes_are_exact(amount: int) -> None:
    """Writing and reading a whole number of bytes changes nothing."""
    text = quantity.size(Decimal(amount))
    assert re.search(quantity.PATTERN, text)
    assert quantity.parse(text) == amount


@settings(deadline=None)
@given(TEXTS)
def test_writing_twice_is_writing_once(text: str) -> None:
    """A quantity that was written once does not change any more, so nothing is updated for ever."""
    for write in (quantity.cores, quantity.size):
        once = write(quantity.parse(text))
        assert write(quantity.parse(once)) == once
