"""The values of the official vcluster chart, built from layers.

Six layers, each overriding the one before: base, the Input's values, the plan, the spec, the
tenant's own values, the Input's enforced values. The table of `decided_values` lists the values
that only the function may write, and the lists that are joined instead of replaced. Images are
then replaced by their mirrors. Helm keeps nothing between upgrades, so the values are complete
every time. The chart's reference: https://www.vcluster.com/docs/vcluster/configure/vcluster-yaml/.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

from function.api import container_resources
from function.api.chart_value import ChartValue
from function.api.input import Input
from function.api.value_layers import plan_values
from function.api.written_values import JOINED, JOINED_ALONE
from function.decision.allowances import ETCD_LIMITS, ETCD_REQUESTS
from function.decision.exposure import NO_KUBELETS
from function.decision.resolve import ResolvedSpec
from function.desired import authentication, exposure, images
from function.k8s.fieldpath import get
from function.k8s.helm_values import Values, nested, overlaid
from function.observed.current import STARTUP_PROBE
from function.observed.vcluster import HA_MINIMUM, HA_REPLICAS

Layers = tuple[Mapping[str, object], ...]

OPEN_SOURCE = "loft-sh/vcluster-oss"
"""The control plane's repository: the chart's default refuses some keys without a licence."""

HA_COREDNS_REPLICAS = 2

_NO_ELECTION: Values = {
    "distro": {"k8s": {"controllerManager": {"extraArgs": ["--leader-elect=false"]}}}
}
"""A single controller manager that takes no lease: after a restart it would wait up to 20 s for the
end of its own earlier one, and no pod inside is made or replaced until then. The StatefulSet has at
most one pod at a time.
https://github.com/kubernetes/component-base/blob/v0.36.0/config/v1alpha1/defaults.go
"""

_WATCH_ENDPOINT_SLICES: Values = {
    "apiGroups": ["discovery.k8s.io"],
    "resources": ["endpointslices"],
    "verbs": ["get", "list", "watch"],
}

_EVERYWHERE: Values = {
    **NO_KUBELETS,
    "policies": {
        "resourceQuota": {"enabled": False},
        "limitRange": {"enabled": False},
        "networkPolicy": {"enabled": False},
    },
    "rbac": {"role": {"extraRules": [_WATCH_ENDPOINT_SLICES]}},
    "sync": {
        "toHost": {
            "pods": {"useSecretsForSATokens": True},
            "endpoints": {"enabled": False},
            "endpointSlices": {"enabled": False},
        }
    },
    "telemetry": {"enabled": False},
}
"""Values that are the same for all virtual clusters.

Quota, limits and network policies belong to the chart of the namespace: here every change would
restart the control plane. Endpoints written by a tenant could lead the host's ingress controller to
the pods and nodes of others (CVE-2021-25740); the host itself makes the endpoints of Services with
a selector. The syncer watches EndpointSlices even if it does not sync them, and does not start
without the right to do so:
https://github.com/loft-sh/vcluster/blob/v0.36.1/pkg/mappings/resources/register.go.
"""


def build_chart_values(effective: ResolvedSpec, config: Input) -> Values:
    """Return the complete values of the chart.

    Mirrors are no layer: they apply to the images of every layer. An adopted cluster keeps the
    values of its installation.
    """
    if effective.frozen is not None:
        return dict(effective.frozen)
    base, spec = _base(effective, config.pullSecret), _spec(effective)
    exposed = exposure.values(effective.exposure, effective.names, config.expose)
    below, above = config.vcluster.values, config.vcluster.enforcedValues
    plan = plan_values(effective.plan)
    layered = overlaid(base, below, plan, spec, exposed, effective.values, above)
    written = overlaid(below, plan, effective.values, above)
    rows = JOINED if effective.authenticates else JOINED_ALONE
    theirs = (below, effective.values, above)
    joined = _joined(layered, rows, ours=(base, spec, exposed), theirs=theirs)
    followed = container_resources.following(layered, written)
    changed = (nested(keys, value) for keys, value in chain(joined, followed))
    return images.mapped(overlaid(layered, *changed), config.registries, effective.kubernetes)


def _joined(
    layered: Values, rows: Iterable[ChartValue], *, ours: Layers, theirs: Layers
) -> Iterator[tuple[tuple[str, ...], object]]:
    """Yield the lists that are joined, each with the entries of all layers."""
    for row in rows:
        last = get(layered, *row.keys)
        if last is None or last is get(ours[0], *row.keys):
            continue  # no layer has the list, or only the lowest
        own, others = _lists(row, ours), _lists(row, theirs)
        if len(own) + len(others) > 1:
            yield row.keys, row.joined([*chain(*own)], [*chain(*others)])


def _lists(row: ChartValue, layers: Layers) -> list[list[object]]:
    values = (get(layer, *row.keys) for layer in layers if layer)
    return [value for value in values if isinstance(value, list)]


def _base(spec: ResolvedSpec, pull_secret: str | None) -> Values:
    """Return the values that every virtual cluster has.

    The certificate does not cover `<service>.svc` by itself.
    """
    names = spec.names
    secrets = [{"name": pull_secret}] if pull_secret else []
    always: Values = {
        "controlPlane": {
            "statefulSet": {
                "image": {"repository": OPEN_SOURCE},
                "resources": {
                    "requests": {"cpu": "200m", "memory": "256Mi"},
                    "limits": {"cpu": "2", "memory": "4Gi"},
                },
                **({"probes": {"startupProbe": {**STARTUP_PROBE}}} if spec.starts_quickly else {}),
            },
            "proxy": {"extraSANs": [names.service, f"{names.service}.cluster.local"]},
            "advanced": {
                "serviceAccount": {"imagePullSecrets": secrets},
                "workloadServiceAccount": {"imagePullSecrets": secrets},
            },
            "service": {"spec": {"type": "ClusterIP"}},
        },
        "exportKubeConfig": {"context": names.xr, "server": names.endpoint},
        **_EVERYWHERE,
    }
    return overlaid(always, authentication.MOUNT) if spec.authenticates else always


def _spec(spec: ResolvedSpec) -> Values:
    sync = spec.sync
    common: Values = {
        "controlPlane": {"distro": {"k8s": {"image": {"tag": f"v{spec.kubernetes}"}}}},
        "policies": {"podSecurityStandard": spec.pod_security},
        "sync": {
            "toHost": {
                "ingresses": {"enabled": sync["ingresses"]},
                "networkPolicies": {"enabled": sync["networkPolicies"]},
                "podDisruptionBudgets": {"enabled": sync["podDisruptionBudgets"]},
                "serviceAccounts": {"enabled": sync["serviceAccounts"]},
            },
            "fromHost": {
                "storageClasses": {"enabled": sync["storageClasses"]},
                "ingressClasses": {"enabled": sync["ingressClasses"]},
                "nodes": {"selector": {"labels": spec.pool.labels}},
            },
        },
    }
    return overlaid(
        common,
        _highly_available(spec) if spec.highly_available else _single(spec),
        _retained(spec),
        _pool(spec),
    )


def _single(spec: ResolvedSpec) -> Values:
    """Return one control plane, its embedded database on a volume of the StatefulSet."""
    return {
        "controlPlane": {
            "backingStore": {
                "database": {"embedded": {"enabled": True}},
                "etcd": {"deploy": {"enabled": False}},
            },
            "statefulSet": {
                "highAvailability": {"replicas": 1},
                "persistence": {"volumeClaim": _volume(spec)},
            },
            "coredns": {"deployment": {"replicas": 1}},
            "advanced": {"podDisruptionBudget": {"enabled": False}},
            **(_NO_ELECTION if spec.starts_quickly else {}),
        }
    }


def _highly_available(spec: ResolvedSpec) -> Values:
    """Return three control planes, a Deployment, and three etcd members with a volume each.

    Embedded etcd would need a licence. The limits are explicit, because the defaults of the
    namespace are too small for etcd.
    """
    release = spec.names.release
    return {
        "controlPlane": {
            "backingStore": {
                "database": {"embedded": {"enabled": False}},
                "etcd": {
                    "deploy": {
                        "enabled": True,
                        "statefulSet": {
                            "highAvailability": {"replicas": HA_REPLICAS},
                            "persistence": {"volumeClaim": _volume(spec)},
                            "resources": {
                                "requests": ETCD_REQUESTS,
                                "limits": ETCD_LIMITS,
                            },
                            "scheduling": _spread("vcluster-etcd", release),
                        },
                    }
                },
            },
            "statefulSet": {
                "highAvailability": {"replicas": HA_REPLICAS},
                "persistence": {"volumeClaim": {"enabled": False}},
                "scheduling": _spread("vcluster", release),
            },
            "coredns": {"deployment": {"replicas": HA_COREDNS_REPLICAS}},
            "advanced": {"podDisruptionBudget": {"enabled": True, "minAvailable": HA_MINIMUM}},
        }
    }


def _pool(spec: ResolvedSpec) -> Values:
    """Schedule pods to the pool's nodes; CoreDNS runs inside, so it is always scheduled there."""
    pool = spec.pool
    values: Values = {}
    if pool.tolerations:
        values["sync"] = {"toHost": {"pods": {"enforceTolerations": [*pool.tolerations]}}}
    if pool.controlPlane:
        workload = {
            "scheduling": {
                "nodeSelector": dict(pool.labels),
                "tolerations": [_toleration(taint) for taint in pool.tolerations],
            }
        }
        etcd: Values = {"backingStore": {"etcd": {"deploy": {"statefulSet": workload}}}}
        values["controlPlane"] = {
            "statefulSet": workload,
            **(etcd if spec.highly_available else {}),
        }
    return values


def _toleration(taint: str) -> Values:
    what, _, effect = taint.rpartition(":")
    key, has_value, value = what.partition("=")
    if has_value:
        return {"key": key, "operator": "Equal", "value": value, "effect": effect}
    return {"key": key, "operator": "Exists", "effect": effect}


def _volume(spec: ResolvedSpec) -> Values:
    policy = "Retain" if spec.retain else "Delete"
    volume: Values = {"enabled": True, "retentionPolicy": policy}
    if spec.storage.size:
        volume["size"] = spec.storage.size
    if spec.storage.storage_class:
        volume["storageClass"] = spec.storage.storage_class
    return volume


def _retained(spec: ResolvedSpec) -> Values:
    """Keep the Service: it owns the tenant's objects on the host, and its deletion deletes them.

    https://github.com/loft-sh/vcluster/blob/v0.36.1/pkg/util/translate/translate.go
    """
    if not spec.retain:
        return {}
    return {"controlPlane": {"service": {"annotations": {"helm.sh/resource-policy": "keep"}}}}


def _spread(app: str, release: str) -> Values:
    return {
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {"app": app, "release": release}},
            }
        ]
    }
