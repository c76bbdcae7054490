"""The next action of a restoration, as one pure function of what is seen.

The report of a restoration is the last thing that is written. A run that is killed before begins
again from the archive, because the pod empties the store first, also one with data:
https://github.com/loft-sh/vcluster/blob/v0.36.1/pkg/snapshot/restoreclient.go
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobs.backup import wire
from jobs.backup.actions import Superseded, Wait
from jobs.backup.model import REFUSED, ROLLBACK, ROLLED_BACK, Archives, Metadata, VirtualCluster
from jobs.backup.retention import kept
from jobs.backup.versions import is_newer
from jobs.errors import RefusedError

LATEST = "latest"


@dataclass(frozen=True)
class Source:
    """The archive to restore, as the spec names it."""

    prefix: str
    snapshot: str
    """Name of the archive, or `latest`."""
    request: str = ""
    """Identity of the request to roll back in place; empty for a new VCluster."""

    @property
    def uid(self) -> str:
        """UID of the VCluster whose archive it is."""
        return self.prefix.rpartition("/")[2]

    def location(self, name: str) -> str:
        """Return the location of an archive of this source, as reports have it."""
        return f"{self.uid}/{name}"

    def is_done(self, report: Mapping[str, Any]) -> bool:
        """Return whether the report names the restoration as done."""
        if self.request:
            done = report.get(ROLLED_BACK)
            return isinstance(done, dict) and done.get("request") == self.request
        return self.has(str(report.get("restored", "")))

    def is_over(self, report: Mapping[str, Any]) -> bool:
        """Return whether nothing is to be restored: it is done, or refused before its begin."""
        return self.is_done(report) or self.is_refused(report)

    def is_refused(self, report: Mapping[str, Any]) -> bool:
        """Return whether a rollback is refused, which none is once its replacement has begun."""
        part = report.get(ROLLBACK)
        if not self.request or not isinstance(part, dict):
            return False
        return (part.get("request"), part.get("phase")) == (self.request, REFUSED)

    def has(self, location: str) -> bool:
        """Return whether a location is one of this source."""
        uid, _, name = location.partition("/")
        return bool(name) and uid == self.uid and self.snapshot in (LATEST, name)


@dataclass(frozen=True)
class RestorePod:
    """The pod that restores an archive."""

    location: str
    phase: str
    is_ending: bool = False


@dataclass(frozen=True)
class Workload:
    """The workload of the control plane, and its store."""

    desired: int
    running: int
    has_store: bool
    """True with the claim, or with a deployed etcd that is to run."""


@dataclass(frozen=True)
class RestoreGoal:
    """The restoration to do."""

    run: str
    vcluster: VirtualCluster
    source: Source
    loses_newer: bool = False
    """True if a rollback loses what is newer than the archive."""


@dataclass(frozen=True)
class RestoreSight:
    """All that the next action of a restoration depends on, no larger than it needs."""

    runner: str
    is_over: bool = False
    """True if the report names the restoration as done, or as refused."""
    is_replacing: bool = False
    """True if the replacement of the data of a rollback has begun."""
    pod: RestorePod | None = None
    workload: Workload | None = None
    archives: Archives | None = None
    """Archives of the source, None if they were not looked at."""
    metadata: Metadata | None = None
    """Description of the chosen archive."""
    copied: str = ""
    """Name of the archive that this run has copied."""


@dataclass(frozen=True)
class AlreadyEnded:
    """End of this run, because the report names the restoration already, or its refusal."""


@dataclass(frozen=True)
class LookAtSource:
    """List of the archives of the source."""


@dataclass(frozen=True)
class ReadMetadata:
    """Read of the description of an archive."""

    name: str


@dataclass(frozen=True)
class CreateClaim:
    """Creation of the claim that the StatefulSet would make."""


@dataclass(frozen=True)
class Copy:
    """Copy of an archive without Rancher's part, which reads it to its end."""

    name: str


@dataclass(frozen=True)
class BeginReplacement:
    """Last look at what a rollback would lose, from which on it is not refused any more."""


@dataclass(frozen=True)
class StartPod:
    """Creation of the pod's Secret, and of the pod."""

    name: str


@dataclass(frozen=True)
class ClearAway:
    """Removal of a pod that restores something else, with its Secret."""


@dataclass(frozen=True)
class GiveUpPod:
    """Removal of a pod that has failed, after a look at its log."""


@dataclass(frozen=True)
class ReportRestored:
    """Removal of pod, Secret and copy, and then the report."""

    location: str


RestoreAction = (
    Superseded
    | Wait
    | AlreadyEnded
    | LookAtSource
    | ReadMetadata
    | CreateClaim
    | Copy
    | BeginReplacement
    | StartPod
    | ClearAway
    | GiveUpPod
    | ReportRestored
)


def plan(goal: RestoreGoal, sight: RestoreSight) -> RestoreAction:
    """Return the next action. Raises RefusedError where only a person can help."""
    if sight.runner != goal.run:
        return Superseded()
    if sight.is_over:
        return AlreadyEnded()
    if sight.pod is not None:
        return _follow(goal, sight.pod)
    return _await_workload(goal, sight.workload) or _prepare(goal, sight)


def _follow(goal: RestoreGoal, pod: RestorePod) -> RestoreAction:
    """Return the next action while there is a pod."""
    if pod.is_ending:
        return Wait("PodEnding", "An earlier pod of the restoration ends.")
    if not goal.source.has(pod.location):
        return ClearAway()
    if pod.phase == "Succeeded":
        return ReportRestored(pod.location)
    if pod.phase == "Failed":
        return GiveUpPod()
    return Wait("RestoringData", f"The archive {pod.location} is being restored.")


def _await_workload(goal: RestoreGoal, workload: Workload | None) -> RestoreAction | None:
    """Return a wait for a control plane that is stopped, and has a store."""
    if workload is None:
        return Wait("WaitingForWorkload", "The control plane is not installed yet.")
    if workload.desired or workload.running:
        return Wait("WaitingForStop", "The control plane runs, and has to be stopped before.")
    if workload.has_store:
        return None
    if goal.vcluster.availability == "HA":
        return Wait("WaitingForStore", "The etcd of the control plane is not started yet.")
    return CreateClaim()


def _prepare(goal: RestoreGoal, sight: RestoreSight) -> RestoreAction:
    """Return the next action before there is a pod."""
    if not goal.source.request:
        wire.check_chart(goal.vcluster.chart)
    if sight.archives is None:
        return LookAtSource()
    name = choose(goal.source, sight.archives)
    if sight.metadata is None:
        return ReadMetadata(name)
    check_versions(goal.vcluster, sight.metadata)
    if sight.copied != name:
        return Copy(name)
    is_checked = sight.is_replacing or not goal.source.request
    return StartPod(name) if is_checked else BeginReplacement()


def choose(source: Source, archives: Archives) -> str:
    """Return the name of the archive to restore; refuse one that is not there or not whole."""
    names = kept(archives)
    if source.snapshot == LATEST and names:
        return names[0]
    if source.snapshot in names:
        return source.snapshot
    message = f"The target has no archive {source.location(source.snapshot)} that is whole."
    raise RefusedError("ArchiveMissing", message)


def check_facts(name: str, metadata: Metadata | None, facts: tuple[int, str]) -> None:
    """Refuse an archive of another size or SHA-256 than its description has."""
    if metadata is None or facts != (metadata.size, metadata.sha256):
        message = f"The archive {name} is not the one that its description was written for."
        raise RefusedError("ArchiveChanged", message)


def check_versions(vcluster: VirtualCluster, archive: Metadata) -> None:
    """Refuse an archive of versions that are newer than those that are to run."""
    pairs = (
        ("vcluster chart", archive.chart, vcluster.chart),
        ("Kubernetes", archive.kubernetes, vcluster.kubernetes),
    )
    for what, theirs, ours in pairs:
        if is_newer(theirs, ours):
            message = (
                f"The archive is of {what} {theirs}, which is newer than the {ours} of this "
                "VCluster. Request a version that is not older than the archive's."
            )
            raise RefusedError("ArchiveNewer", message)
