"""The scripts of docs/backup.md: they run to their end, and a real API server takes their pods."""

from __future__ import annotations

import os
import re
import subprocess
import tarfile
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from dev.scripts import life

if TYPE_CHECKING:
    from pathlib import Path

    from dev.apiserver.client import Client

PAGE = (life.ROOT / "docs" / "backup.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
NAMESPACE = "backup-team"
RELEASE = "saved-vcluster"
ETCD = "registry.k8s.io/etcd:3.6.8-0"

KUBECTL = f"""#!/bin/sh
echo "$*" >>calls
case "$*" in
*status.namespace*) echo {NAMESPACE} ;;
*status.release*) echo {RELEASE} ;;
*image*) echo {ETCD} ;;
*" apply "*) {{ echo ---; cat; }} >>applied ;;
*"tar cf"*) cat full.tar ;;
*"wc -c"*) echo 0 ;;
*" -i "*) cat >/dev/null ;;
esac
"""
"""Answers as the platform does, and notes what it was asked for."""


def block(words: str) -> str:
    """Return the one block that has these words."""
    [found] = [each for each in BLOCKS if words in each]
    return str(found)


WHERE = block("release=$(")
STOP = block('wait --for=delete pod "$release-0"')
START = block('scale statefulset "$release" --replicas=1')
IMAGE = block("etcd=$(")
RECIPES = {
    "save": (STOP, block("exec backup -- tar cf"), START),
    "restore": (STOP, block("exec -i backup -- tar xf"), START),
    "save-ha": (IMAGE, block("snapshot, save")),
    "restore-ha": (IMAGE, block("etcdutl, snapshot, restore")),
}
PODS = {
    "save": ["backup"],
    "restore": ["backup"],
    "save-ha": ["backup"],
    "restore-ha": ["restore-0", "restore-1", "restore-2"],
}


@pytest.fixture(params=RECIPES)
def recipe(request: pytest.FixtureRequest) -> str:
    """Return what each recipe is called here."""
    return str(request.param)


@pytest.fixture
def calls(recipe: str, tmp_path: Path) -> list[str]:
    """Run a recipe, and return the calls of kubectl."""
    kubectl = tmp_path / "bin" / "kubectl"
    kubectl.parent.mkdir()
    kubectl.write_text(KUBECTL)
    kubectl.chmod(0o755)
    for name in ("full.tar", "saved.tar"):
        tarfile.open(tmp_path / name, "w").close()
    (tmp_path / "saved.db").touch()
    script = "\n".join((WHERE, *RECIPES[recipe])).replace("NAME", "saved")
    path = f"{kubectl.parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(["sh", "-euc", script], cwd=tmp_path, env={"PATH": path}, check=True, timeout=30)
    return (tmp_path / "calls").read_text().splitlines()


def applied(folder: Path) -> list[dict[str, Any]]:
    """Return the pods that were asked for."""
    return list(yaml.safe_load_all((folder / "applied").read_text()))


def test_what_is_stopped_is_started_again(calls: list[str]) -> None:
    """Each workload, with as many replicas as it has; and no pod of the recipe stays."""
    scaled: dict[str, list[str]] = {}
    for call in calls:
        found = re.search(r" scale (\w+ \S+) --replicas=(\d)", call)
        if found:
            scaled.setdefault(found[1], []).append(found[2])
    single, etcd, control_planes = (
        f"statefulset {RELEASE}",
        f"statefulset {RELEASE}-etcd",
        f"deployment {RELEASE}",
    )
    assert scaled in (
        {single: ["0", "1"]},
        {},
        {control_planes: ["0", "3"], etcd: ["0", "3"]},
    )
    made = sum(" apply " in call for call in calls)
    assert made == sum(" delete pod " in call for call in calls)


def test_the_pods_are_admitted(
    apiserver: Client, recipe: str, calls: list[str], tmp_path: Path
) -> None:
    """In a namespace of pod security baseline, with fields that Kubernetes knows."""
    assert calls
    labels = {"pod-security.kubernetes.io/enforce": "baseline"}
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": NAMESPACE, "labels": labels},
    }
    assert apiserver.apply(namespace).status in (200, 201)
    pods = applied(tmp_path)
    assert [pod["metadata"]["name"] for pod in pods] == PODS[recipe]
    for pod in pods:
        pod["metadata"]["namespace"] = NAMESPACE
        answer = apiserver.apply(pod, dry_run=True)
        assert answer.status == 201, answer.body


@pytest.mark.parametrize("recipe", ["restore-ha"], indirect=False)
@pytest.mark.usefixtures("calls")
def test_members_are_restored_as_those_that_the_chart_starts(tmp_path: Path) -> None:
    """Under the names and addresses of the official chart's StatefulSet."""
    peers = [
        f"{RELEASE}-etcd-{number}=https://{RELEASE}-etcd-{number}.{RELEASE}-etcd-headless."
        f"{NAMESPACE}:2380"
        for number in range(3)
    ]
    for number, pod in enumerate(applied(tmp_path)):
        [_, restore] = pod["spec"]["initContainers"]
        assert restore["image"] == ETCD
        assert restore["command"] == [
            *("etcdutl", "snapshot", "restore", "/data/restore/snapshot.db"),
            "--data-dir=/data/restore/new",
            f"--name={RELEASE}-etcd-{number}",
            f"--initial-cluster={','.join(peers)}",
            f"--initial-cluster-token={RELEASE}",
            f"--initial-advertise-peer-urls={peers[number].partition('=')[2]}",
            "--bump-revision=1000000000",
            "--mark-compacted",
        ]
        claim = pod["spec"]["volumes"][0]["persistentVolumeClaim"]
        assert claim == {"claimName": f"data-{RELEASE}-etcd-{number}"}
