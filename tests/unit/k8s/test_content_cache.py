"""The cache by content: the same arguments have one result, and no others have it."""

from collections.abc import Mapping

import pytest

from function.api.fields import Quota
from function.k8s.content_cache import LONGEST_KEY, cached_by_content

MOST = 3


class Counted:
    """A cached function that counts its calls."""

    def __init__(self) -> None:
        """Begin with an empty cache."""
        self.calls = 0
        self.result = cached_by_content(MOST)(self._result)

    def _result(self, value: object, *, name: str = "") -> tuple[object, int]:
        self.calls += 1
        if name == "error":
            raise ValueError(name)
        return value, self.calls


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, {"a": "1"}),
        ({"a": 1}, {"a": True}),
        ({"a": 1}, {"a": 1.0}),
        ({"a": None}, {}),
        ({"a": float("nan")}, {"a": None}),
        ({"a": "é"}, {"a": "e"}),
        ({"a": {}}, {"a": []}),
        (Quota(cpu="1"), Quota(cpu="2")),
    ],
    ids=str,
)
def test_by_content(one: Mapping[str, object], other: Mapping[str, object]) -> None:
    """An equal argument has the same result, and a different one its own."""
    cache = Counted()
    copy = dict(one) if isinstance(one, dict) else one
    assert cache.result(one) is cache.result(copy)
    assert cache.result(one)[1] != cache.result(other)[1]


def test_by_names() -> None:
    """Arguments by name belong to the content."""
    cache = Counted()
    assert cache.result({}, name="a")[1] != cache.result({}, name="b")[1]


def test_last_used() -> None:
    """A full cache drops the result that was used longest ago."""
    cache = Counted()
    results = [cache.result([number]) for number in range(MOST)]
    assert cache.result([0]) is results[0]
    cache.result(["new"])
    assert cache.result([0]) is results[0]
    assert cache.calls == MOST + 1
    cache.result([1])
    assert cache.calls == MOST + 2


def test_large() -> None:
    """A result for large arguments is not kept, so the cache has an upper bound."""
    cache = Counted()
    assert cache.result("x" * LONGEST_KEY) != cache.result("x" * LONGEST_KEY)


def test_error() -> None:
    """An error is raised each time."""
    cache = Counted()
    for calls in (1, 2):
        with pytest.raises(ValueError, match="error"):
            cache.result({}, name="error")
        assert cache.calls == calls
