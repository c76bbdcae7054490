"""The program as chart vcluster-backup runs it: its variables, and exactly its rights."""

import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from dev.scripts import life
from tests.jobs.backup.test_restored import OLD, prepare
from tests.jobs.backup.test_rollback import OLD as OLD_ARCHIVE
from tests.jobs.backup.test_rollback import ask
from tests.jobs.backup.world import PLATFORM, PREFIX, RELEASE, REQUEST, STATE, TENANT, World
from tests.support.chart_rights import VERBS, Right, account_client, granted
from tests.support.s3_server import BUCKET, REGION

Helm = Callable[..., subprocess.CompletedProcess[str]]

CHART = life.ROOT / "charts" / "vcluster-backup"
VALUES = life.ROOT / "tests" / "charts" / "values" / "vcluster-backup" / "minimal.yaml"
MOUNTED = ("S3_CREDENTIALS_DIR", "S3_CA_FILE")
FIRST = "20260110T020000Z"
AVAILABILITIES = ("Single", "HA")


@dataclass
class Installed:
    """The chart, applied without its Jobs, to a world whose program has an account's rights."""

    world: World
    objects: list[dict[str, Any]]
    monkeypatch: pytest.MonkeyPatch

    def become(self, command: str) -> None:
        """Give the program variables and rights of a command's pod."""
        [pod] = [each for each in self._pods() if each["containers"][0]["args"] == [command]]
        env = {each["name"]: each.get("value", "") for each in pod["containers"][0]["env"]}
        mounted = {name: self.world.env[name] for name in MOUNTED}
        self.world.env = {**env, "JOB_NAME": f"{STATE}-manual", **mounted}
        self.monkeypatch.setattr(
            self.world,
            "lightkube",
            lambda: account_client(self.world.api, PLATFORM, pod["serviceAccountName"]),
        )

    def granted(self, command: str) -> set[Right]:
        """Return the rights of a command."""
        return granted(self.objects, f"{STATE}-{command}")

    def _pods(self) -> Iterator[dict[str, Any]]:
        """Yield the pods of the CronJob and the hook, without those of the first snapshot."""
        for each in self.objects:
            spec = each.get("spec", {})
            if each["kind"] == "CronJob":
                yield spec["jobTemplate"]["spec"]["template"]["spec"]
            elif each["kind"] == "Job" and "-first-" not in each["metadata"]["name"]:
                yield spec["template"]["spec"]


@pytest.fixture
def install(
    world: World, run_helm: Helm, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Installed]:
    """Return a function that installs the chart for the world's virtual cluster and bucket."""

    def installed(availability: str = "Single", **more: object) -> Installed:
        file = tmp_path / "values.yaml"
        values = _values(world)
        values["vcluster"]["availability"] = availability
        file.write_text(yaml.safe_dump({**values, **more}))
        done = run_helm("template", STATE, CHART, f"--namespace={PLATFORM}", "--values", file)
        assert done.returncode == 0, done.stderr
        objects = [each for each in yaml.safe_load_all(done.stdout) if each]
        for each in objects:
            if each["kind"] in ("ServiceAccount", "Role", "RoleBinding"):
                assert world.api.apply(each).status in (200, 201), each
        return Installed(world, objects, monkeypatch)

    return installed


@pytest.fixture
def installed(install: Callable[..., Installed]) -> Installed:
    """Return the chart of a virtual cluster that is not restored from another one's archive."""
    return install()


def _values(world: World) -> dict[str, Any]:
    """Return values of the chart."""
    values: dict[str, Any] = yaml.safe_load(VALUES.read_text())
    values["vcluster"] |= {"namespace": TENANT, "release": RELEASE}
    values["target"] |= {
        "bucket": BUCKET,
        "endpoint": world.s3.endpoint,
        "region": REGION,
        "pathStyle": True,
        "prefix": PREFIX,
        "caSecret": {"name": "backup-s3-ca", "key": "ca.crt"},
    }
    return {**values, "stateConfigMap": STATE}


def start(world: World, availability: str, replicas: int) -> None:
    """Make the workload of the control plane, with some replicas."""
    if availability == "HA":
        world.deploy(replicas)
    else:
        world.scale(replicas)


def used(world: World) -> set[Right]:
    """Return the rights that requests to the API server needed, but for those of the test."""
    found = set()
    for line in world.wire.lines:
        verb, _, path = line.partition(" ")
        match = re.fullmatch(r"/apis?/(?:apps/)?v1/namespaces/([^/]+)/([^/]+)/?([^/]*)/?(.*)", path)
        if match and not path.endswith("/token"):
            namespace, resource, name, more = match.groups()
            kind = f"{resource}/{more}" if more else resource
            is_list = verb == "GET" and not name
            found.add(("list" if is_list else VERBS[verb], namespace, kind, name))
    return found


def test_the_program_gets_every_variable(installed: Installed) -> None:
    """The chart sets what the program reads, for each command."""
    known = set(installed.world.env)
    for command, missing in (("snapshot", {"DELETE_TIMEOUT"}), ("finish", set())):
        installed.become(command)
        assert known - set(installed.world.env) == missing


@pytest.mark.parametrize("availability", AVAILABILITIES)
def test_a_snapshot_by_the_rights_of_the_chart(
    install: Callable[..., Installed], availability: str
) -> None:
    """A snapshot, and one after a run that was killed, need all rights of their account."""
    installed = install(availability)
    world = installed.world
    start(world, availability, 1)
    installed.become("snapshot")
    assert world.snapshot()
    assert sorted(world.described()) == [FIRST]

    secret = {"metadata": {"name": REQUEST, "namespace": TENANT}}
    assert world.api.apply({"apiVersion": "v1", "kind": "Secret", **secret}).status == 201
    world.seconds += 3600
    assert world.snapshot()
    assert len(world.described()) == 2
    assert world.remainder() == []
    assert used(world) == installed.granted("snapshot")


@pytest.mark.parametrize("availability", AVAILABILITIES)
def test_a_final_snapshot_by_the_rights_of_the_chart(
    install: Callable[..., Installed], availability: str
) -> None:
    """A final snapshot of a sleeping virtual cluster, and a note where there could be none."""
    installed = install(availability)
    world = installed.world
    start(world, availability, 0)
    installed.become("finish")
    secret = {"metadata": {"name": REQUEST, "namespace": TENANT}}
    assert world.api.apply({"apiVersion": "v1", "kind": "Secret", **secret}).status == 201
    assert world.finish()
    assert sorted(world.described()) == [FIRST]

    world.env |= {"ON_FAILURE": "Delete", "DELETE_TIMEOUT": "1s", "S3_BUCKET": "lost"}
    for _ in ("the first note", "a later one"):
        world.write_state({"phase": "Completed", "last": ""})
        assert world.finish()
    assert used(world) == installed.granted("finish")


@pytest.mark.parametrize("availability", AVAILABILITIES)
def test_a_restore_by_the_rights_of_the_chart(
    install: Callable[..., Installed], availability: str
) -> None:
    """A restore, one that failed, and the deletion of what it left need all rights of theirs."""
    source = {"prefix": OLD, "snapshot": "latest"}
    installed = install(availability, restore=source, power="Restoring")
    world = installed.world
    prepare(world)
    if availability == "HA":
        world.deploy(0)
        world.start_etcd()
    installed.become("restore")
    world.kubelet.failing = 1
    secret = {"metadata": {"name": f"{RELEASE}-restore", "namespace": TENANT}}
    assert world.api.apply({"apiVersion": "v1", "kind": "Secret", **secret}).status == 201
    assert world.restore()
    assert used(world) == installed.granted("restore")

    installed.become("finish")
    world.wire.reset()
    assert world.finish()
    assert world.remainder() == []
    assert {
        each for each in installed.granted("finish") if each[3] == f"{RELEASE}-restore"
    } <= used(world)


@pytest.mark.parametrize("availability", AVAILABILITIES)
def test_a_rollback_by_the_rights_of_the_chart(
    install: Callable[..., Installed], availability: str
) -> None:
    """Preparation and restore need all rights of their accounts, and no others."""
    request = {"snapshot": OLD_ARCHIVE, "loseNewer": False, "request": "7", "done": False}
    installed = install(availability, rollback=request, power="RollingBack")
    world = installed.world
    ask(world)
    start(world, availability, 1)
    installed.become("prepare")
    secret = {"metadata": {"name": REQUEST, "namespace": TENANT}}
    assert world.api.apply({"apiVersion": "v1", "kind": "Secret", **secret}).status == 201
    assert world.prepare()
    assert world.report()["rollback"]["phase"] == "Prepared"
    assert used(world) == installed.granted("prepare")

    source = {"prefix": PREFIX, "snapshot": OLD_ARCHIVE, "inPlace": True}
    installed = install(availability, rollback=request, power="RollingBack", restore=source)
    start(world, availability, 0)
    if availability == "HA":
        world.start_etcd()
    installed.become("restore")
    assert world.restore()
    assert world.report()["rolledBack"]["request"] == "7"
