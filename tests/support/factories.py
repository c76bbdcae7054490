"""Small builders that the tests of the core share."""

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import yaml

from function.api import validate
from function.api.input import Input
from function.api.validate import Composite
from function.api.xr import Spec
from function.decision import resolve as resolving
from function.decision.decision import Decision
from function.decision.quota import namespace_quota
from function.decision.resolve import ResolvedSpec
from function.desired.chart_values import build_chart_values
from function.observed import parse
from function.observed.current import Current
from function.observed.state import Condition, Observed, ObservedRelease
from tests.support.tools import FIXTURES

INPUT: dict[str, Any] = {
    "apiVersion": "vcluster.fn.caas.telekom.de/v1beta1",
    "kind": "Input",
    "vcluster": {
        "chart": {"versions": ["0.34.7", "0.35.3", "0.36.1"]},
        "kubernetes": {"versions": ["1.34.3", "1.35.0", "1.36.0"], "default": "1.35.0"},
    },
    "charts": {"repository": "oci://ghcr.io/example/charts", "version": "0.1.0"},
    "image": "ghcr.io/example/function-vcluster:0.1.0",
    "defaultPlan": "small",
    "plans": {"small": {}},
}
"""The least that a platform configures."""

RANCHER: dict[str, Any] = {
    "url": "https://rancher.example.org",
    "tokenSecret": {"name": "rancher-api", "key": "token"},
}
"""The least that `rancher` of the Input says."""

RELEASES = FIXTURES / "releases"
"""Releases recorded from provider-helm 1.3 with the official chart."""

CONTROL_PLANE: dict[str, Any] = {
    "controlPlane": {
        "statefulSet": {
            "resources": {
                "requests": {"cpu": "200m", "memory": "256Mi"},
                "limits": {"cpu": "1", "memory": "2Gi"},
            },
            "persistence": {"volumeClaim": {"size": "5Gi"}},
        }
    }
}
"""Values of the vcluster chart, as far as the quota depends on them."""


def changed(plain: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy with other values at the dotted paths."""
    result = copy.deepcopy(dict(plain))
    for path, value in changes.items():
        *above, last = path.split(".")
        place = result
        for key in above:
            place = place.setdefault(key, {})
        place[last] = copy.deepcopy(value)
    return result


def at(plain: Any, path: str) -> Any:
    """Return what is at the dotted path; a missing key is an error."""
    for key in path.split("."):
        plain = plain[key]
    return plain


def config(changes: Mapping[str, Any] | None = None) -> Input:
    """Return a checked Input with other values at the dotted paths."""
    return validate.platform_input(changed(INPUT, changes or {}))


def spec(**fields: Any) -> Spec:
    """Return a checked spec."""
    return Spec.model_validate(fields)


def vcluster(name: str = "kunde1", retries: int = 0, **fields: Any) -> Composite:
    """Return a checked VCluster with these fields in its spec."""
    return Composite(name, f"uid-of-{name}", retries, spec(**fields), {})


def in_namespace(namespace: str, asked: Composite) -> Composite:
    """Return a VCluster that a customer made in his namespace."""
    return replace(asked, namespace=namespace)


def wanted(
    asked: Composite | None = None, platform: Input | None = None, now: Current | None = None
) -> ResolvedSpec:
    """Return what a VCluster wants on a platform."""
    asked, platform = asked or vcluster(), platform or config()
    return resolving.resolve_spec(asked, platform, now, Observed())


def decided(
    asked: ResolvedSpec, platform: Input, values: Mapping[str, object] | None = None
) -> Decision:
    """Return the decision to give a VCluster what it wants, with these values of the chart."""
    rendered = build_chart_values(asked, platform) if values is None else dict(values)
    return Decision(
        composite=vcluster(),
        platform=platform,
        effective=asked,
        workload=asked,
        values=rendered,
        quota=namespace_quota(asked, platform, rendered),
        refusals=(),
        upgrade=None,
        settled=False,
    )


def deployed(**fields: Any) -> ObservedRelease:
    """Return a Release that is as it should be, with some fields otherwise."""
    healthy = {
        "name": "kunde1-vcluster",
        "namespace": "vcluster-system",
        "api_version": "helm.m.crossplane.io/v1beta1",
        "kind": "Release",
        "generation": 2,
        "observed_generation": 2,
        "provider_config": "default",
        "chart_version": "0.36.1",
        "deployed_version": "0.36.1",
        "state": "deployed",
        "revision": 1,
        "description": "Install complete",
        "ready": Condition("Ready", "True", "Available"),
        "synced": Condition("Synced", "True", "ReconcileSuccess"),
    }
    return ObservedRelease(**{**healthy, **fields})


def pods(available: int | str) -> str:
    """Return the status of a workload with this many available pods, as provider-helm writes it."""
    return f"map[availableReplicas:{available} collisionCount:0]"


def rolled_out(chart: str, replicas: int = 1) -> dict[str, str]:
    """Return the connection details of a workload of which all pods are new."""
    counts = f"availableReplicas:{replicas} observedGeneration:3 replicas:{replicas}"
    revisions = f"currentRevision:x-1 updateRevision:x-1 updatedReplicas:{replicas}"
    workload = {"generation": "3", "workload": f"map[{counts} {revisions}]"}
    return {"chart": f"vcluster-{chart}", **workload}


def recorded(name: str, details: Mapping[str, bytes] | None = None) -> ObservedRelease:
    """Return a Release that provider-helm really reported, with these connection details."""
    plain = yaml.safe_load((RELEASES / f"{name}.yaml").read_text())
    return parse.parse_release(plain, details or {})
