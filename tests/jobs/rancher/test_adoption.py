"""A cluster that was imported by hand, given to the import by an administrator."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jobs.errors import RancherImportError, RefusedError
from jobs.rancher import manifest
from jobs.rancher.adoption import Claim, adopt
from jobs.rancher.api import Rancher
from jobs.rancher.model import OWNER_NAME, OWNER_UID, VCLUSTER_UID
from jobs.rancher.sight import look
from jobs.rancher.virtual_cluster import VirtualCluster
from tests.jobs.rancher.world import GOAL, World

STRANGER = "5d2f6c0e-8a31-4b7d-9c64-1e0f7a9b3c58"
IMPORTER = "u-fljg2"


@contextmanager
def administrator(world: World, folder: Path) -> Iterator[Rancher]:
    """Open Rancher as its administrator."""
    file = folder / "admin-token"
    file.write_text(world.fake.token("admin"))
    client = Rancher(replace(world.options(), token_file=file))
    try:
        yield client
    finally:
        client.close()


def by_hand(world: World, folder: Path, name: str = "kunde1") -> None:
    """Import the virtual cluster as an administrator does: a name, and Rancher's manifest."""
    tenant = world.tenant()
    assert tenant
    with administrator(world, folder) as rancher:
        assert rancher.create(replace(GOAL, cluster_name=name), "")
        rancher.label(name, dict.fromkeys((OWNER_UID, OWNER_NAME, VCLUSTER_UID)))  # type: ignore[arg-type]
        for _ in range(5):
            sight = look(rancher, name)
            cluster = sight.cluster
            registration = sight.registration(cluster.cluster_id) if cluster else None
            if registration:
                break
        assert registration
        tenant.create_absent(manifest.read(rancher.manifest(registration)))
        for _ in range(5):
            found = world.fake.clusters()[name]
    tenant.close()
    assert found.ready
    assert OWNER_UID not in found.labels


def identity(world: World) -> str:
    """Return the uid of namespace kube-system."""
    return str(world.api.get("v1", "Namespace", "kube-system").body["metadata"]["uid"])


def claim(world: World, **changes: str) -> Claim:
    """Return what an administrator asks for."""
    right = Claim("kunde1", "kunde1", GOAL.owner_uid, identity(world), IMPORTER)
    return replace(right, **changes)


def given(world: World, folder: Path, *, dry_run: bool = False, **changes: str) -> list[str]:
    """Run the command, and return what it says."""
    said: list[str] = []
    with administrator(world, folder) as rancher:
        adopt(claim(world, **changes), rancher, said.append, dry_run=dry_run)
    return said


def test_the_import_takes_it_as_its_own(world: World, tmp_path: Path) -> None:
    """Same cluster, same agent, never cut off; its owners are bound, and the state says so."""
    by_hand(world, tmp_path)
    before = world.fake.clusters()["kunde1"]
    agent = ("apps/v1", "Deployment", "cattle-cluster-agent")
    deployed = world.api.get(*agent, namespace="cattle-system").body["metadata"]
    assert given(world, tmp_path) == [
        f"{IMPORTER} gets the role cluster-owner in kunde1.",
        f"kunde1 gets the label caas.telekom.de/owner-uid={GOAL.owner_uid}.",
        "kunde1 gets the label caas.telekom.de/owner-name=kunde1.",
        f"kunde1 gets the label caas.telekom.de/vcluster-uid={identity(world)}.",
    ]
    world.wire.lines.clear()
    assert world.run()
    after = world.fake.clusters()["kunde1"]
    assert (after.id, after.uid, after.connections) == (before.id, before.uid, before.connections)
    found = world.api.get(*agent, namespace="cattle-system").body["metadata"]
    assert (found["uid"], found["generation"]) == (deployed["uid"], deployed["generation"])
    assert world.state()["phase"] == "Connected"
    assert world.state()["clusterId"] == before.id
    assert {"keycloakoidc_user://4711", IMPORTER} <= after.owners
    assert [line for line in world.wire.lines if line.startswith("DELETE")] == []


def test_the_importer_keeps_its_role(world: World, tmp_path: Path) -> None:
    """What the administrator bound is not the import's to take away when owners change."""
    by_hand(world, tmp_path)
    given(world, tmp_path)
    world.run()
    world.desire("in-2")
    assert world.run(replace(GOAL, inputs="in-2", owners=frozenset()))
    owners = world.fake.clusters()["kunde1"].owners
    assert IMPORTER in owners
    assert "keycloakoidc_user://4711" not in owners


def test_it_leaves_like_any_other(world: World, tmp_path: Path) -> None:
    """With the VCluster it goes out of Rancher."""
    by_hand(world, tmp_path)
    given(world, tmp_path)
    world.run()
    assert world.deregister()
    assert world.end()[0] == []


def test_again(world: World, tmp_path: Path) -> None:
    """A second run changes nothing; one that died between the two steps is finished by it."""
    by_hand(world, tmp_path)
    given(world, tmp_path)
    assert given(world, tmp_path) == [
        f"{IMPORTER} is cluster-owner of kunde1 already.",
        "kunde1 has the labels already.",
    ]


def test_dry_run(world: World, tmp_path: Path) -> None:
    """It says what would be done, and does nothing."""
    by_hand(world, tmp_path)
    before = world.fake.clusters()
    world.wire.lines.clear()
    said = given(world, tmp_path, dry_run=True)
    assert said[0] == f"{IMPORTER} would get the role cluster-owner in kunde1."
    assert len(said) == 4
    assert world.fake.clusters() == before
    rancher = [line for line in world.wire.lines if "/v1/" in line and "cattle.io" in line]
    assert {line.split()[0] for line in rancher} == {"GET"}


def test_without_it_the_import_keeps_off(world: World, tmp_path: Path) -> None:
    """A cluster by hand is somebody else's until an administrator gives it away."""
    by_hand(world, tmp_path)
    with pytest.raises(RefusedError, match="NameTaken"):
        world.run()
    assert OWNER_UID not in world.fake.clusters()["kunde1"].labels


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"cluster_name": "other"}, "NotFound", id="no-such-cluster"),
        pytest.param({"cluster_name": "c-x1y2z"}, "LegacyCluster", id="legacy"),
        pytest.param({"cluster_name": "../kunde1"}, "BadOptions", id="path"),
        pytest.param({"vcluster_uid": STRANGER}, "AnotherCluster", id="another-virtual-cluster"),
        pytest.param({"vcluster_uid": "typo"}, "BadOptions", id="identity"),
        pytest.param({"owner_uid": ""}, "BadOptions", id="uid"),
        pytest.param({"owner_name": "Kunde 1"}, "BadOptions", id="namespace"),
        pytest.param({"importer": "admin"}, "BadOptions", id="importer"),
        pytest.param({"importer": "u-zzzzz"}, "UnknownUser", id="no-such-user"),
    ],
)
def test_refused(world: World, tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    """What is not the very cluster is left alone: the import would remove it as rebuilt."""
    by_hand(world, tmp_path)
    before = world.fake.clusters()
    with pytest.raises(RefusedError, match=reason):
        given(world, tmp_path, **changes)
    assert world.fake.clusters() == before


def test_somebody_elses(world: World, tmp_path: Path) -> None:
    """A VCluster's cluster is not given to another one."""
    world.run()
    with pytest.raises(RefusedError, match="NameTaken: kunde1 belongs to another VCluster"):
        given(world, tmp_path, owner_uid=STRANGER)


def test_not_connected(world: World, tmp_path: Path) -> None:
    """An agent that is gone is nothing to take over."""
    by_hand(world, tmp_path)
    world.api.delete("apps/v1", "Deployment", "cattle-cluster-agent", namespace="cattle-system")
    world.fake.clusters()
    with pytest.raises(RefusedError, match="NotConnected"):
        given(world, tmp_path)


def test_the_importer_cannot_give_away(world: World, tmp_path: Path) -> None:
    """The token of the import has no right on what others imported."""
    by_hand(world, tmp_path)
    with world.connected() as (_, rancher), pytest.raises(RancherImportError, match="NotFound"):
        adopt(claim(world), rancher, lambda _: None, dry_run=False)


def test_another_server(world: World) -> None:
    """The given address counts instead of the kubeconfig's, and the kubeconfig's CA verifies it."""
    config = json.dumps(world.api.kubeconfig)
    server = f"https://127.0.0.1:{world.api.port}"
    elsewhere = config.replace(server, "https://localhost:1")
    assert elsewhere != config
    for kubeconfig, address, answers in (
        (elsewhere, server, True),
        (elsewhere, "", False),
        (config, world.fake.url, False),
    ):
        tenant = VirtualCluster(kubeconfig, address)
        assert (tenant.look() is not None) is answers
        tenant.close()
