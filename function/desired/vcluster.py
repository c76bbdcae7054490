"""The Release of the virtual cluster, with the official chart, and its connection details.

Health is read live from connection details: the provider's own Ready stays True when the pods die.
Each of them is a request to the host at every look, so one reads the whole status of a workload.
A detail of a missing object is an error, retried by the provider ever more slowly. So details join
in two steps: first those that exist right after the installation, then, once these are healthy,
the kubeconfig.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from function.api.input import Input
from function.api.names import connection_secret
from function.decision import deletion
from function.decision.resolve import ResolvedSpec
from function.desired import exposure
from function.desired.release import Chart, Detail, build_release
from function.k8s.helm_values import Values
from function.observed import rollout, stamp
from function.observed.release import judge
from function.observed.state import ObservedRelease
from function.observed.vcluster import (
    CHART_LABEL,
    CONDITION,
    ETCD_GENERATION,
    ETCD_WORKLOAD,
    GENERATION,
    KUBECONFIG,
    WORKLOAD,
    health,
    was_healthy,
)

UPGRADE_ATTEMPTS = 3
"""Further attempts at a failed upgrade. Without a bound the control plane would keep restarting."""


def desired(
    spec: ResolvedSpec,
    config: Input,
    values: Mapping[str, object],
    observed: ObservedRelease | None,
    *,
    is_restored: bool = False,
) -> dict[str, Any]:
    """Return the Release of the virtual cluster with the given chart values.

    `is_restored` is true if its data is of a backup, also before it has run.
    """
    names = spec.names
    offer = config.vcluster.chart
    return build_release(
        name=names.vcluster_release,
        external_name=names.release,
        namespace=names.home,
        target_namespace=names.namespace,
        provider_config=spec.host.provider_config,
        chart=Chart(
            repository=offer.repository,
            name=offer.name,
            version=spec.chart,
            digest=offer.digests.get(spec.chart),
            pull_secret=offer.pullSecret,
        ),
        values=values if spec.frozen is not None else _stamped(values, spec.chart, observed),
        rollback_limit=deletion.rollback_limit(
            observed,
            is_proven=deletion.is_takeover(spec) or is_restored or was_healthy(observed),
            attempts=UPGRADE_ATTEMPTS + spec.retries,
        ),
        details=_details(spec, config, observed),
        connection_secret=connection_secret(names.vcluster_release),
    )


def _details(
    spec: ResolvedSpec, config: Input, observed: ObservedRelease | None
) -> tuple[Detail, ...]:
    """Return the connection details; the kubeconfig joins once the pods are healthy.

    An entry once added stays: its removal would remove the kubeconfig from the Secret.
    """
    names = spec.names
    kind, _ = _workload(spec)
    is_healthy = observed is not None and health(observed) is None
    is_up = is_healthy and judge(CONDITION, observed).status == "True"
    details = [
        *_installed(spec, observed, is_up=is_up),
        *_rollout(GENERATION, WORKLOAD, kind, names.release),
    ]
    if spec.highly_available:
        details += _rollout(ETCD_GENERATION, ETCD_WORKLOAD, "StatefulSet", names.etcd)
    if was_healthy(observed):
        details.append(Detail(KUBECONFIG, "v1", "Secret", names.kubeconfig_secret, "data.config"))
    exposed = exposure.details(spec.exposure, names, config.expose, observed, is_up=is_up)
    return (*details, *exposed)


def _installed(
    spec: ResolvedSpec, observed: ObservedRelease | None, *, is_up: bool
) -> Iterator[Detail]:
    """Yield the details of the running versions: the stamp, or the sources of a workload without.

    Reading a missing stamp would block the upgrade that adds it.
    """
    kind, name = _workload(spec)
    if _bears_stamp(spec, observed, is_up=is_up):
        where = f"metadata.annotations[{stamp.ANNOTATION}]"
        yield Detail(stamp.DETAIL, "apps/v1", kind, name, where)
        return
    containers = "spec.template.spec.initContainers"
    yield Detail(CHART_LABEL, "apps/v1", kind, name, "metadata.labels.chart")
    yield Detail(stamp.CONTAINERS_DETAIL, "apps/v1", kind, name, containers)


def _bears_stamp(spec: ResolvedSpec, observed: ObservedRelease | None, *, is_up: bool) -> bool:
    """Return whether the workload has a stamp, or gets one by its installation.

    A restored cluster may be installed over a workload that predates the stamp.
    """
    if spec.frozen is not None:
        return False
    if observed is None:
        return not spec.restore_from
    has_it = is_up and bool(stamp.annotation(observed.values))
    return stamp.DETAIL in observed.connection_keys or has_it


def _workload(spec: ResolvedSpec) -> tuple[str, str]:
    """Return kind and name of the control plane's workload."""
    return "Deployment" if spec.highly_available else "StatefulSet", spec.names.release


def _stamped(values: Mapping[str, object], chart: str, observed: ObservedRelease | None) -> Values:
    return rollout.stamped(values, chart, observed.values if observed else None)


def _rollout(generation: str, status: str, kind: str, name: str) -> tuple[Detail, Detail]:
    """Return the details of a rollout; the status changes last, so it is read last."""
    return (
        Detail(generation, "apps/v1", kind, name, "metadata.generation"),
        Detail(status, "apps/v1", kind, name, "status"),
    )
