"""A rollback in place on the real node: newer objects are gone, and volumes stay."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e import backups
from tests.e2e.kube import (
    PLATFORM,
    VCLUSTERS,
    Kube,
    await_condition,
    await_ready,
    condition,
    describe,
    until,
    vcluster,
)
from tests.e2e.sleepers import SHOP, Sleeper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.e2e.rancher import Control

pytestmark = pytest.mark.further

NAMES = {"Single": "goback", "HA": "gobackha"}
LONG_AGO = "20200101T000000Z"


@dataclass(frozen=True, slots=True)
class Tenant(Sleeper):
    """A VCluster with backups, and with a pod that counts on in a volume."""

    def save(self) -> str:
        """Make a backup as docs/backup.md says, and return its name."""
        job, before = f"{self.name}-backup-now", self.backup().get("location")
        where = ("-n", PLATFORM)
        self.kube(*where, "delete", "job", job, "--ignore-not-found")
        self.kube(*where, "create", "job", job, f"--from=cronjob/{self.name}-backup")
        words = ("wait", f"job/{job}", "--for=condition=Complete", "--timeout=120s")
        self.kube(*where, *words, seconds=150)
        self.kube(*where, "delete", "job", job)
        until("the backup is in the status", lambda: self.backup().get("location") != before, 90)
        return str(self.backup()["location"]).rpartition("/")[2]

    def backup(self) -> dict[str, Any]:
        """Return status.backup."""
        return backups.backup(self.kube, self.name)

    def rollback(self) -> dict[str, Any]:
        """Return status.backup.rollback."""
        return dict(self.backup().get("rollback", {}))

    def roll_back(self, snapshot: str | None, **fields: object) -> None:
        """Name a backup in the spec, or take that out, once Crossplane acts at once again.

        Each rollback changes much in a minute, for which its circuit breaker holds events back.
        """
        self.await_responsive()
        wanted = {"snapshot": snapshot, "loseNewer": False, **fields} if snapshot else None
        self.kube.patch(VCLUSTERS, self.name, {"spec": {"backup": {"rollback": wanted}}})

    def await_rollback(self, phase: str, snapshot: str, seconds: float = 400) -> None:
        """Wait for a phase of a rollback."""

        def is_there() -> bool:
            found = self.rollback()
            return (found.get("phase"), found.get("snapshot")) == (phase, snapshot)

        text = f"{self.name} is {phase}"
        until(text, is_there, seconds, lambda: describe(self.kube, self.name))

    def await_shop(self) -> None:
        """Wait until the pod inside runs."""

        def runs() -> bool:
            found = self.inside.get("deployment", "shop", "default") or {}
            return bool(found.get("status", {}).get("availableReplicas"))

        until("the shop runs", runs, 180, lambda: describe(self.kube, self.name))

    def has(self, name: str, kind: str = "configmap") -> bool:
        """Return whether there is an object inside."""
        return self.inside.get(kind, name, "default") is not None


@pytest.fixture(scope="module", params=[*NAMES])
def tenant(
    request: pytest.FixtureRequest, kube: Kube, opened: Callable[[str], Kube]
) -> Iterator[Tenant]:
    """Make a VCluster with backups and a workload that writes into a volume."""
    name = NAMES[request.param]
    kube.apply(vcluster(name, availability=request.param, backup={"schedule": "0 3 * * *"}))
    await_ready(kube, name, 400)
    await_condition(kube, name, "BackedUp True Completed")
    inside = opened(name)
    for each in SHOP:
        inside.apply(each)
    found = Tenant(name, kube, inside)
    found.await_shop()
    yield found
    kube("delete", VCLUSTERS, name, "--ignore-not-found", "--wait=false")


def test_back_and_forward(
    tenant: Tenant, kube: Kube, control: Control, tell: Callable[[str], None]
) -> None:
    """Back to a backup, and by the backup made before forward again; Rancher's cluster stays."""
    name, inside = tenant.name, tenant.inside
    inside("create", "configmap", "deleted", "--from-literal=text=old")
    snapshot = tenant.save()
    cluster = (control.cluster(name) or {})["id"]
    inside("delete", "configmap", "deleted")
    inside("create", "configmap", "newer", "--from-literal=text=new")
    count = tenant.count()
    assert count
    since = time.monotonic()
    tenant.roll_back(snapshot)
    await_condition(kube, name, "Awake False RollingBack")
    tenant.await_rollback("Done", snapshot)
    await_ready(kube, name, 400)
    took = time.monotonic() - since
    assert tenant.has("deleted")
    assert not tenant.has("newer")
    tenant.await_more(count)
    await_condition(kube, name, "RancherConnected True Connected")
    assert (control.cluster(name) or {})["id"] == cluster

    saved = tenant.rollback()["saved"]
    tenant.roll_back(saved)
    tenant.await_rollback("Done", saved)
    await_ready(kube, name, 400)
    assert tenant.has("newer")
    assert not tenant.has("deleted")
    tenant.await_more(count)
    tell(f"{name}: rolled back and READY after {took:.0f} s")


def test_a_newer_volume_is_not_deleted(tenant: Tenant, kube: Kube) -> None:
    """It is refused with its name, and goes with its data once that may be lost."""
    snapshot = tenant.save()
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "newer", "namespace": "default"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Mi"}}},
    }
    tenant.inside.apply(claim)

    def is_on_host() -> bool:
        claims = kube.list("persistentvolumeclaims", tenant.name)
        return any(each["metadata"]["name"].startswith("newer-") for each in claims)

    until("the claim is on the host", is_on_host, 60)
    tenant.roll_back(snapshot)
    tenant.await_rollback("Refused", snapshot)
    accepted = condition(kube.get(VCLUSTERS, tenant.name), "Accepted")
    assert "default/newer" in accepted["message"]
    assert tenant.has("newer", "persistentvolumeclaim")
    tenant.roll_back(snapshot, loseNewer=True)
    tenant.await_rollback("Done", snapshot)
    await_ready(kube, tenant.name, 400)
    until("the claim is gone from the host", lambda: not is_on_host(), 120)
    tenant.await_shop()


def test_what_is_not_there_changes_nothing(tenant: Tenant, kube: Kube) -> None:
    """A backup that does not exist is refused at once, and everything runs on."""
    since = tenant.count()
    tenant.roll_back(LONG_AGO)
    tenant.await_rollback("Refused", LONG_AGO)
    tenant.roll_back(None)
    until("it is out of the status", lambda: not tenant.rollback(), 120)
    await_condition(kube, tenant.name, "Accepted True Accepted")
    tenant.await_more(since)


def test_back_to_before_the_import(tenant: Tenant, kube: Kube, control: Control) -> None:
    """The first backup may be older than Rancher's agent: the import makes it anew."""
    cluster = (control.cluster(tenant.name) or {})["id"]
    inside = tenant.inside
    # As in a backup from before the import.
    inside("delete", "namespace", "cattle-system", "--wait=false")
    inside("delete", "configmap", "caas-rancher-import", "-n", "kube-system", "--ignore-not-found")
    until("the agent is gone", lambda: inside.get("namespace", "cattle-system") is None, 120)
    snapshot = tenant.save()
    tenant.roll_back(snapshot)
    tenant.await_rollback("Done", snapshot)
    await_ready(kube, tenant.name, 400)
    await_condition(kube, tenant.name, "RancherConnected True Connected")
    assert (control.cluster(tenant.name) or {})["id"] == cluster
