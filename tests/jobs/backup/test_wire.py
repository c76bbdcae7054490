"""The objects by which a control plane is asked for a snapshot."""

import base64
import datetime as dt
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from jobs.backup import wire
from jobs.backup.model import Credentials, Goal, Request, Retention, Target, VirtualCluster
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


RELEASES = sorted(path.parent.name for path in (ROOT / "dev/tools").glob("vcluster*/go.mod"))


def sources(release: str) -> str:
    """Return the Go sources of a release's snapshots, if its build has downloaded them."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("go is not installed")
    command = [go, "env", "GOMODCACHE"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    modules = Path(listed) / "github.com/loft-sh"
    text = (ROOT / "dev/tools" / release / "go.mod").read_text()
    (version,) = re.findall(r"github.com/loft-sh/vcluster (v\S+)", text)
    module = modules / f"vcluster@{version}"
    if not module.is_dir():
        pytest.skip(f"vcluster {version} is not in the module cache")
    (api,) = re.findall(r"github.com/loft-sh/api/v4 (v\S+)", (module / "go.mod").read_text())
    types = modules / f"api/v4@{api}"
    if not types.is_dir():
        pytest.skip(f"the types of vcluster {version} are not in the module cache")
    folders = (module / "pkg/snapshot", module / "pkg/constants", types / "pkg/snapshot")
    return "\n".join(file.read_text() for folder in folders for file in folder.rglob("*.go"))


@pytest.mark.parametrize("release", RELEASES)
def test_format_of_a_release(release: str) -> None:
    """A release of the chart knows each key, label and phase that is written or read."""
    text = sources(release)
    s3 = wire.options(TARGET, CREDENTIALS, f"p/uid/{NAME}.tar.gz")["s3"]
    tags = {"type", *s3, "metadata", "name", "creationTimestamp", "spec", "url", "status"}
    missing = {tag for tag in {*tags, "phase", "error", "message"} if f'`json:"{tag}' not in text}
    assert missing == set()
    constants = (wire.LABEL, wire.REQUEST_KEY, wire.OPTIONS_KEY, "Completed", "CreatingEtcdBackup")
    assert {one for one in constants if f'"{one}"' not in text} == set()
