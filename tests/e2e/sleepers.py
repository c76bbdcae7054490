"""A VCluster whose power is changed, with a customer's workload in it that writes."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dev.platform.command import PlatformError
from function.k8s.quantity import parse
from tests.e2e.kube import (
    PLATFORM,
    VCLUSTERS,
    Kube,
    Object,
    condition,
    describe,
    is_ready,
    until,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LABELS = {"app": "shop"}
WRITE = (
    "trap 'exit 0' TERM; n=$(cat /data/count || echo 0); "
    "while :; do n=$((n+1)); echo $n >/data/new; mv /data/new /data/count; sleep 1; done"
)
SHOP: tuple[Object, ...] = (
    {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "shop", "namespace": "default"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    },
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "shop", "namespace": "default"},
        "spec": {"selector": LABELS, "ports": [{"port": 80}]},
    },
    {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "shop", "namespace": "default"},
        "spec": {
            "selector": {"matchLabels": LABELS},
            "strategy": {"type": "Recreate"},
            "template": {
                "metadata": {"labels": LABELS},
                "spec": {
                    "containers": [
                        {
                            "name": "shop",
                            "image": "docker.io/library/busybox:1.36.1",
                            "command": ["sh", "-c", WRITE],
                            "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
                            "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                        }
                    ],
                    "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "shop"}}],
                },
            },
        },
    },
)
"""What a customer installs."""

Kept = frozenset[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Sleeper:
    """It, as its owner and its platform see it."""

    name: str
    kube: Kube
    inside: Kube

    def set(self, power: str) -> None:
        """Change spec.power."""
        self.kube.patch(VCLUSTERS, self.name, {"spec": {"power": power}})

    def found(self) -> Object:
        """Return the VCluster."""
        return self.kube.get(VCLUSTERS, self.name) or {}

    def phase(self) -> str:
        """Return the reason of condition Awake, of the spec as it is now."""
        found = self.found()
        if found["status"].get("observedGeneration") != found["metadata"]["generation"]:
            return ""
        return str(condition(found, "Awake").get("reason", ""))

    def await_phase(self, *phases: str, seconds: float = 180) -> float:
        """Wait for one of these phases, and return how long it took."""
        return until(
            f"{self.name} is {' or '.join(phases)}", lambda: self.phase() in phases, seconds,
            lambda: describe(self.kube, self.name), pause=0.2,
        )  # fmt: skip

    def await_ready(self, seconds: float = 240) -> float:
        """Wait until it is READY, and return how long it took."""
        return until(
            f"{self.name} is READY", lambda: is_ready(self.found()), seconds,
            lambda: describe(self.kube, self.name), pause=0.2,
        )  # fmt: skip

    def wake(self) -> None:
        """Let it be READY, with a pod inside that counts, whatever a test before has left."""
        self.set("Running")
        self.await_responsive()
        self.await_ready(300)
        self.await_more(0)

    def await_responsive(self, seconds: float = 600) -> None:
        """Wait while Crossplane's circuit breaker holds events back after many changes.

        Only an event closes it, and where nothing changes any more there is none: so one is made.
        https://github.com/crossplane/crossplane/blob/v2.4.0/internal/circuit/token_bucket.go
        """

        def responds() -> bool:
            if condition(self.found(), "Responsive").get("status") != "False":
                return True
            look = {"annotations": {"e2e.example.org/look": f"{time.time():.0f}"}}
            self.kube.patch(VCLUSTERS, self.name, {"metadata": look})
            return False

        until(
            f"{self.name} is responsive", responds, seconds,
            lambda: describe(self.kube, self.name), pause=5,
        )  # fmt: skip

    def await_message(self, end: str, seconds: float = 180) -> None:
        """Wait until the message of condition Awake has this end."""
        until(
            f"{self.name}: {end}",
            lambda: str(condition(self.found(), "Awake").get("message", "")).endswith(end), seconds,
            lambda: describe(self.kube, self.name), pause=0.2,
        )  # fmt: skip

    def says_asleep(self) -> bool:
        """Return whether the status says that it sleeps, and nothing else."""
        found = self.found()
        statuses = {condition(found, kind)["status"] for kind in ("Awake", "Ready")}
        return statuses == {"False"} and found["status"]["blockedBy"] == "asleep, by spec.power"

    def pods(self) -> list[str]:
        """Return the names of all pods in its namespace."""
        return [one["metadata"]["name"] for one in self.kube.list("pods", self.name)]

    def requests(self) -> dict[str, float]:
        """Return what the scheduler has reserved for the pods that have not ended."""
        pods = [
            one
            for one in self.kube.list("pods", self.name)
            if one["status"].get("phase") not in ("Succeeded", "Failed")
        ]
        return {unit: sum(_requested(pods, unit)) for unit in ("cpu", "memory")}

    def charged(self) -> dict[str, float]:
        """Return the requests that its quota counts."""
        used = (self.kube.get("resourcequota", "quota", self.name) or {})["status"]["used"]
        return {unit: float(parse(used[f"requests.{unit}"])) for unit in ("cpu", "memory")}

    def kept(self) -> Kept:
        """Return what must outlive sleep: Services and addresses, claims and volumes, the quota."""
        kinds = ("services", "persistentvolumeclaims", "resourcequotas")
        objects = [(kind, one) for kind in kinds for one in self.kube.list(kind, self.name)]
        return frozenset(
            (
                *(kind, one["metadata"]["name"], one["metadata"]["uid"]),
                one["spec"].get("clusterIP") or one["spec"].get("volumeName", ""),
            )
            for kind, one in objects
        )

    def secrets(self) -> Kept:
        """Return name and UID of the Secrets in its namespace but those of a single pod."""
        found = [one["metadata"] for one in self.kube.list("secrets", self.name)]
        return frozenset(
            (one["name"], one["uid"])
            for one in found
            if all(owner["kind"] != "Pod" for owner in one.get("ownerReferences", ()))
        )

    def imports(self) -> frozenset[str]:
        """Return the UIDs of its import Jobs."""
        found = self.kube.list("jobs", PLATFORM, f"caas.telekom.de/vcluster={self.name}")
        return frozenset(one["metadata"]["uid"] for one in found)

    def objects(self) -> Kept:
        """Return kind, name and UID of its owner's objects inside, whose store they are in."""
        kinds = ("deployments", "services", "persistentvolumeclaims", "configmaps", "secrets")
        found = [(kind, one) for kind in kinds for one in self.inside.list(kind, "default")]
        found += [("namespaces", one) for one in self.inside.list("namespaces")]
        return frozenset(
            (kind, one["metadata"]["name"], one["metadata"]["uid"]) for kind, one in found
        )

    def count(self) -> int:
        """Return the number on the customer's volume; zero as long as no pod answers."""
        with contextlib.suppress(PlatformError, ValueError):
            return int(self.inside("exec", "deploy/shop", "--", "cat", "/data/count", seconds=10))
        return 0

    def await_more(self, than: int, seconds: float = 120) -> float:
        """Wait until the customer's pod has gone on from a number, and return how long it took.

        A volume that was lost would begin anew, and reach the number by waiting.
        """

        def has_more() -> bool:
            number = self.count()
            assert number == 0 or number >= than, f"{self.name} counts {number} after {than}"
            return number > than

        return until(
            f"{self.name} counts on from {than}", has_more, seconds,
            lambda: describe(self.kube, self.name),
        )  # fmt: skip


def settle_in(kube: Kube, opened: Callable[[str], Kube], name: str) -> Sleeper:
    """Let a customer move into a VCluster that is READY."""
    inside = opened(name)
    for each in SHOP:
        inside.apply(each)
    sleeper = Sleeper(name, kube, inside)
    sleeper.await_more(0)
    return sleeper


def _requested(pods: Iterable[Object], unit: str) -> Iterable[float]:
    for pod in pods:
        for container in pod["spec"]["containers"]:
            amount = container.get("resources", {}).get("requests", {}).get(unit)
            yield float(parse(amount)) if amount else 0.0
