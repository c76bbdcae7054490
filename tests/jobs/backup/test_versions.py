"""Versions of chart and Kubernetes, compared."""

import pytest

from jobs.backup.versions import is_newer

ORDERED = (
    *("0.34.0", "0.36.0-alpha.9", "0.36.0-alpha.10", "0.36.0-rc.1", "0.36.0", "0.36.1"),
    *("0.36.10", "0.37.0-rc.1", "0.37.0", "v1.35.9", "1.36.0", "v1.36.3+k3s1", "1.37.0"),
)


@pytest.mark.parametrize("place", range(len(ORDERED)))
def test_order(place: int) -> None:
    """A version is newer than all before it, and not than itself or one after it."""
    newer = [is_newer(ORDERED[place], other) for other in ORDERED]
    assert newer == [other < place for other in range(len(ORDERED))]


def test_same() -> None:
    """A prefix and the build make no other version."""
    assert not is_newer("v1.36.3", "1.36.3+abc")
    assert not is_newer("1.36.3+abc", "v1.36.3")
