"""People log in with tokens of the platform's issuer, and all others stay out.

The tokens are real, signed by the keys of the issuer that runs beside the platform.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
import time
from typing import TYPE_CHECKING

import pytest
import yaml

from dev.issuer import tokens
from dev.issuer.keys import new_key
from dev.issuer.tokens import User
from dev.platform.command import PlatformError
from tests.e2e.doors import Doors, access
from tests.e2e.kube import (
    VCLUSTERS,
    Kube,
    Object,
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
ADMINISTRATORS = (b"system:masters", b"kubeadm:cluster-admins")
"""Groups in the subject of a certificate that opens everything."""

READER = "reader"
"""User on the host who may read the kubeconfigs."""


@pytest.fixture(scope="module")
def doors(kube: Kube, there: Machine) -> Iterator[Doors]:
    """Make two VClusters, each with a group of its own."""
    for name, user in HOMES.items():
        readers = [{"kind": "User", "name": READER}]
        kube.apply(vcluster(name, access=access(user), kubeconfigReaders=readers))
    for name in HOMES:
        await_ready(kube, name)
        await_condition(kube, name, "Access True Applied")
    yield Doors(kube, there)
    kube("delete", VCLUSTERS, *HOMES, "--ignore-not-found", "--wait=false")


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


def test_no_tenant_finds_a_certificate_of_an_administrator(doors: Doors) -> None:
    """Not in any Secret inside, and not in what a reader of kubeconfigs can read on the host."""
    inside = doors.open("logone", doors.token(ANNA, "logone")).list("secrets")
    read = [*inside, *readable(doors.kube, "logone")]
    names = {secret["metadata"]["name"] for secret in read}
    assert "logone-vcluster-login" in names
    assert "vc-logone-vcluster" not in names
    assert [secret["metadata"] for secret in read if is_administrators(secret)] == []
    assert is_administrators(doors.kube.get("secret", "vc-logone-vcluster", "logone") or {})


def readable(kube: Kube, namespace: str) -> Iterator[Object]:
    """Yield the Secrets of a namespace of the host that a reader of kubeconfigs can read."""
    with pytest.raises(PlatformError, match="Forbidden"):
        kube("get", "secrets", "-n", namespace, f"--as={READER}")
    for secret in kube.list("secrets", namespace):
        name = secret["metadata"]["name"]
        words = ("get", "secret", name, "-n", namespace, f"--as={READER}", "-o", "json")
        with contextlib.suppress(PlatformError):
            yield json.loads(kube(*words))


def is_administrators(secret: Object) -> bool:
    """Return whether a Secret, or a kubeconfig in it, has a certificate of an administrator."""
    texts = [base64.b64decode(value) for value in secret.get("data", {}).values()]
    within = [
        base64.b64decode(value)
        for text in texts
        for value in re.findall(rb"certificate-data: (\S+)", text)
    ]
    return any(
        group in base64.b64decode(body)
        for text in (*texts, *within)
        for body in re.findall(rb"-----BEGIN CERTIFICATE-----(.+?)-----END", text, re.DOTALL)
        for group in ADMINISTRATORS
    )


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
