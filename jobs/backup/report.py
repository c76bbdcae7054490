"""The report: all that the function reads of the backups, as one JSON document in the state."""

import json
from collections.abc import Mapping
from typing import Any

from jobs.kubernetes import shorten

KEY = "report"
"""Key of the state ConfigMap: the contract with the chart and the function."""

LASTING = ("last", "size", "location", "count", "restored", "observedInputs", "final", "finalSince")
"""Parts of a report that hold what was done, so that a failure leaves them as they are."""

Report = Mapping[str, Any]


def read(data: Mapping[str, str]) -> dict[str, Any]:
    """Return the report of a state, the empty one if it is unreadable."""
    try:
        report = json.loads(data.get(KEY, ""))
    except ValueError:
        return {}
    return report if isinstance(report, dict) else {}


def changed(report: Report, phase: str, reason: str, message: str, **parts: object) -> Report:
    """Return a report with another phase; what was done before stays, other parts are replaced."""
    lasting = {key: report[key] for key in LASTING if key in report}
    times = {key: report[key] for key in ("next", "overdueAt") if key in report}
    text = {"phase": phase, "reason": reason, "message": shorten(message)}
    return {**lasting, **times, **text, **parts}


def text(report: Report) -> str:
    """Return a report as the state holds it."""
    return json.dumps(report, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
