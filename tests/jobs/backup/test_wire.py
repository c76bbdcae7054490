"""The objects by which a control plane is asked for a snapshot."""

import base64
import datetime as dt
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from jobs.backup import restore_pod, wire
from jobs.backup.model import Credentials, Goal, Request, Retention, Target, VirtualCluster
from jobs.errors import RefusedError
from tests.support.tools import ROOT

VCLUSTER = VirtualCluster("kunde1", "uid", "vc-kunde1", "kunde1", "0.36.1", "1.36.3", "Single")
TARGET = Target(
    *("nightly", "backups", "https://s3.example.com", "eu-1"),
    path_style=True,
    prefix="p/uid",
    algorithm="aws:kms",
    kms_key_id="key-1",
)
CREDENTIALS = Credentials("access", "secret", "token", "PEM")
GOAL = Goal("run-1", VCLUSTER, TARGET, "in-1", "Final", Retention(1, 1), dt.timedelta(minutes=30))
NAME = "20260110T020000Z"


def test_options() -> None:
    """All that the target says reaches the control plane, the encryption too."""
    assert wire.options(TARGET, CREDENTIALS, f"p/uid/{NAME}.tar.gz") == {
        "type": "s3",
        "s3": {
            "bucket": "backups",
            "key": f"p/uid/{NAME}.tar.gz",
            "access-key-id": "access",
            "secret-access-key": "secret",
            "session-token": "token",
            "region": "eu-1",
            "url": "https://s3.example.com",
            "force-path-style": True,
            "kms-key-id": "key-1",
            "server-side-encryption": "aws:kms",
            "ca-cert": "PEM",
        },
    }
    assert json.loads(base64.b64decode(wire.encoded({"type": "s3"}))) == {"type": "s3"}


def test_request() -> None:
    """A request is read as it was written, with the phase that the control plane adds."""
    text = wire.request_text(GOAL, NAME, dt.datetime(2026, 1, 10, 2, tzinfo=dt.UTC))
    request = json.loads(text)
    assert request == {
        "metadata": {"name": "kunde1-backup", "creationTimestamp": "2026-01-10T02:00:00Z"},
        "spec": {"url": f"s3://backups/p/uid/{NAME}.tar.gz"},
        "status": {},
    }
    annotations = wire.annotations(GOAL, NAME)
    new = wire.read_request({"snapshotRequest": text}, annotations, is_ending=False)
    assert new == Request(TARGET.url(NAME), "", "", "in-1", "Final", NAME)
    request["status"] = {"phase": "Failed", "error": {"message": "no space" * 1000}}
    data = {"snapshotRequest": json.dumps(request)}
    failed = wire.read_request(data, {}, is_ending=True)
    assert (failed.phase, len(failed.error), failed.is_ending) == ("Failed", 600, True)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"spec": 1}', '{"spec": {}}', "null"])
def test_unreadable_request(text: str) -> None:
    """A request that another program wrote is none of ours."""
    assert wire.read_request({"snapshotRequest": text}, {}, is_ending=False).url == ""


@pytest.mark.parametrize("chart", ["0.30.0", "v0.34.7", "0.36.1", "0.36.2-rc.1"])
def test_known_charts(chart: str) -> None:
    """Charts of minors whose sources were read are backed up."""
    wire.check_chart(chart)


@pytest.mark.parametrize("chart", ["0.29.9", "0.37.0-rc.1", "0.37.0", "0.3", "1.36.1", "", "main"])
def test_unknown_charts(chart: str) -> None:
    """A chart of another minor is refused with its version and what to do."""
    with pytest.raises(RefusedError) as refused:
        wire.check_chart(chart)
    assert str(refused.value) == (
        f"UnknownChart: Chart {chart} is of a minor that this version does not know how to back up "
        "or restore: 0.30 to 0.36 are known. Update the function."
    )


BUILT = sorted(path.parent.name for path in (ROOT / "dev/tools").glob("vcluster*/go.mod"))

PUBLIC = {
    "0.30": ("v0.30.0", "h1:fdnasGlrBtCMBoFKR3tszkeOHA4dB5sqMr5l//eQnMQ="),
    "0.33": ("v0.33.1", "h1:EI7fBxdeGutu9QZSkzqaUIJ7LEWZalLlwGXWBMJCGtk="),
}
"""Versions of minors that no tool is built of, with the checksums of their modules."""

STRUCTS = {
    "Request": {"metadata", "spec", "status"},
    "RequestMetadata": {"name", "creationTimestamp"},
    "RequestSpec": {"url"},
    "RequestStatus": {"phase", "error"},
    "SnapshotError": {"message"},
    "Options": {"type", "s3"},
}
"""Keys in JSON that are written or read, by the struct of the control plane."""

CONSTANTS = {
    wire.LABEL,
    wire.REQUEST_KEY,
    wire.OPTIONS_KEY,
    restore_pod.NEW.removeprefix("--"),
    *("Completed", "CreatingEtcdBackup"),
}

FOLDERS = ("pkg/snapshot", "pkg/constants", "cmd/vcluster/cmd")


def go(*command: str) -> str:
    """Return what a command of Go prints."""
    program = shutil.which("go")
    if program is None:
        pytest.skip("go is not installed")
    ran = subprocess.run([program, *command], capture_output=True, text=True, check=False)
    if ran.returncode:
        pytest.skip(f"go {command[0]} {command[1]}: {ran.stdout}{ran.stderr}")
    return ran.stdout.strip()


def module(name: str, version: str) -> Path:
    """Return the folder of a module that a build has downloaded."""
    folder = Path(go("env", "GOMODCACHE")) / "github.com/loft-sh" / f"{name}@{version}"
    if not folder.is_dir():
        pytest.skip(f"{name} {version} is not in the module cache")
    return folder


def required(go_mod: Path, name: str) -> str:
    """Return the version that a module requires of another."""
    (version,) = re.findall(rf"github.com/loft-sh/{name} (v\S+)", go_mod.read_text())
    return str(version)


def read(*folders: Path) -> str:
    """Return the Go sources of folders."""
    files = (file for folder in folders for file in sorted(folder.rglob("*.go")))
    return "\n".join(file.read_text() for file in files if not file.name.endswith("_test.go"))


def check(text: str) -> None:
    """Compare the sources of a release with all that is written or read."""
    structs = [
        (name, set(re.findall(r'`json:"([^",]+)', body)))
        for name, body in re.findall(
            r"^type (\w+) struct \{\n(.*?)^\}", text, re.DOTALL | re.MULTILINE
        )
    ]
    for name, keys in STRUCTS.items():
        assert any(one == name and keys <= tags for one, tags in structs), (name, keys)
    s3 = set(wire.options(TARGET, CREDENTIALS, f"p/uid/{NAME}.tar.gz")["s3"])
    assert any(s3 <= tags for _, tags in structs)
    assert {one for one in CONSTANTS if f'"{one}"' not in text} == set()
    assert re.search(rf'"{restore_pod.OPTIONS}[="]', text)


@pytest.mark.parametrize("release", BUILT)
def test_format_of_a_built_release(release: str) -> None:
    """A release that is built for tests has each key, label and phase that is written or read."""
    version = required(ROOT / "dev/tools" / release / "go.mod", "vcluster")
    assert wire.is_known(version)
    source = module("vcluster", version)
    types = module("api/v4", required(source / "go.mod", "api/v4")) / "pkg/snapshot"
    check(read(*(source / folder for folder in FOLDERS), types))


@pytest.mark.skipif(
    os.environ.get("REQUIRE_TOOLS") != "1", reason="downloads sources: with REQUIRE_TOOLS=1 only"
)
@pytest.mark.parametrize("minor", sorted(PUBLIC))
def test_format_of_a_public_release(minor: str) -> None:
    """A release that is only read has them, too."""
    version, checksum = PUBLIC[minor]
    assert wire.is_known(version)
    found = json.loads(go("mod", "download", "-json", f"github.com/loft-sh/vcluster@{version}"))
    assert found["Sum"] == checksum
    check(read(*(Path(found["Dir"]) / folder for folder in FOLDERS)))
