"""The observed virtual cluster: condition ControlPlaneReady, health and running versions.

Health comes from connection details: the provider's own Ready stays True when the pods die.
"""

from function.k8s.fieldpath import get
from function.observed import current, exposure, rollout, stamp
from function.observed.current import REPLICAS
from function.observed.release import judge
from function.observed.state import Condition, ObservedRelease

HA_REPLICAS = 3

HA_MINIMUM = 2
"""Healthy replicas that a highly available cluster needs: etcd's quorum."""

KEY = "vcluster"

CONDITION = "ControlPlaneReady"

CHART_LABEL = "chart"

KUBECONFIG = "kubeconfig"

GENERATION = "generation"

WORKLOAD = "workload"
"""Connection detail with the whole status of the workload."""

ETCD_GENERATION = "etcdGeneration"

ETCD_WORKLOAD = "etcdWorkload"

UNAVAILABLE = "Unavailable"
"""Reason of ControlPlaneReady while too few pods are available."""

UPDATING = Condition(
    CONDITION,
    "Unknown",
    "Updating",
    "The control plane is being changed. "
    "If this stays, look whether provider-helm runs, and at pods and events in its namespace.",
)


def condition(observed: ObservedRelease | None) -> Condition:
    """Return ControlPlaneReady: the control plane runs and its endpoint can be reached."""
    runs = _runs(observed)
    if runs.status != "True" or observed is None:
        return runs
    return exposure.condition(CONDITION, observed) or runs


def _runs(observed: ObservedRelease | None) -> Condition:
    """Return ControlPlaneReady without exposure: up to date, healthy, with a kubeconfig."""
    judged = judge(CONDITION, observed, is_unaffected=_runs_its_values(observed))
    if observed is None:
        return judged
    if judged.status != "True":
        return exposure.rephrase(judged, observed)
    unhealthy = health(observed)
    if unhealthy:
        return unhealthy
    if is_changing(observed):
        return UPDATING
    if not observed.has_kubeconfig:
        return judged._replace(
            status="False",
            reason="WaitingForKubeconfig",
            message="The control plane runs; its kubeconfig was not written yet.",
        )
    return judged


def is_settled(observed: ObservedRelease | None) -> bool:
    """Return whether every pod runs the versions of the Release, so that the next step is due.

    An upgrade does not wait for the exposure.
    """
    if observed is None or observed.deployed_version != observed.chart_version:
        return False
    named = current.named_kubernetes(observed.values)
    return (
        running_chart(observed) == observed.chart_version
        and named in ("", running_kubernetes(observed))
        and _runs(observed).status == "True"
        and is_complete(observed)
    )


def is_complete(observed: ObservedRelease) -> bool:
    """Return whether all pods, of etcd too, are available and of the newest template."""
    return rollout.is_complete(observed.details, GENERATION, WORKLOAD) and (
        not is_highly_available(observed)
        or rollout.is_complete(observed.details, ETCD_GENERATION, ETCD_WORKLOAD)
    )


def running_chart(observed: ObservedRelease | None) -> str:
    """Return the chart version of the workload, or an empty string while it is unknown."""
    if observed is None:
        return ""
    workload = stamp.parse(observed.details.get(stamp.DETAIL, ""))
    if workload:
        return workload.chart
    return observed.details.get(CHART_LABEL, "").removeprefix("vcluster-")


def running_kubernetes(observed: ObservedRelease | None) -> str:
    """Return the Kubernetes version of the workload, or an empty string while it is unknown."""
    return stamp.kubernetes_tag(observed.details) if observed else ""


def _runs_its_values(observed: ObservedRelease | None) -> bool:
    """Return whether the workload bears the stamp of the values, so that it stays as it is."""
    if observed is None or stamp.DETAIL not in observed.connection_keys:
        return False
    desired_stamp = stamp.annotation(observed.values)
    return bool(desired_stamp) and observed.details.get(stamp.DETAIL) == desired_stamp


def is_changing(observed: ObservedRelease) -> bool:
    """Return whether the workload or a pod predates the values."""
    desired_stamp = stamp.annotation(observed.values)
    return (
        observed.details.get(stamp.DETAIL, desired_stamp) != desired_stamp
        or rollout.is_under_way(observed.details, GENERATION, WORKLOAD)
        or rollout.is_under_way(observed.details, ETCD_GENERATION, ETCD_WORKLOAD)
    )


def is_highly_available(observed: ObservedRelease) -> bool:
    """Return whether the Release has an etcd of its own, by the details that it lists."""
    return ETCD_WORKLOAD in observed.connection_keys


def health(observed: ObservedRelease) -> Condition | None:
    """Return the condition of unhealthy pods, or None if enough are healthy."""
    if is_highly_available(observed):
        return _enough(observed, WORKLOAD, "control plane replicas", HA_MINIMUM) or _enough(
            observed, ETCD_WORKLOAD, "etcd members", HA_MINIMUM
        )
    return _enough(observed, WORKLOAD, "control plane replicas", 1)


def _enough(observed: ObservedRelease, key: str, what: str, needed: int) -> Condition | None:
    number = rollout.available(observed.details.get(key, ""))
    if number is None:
        message = f"The number of available {what} is not known yet."
        return Condition(CONDITION, "Unknown", "HealthUnknown", message)
    if number < needed:
        total = HA_REPLICAS if is_highly_available(observed) else 1
        message = (
            f"{number} of {total} {what} available, at least {needed} needed. "
            "If this stays, look at pods, volume claims and events in its namespace."
        )
        return Condition(CONDITION, "False", UNAVAILABLE, message)
    return None


def is_off(observed: ObservedRelease | None) -> bool:
    """Return whether the Release requests no replicas of the control plane."""
    return observed is not None and get(observed.values, *REPLICAS) == 0


def stopped_generation(observed: ObservedRelease | None) -> str:
    """Return the generation of a workload whose last pod is gone, etcd's too; empty before."""
    if observed is None or judge(CONDITION, observed).status != "True":
        return ""
    has_stopped = rollout.is_stopped(observed.details, GENERATION, WORKLOAD) and (
        not is_highly_available(observed)
        or rollout.is_stopped(observed.details, ETCD_GENERATION, ETCD_WORKLOAD)
    )
    return observed.details[GENERATION] if has_stopped else ""


def has_pods(observed: ObservedRelease | None) -> bool:
    """Return whether a workload is known to have pods, etcd's too."""
    return observed is not None and (
        rollout.has_pods(observed.details, WORKLOAD)
        or (is_highly_available(observed) and rollout.has_pods(observed.details, ETCD_WORKLOAD))
    )


def has_control_plane(observed: ObservedRelease | None) -> bool:
    """Return whether the workload of the control plane is known to have pods."""
    return observed is not None and rollout.has_pods(observed.details, WORKLOAD)


def was_healthy(observed: ObservedRelease | None) -> bool:
    """Return whether a kubeconfig exists: its entry stays once the pods were healthy."""
    return observed is not None and (
        KUBECONFIG in observed.connection_keys or health(observed) is None
    )
