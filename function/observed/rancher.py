"""The observed import into Rancher: condition RancherConnected from the reported state."""

import functools
from collections.abc import Mapping

from function.k8s.fieldpath import Parts, document, get, words
from function.observed.release import NOT_CREATED, UPDATING, reason, shown
from function.observed.state import Condition, ObservedRelease

KEY = "rancher"

VALUES: Parts = {"inputs": None, "rancher": {"clusterName": None, "url": None}}
"""Chart values that are read."""

CONDITION = "RancherConnected"

SLEEPING = "Sleeping"
"""Phase of an import that the watcher leaves alone, until Rancher reaches the cluster again."""

PHASES = ("Pending", "Importing", "Registered", "Connected", "Lost", "Failed", SLEEPING)

REPORT = "report"
"""Key of the state ConfigMap with all that is read of an import, as one JSON document: the contract
with the chart, the import Job and the watcher."""

WRITERS = "stateManagedFields"
"""Connection detail that shows which keys a state ConfigMap of the release before has."""

STATE_KEYS = (
    "phase",
    "reason",
    "message",
    "clusterName",
    "clusterId",
    "desiredInputs",
    "observedInputs",
)
"""Connection details of a Release of the release before, which had one for each key."""

WAITING = Condition(
    CONDITION, "False", "WaitingForControlPlane", "The import begins once the control plane runs."
)
"""The condition until there is a control plane. Each step of an import that can only wait would be
another change of the VCluster, with several calls of the function."""

_PASSING = frozenset({NOT_CREATED, UPDATING, "Progressing"})
"""Reasons of a Release that passes through an installation."""

_NO_STATE: Mapping[str, str] = {}


def condition(
    observed: ObservedRelease | None, inputs: str | None, *, enabled: bool, can_begin: bool = True
) -> Condition:
    """Return RancherConnected.

    `inputs` is the digest to be imported with; None takes the one in the Release's values.
    `can_begin` is false while there is no control plane to import.
    """
    if not enabled:
        return _switched_off(observed)
    current = observed.values.get("inputs") if observed and inputs is None else inputs
    state = state_of(observed)
    reported = _reported(state, current)
    result = shown(reported, observed)
    has_begun = state.get("phase", "") not in ("", "Pending")
    if not can_begin and not has_begun and (result is reported or result.reason in _PASSING):
        return WAITING
    return result


def _reported(state: Mapping[str, str], inputs: object) -> Condition:
    """Return the condition that an import reports; `inputs` is the digest of the inputs."""
    phase = state.get("phase", "")
    if phase not in PHASES:
        return Condition(CONDITION, "Unknown", "NoState", "The import has not reported yet.")
    if phase == "Connected" and state.get("observedInputs") != inputs:
        message = "The import runs again, because what it works on has changed."
        return Condition(CONDITION, "False", "Importing", message)
    return Condition(
        CONDITION,
        "True" if phase == "Connected" else "False",
        reason(state.get("reason", ""), phase),
        state.get("message", ""),
    )


def state_of(observed: ObservedRelease | None) -> Mapping[str, str]:
    """Return the reported state: phase, reason, message, cluster's name and id, observed inputs.

    Only listed details count: the Secret keeps those of the past.
    """
    if observed is None:
        return _NO_STATE
    listed = observed.connection_keys & observed.details.keys()
    if REPORT in listed:
        return _read(observed.details[REPORT])
    return {key: observed.details[key] for key in STATE_KEYS if key in listed}


@functools.lru_cache(maxsize=16)
def _read(report: str) -> Mapping[str, str]:
    """Return the parts of a report, each as one line; without any if it is malformed."""
    plain = document(report)
    if plain is None:
        return _NO_STATE
    return {key: words(get(plain, key)) for key in STATE_KEYS}


def _switched_off(observed: ObservedRelease | None) -> Condition:
    if observed is None:
        message = "The import into Rancher is switched off."
        return Condition(CONDITION, "False", "Disabled", message)
    message = f"Release {observed.namespace}/{observed.name} takes the cluster out of Rancher."
    return Condition(CONDITION, "False", "Deregistering", message)
