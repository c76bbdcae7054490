"""The two requests: the steady state, and the same among many resources of another step."""

import copy

from crossplane.function import resource
from crossplane.function.proto.v1 import run_function_pb2 as fnv1

from dev.bench import stored
from dev.scripts import life
from dev.scripts.life import Object
from function import protobuf
from function.api import bounds
from function.commands.plan.requests import RESOURCE_NAME
from function.commands.plan.simulated_host import CLOCK
from function.compose import compose
from function.response import pause

EXAMPLE = "kunde1"

OBSERVED = 100
"""Number of composed resources in the large request."""

LARGEST = 4_000_000
"""Bytes of the largest request; by default a function accepts 4 MiB."""

NUMBER = "00000000"
"""Placeholder in a request's tag, replaced to make each request unique."""

CHANGED = ["namespace", "rancher"]
"""The Releases that `changed` changes."""


def steady() -> fnv1.RunFunctionRequest:
    """Return the most frequent request: all is ready and nothing has changed."""
    vcluster = life.composite(EXAMPLE)
    resources, secrets = life.observed(EXAMPLE, "ready")
    answer = compose(protobuf.decode(life.request_of(vcluster, resources, secrets)))
    conditions = [
        {
            "type": condition.type,
            "status": condition.status,
            "reason": condition.reason,
            "message": condition.message,
            "lastTransitionTime": CLOCK,
            "observedGeneration": 7,
        }
        for condition in answer.conditions
    ]
    status = {**(answer.status or {}), "conditions": [*_CROSSPLANES, *conditions]}
    return life.request_of(
        stored.composite(vcluster, status, [_reference(seen) for seen in resources]),
        [stored.composed(seen) for seen in resources],
        secrets,
        tag=NUMBER + "0b0a3d8d36ccdc0dce0fdfd00d1bbb489eb8e389f21c4182959d50e7",
    )


def changed() -> fnv1.RunFunctionRequest:
    """Return the steady state after a change of owners and quota."""
    req = steady()
    spec = req.observed.composite.resource.get_or_create_struct("spec")
    spec.update(
        {
            "quota": {"cpu": "6", "memory": "12Gi"},
            "rancher": {"owners": [{"group": "keycloakoidc_group://other"}]},
        }
    )
    return req


def worst() -> fnv1.RunFunctionRequest:
    """Return the steady state with the most expensive spec: full to its limits and all wrong."""
    req = steady()
    spec = req.observed.composite.resource.get_or_create_struct("spec")
    keys = [f"{number:060d}" for number in range(bounds.MOST_KEYS - 1)]
    spec.update(
        {
            "values": {"notAllowed": dict.fromkeys(keys, "x")},
            "hostSelector": {"matchLabels": {f"{key}/": "" for key in keys}},
            "isolation": {"egress": [f"203.0.113.{number}/32" for number in range(50)]},
            "kubeconfigReaders": [{"kind": "User", "name": "system:" + "x" * 240}] * 50,
            "rancher": {"owners": [{"user": "x" * 250, "role": "x" * 60}] * 50},
            "plan": "none",
            "nodePool": "none",
            "kubernetesVersion": "1.99",
        }
    )
    return req


_CROSSPLANES = [
    {
        "type": typ,
        "status": "True",
        "reason": reason,
        "lastTransitionTime": CLOCK,
        "observedGeneration": 7,
    }
    for typ, reason in (
        ("Synced", "ReconcileSuccess"),
        ("Ready", "Available"),
        ("Responsive", "WatchCircuitClosed"),
    )
]


def large(size: int = 0) -> fnv1.RunFunctionRequest:
    """Return the steady state of an XR for which an earlier step composes Releases too.

    They are filled up until the request has almost this size in bytes.
    """
    req = steady()
    resources, _ = life.observed(EXAMPLE, "ready")
    (pattern,) = (
        seen for seen in resources if seen["metadata"]["annotations"][RESOURCE_NAME] == "namespace"
    )
    for number in range(OBSERVED - len(resources)):
        key = f"addon-{number}"
        foreign = copy.deepcopy(pattern)
        foreign["metadata"]["name"] = f"{EXAMPLE}-{key}"
        foreign["metadata"]["annotations"][RESOURCE_NAME] = key
        resource.update(req.observed.resources[key], stored.composed(foreign))
        desired = {part: foreign[part] for part in ("apiVersion", "kind", "spec")}
        desired["metadata"] = {"name": f"{EXAMPLE}-{key}", "namespace": "vcluster-system"}
        resource.update(req.desired.resources[key], desired)
        req.desired.resources[key].ready = fnv1.READY_TRUE
    missing = size - req.ByteSize()
    for key in req.desired.resources:
        metadata = req.observed.resources[key].resource.get_or_create_struct("metadata")
        metadata["filler"] = "x" * (missing // OBSERVED)
    return req


def check(req: fnv1.RunFunctionRequest, rsp: fnv1.RunFunctionResponse) -> str:
    """Return the fault of an answer to `steady`; empty if there is none."""
    if rsp.results:
        return f"the function reports: {rsp.results[0].message}"
    if rsp.meta.ttl.seconds != pause.READY:
        return "the function does not call it ready"
    changes = _changes(req, rsp)
    return f"the function changes {', '.join(changes)}" if changes else ""


def check_changed(req: fnv1.RunFunctionRequest, rsp: fnv1.RunFunctionResponse) -> str:
    """Return the fault of an answer to `changed`; empty if there is none."""
    changes = _changes(req, rsp)
    return "" if changes == CHANGED else f"the function changes {', '.join(changes) or 'nothing'}"


def check_worst(req: fnv1.RunFunctionRequest, rsp: fnv1.RunFunctionResponse) -> str:
    """Return the fault of an answer to `worst`; empty if there is none."""
    if not {*req.observed.resources} <= {*rsp.desired.resources}:
        return "the function does not answer it"
    [accepted] = (condition for condition in rsp.conditions if condition.type == "Accepted")
    return "" if accepted.reason == "ChangeRefused" else "the function accepts it"


def _changes(req: fnv1.RunFunctionRequest, rsp: fnv1.RunFunctionResponse) -> list[str]:
    return sorted(
        key
        for key, desired in rsp.desired.resources.items()
        if not _contains(
            resource.struct_to_dict(req.observed.resources[key].resource),
            resource.struct_to_dict(desired.resource),
        )
    )


def _contains(whole: object, part: object) -> bool:
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(
            key in whole and _contains(whole[key], value) for key, value in part.items()
        )
    return whole == part


def _reference(seen: Object) -> Object:
    metadata = seen["metadata"]
    return {
        "apiVersion": seen["apiVersion"],
        "kind": seen["kind"],
        "name": metadata["name"],
        "namespace": metadata["namespace"],
    }
