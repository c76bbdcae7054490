"""A pod inside that writes fifty objects a second, and counts what the API server refuses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.e2e.kube import Kube, until

if TYPE_CHECKING:
    from collections.abc import Callable

IMAGE = "ghcr.io/example/function-vcluster:0.1.0"
PREFIX = "written-"
PER_SECOND = 50

SCRIPT = f"""
import time, httpx2
folder = "/var/run/secrets/kubernetes.io/serviceaccount"
token = open(folder + "/token").read()
import ssl
api = httpx2.Client(
    base_url="https://kubernetes.default.svc",
    verify=ssl.create_default_context(cafile=folder + "/ca.crt"),
    headers={{"Authorization": "Bearer " + token}},
    timeout=10,
)
number, began = 0, time.monotonic()
while True:
    number += 1
    made = {{
        "metadata": {{"name": f"{PREFIX}{{number:06}}"}},
        "data": {{"number": str(number)}},
    }}
    try:
        answer = api.post("/api/v1/namespaces/default/configmaps", json=made)
        if answer.status_code not in (201, 409):
            print("FAILED", number, answer.status_code, flush=True)
    except Exception as error:
        print("FAILED", number, type(error).__name__, flush=True)
    if number % {PER_SECOND} == 0:
        print("written", number, flush=True)
    time.sleep(max(0, began + number / {PER_SECOND} - time.monotonic()))
"""


@dataclass(frozen=True, slots=True)
class Writer:
    """The pod, as its owner sees it."""

    inside: Kube

    def begin(self, told: Callable[[], object]) -> None:
        """Start it, with the right to write, and wait for its first objects."""
        self.inside(
            "create", "clusterrolebinding", "writer",
            "--clusterrole=cluster-admin", "--serviceaccount=default:default",
        )  # fmt: skip
        self.inside("run", "writer", f"--image={IMAGE}", "--restart=Never", "--command", "--",
                    "/venv/bin/python", "-c", SCRIPT)  # fmt: skip
        until("the writer writes", lambda: self.written() > 0, 120, told)

    def written(self) -> int:
        """Return how many objects it has written, or fewer by less than a second's."""
        numbers = re.findall(r"^written (\d+)$", self._log(), re.MULTILINE)
        return int(numbers[-1]) if numbers else 0

    def failures(self) -> list[str]:
        """Return what failed."""
        return re.findall(r"^FAILED .*$", self._log(), re.MULTILINE)

    def end(self) -> None:
        """Stop it."""
        self.inside("delete", "pod", "writer", "--grace-period=0", "--force", "--wait=true")

    def _log(self) -> str:
        pod = self.inside.get("pod", "writer", "default") or {}
        if pod.get("status", {}).get("phase") != "Running":
            return ""
        return self.inside("logs", "writer", "-n", "default")
