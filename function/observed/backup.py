"""The observed backups: condition BackedUp, and the restore of a new virtual cluster.

The Jobs on the host keep a report in a ConfigMap, one key of which is the connection detail.
"""

import functools
import re
from dataclasses import dataclass
from typing import NamedTuple

from function.api.fields import INSTANT
from function.k8s.fieldpath import document, get, matching, text, whole, words
from function.observed import vcluster
from function.observed.release import detail, judge, reason, shown
from function.observed.state import Condition, ObservedRelease

KEY = "backup"

CONDITION = "BackedUp"

REPORT = "backupReport"
"""Connection detail with the report, one JSON document: the contract with jobs/backup."""

NEVER_RUN = "NeverRun"
OVERDUE = "Overdue"
RESTORING = "Restoring"
RESTORE_FAILED = "RestoreFailed"
"""Reasons of BackedUp, and of ControlPlaneReady while data is restored."""

UNSUPPORTED = "Unsupported"
"""Phase of a virtual cluster whose chart is not known to make backups."""

REFUSED = "Refused"
"""Phase of a rollback, reported only before the first data is replaced."""

PREPARED = frozenset({"Prepared", "Replacing", "Restoring", "RestoreFailed"})
"""Phases of a rollback from its preparation on; from Replacing on data is replaced."""

RESUMED = "-resumed"
"""End of the identity of a rollback whose Release was lost after it began."""

_NAME = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_LOCATION = re.compile(r"[0-9a-f-]{36}/[0-9A-Za-z]{1,64}")


class Restore(NamedTuple):
    """A backup that a virtual cluster begins with."""

    prefix: str
    """Path of the former VCluster's backups in the bucket; its UID comes last."""
    snapshot: str
    in_place: bool = False
    """True if it replaces the data of the VCluster whose backup it is."""

    @property
    def place(self) -> tuple[str, ...]:
        """Namespace, name and UID of the former VCluster, and the backup."""
        return (*self.prefix.split("/")[-3:], self.snapshot)

    def __str__(self) -> str:
        """Return UID and backup, as in the spec."""
        return f"{self.prefix.rpartition('/')[2]}/{self.snapshot}"


class Rollback(NamedTuple):
    """The rollback that a Release requests."""

    snapshot: str
    lose_newer: bool
    request: str
    """Identity: the generation of the spec that named it first, and a digest of its content."""
    is_done: bool = False

    @property
    def is_resumed(self) -> bool:
        """True if the Release was lost after it began: data may have been replaced by then."""
        return self.request.endswith(RESUMED)


class Rolling(NamedTuple):
    """The part of the report on the rollback that is requested."""

    request: str = ""
    phase: str = ""
    reason: str = ""
    message: str = ""
    saved: str = ""
    """Name of the backup that was made before."""


class RolledBack(NamedTuple):
    """The part of the report on the last rollback that was done."""

    request: str = ""
    saved: str = ""
    at: str = ""


NO_ROLLING, NO_ROLLED_BACK = Rolling(), RolledBack()


@dataclass(frozen=True)
class Report:
    """The report of the Jobs on the host; a part is empty if it is unknown or malformed."""

    phase: str = ""
    reason: str = ""
    message: str = ""
    last: str = ""
    """Time of the last backup that was verified."""
    size: int | None = None
    """Bytes of that backup."""
    location: str = ""
    count: int | None = None
    next: str = ""
    overdue_at: str = ""
    restored: str = ""
    """UID and backup of the restore, once done."""
    inputs: str = ""
    """Digest of what the last backup acted on."""
    rolling: Rolling = NO_ROLLING
    rolled_back: RolledBack = NO_ROLLED_BACK


def report_of(observed: ObservedRelease | None) -> Report:
    """Return the report."""
    return _read(detail(observed, REPORT))


@functools.lru_cache(maxsize=16)
def _read(report: str) -> Report:
    plain = document(report)
    return Report(
        phase=words(get(plain, "phase")),
        reason=words(get(plain, "reason")),
        message=words(get(plain, "message")),
        last=matching(INSTANT, get(plain, "last")),
        size=whole(get(plain, "size")),
        location=matching(_LOCATION, get(plain, "location")),
        count=whole(get(plain, "count")),
        next=matching(INSTANT, get(plain, "next")),
        overdue_at=matching(INSTANT, get(plain, "overdueAt")),
        restored=matching(_LOCATION, get(plain, "restored")),
        inputs=words(get(plain, "observedInputs")),
        rolling=_rolling(get(plain, "rollback")),
        rolled_back=_rolled_back(get(plain, "rolledBack")),
    )


def _rolling(plain: object) -> Rolling:
    return Rolling(
        request=words(get(plain, "request")),
        phase=words(get(plain, "phase")),
        reason=words(get(plain, "reason")),
        message=words(get(plain, "message")),
        saved=matching(_NAME, get(plain, "saved")),
    )


def _rolled_back(plain: object) -> RolledBack:
    return RolledBack(
        request=words(get(plain, "request")),
        saved=matching(_NAME, get(plain, "saved")),
        at=matching(INSTANT, get(plain, "at")),
    )


def condition(
    observed: ObservedRelease | None, inputs: object, *, passed: tuple[str, ...] = ()
) -> Condition:
    """Return BackedUp.

    `inputs` is the digest of what is to be backed up, and where; `passed` are times that are past.
    """
    return shown(_reported(report_of(observed), inputs, passed), observed)


def _reported(report: Report, inputs: object, passed: tuple[str, ...]) -> Condition:
    if report.phase == UNSUPPORTED:
        return Condition(CONDITION, "Unknown", reason(report.reason, report.phase), report.message)
    is_current = report.inputs == inputs
    if is_current and report.phase == "Failed":
        return Condition(CONDITION, "False", reason(report.reason, report.phase), report.message)
    if not is_current or not report.last:
        message = "No backup has been made yet."
        if report.last:
            message = "No backup has been made yet in the place that applies now."
        return Condition(CONDITION, "Unknown", NEVER_RUN, message)
    if report.overdue_at in passed:
        message = f"The last backup is of {report.last}, and the next was due at {report.next}."
        return Condition(CONDITION, "False", OVERDUE, message)
    return Condition(CONDITION, "True", "Completed")


def requested_restore(observed: ObservedRelease | None) -> Restore | None:
    """Return the restore that the Release requests, or None."""
    restore = get(observed.values, "restore") if observed else None
    prefix, snapshot = text(get(restore, "prefix")), text(get(restore, "snapshot"))
    in_place = get(restore, "inPlace") is True
    return Restore(prefix, snapshot, in_place) if prefix else None


def requested_rollback(observed: ObservedRelease | None) -> Rollback | None:
    """Return the rollback that the Release requests, also one that is done, or None."""
    plain = get(observed.values, "rollback") if observed else None
    snapshot, request = text(get(plain, "snapshot")), text(get(plain, "request"))
    if not (snapshot and request):
        return None
    lose_newer, is_done = get(plain, "loseNewer") is True, get(plain, "done") is True
    return Rollback(snapshot, lose_newer, request, is_done)


def begun_rollback(observed: ObservedRelease | None) -> Rollback | None:
    """Return the rollback that is to be finished, whatever the spec says, or None.

    Its Job refuses it only before anything is replaced, which ends it. The Job of a resumed one
    does not know what the one before it replaced.
    """
    current, restore = requested_rollback(observed), requested_restore(observed)
    if current is None or restore is None or not restore.in_place:
        return None
    report = report_of(observed)
    if report.rolled_back.request == current.request:
        return None
    rolling = report.rolling
    is_refused = rolling.request == current.request and rolling.phase == REFUSED
    return None if is_refused and not current.is_resumed else current


def has_rolled_back(observed: ObservedRelease | None, rollback: Rollback) -> bool:
    """Return whether a rollback is reported as done."""
    return report_of(observed).rolled_back.request == rollback.request


def has_restored(observed: ObservedRelease | None, restore: Restore) -> bool:
    """Return whether a restore is reported as done."""
    uid, _, snapshot = report_of(observed).restored.partition("/")
    is_same = restore.snapshot in ("latest", snapshot)
    return bool(uid) and uid == restore.place[-2] and is_same


def restoring(control_plane: Condition, observed: ObservedRelease | None) -> Condition:
    """Return ControlPlaneReady of a virtual cluster whose data is being restored."""
    if control_plane.reason not in _EXPLAINED:
        return control_plane
    report, judged = report_of(observed), judge(CONDITION, observed)
    restore = requested_restore(observed)
    failed = report.rolling if restore and restore.in_place else report
    if failed.phase in (RESTORE_FAILED, REFUSED):
        return control_plane._replace(
            status="False", reason=RESTORE_FAILED, message=failed.message or failed.reason
        )
    message = "The control plane starts once its data is restored from a backup."
    if judged.status != "True" and observed is not None:
        message = f"{message} {judged.message}"
    return control_plane._replace(status="False", reason=RESTORING, message=message)


_EXPLAINED = frozenset(
    {vcluster.UNAVAILABLE, vcluster.UPDATING.reason, "HealthUnknown", "WaitingForKubeconfig"}
)
"""Reasons of a control plane that restoring explains."""


def target(observed: ObservedRelease | None) -> str:
    """Return the name of the target of the Release, empty if there is none."""
    return text(get(observed.values, "target", "name")) if observed else ""


def is_silenced(observed: ObservedRelease) -> bool:
    """Return whether the deletion of the Release takes no final backup, as deployed."""
    return observed.values.get("onDelete") == "None" and judge(CONDITION, observed).status == "True"
