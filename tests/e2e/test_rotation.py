"""CA and certificates are made anew: what was before is worth nothing, and the platform goes on."""

from __future__ import annotations

import base64
import copy
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from dev.issuer.tokens import User
from dev.platform.command import PlatformError
from tests.e2e.backups import EACH_MINUTE, await_backup
from tests.e2e.doors import Doors, access
from tests.e2e.kube import (
    VCLUSTERS,
    Kube,
    await_condition,
    await_ready,
    condition,
    describe,
    until,
    vcluster,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dev.platform.machine import Machine
    from tests.e2e.rancher import Control

pytestmark = pytest.mark.further

ANNA = User("anna", ("turners",))
NAMES = {"Single": "turner", "HA": "turnerha"}
FUNCTION = str(Path(sys.executable).parent / "function")


@dataclass(frozen=True, slots=True)
class Turner:
    """A VCluster whose certificates are made anew."""

    name: str
    doors: Doors

    @property
    def kube(self) -> Kube:
        """The host cluster."""
        return self.doors.kube

    def status(self) -> dict[str, Any]:
        """Return the status."""
        found = self.kube.get(VCLUSTERS, self.name) or {}
        return dict(found["status"])

    def dates(self) -> dict[str, str]:
        """Return until when certificates are valid, empty as long as it is not known."""
        found = self.status().get("access", {}).get("certificates", {})
        return dict(found)

    def rotate(self, number: int) -> float:
        """Ask for a rotation, and return after how many seconds it is done."""
        self.kube.patch(VCLUSTERS, self.name, {"spec": {"access": {"rotate": number}}})

        def is_done() -> bool:
            found = self.kube.get(VCLUSTERS, self.name)
            applied = condition(found, "Access").get("status") == "True"
            return applied and self.status()["access"].get("rotated") == number

        told = f"{self.name} has new certificates"
        return until(told, is_done, 450, lambda: describe(self.kube, self.name))

    def enter(self, config: dict[str, Any], authority: str = "") -> Kube:
        """Return its inside as the holder of a kubeconfig sees it, maybe with another CA."""
        changed = copy.deepcopy(config)
        if authority:
            changed["clusters"][0]["cluster"]["certificate-authority-data"] = authority
        return self.doors.enter(f"{self.name}-turned", changed)


@pytest.fixture(scope="module", params=NAMES)
def turner(request: pytest.FixtureRequest, kube: Kube, there: Machine) -> Iterator[Turner]:
    """Make a VCluster that is imported and saved, and that people log in to."""
    name = NAMES[request.param]
    spec = {"availability": request.param, "backup": EACH_MINUTE, "access": access(ANNA)}
    kube.apply(vcluster(name, **spec))
    await_ready(kube, name, 400)
    await_condition(kube, name, "Access True Applied")
    await_backup(kube, name)
    yield Turner(name, Doors(kube, there))
    kube("delete", VCLUSTERS, name, "--ignore-not-found", "--wait=false")


def authority(config: dict[str, Any]) -> str:
    """Return the CA of a kubeconfig, in Base64."""
    return str(config["clusters"][0]["cluster"]["certificate-authority-data"])


def refusal(inside: Kube) -> str:
    """Return what kubectl says instead of an answer, "" if it is let in."""
    try:
        inside("get", "namespaces")
    except PlatformError as error:
        return str(error)
    return ""


def test_a_rotation(turner: Turner, control: Control, tell: Callable[[str], None]) -> None:
    """Every older kubeconfig is dead; import, backups, login and Rancher's agent go on."""
    kube, name, doors = turner.kube, turner.name, turner.doors
    former = doors.config(name)
    inside = turner.enter(former)
    inside("create", "serviceaccount", "robot")
    robot = inside("create", "token", "robot", "--duration=1h").strip()
    cluster = (control.cluster(name) or {})["id"]
    until("the dates are known", lambda: turner.dates() != {}, 60)
    dates = turner.dates()
    began = time.monotonic()
    took = turner.rotate(1)
    await_ready(kube, name)
    ready = time.monotonic() - began
    now = doors.config(name)
    assert "x509" in refusal(turner.enter(former))
    assert "must be logged in" in refusal(turner.enter(former, authority(now)))
    assert refusal(turner.enter(now)) == ""
    now["users"][0]["user"] = {"token": robot}
    assert "system:serviceaccount:default:robot" in turner.enter(now)("auth", "whoami")
    until("Anna is in", lambda: doors.answer(name, doors.token(ANNA, name)) == "in", 60)
    reference = turner.status()["kubeconfigSecretRef"]
    secret = kube.get("secret", reference["name"], reference["namespace"]) or {}
    people = yaml.safe_load(base64.b64decode(secret["data"][reference["key"]]))
    assert authority(people) == authority(now)
    until("the new dates are known", lambda: turner.dates()["ca"] > dates["ca"], 60)
    until(
        "Rancher's agent is back", lambda: bool((control.cluster(name) or {}).get("connected")), 120
    )  # fmt: skip
    assert (control.cluster(name) or {})["id"] == cluster
    last = await_backup(kube, name, after=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
    assert last["count"] >= 1
    await_ready(kube, name)
    tell(f"{name}: {took:.1f} s to new certificates, READY after {ready:.1f} s")


def test_break_glass(turner: Turner) -> None:
    """The platform's administrator is let in by name, for a time, and out again."""
    name, doors = turner.name, turner.doors
    place = doors.there.place

    def ask(*words: str) -> str:
        server = f"--server={doors.server(name)}"
        return doors.there.run(
            FUNCTION, "kubeconfig", name, f"--kubeconfig={place.kubeconfig}", server, *words
        )

    config = yaml.safe_load(ask("--for", "10m"))
    [user] = [each["user"] for each in config["users"]]
    assert [*user] == ["token"]
    inside = turner.enter(config)
    assert refusal(inside) == ""
    assert "break-glass-" in inside("auth", "whoami")
    events = turner.kube.list("events", "default")
    mine = [each for each in events if each["involvedObject"].get("name") == name]
    assert "BreakGlass" in {each["reason"] for each in mine}
    assert user["token"] not in str(events)
    ask("--revoke")
    until("it is ended", lambda: "logged in" in refusal(inside), 60)
