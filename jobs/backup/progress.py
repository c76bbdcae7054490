"""The reports of one run, in the state and in the log."""

import datetime as dt
from collections.abc import Callable

import structlog

from jobs.backup import report as reports
from jobs.backup.model import Goal, Metadata, text_of
from jobs.backup.options import Schedule
from jobs.backup.state import State
from jobs.state import Report

UNDECIDED = ("", "Pending", "Running")
"""Phases before the first result, in which the progress of a run is reported. Later ones keep the
last result until the next one, so that a condition does not change twice with every snapshot."""

log = structlog.get_logger()


class Progress:
    """The reports of one run of a snapshot."""

    def __init__(
        self,
        state: State,
        goal: Goal,
        schedule: Schedule | None,
        now: Callable[[], dt.datetime],
    ) -> None:
        """Hold the state; without a schedule no next time is reported."""
        self._state = state
        self._goal = goal
        self._schedule = schedule
        self._now = now

    def note(self, reason: str, message: str) -> None:
        """Log what is waited for, and report it before the first result."""
        log.info("progress", reason=reason, message=message)

        def change(report: Report) -> Report:
            if report.get("phase", "") not in UNDECIDED:
                return report
            return reports.changed(report, "Running", reason, message, **self._times())

        self._state.try_report(change)

    def fail(self, reason: str, message: str) -> None:
        """Report that there is no snapshot; those of before stay."""
        log.warning("no snapshot", reason=reason, message=message)
        self._state.try_report(self._end("Failed", reason, message))

    def cannot(self, reason: str, message: str) -> None:
        """Report that no snapshot can be taken. Raises RancherImportError if that is refused."""
        log.warning("no snapshot can be taken", reason=reason, message=message)
        self._state.report(self._end("Unsupported", reason, message))

    def plan_ahead(self) -> None:
        """Report the next times alone."""
        self._state.report(lambda report: {**report, **self._times()})

    def complete(self, name: str, metadata: Metadata, count: int, warning: str) -> None:
        """Report a snapshot. Raises RancherImportError if that is refused."""
        location = f"{self._goal.vcluster.uid}/{name}"
        parts: dict[str, object] = {
            **self._times(),
            "last": metadata.time,
            "size": metadata.size,
            "location": location,
            "count": count,
            "observedInputs": self._goal.inputs,
        }
        if self._goal.purpose == "Final":
            parts["final"] = location
        reason = "ArchivesNotRemoved" if warning else "Completed"
        self._state.report(
            lambda report: reports.changed(report, "Completed", reason, warning, **parts)
        )
        log.info("completed", location=location, size=metadata.size, archives=count)

    def _end(self, phase: str, reason: str, message: str) -> Callable[[Report], Report]:
        """Return the change of a report by a run that ends without a snapshot."""
        parts = {**self._times(), "observedInputs": self._goal.inputs}
        return lambda report: reports.changed(report, phase, reason, message, **parts)

    def _times(self) -> dict[str, str]:
        if self._schedule is None:
            return {}
        now = self._now()
        times = {"next": self._schedule.next(now), "overdueAt": self._schedule.overdue_at(now)}
        return {key: text_of(time) if time else "" for key, time in times.items()}
