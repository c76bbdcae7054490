"""Parts of the report of the access: all that the function reads of it."""

import datetime as dt
from collections.abc import Mapping

from jobs.kubernetes import shorten
from jobs.state import Report

LASTING = ("bindings", "rotated", "expiry", "observedInputs")
"""Parts of a report that hold what was done, so that a failure leaves them as they are."""

PENDING, APPLIED, FAILED, ROTATING = "Pending", "Applied", "Failed", "Rotating"

UNDECIDED = ("", PENDING)
"""Phases before the first result. Later ones keep the last result until the next one, so that a
condition does not change twice with every look."""


def changed(report: Report, phase: str, reason: str, message: str, **parts: object) -> Report:
    """Return a report with another phase; what was done before stays, other parts are replaced."""
    lasting = {key: report[key] for key in LASTING if key in report}
    text = {"phase": phase, "reason": reason, "message": shorten(message)}
    return {**lasting, **text, **parts}


def expiry(dates: Mapping[str, dt.datetime | None]) -> dict[str, str]:
    """Return the dates that are known."""
    return {name: f"{date:%Y-%m-%dT%H:%M:%SZ}" for name, date in dates.items() if date}
