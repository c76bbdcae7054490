"""Access of administrators for a time: names, Events, and what of a kubeconfig is believed."""

import base64
import datetime as dt
from typing import Any

import pytest
import yaml

from function.api.errors import InvalidError
from function.commands import break_glass
from function.commands.break_glass import Access, Reach

NOW = dt.datetime(2026, 11, 28, 9, 30, tzinfo=dt.UTC)
ACCESS = Access("anna@example.org", NOW)
CA = base64.b64encode(b"the CA").decode()
VCLUSTER = {
    "metadata": {"name": "shop", "namespace": "team-a", "uid": "u1"},
    "status": {"namespace": "team-a-shop", "release": "shop"},
}


def written(cluster: dict[str, Any] | None = None, user: dict[str, Any] | None = None) -> str:
    """Return a kubeconfig as a control plane writes it, with changes."""
    own = {"server": "https://shop.team-a-shop:443", "certificate-authority-data": CA}
    return yaml.safe_dump(
        {
            "current-context": "main",
            "contexts": [{"name": "main", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [
                {"name": "other", "cluster": {}},
                {"name": "c", "cluster": {**own, **(cluster or {})}},
            ],
            "users": [
                {
                    "name": "u",
                    "user": {"client-certificate-data": "Yw==", "client-key-data": "aw=="}
                    if user is None
                    else user,
                }
            ],
        }
    )


@pytest.mark.parametrize(("period", "expected"), [("10m", 600), ("1h", 3600), ("24h", 86400)])
def test_validity(period: str, expected: int) -> None:
    """The API server makes tokens of ten minutes and more; a day is enough for an emergency."""
    assert break_glass.seconds(period) == expected


@pytest.mark.parametrize("period", ["", "1", "9m", "25h", "-1h", "1d", "1h30m", "٣h", "0h"])
def test_validity_is_refused(period: str) -> None:
    """The error names the option."""
    with pytest.raises(InvalidError, match="--for"):
        break_glass.seconds(period)


@pytest.mark.parametrize(
    ("who", "name"),
    [
        ("anna@example.org", "break-glass-anna-example-org-"),
        ("system:admin", "break-glass-system-admin-"),
        ("Jörg", "break-glass-j-rg-"),
        ("管理", "break-glass-"),
        ("a" * 300, f"break-glass-{'a' * 40}-"),
        (f"{'a' * 39}-b", f"break-glass-{'a' * 39}-"),
    ],
)
def test_an_account_is_named_after_who_asked(who: str, name: str) -> None:
    """The name is one of Kubernetes, and an annotation has the whole one."""
    made: Any = break_glass.account(Access(who, NOW))

    assert made["metadata"]["generateName"] == name
    assert made["metadata"]["namespace"] == "kube-system"
    assert made["metadata"]["annotations"] == {
        "caas.telekom.de/asked-by": who,
        "caas.telekom.de/until": "2026-11-28T09:30:00Z",
    }


def test_the_binding_is_of_one_account() -> None:
    """It has the name of the account, and nothing else gets its rights."""
    made: Any = break_glass.binding(ACCESS, "break-glass-anna-x1")

    assert made["metadata"]["name"] == "break-glass-anna-x1"
    assert made["roleRef"]["name"] == "cluster-admin"
    assert made["subjects"] == [
        {"kind": "ServiceAccount", "namespace": "kube-system", "name": "break-glass-anna-x1"}
    ]


def test_the_event_says_who_and_until_when() -> None:
    """It is on the VCluster, in its namespace."""
    message = break_glass.asked(ACCESS)
    made: Any = break_glass.event(VCLUSTER, break_glass.ISSUE, message, NOW)

    assert made["message"] == (
        "anna@example.org asked for a kubeconfig with the rights of cluster-admin "
        "until 2026-11-28T09:30:00Z."
    )
    assert made["metadata"]["namespace"] == "team-a"
    assert made["involvedObject"] == {
        "apiVersion": "caas.telekom.de/v1alpha1",
        "kind": "VCluster",
        "name": "shop",
        "namespace": "team-a",
        "uid": "u1",
    }


def test_the_event_of_a_vcluster_without_a_namespace() -> None:
    """Kubernetes keeps those of cluster-scoped objects in `default`."""
    vcluster = {"metadata": {"name": "shop", "uid": "u1"}}
    made: Any = break_glass.event(vcluster, break_glass.REVOCATION, break_glass.revoked("bob"), NOW)

    assert made["metadata"]["namespace"] == "default"
    assert "namespace" not in made["involvedObject"]
    assert made["message"].startswith("bob revoked")


def test_times_are_in_utc() -> None:
    """A local time is converted."""
    local = NOW.astimezone(dt.timezone(dt.timedelta(hours=2)))
    assert break_glass.stamp(local) == "2026-11-28T09:30:00Z"


def test_the_secret_is_the_control_plane_s_own() -> None:
    """The status may name one without a certificate, which is the tenant's."""
    own = {**VCLUSTER["status"], "kubeconfigSecretRef": {"name": "shop-login"}}
    assert break_glass.secret_of({"status": own}) == ("team-a-shop", "vc-shop")


@pytest.mark.parametrize("status", [{}, {"namespace": "a"}, {"release": "a"}, None])
def test_a_vcluster_without_a_control_plane(status: object) -> None:
    """There is nothing to be let into."""
    with pytest.raises(InvalidError, match="READY"):
        break_glass.secret_of({"status": status})


def test_reach() -> None:
    """Server, CA and certificate are those of the current context; the server can be another."""
    found = break_glass.reach(written())
    assert found == Reach("https://shop.team-a-shop:443", CA, "Yw==", "aw==")
    assert break_glass.reach(written(), "https://localhost:8443").server == "https://localhost:8443"
    assert break_glass.reach(written(user={"token": "t"})).token == "t"


def test_a_program_in_the_secret_is_never_run() -> None:
    """A compromised control plane cannot reach the administrator's machine or files by it."""
    user = {
        "exec": {"command": "sh", "apiVersion": "client.authentication.k8s.io/v1"},
        "tokenFile": "/etc/shop/token",
        "client-certificate-data": "Yw==",
        "client-key-data": "aw==",
    }
    cluster = {"proxy-url": "http://evil", "insecure-skip-tls-verify": True}
    assert break_glass.reach(written(cluster, user)) == break_glass.reach(written())


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "The server"),
        ("{", "The server"),
        ("[]", "The server"),
        (written({"server": "http://a"}), "The server"),
        (written({"certificate-authority-data": ""}), "has no CA"),
        (written(user={}), "client certificate or a token"),
        (written(user={"exec": {"command": "sh"}}), "client certificate or a token"),
        (written(user={"client-certificate-data": "Yw=="}), "client certificate or a token"),
    ],
)
def test_a_secret_that_was_changed(text: str, part: str) -> None:
    """The error quotes nothing of it."""
    with pytest.raises(InvalidError, match=part) as caught:
        break_glass.reach(text)
    assert "http://a" not in str(caught.value)


@pytest.mark.parametrize(
    ("until", "is_over"),
    [
        ("2026-11-28T09:30:01Z", False),
        ("2026-11-28T09:30:00Z", True),
        ("2026-11-28T09:29:59Z", True),
        ("soon", True),
        ("2099-01-01", True),
        (None, True),
    ],
)
def test_what_is_over(until: object, *, is_over: bool) -> None:
    """Whatever has no time that is to come is removed."""
    annotations = {break_glass.UNTIL: until}
    each = {"metadata": {"name": "one", "annotations": annotations}}
    assert break_glass.over([each], NOW) == (["one"] if is_over else [])


def test_a_revocation_spares_none() -> None:
    """Without a time, all are over."""
    annotations = {break_glass.UNTIL: "2099-01-01T00:00:00Z"}
    objects = [{"metadata": {"name": name, "annotations": annotations}} for name in "ba"]
    assert break_glass.over(objects, None) == ["a", "b"]


def test_the_kubeconfig_has_no_secret_but_its_token() -> None:
    """The certificate of the platform stays where it is."""
    where = Reach("https://localhost:8443", CA, "Yw==", "aw==")
    found = yaml.safe_load(break_glass.kubeconfig(where, "shop", "break-glass-anna-x1", "t0"))

    assert found["users"] == [{"name": "break-glass-anna-x1", "user": {"token": "t0"}}]
    assert found["clusters"][0]["cluster"] == {
        "server": "https://localhost:8443",
        "certificate-authority-data": CA,
    }
    assert found["current-context"] == found["contexts"][0]["name"] == "shop"
