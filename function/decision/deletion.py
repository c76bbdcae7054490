"""Earned deletion: decide which Releases may delete on the host.

A Release gets the management policy Delete once NamespaceReady was True for this UID, and keeps it.
No other condition proves whose the namespace is: an outage, or a reason that replaces an earlier
one, does not. The same proof decides whether a failed installation may be uninstalled.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from function.decision.resolve import ResolvedSpec
from function.k8s.fieldpath import get
from function.observed import namespace
from function.observed.state import Condition, ObservedRelease

UNLIMITED = 2147483647
"""Rollback limit that never stops the repair of a failed first installation."""


ALL = ("*",)
WITHOUT_DELETE = ("Observe", "Create", "Update")
"""Management policies of a Release that deletes nothing on the host.

https://docs.crossplane.io/latest/managed-resources/managed-resources/#managementpolicies."""

_UNFINISHED = frozenset({"failed", "pending-install", "pending-upgrade", "pending-rollback"})
"""States of a Helm release that provider-helm repairs."""


@dataclass(frozen=True)
class Tenure:
    """Ownership of the namespace on the host."""

    is_earned: bool
    """True if it was ready for this UID."""
    is_refused: bool
    """True if it belongs to another VCluster."""

    def allow(
        self, resource: Mapping[str, Any], observed: ObservedRelease | None
    ) -> dict[str, Any]:
        """Return a Release with its management policies; an earned Delete stays."""
        had = observed is not None and observed.may_delete and not self.is_refused
        policies = ALL if self.is_earned or had else WITHOUT_DELETE
        return {**resource, "spec": {**resource["spec"], "managementPolicies": [*policies]}}


def tenure(observed: ObservedRelease | None, condition: Condition, uid: str) -> Tenure:
    """Return the ownership of the namespace, by its Release and NamespaceReady."""
    is_refused = condition.reason in namespace.OTHERS
    if observed is None or is_refused:
        return Tenure(is_earned=False, is_refused=is_refused)
    is_ready = condition.status == "True" and get(observed.values, "owner", "uid") == uid
    return Tenure(is_earned=is_ready or observed.may_delete, is_refused=False)


def is_takeover(spec: ResolvedSpec) -> bool:
    """Return whether the virtual cluster or its data may have existed before the Releases."""
    return spec.names.adopted or bool(spec.restore_from)


def rollback_limit(
    observed: ObservedRelease | None, *, is_proven: bool, attempts: int = UNLIMITED
) -> int:
    """Return the rollback limit: the repairs that provider-helm may attempt after a failure.

    provider-helm repairs a first revision by uninstalling it, which suits a workload that never
    ran. If Helm lost its record, the next installation is a first revision as well. So the limit is
    0 before a failure, and stays 0 if the workload is proven to have run or the data is older: the
    volume of a restored virtual cluster is deleted with its workload.
    """
    if observed is None or observed.state not in _UNFINISHED:
        return 0
    if observed.revision > 1:
        return attempts
    return 0 if is_proven else UNLIMITED
