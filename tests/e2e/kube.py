"""kubectl as people use it, looks that cost little, and waits that explain themselves."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dev.platform.command import PlatformError, run
from dev.platform.place import BIN
from tests.e2e import api, starts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

Object = dict[str, Any]

VCLUSTERS = "vclusters.caas.telekom.de"
RELEASES = "releases.helm.m.crossplane.io"
PLATFORM = "vcluster-system"
POLL_SECONDS = 0.5
CALL_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Kube:
    """A cluster as seen with one kubeconfig: the host, or a virtual cluster."""

    kubeconfig: Path
    inside: tuple[str, ...] = ()
    """What runs a command inside the machine, where the Services of the host can be reached."""

    def __call__(self, *words: str, text: str | None = None, seconds: float = CALL_SECONDS) -> str:
        """Run kubectl, and return what it printed."""
        kubectl = (*self.inside, str(BIN / "kubectl"), f"--kubeconfig={self.kubeconfig}")
        return run(*kubectl, *words, text=text, timeout=seconds, shown=len(kubectl) + 3)

    def apply(self, obj: Mapping[str, Any]) -> None:
        """Apply an object as a user does; a new virtual cluster when the machine has room."""
        if obj["kind"] == "VCluster" and not self._exists(obj):
            starts.admit(self)
        self("apply", "-f", "-", text=json.dumps(obj))

    def _exists(self, obj: Mapping[str, Any]) -> bool:
        metadata = obj["metadata"]
        return self.get(VCLUSTERS, metadata["name"], metadata.get("namespace")) is not None

    def get(self, kind: str, name: str, namespace: str | None = None) -> Object | None:
        """Return an object, or None if there is none."""
        if not self.inside:
            return api.connect(self.kubeconfig).get(kind, name, namespace)
        where = ["-n", namespace] if namespace else []
        text = self("get", kind, name, *where, "-o", "json", "--ignore-not-found")
        found: Object | None = json.loads(text) if text.strip() else None
        return found

    def list(self, kind: str, namespace: str | None = None, selector: str = "") -> list[Object]:
        """Return the objects of a kind, of all namespaces if none is named."""
        if not self.inside:
            return api.connect(self.kubeconfig).list(kind, namespace, selector)
        where = ["-n", namespace] if namespace else ["--all-namespaces"]
        which = ["-l", selector] if selector else []
        items: list[Object] = json.loads(self("get", kind, *where, *which, "-o", "json"))["items"]
        return items

    def patch(self, kind: str, name: str, patch: Object, namespace: str | None = None) -> None:
        """Merge a patch into an object."""
        where = ["-n", namespace] if namespace else []
        self("patch", kind, name, *where, "--type=merge", "-p", json.dumps(patch))


def vcluster(name: str, **spec: Any) -> Object:
    """Return a VCluster."""
    return {
        "apiVersion": "caas.telekom.de/v1alpha1",
        "kind": "VCluster",
        "metadata": {"name": name},
        "spec": spec,
    }


def by(composition: str) -> Object:
    """Return what makes a VCluster use a Composition of that name."""
    return {"compositionRef": {"name": composition}}


def condition(obj: Mapping[str, Any] | None, kind: str) -> Object:
    """Return a condition of an object, or an empty one."""
    conditions = (obj or {}).get("status", {}).get("conditions", [])
    return next((dict(one) for one in conditions if one["type"] == kind), {})


def is_ready(obj: Mapping[str, Any] | None) -> bool:
    """Tell whether READY says True of what is asked for now, and not of what was before."""
    found = dict(obj or {})
    generation = found.get("metadata", {}).get("generation")
    if found.get("kind") == "VCluster" and (
        found.get("status", {}).get("observedGeneration") != generation
        or found["status"]["blockedBy"]
    ):
        return False
    ready = condition(found, "Ready")
    return ready.get("status") == "True" and ready.get("observedGeneration") in (None, generation)


def until(
    what: str,
    holds: Callable[[], object],
    seconds: float,
    told: Callable[[], object] | None = None,
    *,
    pause: float = POLL_SECONDS,
) -> float:
    """Wait until something holds, and return how many seconds it took.

    `told` explains a failure, `pause` is that between two looks, in seconds.
    """
    started = time.monotonic()
    while not holds():
        if time.monotonic() - started > seconds:
            said = f"\n{told()}" if told else ""
            msg = f"not within {seconds:.0f} s: {what}{said}"
            raise AssertionError(msg)
        time.sleep(pause)
    return time.monotonic() - started


def await_ready(kube: Kube, name: str, seconds: float = 240) -> float:
    """Wait until a VCluster is READY."""
    return until(
        f"{name} is READY", lambda: is_ready(kube.get(VCLUSTERS, name)), seconds,
        lambda: describe(kube, name),
    )  # fmt: skip


def await_condition(
    kube: Kube, name: str, wanted: str, message: str = "", seconds: float = 300
) -> None:
    """Wait for a condition, given as type, status and reason, and for how its message begins."""
    kind, status, reason = wanted.split()

    def shows() -> bool:
        found = condition(kube.get(VCLUSTERS, name), kind)
        return (
            (found.get("status"), found.get("reason")) == (status, reason)
            and found.get("message", "").startswith(message)
        )  # fmt: skip

    until(f"{name}: {wanted}: {message}", shows, seconds, lambda: describe(kube, name))


def describe(kube: Kube, name: str) -> str:
    """Return what a person would look at when a VCluster hangs."""
    words = (
        ("describe", VCLUSTERS, name),
        ("get", RELEASES, "-n", PLATFORM, "-l", f"crossplane.io/composite={name}"),
        ("get", "pods,jobs", "-n", name),
        ("get", "events", "-n", name),
        ("get", "pods,jobs,configmaps", "-n", PLATFORM),
    )
    return "\n".join(_tried(kube, each) for each in words)


def _tried(kube: Kube, words: tuple[str, ...]) -> str:
    try:
        return f"$ kubectl {' '.join(words)}\n{kube(*words)}"
    except PlatformError as error:
        return f"$ kubectl {' '.join(words)}\n{error}"
