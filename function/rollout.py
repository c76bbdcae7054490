"""Whether a workload has replaced all of its pods after a change.

Its status comes back by a connection detail, of which provider-helm v1.3.0 writes a map as Go's
`fmt.Sprintf("%v")` does (pkg/controller/namespaced/release/observe.go, line 174).
"""

import re
from collections.abc import Mapping

_NUMBER = re.compile(r"(?<=[\[ ])(\w+):(\d+)(?=[\] ])")
_REVISION = re.compile(r"(?<=[\[ ])(current|update)Revision:(\S+?)(?=[\] ])")


def is_complete(details: Mapping[str, str], generation: str, status: str) -> bool:
    """Tell whether the controller has seen the newest template, and all pods are of it.

    `generation` and `status` are the keys of the details. What `kubectl rollout status` asks:
    https://github.com/kubernetes/kubectl/blob/v0.36.0/pkg/polymorphichelpers/rollout_status.go
    """
    told = details.get(status, "")
    seen = {key: int(number) for key, number in _NUMBER.findall(told)}
    newest = details.get(generation, "")
    if not newest.isdecimal() or seen.get("observedGeneration", 0) < int(newest):
        return False
    revisions = dict(_REVISION.findall(told))
    return 0 < seen.get("replicas", 0) == seen.get("updatedReplicas") == seen.get(
        "availableReplicas"
    ) and revisions.get("current") == revisions.get("update")
