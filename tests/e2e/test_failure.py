"""What a user sees when something is wrong, and that repairing the cause alone is enough.

Nobody touches a VCluster, a Release or a Job here: only what is broken is repaired. What a
person does about each of these is in docs/troubleshooting.md.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from dev.platform.command import PlatformError, run
from dev.platform.place import BIN, ROOT
from dev.platform.rancher import give_token
from tests.e2e.kube import (
    PLATFORM,
    RELEASES,
    VCLUSTERS,
    Kube,
    Object,
    await_condition,
    await_ready,
    by,
    condition,
    describe,
    is_ready,
    until,
    vcluster,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dev.platform.machine import Machine
    from tests.e2e.rancher import Control

SHOWN_SECONDS = 300
READY_SECONDS = 480
WITHOUT_RANCHER = {"rancher": {"enabled": False}}
TOKEN_SECRET = "fail-token"
CUT_OFF = "fail-agent"

LOOKS = (
    (
        "kubectl get vclusters.caas.telekom.de NAME -o jsonpath",
        "^RancherConnected: The import's Job has not begun",
    ),
    ("kubectl describe vclusters", "JobStarting"),
    (
        "crossplane resource trace",
        r"(?s)VCluster/.*Unready resources: rancher\b.*Release/fail-image-vcluster .*Available",
    ),
    ("kubectl -n vcluster-system describe releases", "(?s)State: +deployed"),
    ("kubectl -n NAME get pods,pvc,events", "pod/fail-image-vcluster-0 +1/1 +Running"),
    (
        "kubectl -n vcluster-system describe pods",
        'Failed to pull image "localhost/nothing:1"',
    ),
    ("kubectl -n vcluster-system logs", "waiting to start: (image can't be|trying and failing)"),
)
"""What each command says of the VCluster whose Job has a wrong image."""

WHERE_TO_LOOK = re.findall(
    r"^(?:kubectl|crossplane) .*NAME.*$",
    (ROOT / "docs" / "troubleshooting.md").read_text(),
    re.MULTILINE,
)

SLOW = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "slow"},
    "provisioner": "kubernetes.io/host-path",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """Something wrong from the start, in a VCluster and a Composition of its own."""

    name: str
    condition: str
    """What tells: type, status and reason."""
    message: str
    changes: Object = field(default_factory=dict)
    """What is wrong in the Input; corrected again to repair it."""
    spec: Object = field(default_factory=dict)
    blocks: bool = True
    """Whether `status.blockedBy` says it too."""
    is_input: bool = True
    """Whether the Input is what has to be corrected."""

    def __str__(self) -> str:
        """Return what pytest calls it."""
        return self.name


FAILURES = (
    Failure(
        "fail-version",
        "ControlPlaneReady False InstallFailed",
        "Release vcluster-system/fail-version-vcluster: create failed: failed to install release: "
        'failed to pull chart: chart "vcluster" version "0.36.99" not found in '
        "http://10.250.0.1:8879 repository",
        {"vcluster": {"chart": {"versions": ["0.36.99"]}}},
        WITHOUT_RANCHER,
    ),
    Failure(
        "fail-values",
        "ControlPlaneReady False InstallFailed",
        "Release vcluster-system/fail-values-vcluster: create failed: failed to install release: "
        "values don't meet the specifications of the schema(s) in the following chart(s): "
        "vcluster: - at '/controlPlane': additional properties 'statefulSett' not allowed",
        {"vcluster": {"values": {"controlPlane": {"statefulSett": {}}}}},
        WITHOUT_RANCHER,
    ),
    Failure(
        "fail-image",
        "RancherConnected False JobStarting",
        "The import's Job has not begun. If this stays, look at its pods in namespace "
        "vcluster-system.",
        {"image": "localhost/nothing:1"},
    ),
    Failure(
        CUT_OFF,
        "RancherConnected False AgentNotConnected",
        "Rancher's agent runs, but Rancher does not see it.",
        is_input=False,
    ),
    Failure(
        "fail-token",
        "RancherConnected False TokenRejected",
        "Rancher does not accept the token: it is wrong, expired or for one cluster only.",
        {"rancher": {"tokenSecret": {"name": TOKEN_SECRET}}},
        is_input=False,
    ),
    Failure(
        "fail-volume",
        "ControlPlaneReady False Unavailable",
        "0 of 1 control plane replicas available, at least 1 needed. If this stays, look at pods, "
        "volume claims and events in its namespace.",
        {"plans": {"small": {"storage": {"storageClassName": "slow"}}}},
        WITHOUT_RANCHER,
    ),
    Failure(
        "fail-room",
        "ControlPlaneReady False Unavailable",
        "0 of 1 control plane replicas available, at least 1 needed. If this stays, look at pods, "
        "volume claims and events in its namespace.",
        {"plans": {"small": {"resources": {"requests": {"cpu": "64"}, "limits": {"cpu": "64"}}}}},
        WITHOUT_RANCHER,
    ),
    Failure(
        "fail-taken",
        "NamespaceReady False InstallFailed",
        "Release vcluster-system/fail-taken-namespace: create failed: failed to install release: "
        'Unable to continue with install: Namespace "fail-taken" in namespace "" exists and cannot '
        "be imported into the current release: invalid ownership metadata; label validation error: "
        'missing key "app.kubernetes.io/managed-by": must be set to "Helm"; annotation validation '
        'error: missing key "meta.helm.sh/release-name": must be set to "fail-taken-namespace"; '
        'annotation validation error: missing key "meta.helm.sh/release-namespace": must be set to '
        '"vcluster-system"',
        spec=WITHOUT_RANCHER,
    ),
    Failure(
        "fail-spec",
        "Accepted False InvalidSpec",
        "spec.plan: is not a plan of the platform. Known: large, medium, small.",
        spec={"plan": "huge", **WITHOUT_RANCHER},
        blocks=False,
    ),
    Failure(
        "fail-input",
        "Accepted False InvalidInput",
        "input.vcluster.kubernetes: default must be one of versions. Correct it.",
        {"vcluster": {"kubernetes": {"default": "1.99.0"}}},
        WITHOUT_RANCHER,
        blocks=False,
    ),
)


@pytest.fixture(scope="module")
def broken(
    kube: Kube, there: Machine, control: Control, compositions: Callable[..., None]
) -> Iterator[None]:
    """Make them all at once: none waits for another."""
    control.cut_off(CUT_OFF)
    kube("delete", "storageclass", "slow", "--ignore-not-found")
    kube("create", "namespace", "fail-taken")
    give_token(there.place, "token-wrong:0", TOKEN_SECRET)
    for each in FAILURES:
        compositions(each.name, each.changes)
    for each in FAILURES:
        kube.apply(vcluster(each.name, crossplane=by(each.name), **each.spec))
    yield
    kube("delete", "storageclass", "slow", "--ignore-not-found")
    kube("delete", "secret", TOKEN_SECRET, "-n", PLATFORM)
    control.let_in(CUT_OFF)


@pytest.fixture(scope="module")
def repaired(
    kube: Kube, there: Machine, control: Control, broken: None, compositions: Callable[..., None]
) -> None:
    """Repair the cause of each, once it has shown."""
    del broken
    for each in FAILURES:
        _await_shown(kube, each)
    kube.apply(SLOW)
    kube("delete", "namespace", "fail-taken", "--wait=false")
    give_token(there.place, secret=TOKEN_SECRET)
    control.let_in(CUT_OFF)
    for each in FAILURES:
        if each.is_input:
            compositions(each.name, {"plans": {"huge": {}}})


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize("failure", FAILURES, ids=str)
def test_a_failure_says_what_is_wrong(kube: Kube, failure: Failure) -> None:
    """One condition says it in words that help, and `status.blockedBy` quotes it."""
    kind = failure.condition.split()[0]
    # Of an answer that is fatal Crossplane keeps the conditions, and nothing else of the status.
    told = f"{kind}: {failure.message}" if failure.blocks else None

    def is_told() -> bool:
        """Look once: for a moment Crossplane may write again what it had read before."""
        found = kube.get(VCLUSTERS, failure.name) or {}
        shown = condition(found, kind)
        words = f"{kind} {shown.get('status')} {shown.get('reason')}"
        return (
            (words, shown.get("message")) == (failure.condition, failure.message)
            and found["status"].get("blockedBy") == told
            and not is_ready(found)
        )

    until(f"{failure.name} says it", is_told, SHOWN_SECONDS, lambda: describe(kube, failure.name))
    if not failure.blocks:
        synced = condition(kube.get(VCLUSTERS, failure.name), "Synced")
        assert (synced["status"], synced["reason"]) == ("False", "ReconcileError")
        assert synced["message"].endswith(failure.message)


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize(("command", "told"), LOOKS)
def test_where_to_look_first_shows_what_hangs(
    kube: Kube, tmp_path: Path, command: str, told: str
) -> None:
    """Each command of docs/troubleshooting.md, run as written, leads on."""
    [hanging] = [each for each in FAILURES if each.name == "fail-image"]
    _await_shown(kube, hanging)
    [written] = [line for line in WHERE_TO_LOOK if line.startswith(command)]
    # The line ends with a comment.
    script = f"{{ {written.replace('NAME', hanging.name)}\n}} 2>&1 || :"
    env = {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "KUBECONFIG": str(kube.kubeconfig),
        "HOME": str(tmp_path),
    }
    until(
        f"{command} says {told}",
        lambda: re.search(told, run("sh", "-c", script, env=env, timeout=60)),
        120,
        lambda: run("sh", "-c", script, env=env, timeout=60),
    )


@pytest.mark.usefixtures("repaired")
@pytest.mark.parametrize("failure", FAILURES, ids=str)
def test_repairing_the_cause_is_enough(kube: Kube, failure: Failure, control: Control) -> None:
    """It becomes READY by itself, with nothing lost and nothing twice."""
    await_ready(kube, failure.name, READY_SECONDS)
    _is_whole(kube, failure.name, control, imported=failure.spec == {})


@pytest.mark.usefixtures("repaired")
def test_an_upgrade_to_a_chart_that_does_not_exist_leaves_what_runs(
    kube: Kube, compositions: Callable[..., None], control: Control
) -> None:
    """It says that the change is not applied, and the Input takes it back."""
    name = "fail-values"
    await_ready(kube, name, READY_SECONDS)
    pod = _pod(kube, name)
    compositions(name, {"vcluster": {"chart": {"versions": ["0.36.1", "0.36.99"]}}})
    message = (
        "Release vcluster-system/fail-values-vcluster: update failed: failed to upgrade release: "
        'failed to pull chart: chart "vcluster" version "0.36.99" not found in '
        "http://10.250.0.1:8879 repository"
    )
    await_condition(kube, name, "ControlPlaneReady Unknown UpdateFailed", message)
    compositions(name, {})
    await_ready(kube, name, READY_SECONDS)
    _is_whole(kube, name, control, imported=False)
    assert _pod(kube, name) == pod


@pytest.mark.parametrize(
    ("name", "spec", "sentence"),
    [
        (
            "kube-mine",
            {},
            "metadata.name is reserved by the platform, choose another one",
        ),
        (
            "a" * 39,
            {},
            "metadata.name must have at most 38 characters",
        ),
        (
            "fail-refused",
            {"availability": "Two"},
            'spec.availability: Unsupported value: "Two": supported values: "Single", "HA"',
        ),
    ],
)
def test_what_can_never_be_right_is_refused_before_it_is_stored(
    kube: Kube, name: str, spec: Object, sentence: str
) -> None:
    """Kubectl apply fails, and the API server says why."""
    with pytest.raises(PlatformError) as refused:
        kube.apply(vcluster(name, **spec))
    assert sentence in str(refused.value)
    assert kube.get(VCLUSTERS, name) is None


def _pod(kube: Kube, name: str) -> object:
    """Return what tells a pod of the control plane from the one that replaces it."""
    found = kube.get("pod", f"{name}-vcluster-0", name) or {}
    return found["metadata"]["uid"], found["status"]["containerStatuses"][0]["restartCount"]


def _await_shown(kube: Kube, failure: Failure) -> None:
    """Wait until it is what the VCluster hangs on: what comes before it takes its time."""
    await_condition(kube, failure.name, failure.condition)
    kind = failure.condition.split()[0]

    def blocks() -> bool:
        found = kube.get(VCLUSTERS, failure.name) or {}
        told: str = found["status"].get("blockedBy", "")
        return told.startswith(f"{kind}: ")

    if failure.blocks:
        until(f"{failure.name} hangs on {kind}", blocks, SHOWN_SECONDS)


def _is_whole(kube: Kube, name: str, control: Control, *, imported: bool) -> None:
    """Assert that there is one of everything, and that Rancher has one cluster if it should."""
    parts = {"namespace", "vcluster", "rancher"} if imported else {"namespace", "vcluster"}
    releases = kube.list(RELEASES, PLATFORM, f"crossplane.io/composite={name}")
    assert {one["metadata"]["name"] for one in releases} == {f"{name}-{part}" for part in parts}
    workloads = [one["metadata"]["name"] for one in kube.list("statefulsets", name)]
    assert workloads == [f"{name}-vcluster"]
    jobs = kube.list("jobs", PLATFORM, f"caas.telekom.de/vcluster={name}")
    assert len(jobs) == imported
    cluster = control.cluster(name)
    assert (cluster is not None) == imported
    if cluster:
        assert cluster["connected"]
        status = (kube.get(VCLUSTERS, name) or {})["status"]
        assert status["rancher"]["clusterId"] == cluster["id"]
