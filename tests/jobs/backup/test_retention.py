"""Archives that stay, and those that are removed."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.backup.model import Archive, Retention, name_of, time_of
from jobs.backup.retention import exposed, kept, superfluous

NOW = dt.datetime(2026, 1, 10, 2, tzinfo=dt.UTC)
NEWEST = name_of(NOW)


def whole(*ages: int) -> dict[str, Archive]:
    """Return archives of some ages in days."""
    names = (name_of(NOW - dt.timedelta(days=age)) for age in ages)
    return {name: Archive(name, has_plain=True, has_metadata=True) for name in names}


@pytest.mark.parametrize(
    ("ages", "count", "days", "removed"),
    [
        ([0], 1, 1, []),
        ([0, 1, 2], 3, 1, []),
        ([0, 1, 2, 3], 2, 30, []),
        ([0, 1, 2, 3], 2, 2, [3]),
        ([0, 10, 20, 30], 2, 5, [20, 30]),
        ([0, 10, 20, 30], 1, 1, [10, 20, 30]),
        ([0, 100], 2, 1, []),
    ],
)
def test_beyond_both(ages: list[int], count: int, days: int, removed: list[int]) -> None:
    """Only what is beyond count and days is removed, the oldest first."""
    names = [name_of(NOW - dt.timedelta(days=age)) for age in reversed(removed)]
    assert superfluous(whole(*ages), Retention(count, days), NEWEST, NOW) == tuple(names)


def test_remnants() -> None:
    """What a killed snapshot has left is removed, once a newer one is complete."""
    old, later = "20260109T000000Z", "20260111T000000Z"
    archives = {
        **whole(0),
        old: Archive(old, has_plain=True),
        later: Archive(later, has_plain=True),
        "20260108T000000Z": Archive("20260108T000000Z", has_metadata=True),
    }
    removed = superfluous(archives, Retention(5, 5), NEWEST, NOW)
    assert removed == ("20260108T000000Z", old)
    assert kept(archives) == [NEWEST]


@given(
    st.lists(st.integers(0, 400), max_size=30, unique=True),
    st.integers(1, 40),
    st.integers(1, 400),
)
def test_laws(ages: list[int], count: int, days: int) -> None:
    """The newest stays, so do `count` of them and all younger ones; the rest is removed."""
    archives = whole(0, *ages)
    removed = set(superfluous(archives, Retention(count, days), NEWEST, NOW))
    stay = sorted(archives.keys() - removed, reverse=True)
    assert NEWEST in stay
    assert len(stay) >= min(count, len(archives))
    oldest = NOW - dt.timedelta(days=days)
    young = {name for name in archives if (time := time_of(name)) and time >= oldest}
    assert young <= set(stay)
    assert all(name in young or stay.index(name) < count for name in stay)


PLAIN, CIPHER, BOTH = (
    {"has_plain": True},
    {"has_encrypted": True},
    {"has_plain": True, "has_encrypted": True},
)


@pytest.mark.parametrize(
    ("parts", "is_exposed"),
    [
        (PLAIN, True),
        (CIPHER, False),
        (BOTH, True),
        ({**PLAIN, "has_metadata": True}, False),
        ({**CIPHER, "has_metadata": True}, False),
        ({**BOTH, "has_metadata": True}, True),
    ],
)
def test_plain_archives_beside_encrypted_ones(parts: dict[str, bool], *, is_exposed: bool) -> None:
    """What is encrypted, or came to nothing, stays plain nowhere; plain ones of before stay."""
    archives = {NEWEST: Archive(NEWEST, **parts)}
    assert exposed(archives, "") == ((NEWEST,) if is_exposed else ())


@pytest.mark.parametrize(("parts", "names"), [(PLAIN, ()), (BOTH, ())])
def test_the_archive_of_a_request(parts: dict[str, bool], names: tuple[str, ...]) -> None:
    """The plain archive that a request waits for stays until it is encrypted and described."""
    archives = {NEWEST: Archive(NEWEST, **parts)}
    assert exposed(archives, NEWEST) == names
    described = {NEWEST: Archive(NEWEST, **BOTH, has_metadata=True)}
    assert exposed(described, NEWEST) == (NEWEST,)
