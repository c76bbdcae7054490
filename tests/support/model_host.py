"""A model of a host cluster and of provider-helm: what Releases do to what tenants own.

It knows who owns each namespace, volume and cluster in Rancher, and writes down when one is removed
whose owner has not deleted it. provider-helm 1.3's rules are read from its source: it finds a Helm
release by name, repairs a failed first revision by uninstalling it, and removes nothing for a
Release without the management policy Delete.
"""

import copy
from dataclasses import dataclass, field
from typing import Any

from function.commands.plan import simulated_host
from function.k8s.fieldpath import document, get, text
from function.observed import backup, parse
from function.observed.current import REPLICAS
from function.observed.state import ObservedRelease

Object = dict[str, Any]

_VALUES = ("spec", "forProvider", "values")

KEEP = "helm.sh/resource-policy"
BY_HAND = "by-hand"
"""Owner of what was on the host before any VCluster."""


@dataclass
class Namespace:
    """A namespace, and whose it is once a VCluster has been ready there."""

    uid: str = ""
    """Label: the VCluster that made or took it last."""
    control_plane: str = ""
    owner: str = ""
    volume: str = ""
    """Owner of the virtual cluster's volume; empty without one."""
    has_run: bool = False
    """Whether a control plane has written into it."""
    has_file: bool = False
    """Whether the file of issuers is there; it outlives what Helm knows of it."""


@dataclass
class Record:
    """A Helm release."""

    values: Object
    chart: str
    version: str
    revision: int = 1
    state: str = "deployed"
    keep: bool = False
    """Whether the namespace stays at an uninstallation."""
    before: Object | None = None
    """Values of the last revision that was deployed, which a rollback installs again."""


@dataclass
class Host:
    """A host cluster with one place for a VCluster, and the Rancher that it is imported into."""

    deleted: set[str]
    """UIDs of the VClusters that their owners deleted, with all that is in them."""
    left: set[str]
    """UIDs of those that their owners deleted, or took out of Rancher."""
    unbacked: set[str] = field(default_factory=set)
    """UIDs of those whose owners began none or ended them, until a Release makes a final one."""
    rollbacks: set[tuple[str, str, str]] = field(default_factory=set)
    """UID, generation and backup of each rollback that an owner requests or requested."""
    works: bool = True
    """Whether Jobs come to their end."""
    half: str = ""
    """UID of the VCluster whose data is being replaced by a rollback."""
    reachable: bool = True
    admits: bool = True
    """Whether all objects of a chart can be created."""
    interrupts: bool = False
    """Whether provider-helm dies in the middle of its next installation."""
    namespace: Namespace | None = None
    helm: dict[str, Record] = field(default_factory=dict)
    rancher: str = ""
    """Owner of the cluster in Rancher, once it was imported."""
    claim: str = ""
    """Label of the cluster in Rancher: the VCluster whose it is."""
    violations: list[str] = field(default_factory=list)

    def remove(self, what: str, owner: str, asked: set[str]) -> None:
        """Write down a removal for which the owner has not asked."""
        if owner and owner not in asked:
            self.violations.append(f"{what} of {owner}")

    def run(self, name: str, provider: Object, revision: int) -> str:
        """Install or upgrade, and return what fails before Helm records anything."""
        values, chart = provider["values"], provider["chart"]["name"]
        runs = {
            "vcluster-namespace": self._namespace,
            "vcluster": self._cluster,
            "vcluster-backup": self._backup,
            "vcluster-access": self._access,
        }
        keep = False
        if chart == "vcluster-namespace":
            refusal = self._refusal(values)
            if refusal:
                return refusal
            keep = self._keeps(values, is_install=revision == 1)
        state = "deployed" if self.admits else "failed"
        if self.interrupts:
            state = "pending-install" if revision == 1 else "pending-upgrade"
            self.interrupts = False
        record = self.helm.get(name)
        before = None
        if record is not None:
            before = record.values if record.state == "deployed" else record.before
        version = provider["chart"]["version"]
        self.helm[name] = Record(
            copy.deepcopy(values), chart, version, revision, state, keep, before
        )
        runs.get(chart, self._import)(values, done=state == "deployed")
        return ""

    def uninstall(self, name: str) -> None:
        """Remove what a Helm release consists of."""
        record = self.helm.pop(name)
        # A first installation that did not succeed is repaired by another one.
        is_repair = record.revision == 1 and record.state != "deployed"
        if record.chart == "vcluster-namespace":
            self._leave(keep=record.keep)
        elif record.chart == "vcluster":
            retains = get(record.values, "controlPlane", "service", "annotations") is not None
            if self.namespace and self.namespace.volume and not retains:
                self.remove("volume", self.namespace.volume, self.deleted)
                self.namespace.volume = ""
        elif record.chart == "vcluster-backup":
            self.half = ""
            has_run = self.namespace is not None and self.namespace.has_run
            if has_run and record.values["onDelete"] == "None":
                self.remove("final backup", record.values["owner"]["uid"], self.unbacked)
        elif record.chart == "vcluster-access":
            if record.values["bindings"] and not is_repair:
                self.remove("rights of people", record.values["owner"]["uid"], self.left)
        elif not record.values.get("takeover") and self.claim == get(record.values, "owner", "uid"):
            self.remove("cluster in Rancher", self.rancher, self.left)
            self.rancher = self.claim = ""

    def _leave(self, *, keep: bool) -> None:
        """Remove the namespace, or what its chart has brought into one that is kept."""
        if self.namespace and not keep:
            self.remove("namespace", self.namespace.owner, self.deleted)
            self.remove("volume", self.namespace.volume, self.deleted)
            self.namespace = None
        elif self.namespace:
            self.namespace.has_file = False

    def _refusal(self, values: Object) -> str:
        """Return why the chart does not take the namespace: `_retained.tpl`."""
        found, restore = self.namespace, values.get("restoreFrom", "")
        if found is None:
            return "NothingToRestore" if restore else ""
        if found.uid in ("", get(values, "owner", "uid")):
            return ""
        is_left = found.control_plane and found.control_plane == get(
            values, "owner", "controlPlane"
        )
        is_used = found.volume or any(one.chart == "vcluster" for one in self.helm.values())
        if is_left and not is_used and not restore:
            return ""
        return "" if restore == found.uid and found.volume else "DataRetained"

    def _keeps(self, values: Object, *, is_install: bool) -> bool:
        before = is_install and self.namespace is not None
        return bool(values.get("onDelete") == "Retain" or values.get("takeover") or before)

    def _namespace(self, values: Object, *, done: bool) -> None:
        owner = text(get(values, "owner", "uid"))
        self.namespace = self.namespace or Namespace()
        self.namespace.uid = owner
        self.namespace.control_plane = text(get(values, "owner", "controlPlane"))
        has_file = bool(get(values, "authentication", "config"))
        self.namespace.has_file = has_file or (self.namespace.has_file and not done)
        if done:
            self.namespace.owner = owner
            self.namespace.volume = self.namespace.volume and owner

    def _cluster(self, values: Object, *, done: bool) -> None:
        has_run = self.namespace is not None and self.namespace.has_run
        if has_run and mounts(values) and not self.has_file():
            self.violations.append("an API server that waits for its file of issuers")
        if self.half and get(values, *REPLICAS) != 0:
            self.violations.append(f"a control plane on half of the data of {self.half}")
        if self.namespace and done and not self.namespace.volume:
            self.namespace.volume = self.namespace.uid
            self.namespace.has_run = False
        if self.namespace and done:
            self.namespace.has_run |= get(values, *REPLICAS) != 0

    def _access(self, values: Object, *, done: bool) -> None:
        """Do nothing: what the Job does is in its report."""

    def has_file(self) -> bool:
        """Return whether the chart of the namespace brought the file of issuers."""
        return self.namespace is not None and self.namespace.has_file

    def _backup(self, values: Object, *, done: bool) -> None:
        if done and values["onDelete"] != "None":
            self.unbacked.discard(values["owner"]["uid"])
        if not (done and values["restore"] and self.namespace and self.namespace.has_run):
            return
        if not values["restore"].get("inPlace"):
            self.violations.append(f"data of {self.namespace.volume} by a restore")
            return
        uid, rollback = values["owner"]["uid"], values["rollback"]
        generation = str(rollback["request"]).partition("-")[0]
        if (uid, generation, rollback["snapshot"]) in self.rollbacks:
            self.half = uid
        else:
            self.violations.append(f"data of {self.namespace.volume} by a rollback")

    def _import(self, values: Object, *, done: bool) -> None:
        uid = text(get(values, "owner", "uid"))
        if (self.rancher or self.claim) and self.claim not in (uid, values.get("formerOwnerUid")):
            return
        self.claim = uid
        if done:
            self.rancher = uid


def mounts(values: object) -> bool:
    """Return whether the API server of these values reads a file of issuers."""
    return bool(get(values, "controlPlane", "distro", "k8s", "apiServer", "extraArgs"))


def reconcile(release: Object, host: Host) -> bool:
    """Do what provider-helm does at one look; return whether the Release is still there."""
    policies = {*release["spec"].get("managementPolicies", ["*"])}
    is_deleted = "deletionTimestamp" in release["metadata"]
    if is_deleted and policies.isdisjoint({"*", "Delete"}):
        return False
    name = release["metadata"]["annotations"]["crossplane.io/external-name"]
    if not host.reachable:
        error = "observe failed: no route to host"
        release["status"] = simulated_host.unobserved_status(release, error)
        return True
    record = host.helm.get(name)
    if is_deleted:
        if record is not None:
            host.uninstall(name)
        return False
    _report(release, _act(release, host, name, record), host)
    return True


def _act(release: Object, host: Host, name: str, record: Record | None) -> str:
    provider = release["spec"]["forProvider"]
    if record is None:
        error = host.run(name, provider, 1)
        return f"create failed: {_failure(error)}" if error else ""
    same = record.values == provider["values"]
    is_broken = record.state.startswith("pending") or (record.state == "failed" and same)
    failures = release.setdefault("failures", 0)
    if is_broken:
        if failures >= release["spec"].get("rollbackLimit", 0):
            return ""
        release["failures"] += 1
        if record.revision == 1:
            host.uninstall(name)
        else:
            record.values, record.state = record.before or provider["values"], "deployed"
            record.revision += 1
        return ""
    if same:
        release["failures"] = 0
        return ""
    error = host.run(name, provider, record.revision + 1)
    return f"update failed: {_failure(error)}" if error else ""


def _failure(reason: str) -> str:
    return f"execution error at (vcluster-namespace/templates/namespace.yaml:1:4): {reason}: Held."


def _report(release: Object, error: str, host: Host) -> None:
    """Write status and connection details, as far as they are known."""
    record = host.helm.get(release["metadata"]["annotations"]["crossplane.io/external-name"])
    report = simulated_host.Report(state="", error=error)
    if record is not None:
        report = simulated_host.Report(
            state=record.state,
            revision=record.revision,
            version=record.version,
            is_current=record.values == release["spec"]["forProvider"]["values"],
            error=error,
            details=_memory(release),
        )
    release["status"] = simulated_host.release_status(release, report)
    if report.is_ready:
        details = simulated_host.connection_details(release, report)
        before = release.get("details", {})
        release["details"] = {key: value.encode() for key, value in details.items()}
        if backup.REPORT in details:
            _work(release, before, host)


def _work(release: Object, before: dict[str, bytes], host: Host) -> None:
    """Let the Jobs of a rollback come to their end, or keep the report of before."""
    done = _request(release["details"])
    if not host.works and done != _request(before):
        release["details"] = {**release["details"], backup.REPORT: before[backup.REPORT]}
    elif host.half and done == get(release, *_VALUES, "rollback", "request"):
        host.half = ""


def _request(details: dict[str, bytes]) -> object:
    """Return the identity of the last rollback that a report calls done."""
    report = document(details.get(backup.REPORT, b"").decode())
    return get(report, "rolledBack", "request")


def _memory(release: Object) -> dict[str, str]:
    """Return what the state ConfigMap of the backups keeps."""
    before = {key: value.decode() for key, value in release.get("details", {}).items()}
    return dict(simulated_host.remembered(before).details)


def seen(release: Object) -> ObservedRelease:
    """Return a Release as the function sees it, with what the API server fills in."""
    spec = {"managementPolicies": ["*"], **release["spec"]}
    return parse.parse_release({**release, "spec": spec}, release.get("details", {}))
