"""Simulate the observed state after a successful step of a plan.

The report of a Release is derived from the Release itself, so it fits any composed Release.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from function.k8s.fieldpath import get
from function.observed import current, exposure, parse, stamp, usages, vcluster
from function.observed.state import ObservedRelease, ObservedUsage, Request
from function.response.response import Response

_CLUSTERS = "apiVersion: v1\nkind: Config\nclusters:\n- cluster:\n"


def following(request: Request, answer: Response) -> Request:
    """Return the next request, after all of the response was applied and became ready."""
    before = parse.releases(request.observed)
    desired = {key: composed.resource for key, composed in answer.resources.items()}
    composite = {**request.composite, "status": answer.status or {}}
    return replace(
        request,
        composite=composite,
        observed=parse.parse_observed(
            lambda key: _release(desired.get(key), before.get(key)),
            {key: ObservedUsage(ready=True) for key in usages.KEYS if key in desired},
        ),
    )


def _release(
    resource: Mapping[str, Any] | None, before: ObservedRelease | None
) -> ObservedRelease | None:
    if resource is None:
        return None
    provider = resource["spec"]["forProvider"]
    version = provider["chart"]["version"]
    condition = {"status": "True", "reason": "Available"}
    status = {
        "atProvider": {
            "state": "deployed",
            "version": version,
            "revision": max(before.revision if before else 0, 1),
        },
        "conditions": [{"type": "Ready", **condition}, {"type": "Synced", **condition}],
    }
    keys = [
        entry["toConnectionSecretKey"] for entry in resource["spec"].get("connectionDetails", ())
    ]
    report = reported(provider["values"], version, str(get(resource, "metadata", "name")))
    details = {key: report[key].encode() for key in keys if key in report}
    return parse.parse_release({**resource, "status": status}, details)


def reported(values: Mapping[str, object], version: str, release: str) -> dict[str, str]:
    """Return the connection details of a healthy installation with these values."""
    replicas = str(get(values, "controlPlane", "statefulSet", "highAvailability", "replicas") or 1)
    workload = (
        f"map[availableReplicas:{replicas} observedGeneration:1 replicas:{replicas} "
        f"updatedReplicas:{replicas}]"
    )
    inputs = str(get(values, "inputs") or "")
    server = exposure.running(values, release).server
    tag = current.named_kubernetes(values)
    return {
        vcluster.CHART_LABEL: f"vcluster-{version}",
        stamp.CONTAINERS_DETAIL: (
            f"[map[command:[cp] image:ghcr.io/loft-sh/kubernetes:{tag} name:kubernetes]]"
        ),
        vcluster.AVAILABLE: replicas,
        vcluster.ETCD_AVAILABLE: replicas,
        vcluster.GENERATION: "1",
        vcluster.WORKLOAD: workload,
        vcluster.ETCD_GENERATION: "1",
        vcluster.ETCD_WORKLOAD: workload,
        stamp.DETAIL: stamp.annotation(values),
        vcluster.KUBECONFIG: "there",
        exposure.KUBECONFIG: f"{_CLUSTERS}    server: {server}\n",
        exposure.SERVICE: "map[ingress:[map[ip:192.0.2.20]]]",
        exposure.INGRESS: "map[ingress:[map[ip:192.0.2.20]]]",
        exposure.ROUTE_WRITERS: "f:parents:",
        exposure.ROUTE: "[map[conditions:[map[ status:True type:Accepted]]]]",
        "phase": "Connected",
        "reason": "Connected",
        "clusterName": str(get(values, "rancher", "clusterName") or ""),
        "desiredInputs": inputs,
        "observedInputs": inputs,
    }
