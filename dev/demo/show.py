"""Print the function's requests and answers."""

from collections.abc import Mapping

from crossplane.function.proto.v1 import run_function_pb2 as fnv1

from dev.demo import crossplane, text
from dev.scripts import life
from dev.scripts.life import Object
from function.observed import release

SHOWN_DETAILS = ("workload", "report")
"""Connection details that are printed."""

SECRET = "kubeconfig"  # noqa: S105  # a key


def observed(req: fnv1.RunFunctionRequest, example: str, state: str) -> None:
    """Print the observed state."""
    file = life.fixture("observed", example, state).relative_to(life.ROOT)
    print(f"Observed, replayed from {file}:")
    seen = req.observed.resources
    rows = [(key, *_seen(seen[key])) for key in _in_order(seen)]
    if rows:
        text.table(("RESOURCE", "HELM", "READY", "CONNECTION DETAILS"), rows)
    else:
        print("  nothing")


def answer(rsp: fnv1.RunFunctionResponse) -> None:
    """Print the function's answer."""
    print("The function answered:")
    if rsp.requirements.resources:
        print("  (first it asked for Releases of an earlier VCluster of this name: there are none)")
    _desired(rsp)
    conditions(rsp)
    _status(rsp)


def conditions(rsp: fnv1.RunFunctionResponse) -> None:
    """Print the conditions of an answer."""
    rows = [(c.type, crossplane.STATUS[c.status], c.reason, c.message) for c in rsp.conditions]
    text.table(("CONDITION", "STATUS", "REASON", "MESSAGE"), rows)


def _status(rsp: fnv1.RunFunctionResponse) -> None:
    """Print the other fields of the VCluster's status."""
    status = crossplane.status(rsp)
    rows = [("BLOCKED BY", status["blockedBy"] or "nothing")]
    if status["kubernetesVersion"]:
        running = f"Kubernetes {status['kubernetesVersion']}, chart {status['chartVersion']}"
        rows.append(("RUNNING", running))
    if status["rancher"]["url"]:
        rows.append(("RANCHER", status["rancher"]["url"]))
    ttl = f"{rsp.meta.ttl.seconds} s, then Crossplane asks again"
    text.table(("TTL", ttl), rows)


def _desired(rsp: fnv1.RunFunctionResponse) -> None:
    """Print the desired Releases and Usages."""
    resources = rsp.desired.resources
    releases, usages = [], []
    for key in _in_order(resources):
        desired = crossplane.plain(resources[key])
        ready = crossplane.composed_ready(rsp, key)
        if desired["kind"] == release.KIND:
            releases.append((key, *_release(desired), ready))
        else:
            usages.append((key, *_usage(desired), ready))
    text.table(("RELEASE", "HELM RELEASE -> NAMESPACE", "CHART", "READY"), releases)
    if usages:
        text.table(("USAGE", "KEEPS", "WHILE THERE IS", "READY"), usages)


def _seen(held: fnv1.Resource) -> tuple[str, str, str]:
    """Return Helm's state of an observed resource, its condition Ready and its messages."""
    status = crossplane.plain(held)["status"]
    (ready,) = (c["status"] for c in status["conditions"] if c["type"] == "Ready")
    details = held.connection_details
    parts = [f"{key} {details[key].decode()}" for key in SHOWN_DETAILS if details.get(key)]
    parts += [f"{SECRET} ({len(details[SECRET])} bytes)"] if SECRET in details else []
    return status.get("atProvider", {}).get("state", "-"), ready, ", ".join(parts)


def _release(desired: Object) -> tuple[str, str]:
    provider = desired["spec"]["forProvider"]
    chart = provider["chart"]
    helm_release = desired["metadata"]["annotations"][release.EXTERNAL_NAME]
    return f"{helm_release} -> {provider['namespace']}", f"{chart['name']} {chart['version']}"


def _usage(desired: Object) -> tuple[str, str]:
    of, by = (desired["spec"][end]["resourceRef"]["name"] for end in ("of", "by"))
    return of, by


def _in_order(resources: Mapping[str, fnv1.Resource]) -> list[str]:
    """Return the keys in the order of their creation."""
    return [key for key in life.LIFE["ready"] if key in resources]
