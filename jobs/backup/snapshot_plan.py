"""The next action of a snapshot, as one pure function of what is seen.

Every action leaves a state from which the next look leads on, so the program may die at any line.
The request and the bucket hold all that is remembered: the name of the archive is in the URL of the
request, and an archive is a good one when its .json is there.

The control plane closes an archive properly even where it could not read all keys. So only a
request that it calls completed has an archive, and each request one of its own:
https://github.com/loft-sh/vcluster/blob/v0.36.1/pkg/snapshot/client.go
"""

import datetime as dt

from jobs.backup import wire
from jobs.backup.actions import (
    Action,
    Await,
    GiveUpRequest,
    Idle,
    LookIntoBucket,
    Prune,
    RemovePlain,
    RemoveRequest,
    RemoveSecret,
    Report,
    RequestSnapshot,
    Superseded,
    Verify,
    Wait,
)
from jobs.backup.model import ARCHIVE, Archive, Archives, Goal, Request, Sight, name_of, time_of
from jobs.backup.retention import exposed, kept, superfluous

UNFINISHED = ("", "CreatingEtcdBackup")
"""Phases of a request that may still complete."""

COMPLETED = "Completed"


def plan(goal: Goal, sight: Sight) -> Action:
    """Return the next action. Raises UnknownChartError."""
    if sight.runner != goal.run:
        return Superseded()
    if not wire.is_known(goal.vcluster.chart) and (sight.request or sight.has_secret):
        return RemoveRequest()
    wire.check_chart(goal.vcluster.chart)
    if reason := _obstacle(goal, sight):
        return _leave(goal, sight, reason)
    if sight.archives is None:
        return LookIntoBucket()
    names = _exposed(goal, sight.archives, sight.request)
    return RemovePlain(names) if names else _proceed(goal, sight, sight.archives)


def _proceed(goal: Goal, sight: Sight, archives: Archives) -> Action:
    """Return the next action once the archives are known."""
    if sight.request is None:
        return RequestSnapshot(_next_name(sight))
    name = _name(goal, sight.request)
    is_over = name in ("", sight.failed, sight.reported)
    if is_over or not _is_current(goal, sight, sight.request, name):
        return RemoveRequest(sight.request.archive)
    return _follow(goal, sight.request, name, archives, sight)


def _obstacle(goal: Goal, sight: Sight) -> str:
    """Return why there is nothing to back up now, "" if there is."""
    if not sight.is_restored:
        return "the virtual cluster is not restored yet"
    if goal.purpose == "Scheduled" and not sight.replicas:
        return "the virtual cluster is asleep, or not installed"
    return ""


def _leave(goal: Goal, sight: Sight, reason: str) -> Action:
    """Return the end of a run that has nothing to back up, or its wait."""
    if sight.request or sight.has_secret:
        return RemoveRequest()
    return Await(reason) if goal.is_first else Idle(reason)


def _follow(goal: Goal, request: Request, name: str, archives: Archives, sight: Sight) -> Action:
    """Return the next action of a request that is being answered."""
    if request.phase in UNFINISHED:
        return _wait(request)
    if request.phase != COMPLETED:
        detail = f": {request.error}" if request.error else ""
        message = f"The control plane says {request.phase}{detail}"
        return GiveUpRequest(name, "SnapshotFailed", message)
    return RemoveSecret() if sight.has_secret else _check(goal, name, archives, sight)


def _check(goal: Goal, name: str, archives: Archives, sight: Sight) -> Action:
    """Return the next action of an archive that the control plane calls completed."""
    archive = archives.get(name)
    if archive is None or not (archive.has_plain or archive.counts):
        message = "The control plane calls the snapshot completed, but the bucket has no archive."
        return GiveUpRequest(name, "ArchiveMissing", message)
    if not _is_complete(goal, archive):
        return Verify(name)
    old = superfluous(archives, goal.retention, name, sight.now)
    names = tuple(each for each in old if each != goal.protected)
    if names and not sight.pruned:
        return Prune(names)
    return Report(name, len(kept(archives)))


def _is_complete(goal: Goal, archive: Archive) -> bool:
    """Return whether an archive counts, in the form of the target."""
    is_right = archive.has_encrypted or not goal.target.recipients
    return archive.counts and is_right


def _exposed(goal: Goal, archives: Archives, request: Request | None) -> tuple[str, ...]:
    """Return the names of plain archives to remove, none where the target has no recipients."""
    if not goal.target.recipients:
        return ()
    return exposed(archives, request.archive if request else "")


def _wait(request: Request) -> Wait:
    if not request.phase:
        message = "The control plane has not taken up the request for a snapshot yet."
        return Wait("WaitingForControlPlane", message)
    return Wait("Writing", "The control plane writes the archive.")


def _name(goal: Goal, request: Request) -> str:
    """Return the name of the archive that a request is for, "" if it is none of this goal's."""
    start = f"s3://{goal.target.bucket}/{goal.target.prefix}/"
    name = request.url.removeprefix(start).removesuffix(ARCHIVE)
    is_own = request.url == goal.target.url(name) and request.archive == name
    return name if is_own and time_of(name) else ""


def _is_current(goal: Goal, sight: Sight, request: Request, name: str) -> bool:
    """Return whether a request may end as this goal's, whichever run made it."""
    time = time_of(name)
    return (
        not request.is_ending
        and request.inputs == goal.inputs
        and request.purpose == goal.purpose
        and time is not None
        and sight.now - time <= goal.timeout
        and (goal.since is None or goal.since <= time)
    )


def _next_name(sight: Sight) -> str:
    """Return a name that no archive of this VCluster had."""
    last = max((*(sight.archives or ()), sight.failed), default="")
    time = time_of(last)
    now = sight.now.replace(microsecond=0)
    return name_of(max(now, time + dt.timedelta(seconds=1)) if time else now)
