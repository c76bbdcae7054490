"""The simulated host: the writes of its controllers, of vcluster's syncer and of our Jobs.

No pod runs. Objects get their status after the time that it takes on a machine with enough nodes.
The load of 100 control planes on each other is not simulated.
"""

from __future__ import annotations

import base64
import datetime as dt
import http
import sched
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dev.apiserver.client import MERGE_PATCH
from dev.bench.scale.watch import follow
from dev.platform.command import PlatformError
from function.commands.plan.simulated_host import import_state, workload_status
from jobs.rancher import report

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dev.apiserver.client import Client

KUBECONFIG_SECONDS = 25.0
AVAILABLE_SECONDS = 30.0
POD_SECONDS = 3.0
"""Until the pod of a Job runs."""
REGISTERED_SECONDS = 5.0
CONNECTED_SECONDS = 15.0
DEREGISTER_SECONDS = 5.0
STEP_SECONDS = 0.1
RETRY_SECONDS = 1.0

KUBECONFIG = base64.b64encode(b"x" * 5600).decode()
"""As large as a real one."""

APPS, BATCH = "/apis/apps/v1", "/apis/batch/v1"


@dataclass
class Simulator:
    """Simulation of a host until `stopped`; `marks` has the first time of each event by release."""

    host: Client
    stopped: threading.Event
    marks: dict[tuple[str, str], float] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    _later: sched.scheduler = field(default_factory=lambda: sched.scheduler(time.monotonic))
    _known: set[str] = field(default_factory=set)

    def start(self) -> None:
        """Start without objects."""
        follow(self.host, f"{APPS}/statefulsets", self.see_statefulset, self.stopped)
        follow(self.host, f"{BATCH}/jobs", self.see_job, self.stopped)
        threading.Thread(target=self._run, name="simulator", daemon=True).start()

    def work(self) -> None:
        """Write all that is due."""
        try:
            self._later.run(blocking=False)
        except (OSError, PlatformError) as error:
            self.errors.append(str(error))

    def _run(self) -> None:
        while not self.stopped.wait(STEP_SECONDS):
            self.work()

    def _after(self, seconds: float, do: Callable[..., None], *what: object) -> None:
        self._later.enter(seconds, 0, do, what)

    def _is_new(self, change: str, seen: Mapping[str, Any]) -> bool:
        uid = seen["metadata"]["uid"]
        if change == "DELETED" or uid in self._known:
            return False
        self._known.add(uid)
        return True

    def _mark(self, what: str, namespace: str) -> None:
        self.marks.setdefault((what, namespace), time.monotonic())

    def see_statefulset(self, change: str, seen: dict[str, Any]) -> None:
        """Schedule the start of a virtual cluster."""
        if self._is_new(change, seen):
            where = seen["metadata"]
            self._mark("installed", where["namespace"])
            self._after(KUBECONFIG_SECONDS, self._write_kubeconfig, where)
            self._after(AVAILABLE_SECONDS, self._become_available, where)

    def _write_kubeconfig(self, where: Mapping[str, Any]) -> None:
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": f"vc-{where['name']}", "namespace": where["namespace"]},
            "data": {"config": KUBECONFIG},
        }
        self._send("POST", f"/api/v1/namespaces/{where['namespace']}/secrets", secret)
        self._mark("kubeconfig", where["namespace"])

    def _become_available(self, where: Mapping[str, Any]) -> None:
        status = {**workload_status(), "readyReplicas": 1, "currentReplicas": 1}
        path = f"{APPS}/namespaces/{where['namespace']}/statefulsets/{where['name']}/status"
        self._send("PATCH", path, {"status": status})
        self._mark("available", where["namespace"])

    def see_job(self, change: str, seen: dict[str, Any]) -> None:
        """Schedule the run of a Job of our chart."""
        if not self._is_new(change, seen):
            return
        component = seen["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"]
        if component == "import":
            self._after(POD_SECONDS, self._import, seen)
        else:
            self._after(DEREGISTER_SECONDS, self._complete, seen)

    def _import(self, job: Mapping[str, Any]) -> None:
        """Wait for the kubeconfig as the Job does, then report one phase after the other."""
        if ("kubeconfig", _env(job)["KUBECONFIG_NAMESPACE"]) not in self.marks:
            self._after(RETRY_SECONDS, self._import, job)
            return
        self._report(job, "Importing")
        self._after(REGISTERED_SECONDS, self._report, job, "Registered")
        self._after(CONNECTED_SECONDS, self._finish, job)

    def _finish(self, job: Mapping[str, Any]) -> None:
        self._report(job, "Connected", observedInputs=_env(job)["INPUTS"])
        self._mark("connected", _env(job)["KUBECONFIG_NAMESPACE"])
        self._complete(job)

    def _report(self, job: Mapping[str, Any], phase: str, **more: str) -> None:
        env = _env(job)
        changes = {**import_state(phase), **more}
        cluster = {
            "clusterName": env["CLUSTER_NAME"],
            "clusterId": f"c-m-{job['metadata']['uid'][:8]}",
        }
        path = f"/api/v1/namespaces/{env['STATE_NAMESPACE']}/configmaps/{env['STATE_CONFIG_MAP']}"
        self._send("PATCH", path, {"data": report.changed({}, changes | cluster)})

    def _complete(self, job: Mapping[str, Any]) -> None:
        where = job["metadata"]
        now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        met = {"status": "True", "lastProbeTime": now, "lastTransitionTime": now}
        conditions = [{"type": typ, **met} for typ in ("SuccessCriteriaMet", "Complete")]
        status = {"succeeded": 1, "startTime": where["creationTimestamp"], "completionTime": now}
        path = f"{BATCH}/namespaces/{where['namespace']}/jobs/{where['name']}/status"
        self._send("PATCH", path, {"status": status | {"conditions": conditions}})

    def _send(self, method: str, path: str, body: Mapping[str, Any]) -> None:
        content_type = MERGE_PATCH if method == "PATCH" else "application/json"
        answer = self.host.request(method, path, body, content_type)
        # What is gone was deleted meanwhile.
        if (
            answer.status >= http.HTTPStatus.BAD_REQUEST
            and answer.status != http.HTTPStatus.NOT_FOUND
        ):
            msg = f"simulator: {method} {path}: {answer.body.get('message')}"
            raise PlatformError(msg)


def _env(job: Mapping[str, Any]) -> dict[str, str]:
    [container] = job["spec"]["template"]["spec"]["containers"]
    return {entry["name"]: entry.get("value", "") for entry in container["env"]}
