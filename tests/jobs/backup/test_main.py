"""The program `vcluster-backup`, as its Job starts it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.backup.options import Environment
from jobs.backup.restore_plan import Source
from jobs.errors import RefusedError
from tests.jobs.backup.world import World


def start(world: World, command: str, **env: str) -> "subprocess.CompletedProcess[str]":
    """Run a command of the program on the real servers, whose control plane does not act."""
    kubeconfig = world.folder / "kubeconfig"
    kubeconfig.write_text(json.dumps(world.api.kubeconfig))
    return subprocess.run(
        [sys.executable, "-m", "jobs.backup", command],
        env={**os.environ, **world.env, "KUBECONFIG": str(kubeconfig), **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_snapshot_that_nothing_answers(world: World) -> None:
    """Without a control plane that acts the program fails in time, says why, and leaves nothing."""
    done = start(world, "snapshot", TIMEOUT="2s")
    assert done.returncode == 1, done.stderr
    report = world.report()
    assert (report["phase"], report["reason"]) == ("Failed", "WaitingForControlPlane")
    assert report["next"] > "2026-11"
    assert world.remainder() == []


def test_finish_without_a_snapshot(world: World) -> None:
    """With nothing to do, the hook ends well."""
    assert start(world, "finish", ON_DELETE="None").returncode == 0


def test_no_secret_is_shown(world: World) -> None:
    """Neither log nor report have the credentials."""
    world.write_credentials("backup-access", "not-the-secret")
    done = start(world, "snapshot", TIMEOUT="2s")
    assert done.returncode == 1
    assert "CredentialsRefused" in done.stdout + done.stderr
    for text in (done.stdout, done.stderr, json.dumps(world.state())):
        assert "not-the-secret" not in text
        assert "backup-access" not in text
    assert world.report()["reason"] == "CredentialsRefused"


def test_missing_credential(world: World) -> None:
    """A Secret without a key is named by the key."""
    (world.folder / "secretAccessKey").unlink()
    with pytest.raises(RefusedError, match="secretAccessKey is missing"):
        world.snapshot()
    assert world.report()["reason"] == "CredentialsMissing"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("S3_ENDPOINT", "http://s3"),
        ("S3_ENCRYPTION", "rot13"),
        ("S3_PATH_STYLE", "yes"),
        ("RETENTION_COUNT", "0"),
        ("RETENTION_DAYS", "many"),
        ("VCLUSTER_AVAILABILITY", "Double"),
        ("SCHEDULE", "often"),
        ("TIME_ZONE", "Mars"),
        ("TIMEOUT", "30"),
        ("INPUTS", ""),
    ],
)
def test_options(world: World, name: str, value: str) -> None:
    """An option that is wrong is named."""
    world.env[name] = value
    with pytest.raises(RefusedError, match=name):
        world.snapshot()


def test_no_private_ca(world: World, tmp_path: Path) -> None:
    """Without the file of a private CA those of the system are trusted."""
    env = Environment({**world.env, "S3_CA_FILE": str(tmp_path / "absent")})
    assert (env.ca_file, env.credentials().ca) == ("", "")


@pytest.mark.parametrize(
    ("snapshot", "restored", "done"),
    [
        ("latest", "", False),
        ("latest", "old/20260110T020000Z", True),
        ("latest", "other/20260110T020000Z", False),
        ("20260110T020000Z", "old/20260110T020000Z", True),
        ("20260110T020000Z", "old/20260109T020000Z", False),
    ],
)
def test_source(snapshot: str, restored: str, *, done: bool) -> None:
    """An archive is restored once the report names it; the latest is any of its VCluster."""
    source = Source("hosts/_/old-name/old", snapshot)
    assert source.is_done({"restored": restored}) is done


@pytest.mark.parametrize(
    ("report", "done"),
    [
        ({}, False),
        ({"restored": "old/20260110T020000Z"}, False),
        ({"rolledBack": "old/20260110T020000Z"}, False),
        ({"rolledBack": {"request": "3", "snapshot": "20260110T020000Z"}}, False),
        ({"rolledBack": {"request": "4", "snapshot": "20260110T020000Z"}}, True),
    ],
)
def test_source_of_a_rollback(report: dict[str, object], *, done: bool) -> None:
    """A rollback is done once the report names its request, not an earlier one to the same."""
    assert Source("hosts/_/old-name/old", "20260110T020000Z", "4").is_done(report) is done
