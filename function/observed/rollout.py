"""Whether what runs is what the values ask for, in every pod of a workload.

provider-helm looks before it upgrades, and then not again until its next poll: until then all that
comes back by connection details is of the values before. So the workload bears a stamp of what it
was installed with, which comes back with the rest.
"""

import functools
import re
from collections.abc import Mapping

from function.k8s.fieldpath import digest, get
from function.k8s.helm_values import Values, nested, overlaid, replace_at
from function.observed import current, stamp
from function.observed.stamp import Stamp

FORMER_PATH = ("controlPlane", "statefulSet", "annotations", "caas.telekom.de/values")
"""Where the values have the digest that came before the stamp."""

_NUMBER = re.compile(r"(?<=[\[ ])(\w+):(\d+)(?=[\] ])")
_REVISION = re.compile(r"(?<=[\[ ])(current|update)Revision:(\S+?)(?=[\] ])")


def stamped(
    values: Mapping[str, object], chart: str, observed: Mapping[str, object] | None = None
) -> Values:
    """Return the values with a stamp.

    Observed values that bear the former digest and nothing else that is new stay as they are:
    the chart restarts the control plane for every change.
    """
    if observed is not None and get(observed, *FORMER_PATH) and unstamped(observed) == values:
        return dict(observed)
    found = str(Stamp(chart, current.named_kubernetes(values), digest(values)))
    return overlaid(values, nested(stamp.PATH, found))


def unstamped(values: Mapping[str, object]) -> Mapping[str, object]:
    """Return the values as they were before they got a stamp."""
    for path in (stamp.PATH, FORMER_PATH):
        if get(values, *path) is not None:
            values = replace_at(values, path, {})
    return values


def is_complete(details: Mapping[str, str], generation: str, status: str) -> bool:
    """Tell whether the controller has seen the newest template, and all pods are of it and run.

    `generation` and `status` are the keys of the details. What `kubectl rollout status` asks:
    https://github.com/kubernetes/kubectl/blob/v0.36.0/pkg/polymorphichelpers/rollout_status.go
    """
    counts = _counts(details.get(status, ""))
    newest = details.get(generation, "")
    return (
        newest.isdecimal()
        and 0 < counts.get("replicas", 0) == counts.get("availableReplicas")
        and not is_under_way(details, generation, status)
    )


def is_under_way(details: Mapping[str, str], generation: str, status: str) -> bool:
    """Tell whether a pod is known not to be of the newest template, however many run."""
    return _is_behind(details.get(status, ""), details.get(generation, ""))


@functools.lru_cache(maxsize=16)
def _is_behind(told: str, newest: str) -> bool:
    if not told or not newest.isdecimal():
        return False
    counts = _counts(told)
    revisions = dict(_REVISION.findall(told))
    return (
        counts.get("observedGeneration", 0) < int(newest)
        or counts.get("updatedReplicas", 0) < counts.get("replicas", 0)
        or revisions.get("current") != revisions.get("update")
    )


def _counts(told: str) -> dict[str, int]:
    """Return the numbers of a workload's status.

    provider-helm v1.3.0 writes a map as Go's `fmt.Sprintf("%v")` does
    (pkg/controller/namespaced/release/observe.go, line 174).
    """
    return {key: int(number) for key, number in _NUMBER.findall(told)}
