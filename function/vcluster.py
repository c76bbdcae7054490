"""The virtual cluster: the Release of the official chart, and whether a customer can use it.

Health is read live, by connection details: the provider's own Ready stays True when the pods die.
They come in two steps, because a detail that does not exist yet is an error that the provider
retries ever more slowly: first what exists as soon as the chart is installed, then, once that
says healthy, the kubeconfig.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from function import exposure, rollout, running
from function.models.input import Input
from function.names import connection_secret
from function.readiness import judge
from function.release import UNLIMITED, Chart, Detail, release
from function.state import Condition, ObservedRelease
from function.values import HA_MINIMUM, HA_REPLICAS
from function.wanted import Wanted

KEY = "vcluster"
CONDITION = "ControlPlaneReady"

AVAILABLE = "available"
ETCD_AVAILABLE = "etcdAvailable"
CHART_LABEL = "chart"
KUBERNETES_IMAGE = running.KUBERNETES_IMAGE
KUBECONFIG = "kubeconfig"
GENERATION = "generation"
WORKLOAD = "workload"
ETCD_GENERATION = "etcdGeneration"
ETCD_WORKLOAD = "etcdWorkload"
MARK = "values"
"""Of the values that what was looked at was installed with."""

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
    return release(
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
        values=values if wanted.frozen is not None else rollout.marked(values),
        rollback_limit=_rollback_limit(observed, wanted.retries),
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
    if judged.status != "True" or observed is None:
        return judged
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
    named = running.named_kubernetes(observed.values)
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
    return observed.details.get(CHART_LABEL, "").removeprefix("vcluster-") if observed else ""


def running_kubernetes(observed: ObservedRelease | None) -> str:
    """Return the Kubernetes version of the workload's image, or nothing while not known."""
    return running.image_tag(observed) if observed else ""


def _is_changing(observed: ObservedRelease) -> bool:
    """Tell whether what was looked at is older than the values, or a pod is."""
    asked = rollout.mark(observed.values)
    return (
        observed.details.get(MARK, asked) != asked
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


def _rollback_limit(observed: ObservedRelease | None, retries: int) -> int:
    """Return how often a failure is repaired: a first install always, an upgrade some times."""
    if observed is None or observed.revision <= 1:
        return UNLIMITED
    return UPGRADE_ATTEMPTS + retries


def _details(wanted: Wanted, config: Input, observed: ObservedRelease | None) -> tuple[Detail, ...]:
    """Return what is read from the host; the kubeconfig joins once the pods are healthy.

    An entry once added stays: taking it away would take the kubeconfig out of the Secret.
    """
    names = wanted.names
    kind = "Deployment" if wanted.highly_available else "StatefulSet"
    image = "spec.template.spec.initContainers[0].image"
    details = [
        Detail(CHART_LABEL, "apps/v1", kind, names.release, "metadata.labels.chart"),
        Detail(KUBERNETES_IMAGE, "apps/v1", kind, names.release, image),
    ]
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
    is_healthy = observed is not None and _health(observed) is None
    if is_healthy or (observed and WORKLOAD in observed.connection_keys):
        details += _rollout(GENERATION, WORKLOAD, kind, names.release)
        if wanted.highly_available:
            details += _rollout(ETCD_GENERATION, ETCD_WORKLOAD, "StatefulSet", names.etcd)
    if is_healthy or (observed and KUBECONFIG in observed.connection_keys):
        details.append(Detail(KUBECONFIG, "v1", "Secret", names.kubeconfig_secret, "data.config"))
    is_up = is_healthy and judge(CONDITION, observed).status == "True"
    if _bears_mark(wanted, observed, is_up=is_up):
        where = f"metadata.annotations[{rollout.ANNOTATION}]"
        details.append(Detail(MARK, "apps/v1", kind, names.release, where))
    way_in = exposure.details(wanted.exposure, names, config.expose, observed, is_up=is_up)
    return (*details, *way_in)


def _bears_mark(wanted: Wanted, observed: ObservedRelease | None, *, is_up: bool) -> bool:
    """Tell whether the workload has the mark: to read what is not there would block the upgrade."""
    if observed is None or wanted.frozen is not None:
        return False
    return MARK in observed.connection_keys or (is_up and bool(rollout.mark(observed.values)))


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
