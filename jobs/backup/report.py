"""Parts of the report of backups: all that the function reads of them."""

from jobs.kubernetes import shorten
from jobs.state import Report

LASTING = ("last", "size", "location", "count", "restored", "observedInputs", "final", "finalSince")
"""Parts of a report that hold what was done, so that a failure leaves them as they are."""


def changed(report: Report, phase: str, reason: str, message: str, **parts: object) -> Report:
    """Return a report with another phase; what was done before stays, other parts are replaced."""
    lasting = {key: report[key] for key in LASTING if key in report}
    times = {key: report[key] for key in ("next", "overdueAt") if key in report}
    text = {"phase": phase, "reason": reason, "message": shorten(message)}
    return {**lasting, **times, **text, **parts}
