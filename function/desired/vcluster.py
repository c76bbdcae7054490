"""The virtual cluster: the Release of the official chart, and whether a customer can use it.

Health is read live, by connection details: the provider's own Ready stays True when the pods die.
They come in two steps, because a detail that does not exist yet is an error that the provider
retries ever more slowly: first what exists as soon as the chart is installed, then, once that
says healthy, the kubeconfig.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from function.api.input import Input
from function.api.names import connection_secret
from function.decision import deletion
from function.decision.resolve import Wanted
from function.desired import exposure
from function.desired.chart_values import HA_MINIMUM, HA_REPLICAS, Values
from function.desired.release import Chart, Detail, build_release
from function.observed import current, rollout, stamp
from function.observed.release import judge
from function.observed.state import Condition, ObservedRelease

KEY = "vcluster"
CONDITION = "ControlPlaneReady"

AVAILABLE = "available"
ETCD_AVAILABLE = "etcdAvailable"
CHART_LABEL = "chart"
KUBECONFIG = "kubeconfig"
GENERATION = "generation"
WORKLOAD = "workload"
ETCD_GENERATION = "etcdGeneration"
ETCD_WORKLOAD = "etcdWorkload"

UPDATING = Condition(
    CONDITION,
    "Unknown",
    "Updating",
    "The control plane is being changed. "
    "If this stays, look whether provider-helm runs, and at pods and events in its namespace.",
)

UPGRADE_ATTEMPTS = 3
"""Further attempts at a failed upgrade; endless ones would restart the control plane for ever."""


def desired(
    wanted: Wanted,
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


def condition(observed: ObservedRelease | None) -> Condition:
    """Return ControlPlaneReady: the control plane runs, and is reached where it shall be."""
    runs = _runs(observed)
    if runs.status != "True" or observed is None:
        return runs
    return exposure.condition(CONDITION, observed) or runs


def _runs(observed: ObservedRelease | None) -> Condition:
    """Return whether it is deployed, up to date, with enough healthy pods and a kubeconfig."""
    judged = judge(CONDITION, observed)
    if observed is None:
        return judged
    if judged.status != "True":
        return exposure.in_words(judged, observed)
    unhealthy = _health(observed)
    if unhealthy:
        return unhealthy
    if _is_changing(observed):
        return UPDATING
    if not observed.has_kubeconfig:
        return replace(
            judged,
            status="False",
            reason="WaitingForKubeconfig",
            message="The control plane runs; its kubeconfig was not written yet.",
        )
    return judged


def is_up_to_date(observed: ObservedRelease, resource: Mapping[str, Any]) -> bool:
    """Tell whether the observed Release already asks for what is desired now."""
    provider = resource["spec"]["forProvider"]
    values = provider["values"]
    return observed.chart_version == provider["chart"]["version"] and (
        observed.values == values or _contains(observed.values, values)
    )


def is_settled(observed: ObservedRelease | None) -> bool:
    """Tell whether all that is asked for runs, in every pod, so that the next step may come.

    The way in from outside is nothing that an upgrade waits for.
    """
    if observed is None or observed.deployed_version != observed.chart_version:
        return False
    named = current.named_kubernetes(observed.values)
    return (
        running_chart(observed) == observed.chart_version
        and named in ("", running_kubernetes(observed))
        and _runs(observed).status == "True"
        and rollout.is_complete(observed.details, GENERATION, WORKLOAD)
        and (
            ETCD_AVAILABLE not in observed.connection_keys
            or rollout.is_complete(observed.details, ETCD_GENERATION, ETCD_WORKLOAD)
        )
    )


def running_chart(observed: ObservedRelease | None) -> str:
    """Return the chart version that the workload bears, or nothing while it is not known."""
    if observed is None:
        return ""
    found = stamp.parse(observed.details.get(stamp.DETAIL, ""))
    return found.chart if found else observed.details.get(CHART_LABEL, "").removeprefix("vcluster-")


def running_kubernetes(observed: ObservedRelease | None) -> str:
    """Return the Kubernetes version of the workload's image, or nothing while not known."""
    return stamp.kubernetes_tag(observed.details) if observed else ""


def _is_changing(observed: ObservedRelease) -> bool:
    """Tell whether what was looked at is older than the values, or a pod is."""
    desired_stamp = stamp.annotation(observed.values)
    return (
        observed.details.get(stamp.DETAIL, desired_stamp) != desired_stamp
        or rollout.is_under_way(observed.details, GENERATION, WORKLOAD)
        or rollout.is_under_way(observed.details, ETCD_GENERATION, ETCD_WORKLOAD)
    )


def _health(observed: ObservedRelease) -> Condition | None:
    """Return what is wrong with the pods, or None if enough are healthy."""
    if ETCD_AVAILABLE in observed.connection_keys:
        return _enough(observed, AVAILABLE, "control plane replicas", HA_MINIMUM) or _enough(
            observed, ETCD_AVAILABLE, "etcd members", HA_MINIMUM
        )
    return _enough(observed, AVAILABLE, "control plane replicas", 1)


def _enough(observed: ObservedRelease, key: str, what: str, needed: int) -> Condition | None:
    text = observed.details.get(key, "")
    if not text.isdecimal():
        message = f"The number of available {what} is not known yet."
        return Condition(CONDITION, "Unknown", "HealthUnknown", message)
    if int(text) < needed:
        total = HA_REPLICAS if ETCD_AVAILABLE in observed.connection_keys else 1
        message = (
            f"{text} of {total} {what} available, at least {needed} needed. "
            "If this stays, look at pods, volume claims and events in its namespace."
        )
        return Condition(CONDITION, "False", "Unavailable", message)
    return None


def _was_healthy(observed: ObservedRelease | None) -> bool:
    """Return whether there is a kubeconfig to read: its entry stays once the pods were healthy."""
    return observed is not None and (
        KUBECONFIG in observed.connection_keys or _health(observed) is None
    )


def _details(wanted: Wanted, config: Input, observed: ObservedRelease | None) -> tuple[Detail, ...]:
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
    wanted: Wanted, observed: ObservedRelease | None, *, is_up: bool
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


def _bears_stamp(wanted: Wanted, observed: ObservedRelease | None, *, is_up: bool) -> bool:
    """Return whether the workload has a stamp, or gets one by its installation.

    What a restored cluster is installed over may be older than the stamp.
    """
    if wanted.frozen is not None:
        return False
    if observed is None:
        return not wanted.restore_from
    has_it = is_up and bool(stamp.annotation(observed.values))
    return stamp.DETAIL in observed.connection_keys or has_it


def _workload(wanted: Wanted) -> tuple[str, str]:
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
