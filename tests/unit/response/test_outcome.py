"""The outcome of a call, for logs and metrics."""

import pytest

from function.observed.state import Condition, Request, Truth
from function.response.outcome import outcome_of
from function.response.response import Response


@pytest.mark.parametrize(
    ("status", "reason", "state"),
    [
        ("True", "Completed", "good"),
        ("False", "BucketFull", "failed"),
        ("False", "Overdue", "overdue"),
        ("Unknown", "NeverRun", "none"),
    ],
)
def test_the_last_backup(status: Truth, reason: str, state: str) -> None:
    """The state of the last backup is counted while the virtual cluster is to have some, awake."""
    backed_up = Condition("BackedUp", status, reason)
    asleep = Condition("Awake", "False", "Sleeping")

    def backup(*conditions: Condition) -> str:
        answer = Response(conditions=(Condition("Accepted", "True", "Accepted"), *conditions))
        return outcome_of(Request(None, {}), answer, {}).backup

    assert backup(backed_up) == state
    assert backup(backed_up, asleep) == ""
    assert backup() == ""


def test_the_first_certificate_that_ends() -> None:
    """It is the earliest one, whatever their zones; asleep, and without any, there is none."""
    dates = {
        "ca": "2036-01-01T00:00:00Z",
        "server": "2027-01-01T01:00:00+02:00",
        "client": "2026-12-31T23:30:00Z",
    }
    asleep = Condition("Awake", "False", "Sleeping")

    def first(status: dict[str, object] | None, *conditions: Condition) -> str:
        accepted = Condition("Accepted", "True", "Accepted")
        answer = Response(conditions=(accepted, *conditions), status=status)
        return outcome_of(Request(None, {}), answer, {}).certificate_end

    status: dict[str, object] = {"access": {"certificates": dates}}
    assert first(status) == "2027-01-01T01:00:00+02:00"
    assert first(status, asleep) == ""
    assert first({"access": {"certificates": {"ca": None}}}) == ""
    assert first({"access": {"issuers": ["corp"]}}) == first({}) == first(None) == ""
