"""Crossplane's part: requests to the function, and the effects of an answer.

https://github.com/crossplane/crossplane/blob/main/internal/controller/apiextensions/composite/reconciler.go
"""

from typing import Any

from crossplane.function import resource
from crossplane.function.proto.v1 import run_function_pb2 as fnv1

from dev.scripts.life import Object
from dev.scripts.server import Server

STATUS = {
    fnv1.STATUS_CONDITION_TRUE: "True",
    fnv1.STATUS_CONDITION_FALSE: "False",
    fnv1.STATUS_CONDITION_UNKNOWN: "Unknown",
}


def ask(server: Server, req: fnv1.RunFunctionRequest) -> fnv1.RunFunctionResponse:
    """Return the answer to a request.

    A function may require objects. Crossplane looks them up and calls again; here none of them
    exists.
    """
    rsp = server.run(req)
    while not {*rsp.requirements.resources} <= {*req.required_resources}:
        for key in rsp.requirements.resources:
            req.required_resources.get_or_create(key)
        rsp = server.run(req)
    return rsp


def follow(
    server: Server, req: fnv1.RunFunctionRequest, rsp: fnv1.RunFunctionResponse
) -> fnv1.RunFunctionResponse:
    """Return the answer with desired state and TTL of the next call.

    The write of the conditions causes that call, and status fields follow in it.
    """
    after, both = fnv1.RunFunctionRequest(), fnv1.RunFunctionResponse()
    after.CopyFrom(req)
    both.CopyFrom(rsp)
    resource.update(after.observed.composite, store(plain(req.observed.composite), rsp))
    following = ask(server, after)
    both.desired.CopyFrom(following.desired)
    both.meta.ttl.CopyFrom(following.meta.ttl)
    return both


def store(vcluster: Object, rsp: fnv1.RunFunctionResponse) -> Object:
    """Return the VCluster with the status that Crossplane writes after an answer.

    After a fatal one it writes the conditions alone.
    """
    conditions = [
        {"type": c.type, "status": STATUS[c.status], "reason": c.reason, "message": c.message}
        for c in rsp.conditions
    ]
    fields = vcluster.get("status", {}) if fatal(rsp) else status(rsp)
    return {**vcluster, "status": {**fields, "conditions": conditions}}


def status(rsp: fnv1.RunFunctionResponse) -> dict[str, Any]:
    """Return the desired status of the VCluster."""
    desired: dict[str, Any] = plain(rsp.desired.composite).get("status", {})
    return desired


def fatal(rsp: fnv1.RunFunctionResponse) -> str:
    """Return the error that forbids to apply and delete anything; empty if there is none."""
    return " ".join(r.message for r in rsp.results if r.severity == fnv1.SEVERITY_FATAL)


def synced(rsp: fnv1.RunFunctionResponse) -> str:
    """Return the column SYNCED."""
    return "False" if fatal(rsp) else "True"


def ready(rsp: fnv1.RunFunctionResponse) -> str:
    """Return the column READY: the VCluster's own readiness if it is given, or that of all."""
    own = rsp.desired.composite.ready
    if own != fnv1.READY_UNSPECIFIED:
        return _truth(own)
    unready = [c for c in rsp.desired.resources.values() if c.ready != fnv1.READY_TRUE]
    return "False" if unready else "True"


def composed_ready(rsp: fnv1.RunFunctionResponse, key: str) -> str:
    """Return whether a desired resource counts as ready."""
    return _truth(rsp.desired.resources[key].ready)


def plain(held: fnv1.Resource) -> dict[str, Any]:
    """Return an object of a request or an answer as plain values."""
    return resource.struct_to_dict(held.resource)


def _truth(readiness: fnv1.Ready) -> str:
    return "True" if readiness == fnv1.READY_TRUE else "False"
