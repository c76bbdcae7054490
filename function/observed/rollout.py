"""Rollout of a workload: stamp its values, and compare its pods with the newest template.

provider-helm reads connection details before it upgrades, then not again until its next poll. Until
then they belong to the former values. The stamp of the workload shows which values they belong to.
"""

import functools
import re
from collections.abc import Mapping

from function.k8s.fieldpath import digest, get
from function.k8s.helm_values import Values, nested, overlaid, replace_at
from function.observed import current, stamp
from function.observed.stamp import Stamp

FORMER_PATH = ("controlPlane", "statefulSet", "annotations", "caas.telekom.de/values")
"""Path of the former digest in the values, which the stamp replaces."""

MOST_STATUSES = 16
"""Size of the caches: the same status is read several times in a call."""

_AVAILABLE = re.compile(r"map\[(?:availableReplicas:(\d+)(?=[\] ]))?")
_NUMBER = re.compile(r"(?<=[\[ ])(\w+):(\d+)(?=[\] ])")
_REVISION = re.compile(r"(?<=[\[ ])(current|update)Revision:(\S+?)(?=[\] ])")


def stamped(
    values: Mapping[str, object], chart: str, observed: Mapping[str, object] | None = None
) -> Values:
    """Return the values with a stamp.

    Observed values that differ by the former digest only stay as they are: the chart restarts the
    control plane for every change.
    """
    if observed is not None and get(observed, *FORMER_PATH) and unstamped(observed) == values:
        return dict(observed)
    value = str(Stamp(chart, current.named_kubernetes(values), digest(values)))
    return overlaid(values, nested(stamp.PATH, value))


def unstamped(values: Mapping[str, object]) -> Mapping[str, object]:
    """Return the values without stamp and former digest."""
    for path in (stamp.PATH, FORMER_PATH):
        if get(values, *path) is not None:
            values = replace_at(values, path, {})
    return values


def available(status: str) -> int | None:
    """Return the number of available pods in a workload's status, or None while it is unknown.

    A Deployment omits the number while it is 0. It comes first, before any text.
    """
    match = _AVAILABLE.match(status)
    return int(match[1] or 0) if match else None


def is_complete(details: Mapping[str, str], generation: str, status: str) -> bool:
    """Return whether all pods are available and of the newest template.

    `generation` and `status` are keys of the details. The same rule as `kubectl rollout status`:
    https://github.com/kubernetes/kubectl/blob/v0.36.0/pkg/polymorphichelpers/rollout_status.go
    """
    return _is_complete(details.get(status, ""), details.get(generation, ""))


def is_under_way(details: Mapping[str, str], generation: str, status: str) -> bool:
    """Return whether a pod is known to be of a former template."""
    return _is_behind(details.get(status, ""), details.get(generation, ""))


@functools.lru_cache(maxsize=MOST_STATUSES)
def _is_complete(status: str, newest: str) -> bool:
    counts = _counts(status)
    return (
        newest.isdecimal()
        and 0 < counts.get("replicas", 0) == counts.get("availableReplicas")
        and not _is_behind(status, newest)
    )


@functools.lru_cache(maxsize=MOST_STATUSES)
def _is_behind(status: str, newest: str) -> bool:
    if not status or not newest.isdecimal():
        return False
    counts = _counts(status)
    revisions = dict(_REVISION.findall(status))
    return (
        counts.get("observedGeneration", 0) < int(newest)
        or counts.get("updatedReplicas", 0) < counts.get("replicas", 0)
        or revisions.get("current") != revisions.get("update")
    )


def is_stopped(details: Mapping[str, str], generation: str, status: str) -> bool:
    """Return whether the newest template is known to have no pods, by their status."""
    counts = _counts(details.get(status, ""))
    newest = details.get(generation, "")
    return (
        newest.isdecimal()
        and counts.get("observedGeneration", 0) >= int(newest)
        and not (counts.get("replicas") or counts.get("terminatingReplicas"))
    )


def has_pods(details: Mapping[str, str], status: str) -> bool:
    """Return whether a workload is known to have pods, by their status."""
    return _counts(details.get(status, "")).get("replicas", 0) > 0


def _counts(status: str) -> dict[str, int]:
    """Return the numbers of a workload's status.

    provider-helm v1.3.0 writes a map as Go's `fmt.Sprintf("%v")` does
    (pkg/controller/namespaced/release/observe.go, line 174).
    """
    return {key: int(number) for key, number in _NUMBER.findall(status)}
