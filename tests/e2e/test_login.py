"""People log in with tokens of the platform's issuer, and all others stay out.

The tokens are real, signed by the keys of the issuer that runs beside the platform.
"""

from __future__ import annotations

import base64
import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import yaml

from dev.issuer import tokens
from dev.issuer.keys import Keys, new_key
from dev.issuer.provider import Provider
from dev.issuer.tokens import User
from dev.platform import issuer
from dev.platform.command import PlatformError
from tests.e2e.kube import (
    VCLUSTERS,
    Kube,
    await_condition,
    await_ready,
    describe,
    until,
    vcluster,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dev.platform.machine import Machine

pytestmark = pytest.mark.further

ANNA, BOB = User("anna", ("one-admins",)), User("bob", ("two-admins",))
HOMES = {"logone": ANNA, "logtwo": BOB}
OUT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Doors:
    """Virtual clusters, as people with tokens come to them."""

    kube: Kube
    there: Machine

    @property
    def provider(self) -> Provider:
        """Return the issuer, as it signs."""
        site = issuer.of(self.there.place)
        return Provider(site.url, Keys(self.there.place.folder / "issuer"))

    def token(self, user: User, name: str, **own: object) -> str:
        """Return a token of a user for a VCluster."""
        return self.provider.token(user, f"vcluster-{name}", **own)

    def open(self, name: str, token: str) -> Kube:
        """Return a virtual cluster as someone with a token sees it."""
        secret = self.kube.get("secret", f"vc-{name}-vcluster", name) or {}
        config = yaml.safe_load(base64.b64decode(secret["data"]["config"]))
        service = self.kube.get("service", f"{name}-vcluster", name) or {}
        config["clusters"][0]["cluster"]["server"] = f"https://{service['spec']['clusterIP']}:443"
        config["users"][0]["user"] = {"token": token}
        path = self.there.place.folder / "tenants" / f"{name}-token.yaml"
        path.parent.mkdir(exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(config))
        return Kube(path, tuple(self.there.command()))

    def answer(self, name: str, token: str) -> str:
        """Return `in` for an administrator, `forbidden` for others, `out` for a stranger."""
        try:
            self.open(name, token)("get", "namespaces")
        except PlatformError as error:
            said = str(error)
            assert "You must be logged in" in said or "Forbidden" in said, said
            return "forbidden" if "Forbidden" in said else "out"
        return "in"


@pytest.fixture(scope="module")
def doors(kube: Kube, there: Machine) -> Iterator[Doors]:
    """Make two VClusters, each with a group of its own."""
    for name, user in HOMES.items():
        kube.apply(vcluster(name, access=access(user)))
    for name in HOMES:
        await_ready(kube, name)
        await_condition(kube, name, "Access True Applied")
    yield Doors(kube, there)
    kube("delete", VCLUSTERS, *HOMES, "--ignore-not-found", "--wait=false")


def access(*users: User) -> dict[str, object]:
    """Return spec.access with the groups of some users as administrators."""
    admins = [f"group:{group}" for user in users for group in user.groups]
    return {"oidc": [{"issuer": "corp", "admins": admins}]}


@pytest.mark.parametrize("name", HOMES)
@pytest.mark.parametrize("user", [ANNA, BOB], ids=["anna", "bob"])
def test_everyone_comes_in_at_home_only(doors: Doors, name: str, user: User) -> None:
    """A stranger with a valid token for this cluster is no account without rights."""
    assert doors.answer(name, doors.token(user, name)) == ("in" if HOMES[name] is user else "out")


def test_forged_and_stale_tokens(doors: Doors) -> None:
    """None of them names anyone."""
    own, provider = tokens.claims, doors.provider
    key, url, here = provider.keys.all()[0], provider.url, "vcluster-logone"
    bad = {
        "expired": tokens.signed(own(url, ANNA, here, seconds=-60), key),
        "of another cluster": doors.token(ANNA, "logtwo"),
        "of another issuer": tokens.signed(own("https://other.example.org", ANNA, here), key),
        "unsigned": tokens.unsigned(own(url, ANNA, here)),
        "of a strange key": tokens.signed(own(url, ANNA, here), new_key()),
        "of groups of the system": doors.token(User("eve", ("system:masters",)), "logone"),
    }
    assert {which: doors.answer("logone", token) for which, token in bad.items()} == dict.fromkeys(
        bad, "out"
    )


def test_many_groups(doors: Doors) -> None:
    """A person of two hundred groups comes in by the last of them."""
    groups = (*(f"team-{number:03}" for number in range(199)), "one-admins")
    assert doors.answer("logone", doors.token(User("carla", groups), "logone")) == "in"


def test_the_kubeconfig_that_people_get_has_no_secret(doors: Doors) -> None:
    """It runs the login, and holds neither certificate nor token."""
    status = (doors.kube.get(VCLUSTERS, "logone") or {})["status"]
    reference = status["kubeconfigSecretRef"]
    assert reference["name"] == "logone-vcluster-login"
    secret = doors.kube.get("secret", reference["name"], reference["namespace"]) or {}
    config = yaml.safe_load(base64.b64decode(secret["data"][reference["key"]]))
    users = [each["user"] for each in config["users"]]
    assert [[*user] for user in users] == [["exec"]]
    assert "--oidc-client-id=vcluster-logone" in users[0]["exec"]["args"]
    assert set(status["access"]["certificates"]) == {"ca", "server", "client"}


def test_keys_of_the_issuer_are_rotated(doors: Doors, tell: Callable[[str], None]) -> None:
    """New tokens are good soon, and earlier ones until they expire."""
    before = doors.token(ANNA, "logone")
    doors.provider.keys.rotate(keep=True)
    after = doors.token(ANNA, "logone")
    took = until("the new key is known", lambda: doors.answer("logone", after) == "in", 60)
    assert doors.answer("logone", before) == "in"
    tell(f"a new key of the issuer is known after {took:.1f} s")


@contextlib.contextmanager
def silent_issuer(doors: Doors) -> Iterator[None]:
    """Let the issuer not answer for a while."""
    pid = str(doors.there.process("issuer"))
    doors.there.run("kill", "-STOP", pid)
    try:
        yield
    finally:
        doors.there.run("kill", "-CONT", pid)


def test_the_issuer_is_down(doors: Doors) -> None:
    """Who is in stays in."""
    token = doors.token(ANNA, "logone")
    assert doors.answer("logone", token) == "in"
    with silent_issuer(doors):
        assert doors.answer("logone", token) == "in"


def test_out_at_once(doors: Doors, tell: Callable[[str], None]) -> None:
    """A group that is taken out has no right within a minute, without a restart; another comes in.

    It is the last test, because it changes who lives there.
    """
    kube, name = doors.kube, "logone"
    anna, bob = doors.token(ANNA, name), doors.token(BOB, name)
    pod = (kube.get("pod", f"{name}-vcluster-0", name) or {})["metadata"]["uid"]
    since = time.monotonic()
    kube.patch(VCLUSTERS, name, {"spec": {"access": access(BOB)}})
    told = f"{name} after the change"
    out = until(told, lambda: doors.answer(name, anna) != "in", 120, lambda: describe(kube, name))
    until(told, lambda: doors.answer(name, anna) == "out", 180, lambda: describe(kube, name))
    gone = time.monotonic() - since
    until(told, lambda: doors.answer(name, bob) == "in", 180, lambda: describe(kube, name))
    assert out < OUT_SECONDS
    assert (kube.get("pod", f"{name}-vcluster-0", name) or {})["metadata"]["uid"] == pod
    tell(
        f"without a right {out:.1f} s after the change, refused after {gone:.1f} s; the next one "
        f"in after {time.monotonic() - since:.1f} s"
    )
