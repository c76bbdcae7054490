"""The command `apply`, against a real API server."""

import json

import pytest

from jobs.errors import RefusedError
from tests.jobs.access.world import (
    ADMINS,
    ANNA,
    CORP,
    DEVELOPERS,
    KUBECONFIG,
    LABELS,
    LOGIN,
    RBAC,
    SHOP,
    TENANT,
    VIEWERS,
    World,
    rights,
)
from tests.support.kills import KilledError, kills

ALL = rights(ADMINS, ANNA, VIEWERS, DEVELOPERS)


def test_from_nothing(world: World) -> None:
    """Each subject gets its role, and people a kubeconfig without a secret."""
    assert world.apply()
    assert world.rights() == ALL
    login = world.login()
    assert login
    assert [each["name"] for each in login["contexts"]] == ["kunde1"]
    report = world.report()
    until = report.pop("expiry")
    assert report == {
        "phase": "Applied",
        "reason": "Applied",
        "message": "",
        "bindings": 4,
        "observedInputs": "in-1",
    }
    assert until["ca"] == until["server"] > "2026"


def test_again(world: World) -> None:
    """A run that finds all as it should be changes nothing but its report."""
    assert world.apply()
    world.wire.lines.clear()
    assert world.apply()
    assert {line.split()[0] for line in world.wire.lines} == {"GET"}


def test_killed_at_every_line(world: World) -> None:
    """A run that dies anywhere grants nothing of before, and the next one completes."""
    before = [{**ADMINS, "name": "corp:old"}, {**DEVELOPERS, "clusterRole": "admin"}]
    world.want(before, [])
    assert world.apply()
    world.want([ADMINS, ANNA, VIEWERS, DEVELOPERS], [CORP])
    world.wire.lines.clear()
    assert world.apply()
    points = kills(world.wire)
    assert len(points) > 10
    for number, phase in points:
        world.reset()
        world.want(before, [])
        assert world.apply()
        world.want([ADMINS, ANNA, VIEWERS, DEVELOPERS], [CORP])
        world.wire.lines.clear()
        world.wire.kill_at, world.wire.phase = number, phase
        with pytest.raises(KilledError):
            world.apply()
        world.wire.kill_at = None
        assert world.rights() <= ALL | rights(*before)
        assert world.apply(), (number, phase)
        assert world.rights() == ALL
        assert world.login()
        assert world.report()["phase"] == "Applied"


def test_out(world: World) -> None:
    """Who is taken out of the spec loses their right before anybody else gets one."""
    assert world.apply()
    new = {**VIEWERS, "clusterRole": "edit"}
    world.want([ADMINS, new])
    world.wire.lines.clear()
    assert world.apply()
    assert world.rights() == rights(ADMINS, new)
    writes = [line.split()[0] for line in world.wire.lines if not line.startswith("GET")]
    assert writes == ["DELETE", "DELETE", "PATCH", "POST", "PATCH"]


def test_access_is_switched_off(world: World) -> None:
    """Without bindings and issuers nothing of ours stays."""
    assert world.apply()
    world.want([], [])
    assert world.apply()
    assert world.bindings(LABELS) == []
    assert world.login() is None
    assert world.report()["bindings"] == 0


def test_changes_of_the_tenant(world: World) -> None:
    """What an administrator of the virtual cluster did to our bindings is undone."""
    assert world.apply()
    for kind, namespace, name in world.bindings(LABELS):
        body = world.api.get(RBAC, kind, name, namespace=namespace).body
        if body["roleRef"]["name"] == "view":
            world.remove(kind, namespace, name)
            role = {**body["roleRef"], "name": "cluster-admin"}
            world.bind(name, labels=LABELS, roleRef=role)
        else:
            more = [*body["subjects"], {"kind": "ServiceAccount", "name": "x", "namespace": SHOP}]
            world.api.patch(RBAC, kind, name, {"subjects": more}, namespace=namespace)
    assert ("User", "eve", "cluster-admin", "") in world.rights()
    assert world.apply()
    assert world.rights() == ALL


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("tenants-own", {}),
        ("tenants-labelled", LABELS),
        ("caas-access-tenants", {}),
        ("caas-access-other", {"caas.telekom.de/owned-by": "other"}),
    ],
)
def test_bindings_of_the_tenant(world: World, name: str, labels: dict[str, str]) -> None:
    """A binding is ours by label and name; all others stay."""
    world.bind(name, labels=labels)
    try:
        world.want([])
        assert world.apply()
        assert world.api.get(RBAC, "ClusterRoleBinding", name).status == 200
    finally:
        world.remove("ClusterRoleBinding", None, name)


def test_a_name_that_is_taken(world: World) -> None:
    """A binding of our name without our label stays; the report says so, and all else is done."""
    assert world.apply()
    (name,) = (
        name
        for kind, _, name in world.bindings(LABELS)
        if world.api.get(RBAC, kind, name, namespace=SHOP).body["roleRef"]["name"] == "view"
    )
    world.remove("ClusterRoleBinding", None, name)
    world.bind(name, labels={})
    try:
        world.want([ADMINS, VIEWERS])
        assert not world.apply()
        assert world.rights() == rights(ADMINS)
        report = world.report()
        assert (report["phase"], report["reason"]) == ("Failed", "NameTaken")
        assert report["bindings"] == 1
        assert report["message"] == (
            f"ClusterRoleBinding {name} in the virtual cluster has no label "
            "caas.telekom.de/owned-by=access, or is being removed, so it stays as it is: "
            "remove it there."
        )
        left = world.api.get(RBAC, "ClusterRoleBinding", name).body
        assert [each["name"] for each in left["subjects"]] == ["eve"]
    finally:
        world.remove("ClusterRoleBinding", None, name)
    assert world.apply()
    assert world.report()["phase"] == "Applied"


def test_a_namespace_that_is_missing(world: World) -> None:
    """A binding in a namespace that does not exist is reported, and holds up nothing else."""
    missing = {**DEVELOPERS, "namespace": "access-missing"}
    world.want([missing, ADMINS])
    assert not world.apply()
    assert world.rights() == rights(ADMINS)
    assert world.login()
    report = world.report()
    assert (report["phase"], report["reason"]) == ("Failed", "NamespaceMissing")
    assert "Namespace access-missing does not exist" in report["message"]


def test_superseded(world: World) -> None:
    """A Job of former inputs does nothing once the chart has written newer ones."""
    world.write_state("in-2")
    assert world.apply()
    assert world.rights() == set()
    assert world.login() is None
    assert world.report()["phase"] == "Pending"


def test_without_a_kubeconfig(world: World) -> None:
    """The run waits for the kubeconfig, and says so at the end."""
    world.api.delete("v1", "Secret", KUBECONFIG, namespace=TENANT)
    assert not world.apply()
    report = world.report()
    assert (report["phase"], report["reason"]) == ("Failed", "WaitingForKubeconfig")
    assert world.seconds >= 60


def test_an_api_that_refuses(world: World) -> None:
    """Without an answer of the virtual cluster people have their kubeconfig, and a reason why."""
    world.write_kubeconfig(token="not-the-token")
    assert not world.apply()
    report = world.report()
    assert (report["phase"], report["reason"]) == ("Failed", "WaitingForApi")
    assert "Unauthorized" in report["message"]
    assert "not-the-token" not in json.dumps(report)
    assert world.login()


def test_an_api_that_is_down_for_a_while(world: World) -> None:
    """A failure leaves what was reported; the next run goes on."""
    assert world.apply()
    before = world.report()
    world.write_kubeconfig(token="wrong")
    assert not world.apply()
    failed = world.report()
    assert failed["phase"] == "Failed"
    assert (failed["bindings"], failed["expiry"]) == (before["bindings"], before["expiry"])
    world.write_kubeconfig()
    assert world.apply()
    assert world.report() == before


def test_a_kubeconfig_that_was_changed(world: World) -> None:
    """A kubeconfig that names a program to run is refused at once."""
    command = {"apiVersion": "client.authentication.k8s.io/v1", "command": "sh"}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "a", "cluster": {"server": "https://127.0.0.1"}}],
        "users": [{"name": "a", "user": {"exec": command}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "current-context": "a",
    }
    world.write_secret(KUBECONFIG, {"config": json.dumps(config)})
    with pytest.raises(RefusedError, match="a program to run"):
        world.apply()
    assert world.report()["reason"] == "BadKubeconfig"


@pytest.mark.parametrize("more", [{}, {"immutable": True}, {"type": "example.org/other"}])
def test_a_login_of_others(world: World, more: dict[str, object]) -> None:
    """People run what the kubeconfig says, so what others wrote under its name is overwritten."""
    world.write_secret(LOGIN, {"config": "users: [{user: {exec: {command: sh}}}]"}, **more)
    assert world.apply()
    login = world.login()
    assert login
    assert login["users"][0]["user"]["exec"]["command"] == "kubectl"
    metadata = world.api.get("v1", "Secret", LOGIN, namespace=TENANT).body["metadata"]
    assert metadata["labels"] == LABELS


def test_a_login_of_others_stays_where_there_is_none(world: World) -> None:
    """Without issuers only what is ours is removed."""
    world.write_secret(LOGIN, {"config": "x"})
    world.want([], [])
    assert world.apply()
    assert world.api.get("v1", "Secret", LOGIN, namespace=TENANT).status == 200


def test_many_groups(world: World) -> None:
    """200 groups are one binding, by one request."""
    groups = [{**ADMINS, "name": f"corp:group-{number}"} for number in range(200)]
    world.want(groups)
    assert world.apply()
    assert world.rights() == rights(*groups)
    assert len(world.bindings(LABELS)) == 1
    assert world.report()["bindings"] == 200
    # The API server takes a binding up a moment after it was made.
    assert any(world.may("list", "pods", SHOP, group="corp:group-199") for _ in range(200))
    assert not world.may("list", "pods", SHOP, group="corp:group-200")


def test_a_finalizer_of_the_tenant(world: World) -> None:
    """A binding that the tenant keeps from being removed has no subject any more."""
    world.want([VIEWERS])
    assert world.apply()
    [(kind, _, name)] = world.bindings(LABELS)
    finalizers = {"metadata": {"finalizers": ["example.org/keep"]}}
    world.api.patch(RBAC, kind, name, finalizers)
    try:
        world.want([])
        assert world.apply()
        assert world.bindings(LABELS) == [(kind, None, name)]
        assert world.rights() == set()

        world.want([{**VIEWERS, "name": "corp:new"}])
        assert world.apply()
        assert world.rights() == rights({**VIEWERS, "name": "corp:new"})
    finally:
        world.api.patch(RBAC, kind, name, {"metadata": {"finalizers": None}})
