"""The end of a VCluster: what is deleted, what never is, and when it is warned of."""

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from jobs.clock.expiry import is_deletion_due, warning
from jobs.clock.sleepers import Sleeper

AT = "2026-12-24T18:00:00+01:00"
EXPIRY = {"at": AT, "warnFrom": "2026-12-21T17:00:00Z", "deleteAt": "2026-12-31T17:00:00Z"}
SLEEPER = Sleeper(name="kunde1", namespace="", uid="u-1", version="1", expire_at=AT, expiry=EXPIRY)
LAST = dt.datetime(2026, 12, 31, 17, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)


def test_deletion() -> None:
    """It is deleted once the grace is over, and not a second before."""
    assert is_deletion_due(SLEEPER, LAST)
    assert not is_deletion_due(SLEEPER, LAST - SECOND)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"is_protected": True}, id="protected"),
        pytest.param({"is_terminating": True}, id="being-deleted"),
        pytest.param({"expiry": None}, id="refused-by-the-platform"),
        pytest.param({"expire_at": ""}, id="end-taken-back"),
        pytest.param({"expire_at": "2027-12-24T18:00:00+01:00"}, id="end-moved"),
        pytest.param({"expiry": {**EXPIRY, "deleteAt": ""}}, id="no-time"),
        pytest.param({"expiry": {**EXPIRY, "deleteAt": "soon"}}, id="malformed"),
        pytest.param({"expiry": {**EXPIRY, "deleteAt": "2026-12-31T17:00:00"}}, id="no-zone"),
        pytest.param(
            {
                "expire_at": "2099-01-01T00:00:00Z",
                "expiry": {**EXPIRY, "at": "2099-01-01T00:00:00Z"},
            },
            id="deletion-before-the-end",
        ),
    ],
)
def test_never_deleted(change: dict[str, Any]) -> None:
    """Only what spec and status agree on is deleted."""
    sleeper = replace(SLEEPER, **change)
    assert not is_deletion_due(sleeper, LAST + dt.timedelta(days=300))


@pytest.mark.parametrize(
    ("now", "change", "expected"),
    [
        pytest.param("2026-12-21T16:59:59Z", {}, "", id="early"),
        pytest.param(
            "2026-12-21T17:00:00Z",
            {},
            f"Falls asleep at {AT}, deleted at 2026-12-31T17:00:00Z, unless spec.expire changes.",
            id="soon",
        ),
        pytest.param(
            "2026-12-24T17:00:00Z",
            {},
            f"Asleep since {AT}, deleted at 2026-12-31T17:00:00Z, unless spec.expire changes.",
            id="asleep",
        ),
        pytest.param(
            "2026-12-22T17:00:00Z",
            {"is_protected": True},
            f"Falls asleep at {AT}, and stays because of spec.deletionProtection.",
            id="protected",
        ),
        pytest.param("2026-12-31T17:00:00Z", {}, "", id="over"),
        pytest.param("2026-12-24T17:00:00Z", {"is_terminating": True}, "", id="being-deleted"),
        pytest.param("2026-12-24T17:00:00Z", {"expiry": None}, "", id="refused"),
    ],
)
def test_warning(now: str, change: dict[str, Any], expected: str) -> None:
    """The warning names both times, and what prevents the deletion."""
    assert warning(replace(SLEEPER, **change), dt.datetime.fromisoformat(now)) == expected
