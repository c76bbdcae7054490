"""The observed namespace on the host: condition NamespaceReady and the chart's refusals.

The chart checks the existing namespace, because only Helm reads the host. Its error begins with the
reason of the condition.
"""

import re
from collections.abc import Mapping

from function.k8s.fieldpath import Parts, get, mapping, text
from function.observed import release
from function.observed.state import Condition, ForeignRelease, ObservedRelease

KEY = "namespace"

VALUES: Parts = {
    "owner": {"uid": None, "controlPlane": None},
    "quota": None,
    "restoreFrom": None,
    "nap": None,
    "networkPolicy": {"backupPort": None},
    "authentication": {"config": None},
}
"""Chart values that are read."""

CONDITION = "NamespaceReady"

REASONS = ("DataRetained", "NothingToRestore", "RestoreRefused", "Terminating")
"""Reasons for which the chart refuses a namespace: the contract with `_retained.tpl`."""

OTHERS = ("DataRetained", "RestoreRefused")
"""Reasons of a namespace that belongs to another VCluster."""

_FAILURE = re.compile(rf"execution error at \([^)]*\): ({'|'.join(REASONS)}): (.+)")


def condition(
    observed: ObservedRelease | None,
    foreign: tuple[ForeignRelease, ...],
    *,
    is_unaffected: bool = False,
) -> Condition:
    """Return NamespaceReady, False while a foreign Release has our name.

    `is_unaffected`: a change that is not observed yet is known not to touch the namespace.
    """
    if observed is None and foreign:
        return _held_up(foreign)
    return rephrase(release.judge(CONDITION, observed, is_unaffected=is_unaffected))


def _held_up(foreign: tuple[ForeignRelease, ...]) -> Condition:
    names = ", ".join(f"{each.namespace}/{each.name}" for each in foreign)
    if all(each.terminating for each in foreign):
        message = (
            f"An earlier VCluster of this name is still being deleted (Release {names}). "
            "The new one is created as soon as it is gone."
        )
        return Condition(CONDITION, "False", "Terminating", message)
    message = (
        f"Release {names} exists and does not belong to this VCluster. "
        "Delete it, or create the VCluster under another name."
    )
    return Condition(CONDITION, "False", "NameTaken", message)


def rephrase(condition: Condition) -> Condition:
    """Return the condition with the chart's reason and message if Helm quotes them."""
    match = _FAILURE.search(condition.message)
    if not match:
        return condition
    return condition._replace(status="False", reason=match[1], message=match[2])


def nap(observed: ObservedRelease | None) -> str:
    """Return the sleep for which the Release requests that the tenant's pods are stopped."""
    return text(observed.values.get("nap")) if observed else ""


def backup_port(observed: ObservedRelease | None) -> object:
    """Return the port that is open for backups, or None."""
    return get(observed.values, "networkPolicy", "backupPort") if observed else None


def has_authentication(observed: ObservedRelease | None) -> bool:
    """Return whether the file of issuers is in the namespace, in any version."""
    if observed is None or release.judge(CONDITION, observed).status != "True":
        return False
    return bool(get(observed.values, "authentication", "config"))


def quota(observed: ObservedRelease | None) -> Mapping[str, object] | None:
    """Return the ResourceQuota in force, or None while it is unknown."""
    if observed is None or release.judge(CONDITION, observed).status != "True":
        return None
    return mapping(observed.values.get("quota"))
