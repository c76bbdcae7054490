"""Misbehaviour of the test Rancher: delays in its own work, and faults on the way to it."""

import re
from dataclasses import dataclass, field
from typing import Literal

from .messages import Answer, Json, Request, json_answer

Phase = Literal["before", "after"]


@dataclass(frozen=True)
class Lag:
    """Duration of a step: in seconds, and in requests on the cluster by others than the admin."""

    seconds: float = 0
    requests: int = 0


NONE = Lag()


@dataclass
class Behaviour:
    """Settings that a test may change at any time; a new lag applies to running steps too.

    A lag counts from the start of its step.
    """

    starting: Lag = NONE
    """From a start until Steve has schemas (3 to 8 s recorded); counts its requests."""
    cluster_name: Lag = NONE
    """From the POST to `status.clusterName` and the management cluster (0.2 s recorded)."""
    rbac: Lag = NONE
    """From then until the creator may use it: 403, and an empty 404 on CRTs (0.7 s recorded)."""
    crt: Lag = NONE
    """From then until the CRT exists: 404 NotFound; counts requests on CRTs."""
    crt_empty: Lag = NONE
    """From then until the CRT has a token and URLs (0.6 s seen); counts requests on CRTs."""
    placeholder_in_steve: bool = False
    """Leave `{token}` in Steve's and Norman's answers too, as raw reads always do."""
    pending: Lag = NONE
    """From then until the state of the management cluster changes from "active" to "pending"."""
    first_check: Lag = Lag(seconds=8)
    """From then until Connected=False appears, if there is no agent (8 s recorded)."""
    tunnel: Lag = NONE
    """From a running agent to the state "waiting" (0.3 s recorded)."""
    agent_deployed: Lag = NONE
    """From then to AgentDeployed and the CRT `system` (4.4 s recorded)."""
    connected: Lag = NONE
    """From then to Connected=True and the provisioning cluster's ready, which sticks."""
    ready: Lag = NONE
    """From then to Ready=True; counts requests on management clusters (12 s recorded)."""
    disconnected: Lag = NONE
    """From the end of the agent to Connected=False (up to 15 s recorded)."""
    agent_upgrade: Lag = NONE
    """From a change of the image that is due until the agent runs it (10 to 25 s seen)."""
    binding_removal: Lag = NONE
    """From DELETE of a CRTB until it is gone, in a connected cluster (0.2 to 0.5 s seen)."""
    prov_removal: Lag = NONE
    """From DELETE until the provisioning cluster is gone (1.0 s recorded)."""
    mgmt_removal: Lag = NONE
    """From then until the management cluster is gone (0.3 s recorded)."""
    lost_removal: Lag = NONE
    """Additional time after a former agent that is not connected (97 to 100 s seen)."""
    namespace_removal: Lag = NONE
    """From then until CRTs and CRTBs are gone (5 s recorded)."""
    hold_removal: bool = False
    """A finalizer blocks the removal of both clusters."""
    hold_management_removal: bool = False
    """A finalizer blocks the removal of the management cluster, after the provisioning one."""
    delete_answers_204: bool = False
    """DELETE answers 204 though the object is not gone, as to a caller without `get`."""
    probe_every: float = 0
    """Seconds between two looks for an agent."""
    redeploys: bool = False
    """Change a watched virtual cluster as Rancher does: see `agent.py`."""
    crt_ttl_seconds: float = 30 * 24 * 3600
    """Age at which a CRT gets a new token, under the setting crt-token-ttl-rotation."""
    crt_grace_seconds: float = 3 * 3600
    """Time for which the old token is accepted then."""


@dataclass
class Fault:
    """A fault of some requests, a number of times (None: always)."""

    method: str = ""
    path: str = ""
    """A regular expression to search in the path."""
    user: str = ""
    skip: int = 0
    """Number of matching requests before the first fault."""
    times: int | None = 1
    phase: Phase = "before"
    """Place of the fault: before the execution of the request, or after it."""
    delay: float = 0
    drop: bool = False
    answer: Answer | None = None
    by_rancher: bool = False
    """True for an answer with Rancher's headers, False for one of a proxy."""

    def matches(self, request: Request, user: str) -> bool:
        """Return whether the fault applies to the request, and count it."""
        if self.times == 0 or (self.method and self.method != request.method):
            return False
        if (self.user and self.user != user) or not re.search(self.path, request.path):
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True


@dataclass
class Faults:
    """The faults that are in force."""

    waiting: list[Fault] = field(default_factory=list)

    def take(self, request: Request, user: str) -> list[Fault]:
        """Return the faults of a request: delays add up, a drop or an answer ends the search."""
        taken = []
        for fault in self.waiting:
            if fault.matches(request, user):
                taken.append(fault)
                if fault.drop or fault.answer:
                    break
        return taken


def webhook_timeout(webhook: str, path: str) -> Answer:
    """Return the answer after a hanging webhook (webhook-timeout-prov-create.json)."""
    message = (
        f'Internal error occurred: failed calling webhook "{webhook}": failed to call webhook: '
        f'Post "https://rancher-webhook.cattle-system.svc:443/v1/webhook/{path}?timeout=10s": '
        "net/http: TLS handshake timeout"
    )
    body: Json = {"type": "error", "links": {}, "code": "InternalError", "message": message}
    return json_answer(500, {**body, "status": 500})


def gateway_error(status: int, headers: dict[str, str]) -> Answer:
    """Return the answer of a proxy before Rancher: HTML, not JSON."""
    page = f"<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>\n"
    return Answer(status, page.encode(), "text/html", headers)
