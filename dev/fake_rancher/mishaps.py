"""Methods of the test Rancher for tests to add faults."""

from typing import TypedDict, Unpack

from .behaviour import Fault, Faults, Phase, gateway_error, webhook_timeout
from .messages import UNAUTHORIZED, Answer, Refusal

PROVISIONING_HOOK = (
    "rancher.cattle.io.clusters.provisioning.cattle.io",
    "mutation/clusters.provisioning.cattle.io",
)
BINDING_HOOK = (
    "rancher.cattle.io.clusterroletemplatebindings.management.cattle.io",
    "validation/clusterroletemplatebindings.management.cattle.io",
)


class Match(TypedDict, total=False):
    """Selection of the requests with a fault, and the number of times; see Fault."""

    method: str
    path: str
    user: str
    skip: int
    times: int | None


class Mishaps:
    """Faults; each applies to the next matching request, or to as many as `times`."""

    def __init__(self) -> None:
        """Start without faults."""
        self.faults = Faults()

    def add_fault(self, fault: Fault) -> Fault:
        """Add a fault; it ends after its times, or by its `times = 0`."""
        self.faults.waiting.append(fault)
        return fault

    def drop(self, phase: Phase = "before", **match: Unpack[Match]) -> Fault:
        """Close the connection, before the request is executed or after, without an answer."""
        return self.add_fault(Fault(**match, phase=phase, drop=True))

    def slow(self, seconds: float, phase: Phase = "before", **match: Unpack[Match]) -> Fault:
        """Wait, before the request is executed or before its answer is sent."""
        return self.add_fault(Fault(**match, phase=phase, delay=seconds))

    def refuse(self, status: int, retry_after: str = "", **match: Unpack[Match]) -> Fault:
        """Answer 429, 502, 503... as a proxy does, without executing the request."""
        headers = {"Retry-After": retry_after} if retry_after else {}
        return self.add_fault(Fault(**match, answer=gateway_error(status, headers)))

    def forbid(self, **match: Unpack[Match]) -> Fault:
        """Answer 403, as Norman does to users without a right (other-bare-norman-*.json)."""
        refused = Refusal(403, "Forbidden", "clusters.management.cattle.io is forbidden")
        return self.add_fault(Fault(**match, answer=refused.norman(), by_rancher=True))

    def unauthorize(self, **match: Unpack[Match]) -> Fault:
        """Answer 401, as to a token that has expired."""
        return self.add_fault(Fault(**match, answer=UNAUTHORIZED, by_rancher=True))

    def redirect(self, location: str, status: int = 302, **match: Unpack[Match]) -> Fault:
        """Answer with a redirect."""
        answer = Answer(status, headers={"Location": location})
        return self.add_fault(Fault(**match, answer=answer))

    def hang_webhook(
        self, *, bindings: bool = False, seconds: float = 0, times: int | None = 1
    ) -> Fault:
        """Answer 500 to POSTs of clusters, or of bindings (after 10 s in the real one)."""
        path = "/v1/management.*bindings" if bindings else "/v1/provisioning.*clusters"
        answer = webhook_timeout(*(BINDING_HOOK if bindings else PROVISIONING_HOOK))
        fault = Fault(method="POST", path=path, times=times, delay=seconds, answer=answer)
        fault.by_rancher = True
        return self.add_fault(fault)
