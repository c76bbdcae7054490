"""A model of how Crossplane writes a VCluster, and of a provider that does all that is composed.

The order of the writes, and which conditions each has, are read from Crossplane 2.4's source:
https://github.com/crossplane/crossplane/blob/v2.4.0/internal/controller/apiextensions/composite
"""

import base64
import copy
from typing import Any, NamedTuple

from crossplane.function.proto.v1 import run_function_pb2 as fnv1

from dev.scripts import life
from function import fn, protobuf
from function.commands.plan.requests import RESOURCE_NAME
from function.commands.plan.simulated_host import (
    CLOCK,
    Report,
    connection_details,
    release_status,
    usage_status,
)
from function.observed.release import KIND
from function.response.outcome import READY

Object = dict[str, Any]

MOST_CALLS = 20

_TRUTH = {
    fnv1.STATUS_CONDITION_TRUE: "True",
    fnv1.STATUS_CONDITION_FALSE: "False",
    fnv1.STATUS_CONDITION_UNKNOWN: "Unknown",
}


class Write(NamedTuple):
    """A state of the VCluster that others see."""

    is_ready: bool
    """True if Crossplane's condition Ready is True."""
    is_false: bool
    """True if it says so of the spec, by `observedGeneration`, and something is left to do."""


class Crossplane:
    """Crossplane with one VCluster."""

    def __init__(self, vcluster: Object) -> None:
        """Begin with a new one."""
        self.vcluster = copy.deepcopy(vcluster)
        self.vcluster["metadata"]["generation"] = 1
        self.vcluster["status"] = {}
        self._catch_up()
        self.composed: dict[str, Object] = {}
        self.secrets: list[Object] = []
        self.writes: list[Write] = []
        self.pause = 0
        self._owned: list[Object] = []

    def change(self, spec: Object) -> None:
        """Change the spec; Crossplane's cache has it, and all that was written before."""
        self.vcluster["spec"] = copy.deepcopy(spec)
        self.vcluster["metadata"]["generation"] += 1
        self._catch_up()

    def call(self, *, is_late: bool = False) -> int:
        """Call the function and apply its answer; return the number of writes.

        `is_late`: the next call comes before the cache has the new conditions.
        """
        seen = copy.deepcopy(self._cached)
        rsp, _ = fn.answer(self._request(seen))
        self.pause = rsp.meta.ttl.seconds
        old = seen["status"].get("conditions", [])
        fields = _plain(rsp.desired.composite).get("status", {})
        written = self._apply(rsp)
        # Whoever applies what another wrote is one of its owners, which is a write too.
        written += self._put(fields, old) or self._owned != old
        self._owned = old
        self._catch_up()
        written += self._put(_fields(self.vcluster), _conditions(rsp))
        if not is_late:
            self._catch_up()
        return written

    def settle(self) -> int:
        """Call until nothing is written; return the number of calls.

        The event of the first of several writes causes the next call before the cache has the last.
        The one after has time, or all would go on and on.
        """
        is_late = False
        for number in range(1, MOST_CALLS):
            written = self.call(is_late=True)
            if not written:
                return number
            is_late = written > 1 and not is_late
            if not is_late:
                self._catch_up()
        msg = "there is no end"
        raise AssertionError(msg)

    def provide(self, reports: dict[str, Report]) -> None:
        """Let the provider do what is composed, as far as there are reports on it."""
        self.secrets = []
        for key, one in self.composed.items():
            if one["kind"] != KIND:
                one["status"] = usage_status()
            elif key in reports:
                one["status"] = release_status(one, reports[key])
                details = connection_details(one, reports[key])
                name = one["spec"].get("writeConnectionSecretToRef", {}).get("name")
                data = {k: base64.b64encode(v.encode()).decode() for k, v in details.items()}
                if name:
                    self.secrets.append({"metadata": {"name": name}, "data": data})

    def _catch_up(self) -> None:
        self._cached = copy.deepcopy(self.vcluster)

    def _request(self, vcluster: Object) -> fnv1.RunFunctionRequest:
        return life.request_of(vcluster, [*self.composed.values()], self.secrets)

    def _apply(self, rsp: fnv1.RunFunctionResponse) -> int:
        """Apply the composed resources; return the number of writes."""
        written = 0
        for key in rsp.desired.resources:
            after = _plain(rsp.desired.resources[key])
            before = self.composed.get(key, {})
            generation = before.get("metadata", {}).get("generation", 0)
            after["metadata"]["generation"] = generation + (before.get("spec") != after["spec"])
            after["metadata"]["creationTimestamp"] = CLOCK
            after["metadata"].setdefault("annotations", {})[RESOURCE_NAME] = key
            if "status" in before:
                after["status"] = before["status"]
            written += before != after
            self.composed[key] = after
        for key in {*self.composed} - {*rsp.desired.resources}:
            del self.composed[key]
            written += 1
        return written

    def _put(self, fields: Object, conditions: list[Object]) -> int:
        """Write fields and conditions; return the number of writes."""
        before = self.vcluster["status"]
        merged = {each["type"]: each for each in before.get("conditions", [])}
        merged |= {each["type"]: each for each in conditions}
        after = {**fields, "conditions": [*merged.values()]}
        if after == before:
            return 0
        self.vcluster["status"] = after
        is_ready = merged.get("Ready", {}).get("status") == "True"
        claims = fields.get("observedGeneration") == self.vcluster["metadata"]["generation"]
        self.writes.append(Write(is_ready, is_ready and claims and not self._is_done()))
        return 1

    def _is_done(self) -> bool:
        _, call = fn.answer(self._request(self.vcluster))
        return call.phase == READY and not (call.changed or call.created or call.dropped)


def _plain(desired: fnv1.Resource) -> Object:
    return dict(protobuf.plain(desired.resource))


def _fields(vcluster: Object) -> Object:
    return {key: value for key, value in vcluster["status"].items() if key != "conditions"}


def _conditions(rsp: fnv1.RunFunctionResponse) -> list[Object]:
    """Return the conditions after a call, Crossplane's Ready last."""
    unready = any(each.ready != fnv1.READY_TRUE for each in rsp.desired.resources.values())
    is_ready = not unready and rsp.desired.composite.ready != fnv1.READY_FALSE
    own = [
        {"type": each.type, "status": _TRUTH[each.status], "reason": each.reason}
        for each in rsp.conditions
    ]
    return [*own, {"type": "Ready", "status": str(is_ready), "reason": "Available"}]
