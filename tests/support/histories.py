"""What may happen to VClusters, in any order.

Hypothesis drives sequences of calls. Between them hosts fail and leave the Input, installations
fail, records and statuses are lost, and VClusters are made and deleted, on two control planes that
do not know of each other. What is composed is applied to a model of a host.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from function.api.validate import Document
from function.compose import compose
from function.k8s.fieldpath import digest, get
from function.observed.current import REPLICAS
from function.observed.release import KIND
from function.observed.state import ForeignRelease, Observed, ObservedUsage, Request
from tests.support.factories import INPUT, RANCHER, changed
from tests.support.model_host import (
    BY_HAND,
    Host,
    Namespace,
    Object,
    Record,
    mounts,
    reconcile,
    seen,
)

if TYPE_CHECKING:
    from function.response.response import Composed

NAME = "kunde1"
KEYS = ("access", "rancher", "backup", "vcluster", "namespace")
"""Keys of the Releases, in the order in which Usages let them go; no Usage holds the login."""

FORMER = str(uuid.UUID(int=1))
BY_HAND_VALUES: Object = {"controlPlane": {"distro": {"k8s": {"image": {"tag": "v1.35.0"}}}}}
HOSTS: Object = {
    name: {"providerConfig": name, "cidrs": [cidr], "labels": {"at": name}}
    for name, cidr in (("north", "192.0.2.0/25"), ("south", "192.0.2.128/25"))
}
PLATFORM: Object = changed(
    INPUT,
    {
        "rancher": {**RANCHER, "enabled": True},
        "tenant.storage": {"retain": "Allowed"},
        "tenant.power": "Choice",
        "backup": {
            "defaultTarget": "nightly",
            "targets": {
                "nightly": {
                    "s3": {
                        "bucket": "vclusters",
                        "endpoint": "https://s3.example.org",
                        "secretRef": {"name": "backup-s3"},
                    }
                }
            },
            "tenant": {"backup": "Allowed"},
        },
        "defaultHostSelector": {"matchLabels": {"at": "north"}},
    },
)
ISSUERS: Object = {"corp": {"url": "https://login.example.org", "prefix": "corp:"}}
PEOPLE: Object = {"oidc": [{"issuer": "corp", "admins": ["group:admins"]}]}
ACCESS = st.sampled_from([None, {}, PEOPLE, {**PEOPLE, "certificate": "Readers", "rotate": 1}])

SPECS = st.fixed_dictionaries(
    {},
    optional={
        "host": st.sampled_from(["north", "south"]),
        "onDelete": st.sampled_from(["Delete", "Retain"]),
        "restores": st.booleans(),
        "backs_up": st.booleans(),
    },
)


BACKUPS = st.sampled_from([None, {}, {"restoreFrom": {"vcluster": FORMER}}])
ROLLBACKS = st.sampled_from([None, "20260101T000000Z", "20260102T000000Z"])

RENAMED = "-renamed"


def host_of(release: Object) -> str:
    """Return the host that a Release's ClusterProviderConfig leads to."""
    return str(release["spec"]["providerConfigRef"]["name"]).removesuffix(RENAMED)


class ControlPlane:
    """One with at most one VCluster, and its Releases."""

    def __init__(self, identity: str) -> None:
        """Begin with nothing."""
        self.identity = identity
        self.composite: Object | None = None
        self.releases: dict[str, Object] = {}
        self.usages: set[str] = set()

    @property
    def uid(self) -> str:
        """UID of the VCluster."""
        return str(get(self.composite, "metadata", "uid"))

    def call(self, platform: Document) -> None:
        """Call the function once, and apply what it answers."""
        if self.composite is None:
            return
        own = {key: one for key, one in self.releases.items() if one["owner"] == self.uid}
        observed = Observed(
            **{key: seen(one) for key, one in own.items()},
            usages={key: ObservedUsage(ready=True) for key in self.usages},
            foreign_releases=tuple(
                ForeignRelease(one["metadata"]["name"], "vcluster-system", terminating=True)
                for key, one in self.releases.items()
                if key not in own
            ),
            control_plane="" if own else self.identity,
        )
        answer = compose(Request(platform, self.composite, observed))
        if answer.fatal:
            return
        for key, composed in answer.resources.items():
            self._apply(key, composed)
        for key, one in own.items():
            if key not in answer.resources:
                one["metadata"]["deletionTimestamp"] = "now"

    def _apply(self, key: str, composed: Composed) -> None:
        resource = composed.resource
        if resource["kind"] != KIND:
            self.usages.add(key)
            return
        before = self.releases.get(key)
        if before is not None and before["owner"] != self.uid:
            return
        if before is None:
            metadata = {**resource["metadata"], "generation": 1}
            self.releases[key] = {**resource, "metadata": metadata, "owner": self.uid}
            return
        assert before["spec"]["providerConfigRef"] == resource["spec"]["providerConfigRef"]
        if key == "vcluster" and mounts(before["spec"]["forProvider"]["values"]):
            assert mounts(resource["spec"]["forProvider"]["values"]), "the mount stays"
        if before["spec"] != resource["spec"]:
            before["metadata"]["generation"] += 1
        before["spec"] = resource["spec"]

    def provide(self, hosts: dict[str, Host]) -> None:
        """Let provider-helm look at every Release. Usages hold the order of deletion."""
        for number, key in enumerate(KEYS):
            one = self.releases.get(key)
            waits = any(other in self.releases for other in KEYS[:number])
            if one is None or (waits and "deletionTimestamp" in one["metadata"]):
                continue
            if not reconcile(one, hosts[host_of(one)]):
                del self.releases[key]

    def delete(self) -> None:
        """Delete the VCluster; its Releases go as they can."""
        self.composite = None
        self.usages.clear()
        for one in self.releases.values():
            one["metadata"]["deletionTimestamp"] = "now"


class Histories(RuleBasedStateMachine):
    """Control planes, hosts and the Input, and what may happen to them."""

    planes = st.sampled_from([0, 0, 0, 1])
    names = st.sampled_from(["north", "north", "north", "south"])

    def __init__(self) -> None:
        """Begin with two empty hosts."""
        super().__init__()
        self.control_planes = (ControlPlane("definition-1"), ControlPlane("definition-2"))
        self.deleted: set[str] = set()
        self.left: set[str] = set()
        self.unbacked: set[str] = set()
        self.rollbacks: set[tuple[str, str, str]] = set()
        asked = (self.deleted, self.left, self.unbacked, self.rollbacks)
        self.hosts = {name: Host(*asked) for name in HOSTS}
        self.listed: Object = dict(HOSTS)
        self.adopted: Object = {}
        self.access: Object | None = None
        self.uids = [FORMER]

    @property
    def platform(self) -> Document:
        """The Input as it is now."""
        login = {} if self.access is None else {"access": self.access}
        plain = {**PLATFORM, **login, "hosts": self.listed, "adopted": self.adopted}
        return Document(plain, digest(plain).encode())

    @initialize(before=st.sampled_from(["nothing", "by-hand", "retained", "running"]))
    def begin(self, before: str) -> None:
        """Put onto a host what is there before any VCluster."""
        host = self.hosts["north"]
        if before == "by-hand":
            host.namespace = Namespace(owner=BY_HAND, volume=BY_HAND, has_run=True)
            host.helm["shop"] = Record(BY_HAND_VALUES, "vcluster", "0.36.1")
            host.rancher = BY_HAND
            self.adopted = {
                NAME: {
                    "namespace": "shop",
                    "release": "shop",
                    "chart": "0.36.1",
                    "values": BY_HAND_VALUES,
                }
            }
        elif before != "nothing":
            host.namespace = Namespace(FORMER, "definition-1", FORMER, FORMER, has_run=True)
        if before == "running":
            values = {"owner": {"name": NAME, "uid": FORMER}}
            host.helm[f"{NAME}-namespace"] = Record(values, "vcluster-namespace", "0.1.0")
            host.helm[f"{NAME}-vcluster"] = Record({}, "vcluster", "0.36.1")

    @precondition(lambda self: not all(each.composite for each in self.control_planes))
    @rule(plane=planes, spec=SPECS, times=st.integers(0, 3))
    def create(self, plane: int, spec: Object, times: int) -> None:
        """Create the VCluster, restoring what an earlier one left if it says so."""
        control_plane = self.control_planes[plane]
        if control_plane.composite is not None:
            return
        self.uids.append(str(uuid.UUID(int=len(self.uids) + 1)))
        self.unbacked.add(self.uids[-1])
        storage = {} if self.adopted else {"onDelete": spec.get("onDelete", "Delete")}
        if spec.get("restores") and not self.adopted:
            # Whoever names the UID of one that lives elsewhere takes it away from there.
            alive = {each.uid for each in self.control_planes if each.composite is not None}
            storage["restoreFrom"] = [uid for uid in self.uids[:-1] if uid not in alive][-1]
        fields: Object = {"host": spec["host"]} if "host" in spec else {}
        if spec.get("backs_up") and not self.adopted and "restoreFrom" not in storage:
            fields["backup"] = {"restoreFrom": {"vcluster": FORMER}}
        control_plane.composite = {
            "metadata": {"name": NAME, "uid": self.uids[-1]},
            "spec": {**fields, "storage": storage},
        }
        self.go_on(plane, times)

    @rule(plane=planes, times=st.sampled_from([1, 2, 8]))
    def go_on(self, plane: int, times: int) -> None:
        """Let the function and provider-helm take turns."""
        for _ in range(times):
            self.control_planes[plane].call(self.platform)
            self.control_planes[plane].provide(self.hosts)

    @precondition(lambda self: any(each.composite for each in self.control_planes))
    @rule(plane=planes)
    def delete(self, plane: int) -> None:
        """Delete the VCluster: what it owns may go, but for retained data."""
        control_plane = self.control_planes[plane]
        if control_plane.composite is None:
            return
        self.left.add(control_plane.uid)
        if get(control_plane.composite, "spec", "storage", "onDelete") != "Retain":
            self.deleted.add(control_plane.uid)
        control_plane.delete()
        self.go_on(plane, 3)

    @rule(plane=planes, enabled=st.booleans())
    def change_rancher(self, plane: int, enabled: bool) -> None:  # noqa: FBT001  # a rule's
        """Take the cluster out of Rancher, or import it again."""
        control_plane = self.control_planes[plane]
        if control_plane.composite is not None:
            control_plane.composite["spec"]["rancher"] = {"enabled": enabled}
            (self.left.discard if enabled else self.left.add)(control_plane.uid)

    @rule(plane=planes, choice=st.sampled_from(["Running", "Sleeping"]), times=st.integers(0, 6))
    def change_power(self, plane: int, choice: str, times: int) -> None:
        """Put the cluster to sleep or wake it up, wherever it is on the way to the other."""
        control_plane = self.control_planes[plane]
        if control_plane.composite is not None:
            control_plane.composite["spec"]["power"] = choice
            self.go_on(plane, times)

    @rule(plane=planes, backup=BACKUPS, times=st.integers(0, 4))
    def change_backup(self, plane: int, backup: Object | None, times: int) -> None:
        """Begin or end the backups, or request a restore when it may be too late."""
        control_plane = self.control_planes[plane]
        if control_plane.composite is not None:
            control_plane.composite["spec"]["backup"] = backup
            if backup is None:
                self.unbacked.add(control_plane.uid)
            self.change(control_plane.composite)
            self.go_on(plane, times)

    @rule(plane=planes, snapshot=ROLLBACKS, lose=st.booleans(), times=st.integers(0, 6))
    def roll_back(
        self,
        plane: int,
        snapshot: str | None,
        lose: bool,  # noqa: FBT001  # a rule's
        times: int,
    ) -> None:
        """Request a rollback or another one, or take it out, wherever the one before is."""
        composite = self.control_planes[plane].composite
        if composite is not None:
            spec = composite["spec"]
            spec["backup"] = {**(spec.get("backup") or {}), "rollback": None}
            if snapshot:
                spec["backup"]["rollback"] = {"snapshot": snapshot, "loseNewer": lose}
            self.change(composite)
            self.go_on(plane, times)

    @rule(name=names, works=st.booleans())
    def work(self, name: str, works: bool) -> None:  # noqa: FBT001  # a rule's
        """Let the Jobs of a host come to their end, or hang."""
        self.hosts[name].works = works
        self.go_on(0, 2)

    def change(self, composite: Object) -> None:
        """Count a change of the spec, as the API server does."""
        metadata = composite["metadata"]
        metadata["generation"] = metadata.get("generation", 1) + 1
        snapshot = get(composite, "spec", "backup", "rollback", "snapshot")
        if snapshot:
            request = str(metadata["generation"])
            self.rollbacks.add((metadata["uid"], request, str(snapshot)))

    @rule(plane=planes, access=ACCESS, times=st.integers(0, 4))
    def change_access(self, plane: int, access: Object | None, times: int) -> None:
        """Let people in, or none any more."""
        control_plane = self.control_planes[plane]
        if control_plane.composite is not None:
            control_plane.composite["spec"]["access"] = access
            self.go_on(plane, times)

    @rule(choice=st.sampled_from([None, {}, ISSUERS]))
    def change_issuers(self, choice: Object | None) -> None:
        """Give the platform issuers, or take them away."""
        tenant = {"oidc": "Allowed"}
        self.access = None if choice is None else {"issuers": choice, "tenant": tenant}

    @precondition(lambda self: self.adopted)
    @rule(plane=planes)
    def give_in_rancher(self, plane: int) -> None:
        """Make the cluster that was imported by hand the VCluster's."""
        for host in self.hosts.values():
            if host.rancher == BY_HAND and self.control_planes[plane].composite is not None:
                host.rancher = host.claim = self.control_planes[plane].uid

    @rule(name=names, reachable=st.booleans())
    def cut(self, name: str, reachable: bool) -> None:  # noqa: FBT001  # a rule's
        """Let a host go away, or come back, and let all notice."""
        self.hosts[name].reachable = reachable
        self.go_on(0, 2)

    @rule(name=names, how=st.sampled_from(["wholly", "half way", "interrupted"]))
    def install(self, name: str, how: str) -> None:
        """Let installations succeed, fail by what refuses an object, or once by provider-helm."""
        self.hosts[name].admits = how != "half way"
        self.hosts[name].interrupts = how == "interrupted"
        self.go_on(0, 2)

    @rule(
        name=names,
        record=st.sampled_from(["namespace", "vcluster", "rancher", "shop"]),
        admits=st.booleans(),
    )
    def lose_record(
        self,
        name: str,
        record: str,
        admits: bool,  # noqa: FBT001  # a rule's
    ) -> None:
        """Lose the Secret in which Helm knows of a release, where installations fail at times."""
        helm = self.hosts[name].helm
        self.hosts[name].admits = admits
        for lost in [each for each in helm if each.endswith(record)]:
            del helm[lost]
        self.go_on(0, 3)

    @rule(plane=planes, key=st.sampled_from(KEYS))
    def lose_status(self, plane: int, key: str) -> None:
        """Restore a Release without its status."""
        self.control_planes[plane].releases.get(key, {}).pop("status", None)
        self.go_on(plane, 1)

    @rule(name=names, change=st.sampled_from(["leave", "rename", "return"]))
    def change_host(self, name: str, change: str) -> None:
        """Take a host out of the Input, give it another provider config, or put it back."""
        listed = {key: value for key, value in self.listed.items() if key != name}
        if change == "return":
            listed[name] = HOSTS[name]
        elif change == "rename":
            listed[name] = {**HOSTS[name], "providerConfig": f"{name}{RENAMED}"}
        if listed:
            self.listed = listed

    @precondition(lambda self: self.adopted)
    @rule()
    def thaw(self) -> None:
        """Make the adopted cluster one like any other."""
        entry = {key: value for key, value in self.adopted[NAME].items() if key != "values"}
        self.adopted = {NAME: entry}

    @invariant()
    def nothing_is_removed_but_by_its_owner(self) -> None:
        """Hold namespace, volume and cluster in Rancher for whoever has not deleted them."""
        assert [each for host in self.hosts.values() for each in host.violations] == []

    @invariant()
    def pods_are_removed_without_a_control_plane_only(self) -> None:
        """Hold the order: a running control plane would make the tenant's pods anew."""
        for control_plane in self.control_planes:
            room, cluster = (control_plane.releases.get(key) for key in ("namespace", "vcluster"))
            if room is not None and room["spec"]["forProvider"]["values"].get("nap"):
                assert cluster is not None
                assert get(cluster["spec"]["forProvider"]["values"], *REPLICAS) == 0

    @invariant()
    def each_is_on_its_own_host(self) -> None:
        """Hold that what exists has the ranges of the host on which it runs."""
        for control_plane in self.control_planes:
            found = control_plane.releases.get("namespace")
            if found is not None:
                values = found["spec"]["forProvider"]["values"]
                assert values["networkPolicy"]["hostCidrs"] == HOSTS[host_of(found)]["cidrs"]
