"""Backups on the real node: what counts as one can be restored, and deletion waits for the last.

The S3 server is the platform's, with a private CA. Sources are written to while they are saved.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from dev.platform import s3
from dev.platform.place import NODE_ADDRESS, S3_PORT
from tests.e2e.backups import EACH_MINUTE, await_backup, backup, restore_from
from tests.e2e.kube import (
    PLATFORM,
    VCLUSTERS,
    Kube,
    Object,
    await_condition,
    await_ready,
    by,
    describe,
    until,
    vcluster,
)
from tests.e2e.writer import PER_SECOND, PREFIX, Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dev.platform.machine import Machine
    from tests.e2e.rancher import Control

pytestmark = pytest.mark.further

OTHER = "backup-s3-other"
WRONG = base64.b64encode(b"wrong").decode()
SOURCES = {"Single": "saver", "HA": "saverha"}
KINDS = (
    "namespaces",
    "configmaps",
    "secrets",
    "serviceaccounts",
    "services",
    "deployments",
    "clusterrolebindings",
)
OF_EACH_CLUSTER = {"kube-root-ca.crt", "kubernetes", "extension-apiserver-authentication"}
"""Names of objects that a control plane writes for itself."""

RANCHERS = ("cattle-", "fleet-", "caas-rancher-import", "proxy-role-binding-")
"""Beginnings of the names of what belongs to Rancher, of which a copy has its own."""


def hashes(inside: Kube) -> dict[tuple[str, str, str], str]:
    """Return a hash of each object that its owner, or the cluster for its owner, has made."""
    found = {}
    for kind in KINDS:
        for each in inside.list(kind):
            metadata = each["metadata"]
            key = kind, metadata.get("namespace", ""), metadata["name"]
            if metadata["name"] in OF_EACH_CLUSTER or any(
                part.startswith(RANCHERS) for part in key[1:]
            ):
                continue
            found[key] = hashlib.sha256(json.dumps(_content(each)).encode()).hexdigest()
    return found


def _content(each: Object) -> object:
    """Return UID, labels and what was asked for, without what a host assigns.

    A Service gets the address of another Service on another host, for which it is made anew.
    """
    spec = {
        key: value
        for key, value in each.get("spec", {}).items()
        if not key.startswith("clusterIP") and key != "ports"
    }
    metadata = each["metadata"]
    data = [each.get(key) for key in ("data", "stringData", "type", "roleRef", "subjects")]
    uid = None if "clusterIP" in each.get("spec", {}) else metadata["uid"]
    return [uid, metadata.get("labels"), spec, data]


@dataclass(frozen=True, slots=True)
class Source:
    """A VCluster that is saved each minute, and written to."""

    name: str
    kube: Kube
    inside: Kube
    writer: Writer

    def is_highly_available(self) -> bool:
        """Return whether it has three control planes."""
        return self.name == SOURCES["HA"]

    def uid(self) -> str:
        """Return its UID."""
        return uid(self.kube, self.name)


@pytest.fixture(scope="module", params=["Single", "HA"])
def source(
    request: pytest.FixtureRequest, kube: Kube, opened: Callable[[str], Kube]
) -> Iterator[Source]:
    """Make a VCluster that is saved each minute, and let its owner work in it."""
    name = SOURCES[request.param]
    kube.apply(vcluster(name, availability=request.param, backup=EACH_MINUTE))
    await_ready(kube, name, 400)
    inside = opened(name)
    inside("create", "configmap", "letter", "--from-literal=text=old")
    inside("create", "secret", "generic", "key", "--from-literal=key=secret")
    inside("create", "service", "clusterip", "shop", "--tcp=80:80")
    image = "--image=docker.io/library/busybox:1.36.1"
    inside("create", "deployment", "work", image, "--", "sh", "-c", "sleep 100000")
    writer = Writer(inside)
    writer.begin(lambda: describe(kube, name))
    yield Source(name, kube, inside, writer)
    kube("delete", VCLUSTERS, name, "--ignore-not-found", "--wait=false")


def test_an_archive_is_in_the_bucket_encrypted_alone(source: Source, there: Machine) -> None:
    """Once a backup is reported its plain archive is gone; the copy below reads it all the same."""
    name = await_backup(source.kube, source.name)["location"].rpartition("/")[2]
    store = there.place.folder / "s3" / "store" / s3.BUCKET
    objects = sorted(file.name for file in store.glob(f"**/{source.uid()}/{name}*"))
    assert len(objects) == 2
    assert objects[0].endswith(".tar.gz.age")
    assert objects[1] == f"{name}.json"


def test_a_copy_is_the_source_at_one_moment(
    source: Source,
    opened: Callable[[str], Kube],
    control: Control,
    made: Callable[..., str],
    tell: Callable[[str], None],
) -> None:
    """Fifty objects a second are written meanwhile; none is refused, and none is left out between.

    The copy has another name. It is another cluster in Rancher, and the source's stays as it is.
    """
    kube, writer = source.kube, source.writer
    first = await_backup(kube, source.name)
    least = writer.written()
    last = await_backup(kube, source.name, after=first["last"])
    most = writer.written() + PER_SECOND
    assert writer.failures() == []
    writer.end()
    theirs = control.cluster(source.name) or {}
    copy = f"{source.name}copy"
    snapshot = last["location"].rpartition("/")[2]
    former = restore_from(kube, source.name, snapshot)
    availability = "HA" if source.is_highly_available() else "Single"
    since = time.monotonic()
    made(copy, availability=availability, backup={**EACH_MINUTE, "restoreFrom": former})
    await_ready(kube, copy, 400)
    took = time.monotonic() - since
    copied = opened(copy)
    found, there = hashes(copied), hashes(source.inside)
    assert {key: value for key, value in found.items() if there.get(key) != value} == {}
    numbers = sorted(int(key[2].removeprefix(PREFIX)) for key in found if PREFIX in key[2])
    assert numbers == list(range(1, len(numbers) + 1))
    assert least <= len(numbers) <= most
    assert ("configmaps", "default", "letter") in found
    until(
        "its pods run", lambda: is_available(copied, "work"), 180, lambda: describe(kube, copy)
    )  # fmt: skip
    assert (control.cluster(copy) or {})["id"] != theirs["id"]
    assert (control.cluster(source.name) or {})["connected"]
    tell(
        f"{source.name}: {len(found)} objects, {len(numbers)} of them written meanwhile, were in "
        f"the copy, READY after {took:.1f} s"
    )


def uid(kube: Kube, name: str) -> str:
    """Return the UID of a VCluster."""
    return str((kube.get(VCLUSTERS, name) or {})["metadata"]["uid"])


def is_available(inside: Kube, name: str) -> bool:
    """Tell whether a Deployment runs."""
    found = inside.get("deployment", name, "default") or {}
    return bool(found.get("status", {}).get("availableReplicas"))


def test_deletion_waits_for_the_last_snapshot(
    kube: Kube,
    made: Callable[..., str],
    opened: Callable[[str], Kube],
    removed: Callable[[str], None],
) -> None:
    """What was written a moment before is in the archive that `latest` names."""
    name, copy = made("parting", backup={"schedule": "0 3 * * *"}), "parted"
    await_ready(kube, name)
    await_backup(kube, name)
    former = uid(kube, name)
    opened(name)("create", "configmap", "goodbye", "--from-literal=text=last")
    removed(name)
    made(copy, backup={"schedule": "0 3 * * *", "restoreFrom": {"vcluster": former, "name": name}})
    await_ready(kube, copy, 400)
    found = opened(copy).get("configmap", "goodbye", "default") or {}
    assert found["data"] == {"text": "last"}


def test_a_sleeper_is_saved_before_it_goes(
    kube: Kube,
    made: Callable[..., str],
    opened: Callable[[str], Kube],
    removed: Callable[[str], None],
) -> None:
    """Its control plane is started for the last snapshot, which has what it slept with."""
    name, copy = made("resting", backup={"schedule": "0 3 * * *"}), "rested"
    await_ready(kube, name)
    await_backup(kube, name)
    former = uid(kube, name)
    opened(name)("create", "configmap", "goodnight", "--from-literal=text=last")
    kube.patch(VCLUSTERS, name, {"spec": {"power": "Sleeping"}})
    await_condition(kube, name, "Awake False Sleeping")
    removed(name)
    made(copy, backup={"schedule": "0 3 * * *", "restoreFrom": {"vcluster": former, "name": name}})
    await_ready(kube, copy, 400)
    assert opened(copy).get("configmap", "goodnight", "default")


@dataclass(frozen=True, slots=True)
class Target:
    """A target whose credentials can be taken away."""

    kube: Kube
    credentials: dict[str, str]

    def break_(self) -> None:
        """Let the server refuse everything."""
        self._write({**self.credentials, "secretAccessKey": WRONG})

    def mend(self) -> None:
        """Let it admit everything again."""
        self._write(self.credentials)

    def _write(self, data: dict[str, str]) -> None:
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": OTHER, "namespace": PLATFORM},
            "data": data,
        }
        self.kube.apply(secret)


@pytest.fixture
def target(kube: Kube, compositions: Callable[..., None]) -> Iterator[Target]:
    """Make a target with credentials of its own, so that no other test misses them."""
    own = Target(kube, (kube.get("secret", "backup-s3", PLATFORM) or {})["data"])
    own.mend()
    bucket = {
        "bucket": "vclusters",
        "endpoint": f"https://{NODE_ADDRESS}:{S3_PORT}",
        "prefix": "other",
        "pathStyle": True,
        "region": "us-east-1",
        "secretRef": {"name": OTHER},
        "caSecretRef": {"name": "backup-s3-ca", "key": "ca.crt"},
    }
    change = {"targets": {"other": {"s3": bucket}}, "deleteTimeout": "1m"}
    compositions("other-target", {"backup": {**change, "defaultTarget": "other"}})
    yield own
    kube("delete", "secret", OTHER, "-n", PLATFORM, "--ignore-not-found")


@pytest.mark.parametrize("on_failure", ["Block", "Delete"])
def test_a_dead_target(
    kube: Kube,
    target: Target,
    removed: Callable[[str], None],
    on_failure: str,
    tell: Callable[[str], None],
) -> None:
    """Block waits until the target is back, and says so; Delete goes after its time."""
    name = f"stuck{on_failure.lower()}"
    own = {"schedule": "* * * * *", "onFailure": on_failure}
    kube.apply(vcluster(name, backup=own, crossplane=by("other-target")))
    await_ready(kube, name)
    last = await_backup(kube, name)["last"]
    target.break_()
    await_condition(kube, name, "BackedUp False CredentialsRefused")
    assert backup(kube, name)["last"] >= last
    since = time.monotonic()
    kube("delete", VCLUSTERS, name, "--wait=false")
    if on_failure == "Block":
        time.sleep(90)
        assert kube.get("namespace", name)
        target.mend()
    removed(name)
    tell(f"{name}: gone {time.monotonic() - since:.0f} s after the deletion")
