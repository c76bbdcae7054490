"""Rotations on a real API server: each step in its order, killed at each write, and its rights."""

import base64
import functools
import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from dev.fake_rancher import tls
from dev.scripts import life
from jobs.access.host import Host
from jobs.access.options import Environment
from jobs.access.rotation_host import RotationHost
from jobs.access.rotation_loop import Rotation
from jobs.backoff import Clock
from jobs.state import StateConfigMap, Stored
from tests.jobs.access.world import KUBECONFIG, PLATFORM, STATE, TENANT, World
from tests.support.kills import KilledError, kills

RELEASE = "kunde1-vcluster"
ROTATE_POD = f"{RELEASE}-rotate"
CLIENTS = (
    ("Deployment", "kube-system", "coredns"),
    ("Deployment", "cattle-system", "cattle-cluster-agent"),
    ("StatefulSet", "cattle-fleet-system", "fleet-agent"),
)
"""Workloads inside that keep the CA with which they have started."""

ON_HOST = ("pods", "statefulsets", "configmaps")
"""What a rotation looks at and changes on the host, beside what every run does."""

COPY = f"kube-root-ca.crt-x-kube-system-x-{RELEASE}"

CHART = life.ROOT / "charts" / "vcluster-access"
VALUES = life.ROOT / "tests" / "charts" / "values" / "vcluster-access" / "minimal.yaml"
Helm = Callable[..., subprocess.CompletedProcess[str]]


class Node:
    """What kubelet, controllers and the control plane do between two looks of the program."""

    def __init__(self, world: World, folder: Path) -> None:
        """Begin with a control plane of three pods, and the CA from before."""
        self.world = world
        self.folder = folder
        self.generation = 0
        """Number of CAs that the command has made."""
        self.running = 0
        """Number of the CA with which the control plane has started."""
        self.phase = "Succeeded"
        self.made: set[str] = set()
        for namespace in {namespace for _, namespace, _ in CLIENTS}:
            self.apply("v1", "Namespace", namespace)
        self.clear()
        for kind, namespace, name in CLIENTS:
            self.apply("apps/v1", kind, name, namespace, spec=workload(name))
        self.apply("apps/v1", "StatefulSet", RELEASE, TENANT, spec=workload("syncer"))
        self.start()
        self.copy()

    def clear(self) -> None:
        """Remove what an earlier test has left."""
        for name in (*pods(), ROTATE_POD):
            self.world.api.delete("v1", "Pod", name, namespace=TENANT)
        for kind, namespace, name in (*CLIENTS, ("StatefulSet", TENANT, RELEASE)):
            self.world.api.delete("apps/v1", kind, name, namespace=namespace)

    def apply(
        self, version: str, kind: str, name: str, namespace: str | None = None, **more: object
    ) -> None:
        """Create or change an object."""
        metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
        labels = more.pop("labels", None)
        if labels:
            metadata["labels"] = labels  # type: ignore[assignment]
        body = {"apiVersion": version, "kind": kind, "metadata": metadata, **more}
        answer = self.world.api.apply(body)
        assert answer.status in (200, 201), answer.body

    def sleep(self, seconds: float) -> None:
        """Let time pass, and everything around the program do its part."""
        self.world.sleep(seconds)
        self.make_certificates()
        if not any(self.uid(name) for name in pods()):
            self.start()

    def make_certificates(self) -> None:
        """Run the pod, once."""
        uid = self.uid(ROTATE_POD)
        if not uid or uid in self.made:
            return
        self.made.add(uid)
        self.generation += self.phase == "Succeeded"
        path = ("v1", "Pod", ROTATE_POD)
        status = {"status": {"phase": self.phase}}
        answer = self.world.api.patch(*path, status, namespace=TENANT, subresource="status")
        assert answer.status == 200, answer.body

    def start(self) -> None:
        """Start the control plane: it writes its kubeconfig, and the CA for pods."""
        self.running = self.generation
        spec = {"containers": [{"name": "syncer", "image": "vcluster:0.36.1"}]}
        for name in pods():
            app = "vcluster-etcd" if "etcd" in name else "vcluster"
            labels = {"app": app, "release": RELEASE}
            self.apply("v1", "Pod", name, TENANT, labels=labels, spec=spec)
        pem = authority(self.folder, self.running)
        bundle = base64.b64encode((pem + self.world.api.ca.read_text()).encode()).decode()
        kubeconfig = dict(self.world.api.kubeconfig)
        kubeconfig["clusters"][0]["cluster"]["certificate-authority-data"] = bundle
        self.world.write_secret(KUBECONFIG, {"config": yaml.safe_dump(kubeconfig)})
        self.apply("v1", "ConfigMap", "kube-root-ca.crt", "kube-system", data={"ca.crt": pem})

    def copy(self) -> None:
        """Copy the CA for pods to the host, as the syncer does for the first pod; never later."""
        pem = authority(self.folder, self.running)
        self.apply("v1", "ConfigMap", COPY, TENANT, data={"ca.crt": pem})

    def uid(self, name: str) -> str:
        """Return the UID of a pod, "" without one."""
        answer = self.world.api.get("v1", "Pod", name, namespace=TENANT)
        return str(answer.body["metadata"]["uid"]) if answer.status == 200 else ""

    def restarts(self) -> set[str]:
        """Return the numbers of the rotations for which the workloads inside were restarted."""
        found = set()
        for kind, namespace, name in CLIENTS:
            body = self.world.api.get("apps/v1", kind, name, namespace=namespace).body
            notes = body["spec"]["template"]["metadata"].get("annotations", {})
            found.add(notes.get("caas.telekom.de/rotated", ""))
        return found


@pytest.fixture
def node(world: World, tmp_path: Path) -> Iterator[Node]:
    """Yield what is around the program; the rotation 1 is asked for."""
    world.env |= {"ROTATE": "1", "RELEASE": RELEASE}
    made = Node(world, tmp_path)
    world.wire.lines.clear()
    yield made
    made.clear()


def pods() -> tuple[str, ...]:
    """Return the names of the pods of the control plane."""
    return (f"{RELEASE}-0", f"{RELEASE}-etcd-0", f"{RELEASE}-etcd-1")


def workload(name: str) -> dict[str, Any]:
    """Return the spec of a workload."""
    labels = {"app": name}
    return {
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels},
            "spec": {"containers": [{"name": name, "image": "vcluster:0.36.1"}]},
        },
    }


@functools.cache
def authority(folder: Path, number: int) -> str:
    """Return the CA of a number, as PEM."""
    return tls.make(folder / str(number), tls.NAMES).ca.read_text()


def rotate(node: Node, seconds: float = 60) -> bool:
    """Run the rotation once."""
    world = node.world
    env = Environment(world.env)
    goal, places = env.rotation(), env.places()
    assert goal
    with closing(world.lightkube()) as client:
        return Rotation(
            goal,
            Host(client, places),
            RotationHost(client, TENANT, RELEASE),
            StateConfigMap(client, PLATFORM, STATE, Stored),
            clock=Clock(now=lambda: world.seconds, sleep=node.sleep, jitter=lambda: 0.5),
        ).run(seconds)


def test_a_rotation(node: Node) -> None:
    """New certificates, one restart of all pods, a restart of clients inside, and the report."""
    before = {node.uid(name) for name in pods()}

    assert rotate(node)

    assert (node.generation, node.running) == (1, 1)
    assert not before & {node.uid(name) for name in pods()}
    assert node.restarts() == {"1"}
    assert node.world.report()["rotated"] == 1
    assert node.world.report()["phase"] == "Rotating"
    assert node.uid(ROTATE_POD) == ""


def test_once_for_each_number(node: Node) -> None:
    """The daily run changes nothing; the next number does all again."""
    assert rotate(node)
    pods_now = {node.uid(name) for name in pods()}
    node.world.wire.lines.clear()
    assert rotate(node)
    assert [line for line in node.world.wire.lines if not line.startswith("GET ")] == []
    assert {node.uid(name) for name in pods()} == pods_now

    node.world.env["ROTATE"] = "2"
    assert rotate(node)
    assert (node.generation, node.world.report()["rotated"]) == (2, 2)


def test_the_access_from_before_stays_reported(node: Node) -> None:
    """Rights and dates of the last run are in the report all the while."""
    report = {"phase": "Applied", "bindings": 4, "expiry": {"ca": "x"}, "observedInputs": "in-1"}
    node.world.write_state(report=report)
    assert rotate(node)
    found = node.world.report()
    assert {key: found[key] for key in ("bindings", "expiry", "observedInputs")} == {
        key: report[key] for key in ("bindings", "expiry", "observedInputs")
    }


def test_killed_at_each_write(node: Node) -> None:
    """Another run goes on where one was killed: one new CA runs, and the number is reported."""
    assert rotate(node)
    places = kills(node.world.wire)
    assert len(places) > 10
    for number, (kill_at, phase) in enumerate(places, 2):
        node.world.env["ROTATE"] = str(number)
        before = node.generation
        node.world.wire.lines.clear()
        node.world.wire.kill_at, node.world.wire.phase = kill_at, phase
        with pytest.raises(KilledError):
            rotate(node)
        node.world.wire.kill_at = None
        assert rotate(node)
        assert node.generation == node.running == before + 1, (kill_at, phase)
        assert node.restarts() == {str(number)}
        assert node.world.report()["rotated"] == number
        assert node.uid(ROTATE_POD) == ""


def test_certificates_that_cannot_be_made(node: Node) -> None:
    """The control plane goes on with those it has, and the report says why; it is tried again."""
    node.phase = "Failed"
    before = {node.uid(name) for name in pods()}

    assert not rotate(node)

    assert {node.uid(name) for name in pods()} == before
    assert node.uid(ROTATE_POD) == ""
    report = node.world.report()
    assert (report["phase"], report["reason"]) == ("Failed", "CertificatesFailed")
    assert "rotated" not in report
    node.phase = "Succeeded"
    assert rotate(node)


def test_newer_inputs(node: Node) -> None:
    """Their Job rotates; this one leaves everything to it."""
    node.world.write_state("in-2")
    assert rotate(node)
    assert node.uid(ROTATE_POD) == ""
    assert node.generation == 0


def test_a_control_plane_that_does_not_come_back(node: Node) -> None:
    """The number is not reported before the new CA answers."""
    node.start = lambda: None  # type: ignore[method-assign]
    assert not rotate(node, 30)
    report = node.world.report()
    assert (report["reason"], report.get("rotated")) == ("WaitingForControlPlane", None)
    assert node.restarts() == {""}


def test_pods_inside_mount_the_new_ca(node: Node) -> None:
    """Before any is restarted: it would keep a former one, and the syncer changes no copy."""
    assert rotate(node)

    copy = node.world.api.get("v1", "ConfigMap", COPY, namespace=TENANT).body
    assert copy["data"]["ca.crt"] == authority(node.folder, 1)
    writes = [line for line in node.world.wire.lines if line.startswith("PATCH ")]
    [copied] = [at for at, line in enumerate(writes) if line.endswith(COPY)]
    restarted = [at for at, line in enumerate(writes) if "/deployments/" in line]
    assert copied < min(restarted)


@pytest.mark.parametrize("rotated", [True, "1", None, [1], -1])
def test_a_report_that_says_nothing(node: Node, rotated: object) -> None:
    """What is no number counts as never."""
    node.world.write_state(report={"phase": "Applied", "rotated": rotated})
    assert rotate(node)
    assert node.generation == 1


def test_rights(node: Node, run_helm: Helm) -> None:
    """The chart gives the rights on the host that a rotation uses, and no others."""
    node.phase = "Failed"
    rotate(node, 5)
    node.phase = "Succeeded"
    assert rotate(node)

    assert used(node.world.wire.lines) == granted(run_helm, {"rotate": 1})
    assert granted(run_helm, {}) == set()


def used(lines: list[str]) -> set[tuple[str, str, str]]:
    """Return verb, resource and name of the requests of a rotation to the host."""
    rights = set()
    for line in lines:
        method, path = line.split()
        parts = path.split(f"/namespaces/{TENANT}/")
        if len(parts) == 1 or parts[1].split("/")[0] not in (*ON_HOST, "deployments"):
            continue
        resource, name, sub = (*parts[1].split("/"), "", "")[:3]
        verb = {"GET": "get" if name else "list", "POST": "create"}.get(method, method.lower())
        by_name = verb in ("get", "patch") and resource != "configmaps"
        rights.add((verb, f"{resource}/{sub}" if sub else resource, name if by_name else ""))
    return rights


def granted(run_helm: Helm, values: Mapping[str, object]) -> set[tuple[str, str, str]]:
    """Return the rights of the chart for a rotation, of the one kind of workload that there is."""
    words = ("template", "access", CHART, "--values", VALUES, "--namespace", PLATFORM)
    done = run_helm(*words, values=values)
    assert done.returncode == 0, done.stderr
    return {
        (verb, resource, name)
        for each in yaml.safe_load_all(done.stdout)
        if each and each["kind"] == "Role"
        for rule in each["rules"]
        for resource in rule["resources"]
        if resource.split("/")[0] in ON_HOST and each["metadata"]["namespace"] != PLATFORM
        for name in rule.get("resourceNames", [""])
        for verb in rule["verbs"]
    }


def test_the_report_is_json(node: Node) -> None:
    """The function reads it whole."""
    assert rotate(node)
    body = node.world.api.get("v1", "ConfigMap", STATE, namespace=PLATFORM).body
    assert json.loads(body["data"]["report"])["reason"] == "LookingAtRights"
