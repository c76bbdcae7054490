"""The virtual cluster: the Release of the official chart, and whether a customer can use it.

Health is read live, by connection details: the provider's own Ready stays True when the pods die.
They come in two steps, because a detail that does not exist yet is an error that the provider
retries ever more slowly: first what exists as soon as the chart is installed, then, once that
says healthy, the kubeconfig.
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
    AVAILABLE,
    CHART_LABEL,
    CONDITION,
    ETCD_AVAILABLE,
    ETCD_GENERATION,
    ETCD_WORKLOAD,
    GENERATION,
    KUBECONFIG,
    WORKLOAD,
    _health,
    _was_healthy,
)

UPGRADE_ATTEMPTS = 3
"""Further attempts at a failed upgrade; endless ones would restart the control plane for ever."""


def desired(
    wanted: ResolvedSpec,
    config: Input,
    values: Mapping[str, object],
    observed: ObservedRelease | None,
) -> dict[str, Any]:
    """Return the Release, with the chart's values as `values` has them."""
    names = wanted.names
    offer = config.vcluster.chart
    return build_release(
        name=names.vcluster_release,
        external_name=names.release,
        home=names.home,
        target=names.namespace,
        provider_config=wanted.host.provider_config,
        chart=Chart(
            repository=offer.repository,
            name=offer.name,
            version=wanted.chart,
            digest=offer.digests.get(wanted.chart),
            pull_secret=offer.pullSecret,
        ),
        values=values if wanted.frozen is not None else _stamped(values, wanted.chart, observed),
        rollback_limit=deletion.rollback_limit(
            observed,
            is_proven=deletion.is_takeover(wanted) or _was_healthy(observed),
            attempts=UPGRADE_ATTEMPTS + wanted.retries,
        ),
        details=_details(wanted, config, observed),
        connection_secret=connection_secret(names.vcluster_release),
    )


def is_up_to_date(observed: ObservedRelease, resource: Mapping[str, Any]) -> bool:
    """Tell whether the observed Release already asks for what is desired now."""
    provider = resource["spec"]["forProvider"]
    values = provider["values"]
    return observed.chart_version == provider["chart"]["version"] and (
        observed.values == values or _contains(observed.values, values)
    )


def _details(
    wanted: ResolvedSpec, config: Input, observed: ObservedRelease | None
) -> tuple[Detail, ...]:
    """Return what is read from the host; the kubeconfig joins once the pods are healthy.

    An entry once added stays: taking it away would take the kubeconfig out of the Secret.
    """
    names = wanted.names
    kind, _ = _workload(wanted)
    is_healthy = observed is not None and _health(observed) is None
    is_up = is_healthy and judge(CONDITION, observed).status == "True"
    details = [*_installed(wanted, observed, is_up=is_up)]
    if wanted.highly_available:
        # A Deployment leaves status.availableReplicas out while it is 0.
        healthy, available = "status.currentHealthy", "status.availableReplicas"
        details += [
            Detail(AVAILABLE, "policy/v1", "PodDisruptionBudget", names.release, healthy),
            Detail(ETCD_AVAILABLE, "apps/v1", "StatefulSet", names.etcd, available),
        ]
    else:
        details.append(
            Detail(AVAILABLE, "apps/v1", kind, names.release, "status.availableReplicas")
        )
    if is_healthy or (observed and WORKLOAD in observed.connection_keys):
        details += _rollout(GENERATION, WORKLOAD, kind, names.release)
        if wanted.highly_available:
            details += _rollout(ETCD_GENERATION, ETCD_WORKLOAD, "StatefulSet", names.etcd)
    if _was_healthy(observed):
        details.append(Detail(KUBECONFIG, "v1", "Secret", names.kubeconfig_secret, "data.config"))
    way_in = exposure.details(wanted.exposure, names, config.expose, observed, is_up=is_up)
    return (*details, *way_in)


def _installed(
    wanted: ResolvedSpec, observed: ObservedRelease | None, *, is_up: bool
) -> Iterator[Detail]:
    """Yield what says which chart and Kubernetes run: the stamp, or what a workload without has.

    To read what is not there would block the upgrade that brings it.
    """
    kind, name = _workload(wanted)
    if _bears_stamp(wanted, observed, is_up=is_up):
        where = f"metadata.annotations[{stamp.ANNOTATION}]"
        yield Detail(stamp.DETAIL, "apps/v1", kind, name, where)
        return
    containers = "spec.template.spec.initContainers"
    yield Detail(CHART_LABEL, "apps/v1", kind, name, "metadata.labels.chart")
    yield Detail(stamp.CONTAINERS_DETAIL, "apps/v1", kind, name, containers)


def _bears_stamp(wanted: ResolvedSpec, observed: ObservedRelease | None, *, is_up: bool) -> bool:
    """Return whether the workload has a stamp, or gets one by its installation.

    What a restored cluster is installed over may be older than the stamp.
    """
    if wanted.frozen is not None:
        return False
    if observed is None:
        return not wanted.restore_from
    has_it = is_up and bool(stamp.annotation(observed.values))
    return stamp.DETAIL in observed.connection_keys or has_it


def _workload(wanted: ResolvedSpec) -> tuple[str, str]:
    """Return kind and name of the control plane's workload."""
    return "Deployment" if wanted.highly_available else "StatefulSet", wanted.names.release


def _stamped(values: Mapping[str, object], chart: str, observed: ObservedRelease | None) -> Values:
    return rollout.stamped(values, chart, observed.values if observed else None)


def _rollout(generation: str, status: str, kind: str, name: str) -> tuple[Detail, Detail]:
    """Return what tells whether all pods of a workload are new: what changes last is read last."""
    return (
        Detail(generation, "apps/v1", kind, name, "metadata.generation"),
        Detail(status, "apps/v1", kind, name, "status"),
    )


def _contains(observed: object, desired_value: object) -> bool:
    """Tell whether all that is desired is observed; what others added does not matter."""
    if isinstance(desired_value, dict):
        return isinstance(observed, dict) and all(
            key in observed and _contains(observed[key], value)
            for key, value in desired_value.items()
        )
    return observed == desired_value
