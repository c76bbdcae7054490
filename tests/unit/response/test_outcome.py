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
