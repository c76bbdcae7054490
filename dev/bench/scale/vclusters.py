"""The VClusters: their creation, progress, deletion and leftovers."""

from __future__ import annotations

import http
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dev.bench.scale.watch import follow
from dev.platform.command import PlatformError

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from dev.apiserver.client import Client

PATH = "/apis/caas.telekom.de/v1alpha1/vclusters"
FOREGROUND = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Foreground"}
GONE = "gone"

CONTROL_PLANE_KINDS = (
    PATH,
    "/apis/helm.m.crossplane.io/v1beta1/releases",
    "/apis/helm.m.crossplane.io/v1beta1/providerconfigusages",
    "/apis/protection.crossplane.io/v1beta1/usages",
    "/apis/protection.crossplane.io/v1beta1/clusterusages",
    "/api/v1/secrets",
    "/api/v1/configmaps",
    "/api/v1/namespaces",
)
HOST_KINDS = (
    "/api/v1/namespaces",
    "/api/v1/secrets",
    "/api/v1/configmaps",
    "/api/v1/services",
    "/api/v1/serviceaccounts",
    "/api/v1/persistentvolumeclaims",
    "/apis/apps/v1/statefulsets",
    "/apis/batch/v1/jobs",
    "/apis/networking.k8s.io/v1/networkpolicies",
    "/apis/rbac.authorization.k8s.io/v1/roles",
    "/apis/rbac.authorization.k8s.io/v1/rolebindings",
    "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
)


@dataclass
class VClusters:
    """A number of VClusters, with the time of each condition."""

    client: Client
    names: Sequence[str]
    marks: dict[tuple[str, str], float] = field(default_factory=dict)
    failures: dict[str, set[str]] = field(default_factory=dict)
    """VClusters with a condition that should never be False, with its reason."""

    def follow(self, stopped: threading.Event) -> None:
        """Record the events of all, until `stopped`."""
        follow(self.client, PATH, self.see, stopped)

    def create(self) -> None:
        """Create all of them."""
        for name in self.names:
            manifest = {
                "apiVersion": "caas.telekom.de/v1alpha1",
                "kind": "VCluster",
                "metadata": {"name": name},
                "spec": {},
            }
            answer = self.client.request("POST", PATH, manifest)
            if answer.status != http.HTTPStatus.CREATED:
                msg = f"VCluster {name}: {answer.body.get('message')}"
                raise PlatformError(msg)

    def delete(self) -> None:
        """Start the deletion of all."""
        for name in self.names:
            self.client.request("DELETE", f"{PATH}/{name}", FOREGROUND)

    def have(self, mark: str) -> int:
        """Return the number of VClusters with a mark."""
        return sum((mark, name) in self.marks for name in self.names)

    def not_ready(self) -> dict[str, str]:
        """Return the reason (`blockedBy`) for each VCluster that is not ready."""
        items = self.client.request("GET", PATH).body["items"]
        return {
            item["metadata"]["name"]: item.get("status", {}).get("blockedBy") or "not Ready"
            for item in items
            if "Ready" not in _true(item)
        }

    def see(self, change: str, seen: dict[str, Any]) -> None:
        """Record an event of a VCluster."""
        name = seen["metadata"]["name"]
        now = time.monotonic()
        if change == "DELETED":
            self.marks.setdefault((GONE, name), now)
            return
        for typ in _true(seen):
            self.marks.setdefault((typ, name), now)
        for condition in seen.get("status", {}).get("conditions", []):
            typ, status = condition["type"], condition["status"]
            if typ in {"Synced", "Responsive"} and status == "False":
                self.failures.setdefault(f"{typ}: {condition['reason']}", set()).add(name)


def _true(item: dict[str, Any]) -> set[str]:
    conditions = item.get("status", {}).get("conditions", [])
    return {c["type"] for c in conditions if c["status"] == "True"}


def objects(client: Client, kinds: Sequence[str]) -> set[str]:
    """Return the objects of these kinds."""
    names = set()
    for path in kinds:
        for item in client.request("GET", path).body["items"]:
            where = item["metadata"]
            kind = path.rpartition("/")[2]
            names.add(f"{kind} {where.get('namespace', '')}/{where['name']}")
    return names
