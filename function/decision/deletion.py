"""Decide what a VCluster may remove on the host.

A Release has the management policy Delete once NamespaceReady was True for this UID, and keeps it.
Any other condition gives nothing: an outage, or a reason that hides the one before, says nothing
of whose the namespace is. The same proof decides what a failed installation may remove.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from function.decision.resolve import ResolvedSpec
from function.k8s.fieldpath import get
from function.observed import namespace
from function.observed.state import Condition, ObservedRelease

UNLIMITED = 2147483647
"""Rollback limit under which a failed first install is repaired without end."""


ALL = ("*",)
KEPT = ("Observe", "Create", "Update")
"""Management policies of a Release whose deletion removes nothing on the host.

https://docs.crossplane.io/latest/managed-resources/managed-resources/#managementpolicies."""

_UNFINISHED = frozenset({"failed", "pending-install", "pending-upgrade", "pending-rollback"})
"""States of a Helm release that provider-helm repairs."""


@dataclass(frozen=True)
class Tenure:
    """Whether the namespace on the host is this VCluster's."""

    is_earned: bool
    """It was ready for this UID."""
    is_refused: bool
    """It is another VCluster's."""

    def allow(self, resource: Mapping[str, Any], seen: ObservedRelease | None) -> dict[str, Any]:
        """Return a Release with the policies that it may have: what it had is not taken away."""
        had = seen is not None and seen.may_delete and not self.is_refused
        policies = ALL if self.is_earned or had else KEPT
        return {**resource, "spec": {**resource["spec"], "managementPolicies": [*policies]}}


def tenure(seen: ObservedRelease | None, condition: Condition, uid: str) -> Tenure:
    """Return whose the namespace is, by its Release and NamespaceReady."""
    is_refused = condition.reason in namespace.OTHERS
    if seen is None or is_refused:
        return Tenure(is_earned=False, is_refused=is_refused)
    is_ready = condition.status == "True" and get(seen.values, "owner", "uid") == uid
    return Tenure(is_earned=is_ready or seen.may_delete, is_refused=False)


def is_takeover(wanted: ResolvedSpec) -> bool:
    """Return whether what the Releases install may have been on the host before them."""
    return wanted.names.adopted or bool(wanted.restore_from)


def rollback_limit(
    seen: ObservedRelease | None, *, is_proven: bool, attempts: int = UNLIMITED
) -> int:
    """Return how often provider-helm may repair a failure, while there is one.

    It repairs a first revision by uninstalling it, which is right for what never ran. Where Helm
    lost its record of what runs, the next installation is a first revision too: so the limit is 0
    until a failure is seen, and stays 0 where that would remove what is proven to have run, or
    data that was there before: the volume of a restored virtual cluster goes with its workload.
    """
    if seen is None or seen.state not in _UNFINISHED:
        return 0
    if seen.revision > 1:
        return attempts
    return 0 if is_proven else UNLIMITED
