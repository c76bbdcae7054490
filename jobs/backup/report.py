"""Parts of the report of backups: all that the function reads of them."""

from jobs.backup.model import ROLLBACK, ROLLED_BACK
from jobs.kubernetes import shorten
from jobs.state import Report

PREPARING, PREPARED, REPLACING = "Preparing", "Prepared", "Replacing"
"""Phases of a rollback. None is refused after Replacing."""

LASTING = (
    *("last", "size", "location", "count", "restored", "observedInputs", "final", "finalSince"),
    *(ROLLBACK, ROLLED_BACK),
)
"""Parts of a report that hold what was done, so that a failure leaves them as they are."""


def changed(report: Report, phase: str, reason: str, message: str, **parts: object) -> Report:
    """Return a report with another phase; what was done before stays, other parts are replaced."""
    lasting = {key: report[key] for key in LASTING if key in report}
    times = {key: report[key] for key in ("next", "overdueAt") if key in report}
    text = {"phase": phase, "reason": reason, "message": shorten(message)}
    return {**lasting, **times, **text, **parts}


def rollback_phase(report: Report, request: str) -> str:
    """Return the phase of a request for a rollback, "" if it was not begun."""
    return str(_requested(report, request).get("phase", ""))


def saved(report: Report, request: str) -> str:
    """Return the name of the backup that was made before a rollback, "" without one."""
    return str(_requested(report, request).get("saved", ""))


def rolling_back(report: Report, request: str, phase: str, **parts: str) -> Report:
    """Return a report with another phase of a rollback; the safety backup of its request stays."""
    text = {"reason": "", "message": "", "saved": saved(report, request)}
    part = {"request": request, "phase": phase, **text}
    parts = {key: shorten(each) for key, each in parts.items()}
    return {**report, ROLLBACK: {**part, **parts}}


def rolled_back(report: Report, request: str, snapshot: str, at: str) -> Report:
    """Return a report of a rollback that is done."""
    name = saved(report, request)
    done = {"request": request, "snapshot": snapshot, "saved": name, "at": at}
    return having_rolled_back(report, done)


def having_rolled_back(report: Report, done: Report) -> Report:
    """Return a report with a rollback that is done, which is requested no more."""
    is_over = _part(report, ROLLBACK).get("request") == done.get("request")
    rest = {key: each for key, each in report.items() if key != ROLLBACK or not is_over}
    return {**rest, ROLLED_BACK: done}


def _requested(report: Report, request: str) -> Report:
    """Return the part on a request for a rollback, an empty one if it is on none or another."""
    part = _part(report, ROLLBACK)
    return part if part.get("request") == request else {}


def _part(report: Report, key: str) -> Report:
    part = report.get(key)
    return part if isinstance(part, dict) else {}
