"""The virtual cluster as observed: its health, and the versions that run.

Health is read live, by connection details: the provider's own Ready stays True when the pods die.
"""

from dataclasses import replace

from function.observed import current, exposure, rollout, stamp
from function.observed.release import judge
from function.observed.state import Condition, ObservedRelease

HA_REPLICAS = 3

HA_MINIMUM = 2
"""Replicas that must be healthy for a highly available cluster to be usable: etcd's quorum."""

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
