"""The begin of a rollback's replacement of data, and its refusal before that.

What was prepared is looked at once more when the control plane is stopped: claims may be newer, and
the backup that was made before may be old. From the begin on nothing is refused any more.
"""

import datetime as dt

from jobs.backup import claims
from jobs.backup import report as reports
from jobs.backup.model import REFUSED, time_of
from jobs.backup.places import Places
from jobs.backup.restore_plan import RestoreGoal
from jobs.backup.state import Stored
from jobs.errors import RancherImportError, RefusedError
from jobs.state import REPORT, Report, text

LONGEST_AGE = dt.timedelta(hours=1)
"""Maximum age of the backup that was made before, beside the time for a backup itself."""


class Replacement:
    """The replacement of the data of a virtual cluster that is rolled back."""

    def __init__(self, goal: RestoreGoal, places: Places, seconds: int) -> None:
        """Hold the goal and the places."""
        self._goal = goal
        self._places = places
        self._longest = LONGEST_AGE + dt.timedelta(seconds=seconds)

    def begin(self, known: frozenset[str]) -> None:
        """Check what would be lost, and write that the data is being replaced."""
        if not self._goal.loses_newer:
            claims.check(self._places.control_plane.claims(), known)
            self._check_age()
        self._places.state.begin_replacement(
            self._goal.run,
            self._goal.source.request,
            lambda report: self._changed(report, reports.REPLACING),
        )

    def refuse(self, error: RancherImportError) -> bool:
        """Report a refusal, and return whether it is one: not once the replacement has begun."""
        request = self._goal.source.request
        if not request:
            return False

        def change(stored: Stored) -> dict[str, str]:
            if stored.restorer != self._goal.run or stored.is_replacing(request):
                return {}
            parts = {"reason": error.reason, "message": error.message}
            return {REPORT: text(self._changed(stored.report, REFUSED, **parts))}

        self._places.state.write(change)
        return self._goal.source.is_refused(self._places.state.read().report)

    def _check_age(self) -> None:
        """Refuse a rollback before which nothing was saved, or too long ago."""
        saved = reports.saved(self._places.state.read().report, self._goal.source.request)
        time = time_of(saved)
        if time is None or self._places.now() - time > self._longest:
            made = f"The backup {saved} that was made before" if time else "No backup made before"
            message = f"{made} {'is too old' if time else 'is known'}: newer data would be lost."
            raise RefusedError("SafetyBackupOld", message)

    def _changed(self, report: Report, phase: str, **parts: str) -> Report:
        return reports.rolling_back(report, self._goal.source.request, phase, **parts)
