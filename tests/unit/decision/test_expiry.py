"""The end of a VCluster: the times that the status names, for the clock to compare."""

from typing import Any

import pytest

from function.decision.expiry import expiry_status
from tests.support.factories import config, vcluster


def status(at: str, terms: dict[str, Any]) -> dict[str, str] | None:
    """Return the times of the end."""
    spec = vcluster(expire={"at": at}).spec
    times = expiry_status(spec.expire, config(terms).expiry)
    return times.model_dump() if times else None


@pytest.mark.parametrize(
    ("at", "terms", "warn", "delete"),
    [
        pytest.param(
            "2026-12-24T18:00:00Z",
            {},
            "2026-12-21T18:00:00Z",
            "2026-12-31T18:00:00Z",
            id="defaults",
        ),
        pytest.param(
            "2028-02-29T00:30:00+01:00",
            {"expiry.grace": "24h", "expiry.warning": "30m"},
            "2028-02-28T23:00:00Z",
            "2028-02-29T23:30:00Z",
            id="leap-day-in-a-zone",
        ),
    ],
)
def test_times(at: str, terms: dict[str, Any], warn: str, delete: str) -> None:
    """The time is as the spec has it, so that the clock sees whether it is the same."""
    assert status(at, terms) == {"at": at, "warnFrom": warn, "deleteAt": delete}


def test_no_end() -> None:
    """A VCluster without an end has no such times."""
    assert expiry_status(vcluster().spec.expire, config().expiry) is None
