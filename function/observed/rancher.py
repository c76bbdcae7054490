"""The observed import into Rancher: condition RancherConnected from the reported state."""

import re
from dataclasses import replace

from function.observed.release import judge
from function.observed.state import Condition, ObservedRelease

KEY = "rancher"

CONDITION = "RancherConnected"

PHASES = ("Pending", "Importing", "Registered", "Connected", "Lost", "Failed")

STATE_KEYS = (
    "phase",
    "reason",
    "message",
    "clusterName",
    "clusterId",
    "desiredInputs",
    "observedInputs",
)
"""Keys of the state ConfigMap: the contract with the chart and the import Job."""

_REASON = re.compile(r"[A-Za-z][A-Za-z0-9]{0,99}")


def condition(observed: ObservedRelease | None, inputs: str | None, *, enabled: bool) -> Condition:
    """Return RancherConnected.

    `inputs` is the digest to be imported with; None takes the one in the Release's values.
    """
    if not enabled:
        return _switched_off(observed)
    judged = judge(CONDITION, observed)
    if judged.status != "True" or observed is None:
        return judged
    state = observed.details
    wanted = observed.values.get("inputs") if inputs is None else inputs
    phase = state.get("phase", "")
    if phase not in PHASES:
        return replace(
            judged, status="Unknown", reason="NoState", message="The import has not reported yet."
        )
    if phase == "Connected" and state.get("observedInputs") != wanted:
        message = "The import runs again, because what it works on has changed."
        return replace(judged, status="False", reason="Importing", message=message)
    reason = state.get("reason", "")
    return replace(
        judged,
        status="True" if phase == "Connected" else "False",
        reason=reason if _REASON.fullmatch(reason) else phase,
        message=state.get("message", ""),
    )


def _switched_off(observed: ObservedRelease | None) -> Condition:
    if observed is None:
        message = "The import into Rancher is switched off."
        return Condition(CONDITION, "False", "Disabled", message)
    message = f"Release {observed.namespace}/{observed.name} takes the cluster out of Rancher."
    return Condition(CONDITION, "False", "Deregistering", message)
