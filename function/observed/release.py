"""Judge an observed Release by its generation, its conditions and Helm's state.

provider-helm's own Ready is not enough: it stays True when a later observation fails, and it does
not cover pods. Unknown means that there is no current observation.
"""

import re
from collections.abc import Mapping
from typing import Any

from function.observed.state import Condition, ObservedRelease

API_VERSION = "helm.m.crossplane.io/v1beta1"

KIND = "Release"

EXTERNAL_NAME = "crossplane.io/external-name"

INTERVAL = "crossplane.io/poll-interval"
"""Annotation with the interval of provider-helm's looks."""

NOT_CREATED = "NotCreated"

UPDATING = "Updating"

FAILURES = frozenset({"InstallFailed", "ReleaseFailed", "UpdateFailed"})
"""Reasons whose message quotes Helm's error."""

_REASON = re.compile(r"[A-Za-z][A-Za-z0-9]{0,99}")

_VERBS = {
    "pending-install": "is being installed",
    "pending-upgrade": "is being upgraded",
    "pending-rollback": "is being rolled back",
    "uninstalling": "is being uninstalled",
    "uninstalled": "was uninstalled and is installed again",
}


def is_deployed(observed: ObservedRelease | None) -> bool:
    """Return whether Helm has deployed the release, in any version."""
    return observed is not None and observed.state == "deployed"


def installed_instead(observed: ObservedRelease | None) -> str | None:
    """Return the installed chart version if Helm could not begin with that of the Release.

    Empty if none is installed; None if Helm has begun or the Release has no status, as after a
    restore.
    """
    if observed is None or observed.synced is None or observed.synced.status != "False":
        return None
    if observed.synced.message.startswith("create failed") and not observed.state:
        return ""
    is_old = observed.deployed_version not in ("", observed.chart_version)
    if observed.synced.message.startswith("update failed") and is_deployed(observed) and is_old:
        return observed.deployed_version
    return None


def detail(observed: ObservedRelease | None, key: str) -> str:
    """Return a requested connection detail; the Secret also holds those of the past."""
    if observed is None or key not in observed.connection_keys:
        return ""
    return observed.details.get(key, "")


def reason(reported: str, phase: str) -> str:
    """Return the reason that a program reports if a condition may have it, else its phase."""
    return reported if _REASON.fullmatch(reported) else phase


def shown(reported: Condition, observed: ObservedRelease | None) -> Condition:
    """Return the condition that a program reports, or that of its Release if that is not True.

    A failure of the Release may be why the program does nothing.
    """
    judged = judge(reported.type, observed, is_unaffected=reported.status == "True")
    return reported if judged.status == "True" else judged


def judge(  # noqa: PLR0911  # a list of cases, one line each
    typ: str, observed: ObservedRelease | None, *, is_unaffected: bool = False
) -> Condition:
    """Return condition `typ`: True if the Release is deployed, up to date and observed.

    `is_unaffected`: a change that is not observed yet, such as that of a list of details, is known
    not to touch what runs. The message of a failure quotes Helm.
    """
    if observed is None:
        return Condition(typ, "Unknown", NOT_CREATED, "Not created yet.")
    label = f"{KIND} {observed.namespace}/{observed.name}"
    if observed.terminating:
        return Condition(typ, "False", "Terminating", f"{label} is being deleted.")
    if observed.state == "failed":
        return Condition(typ, "False", "ReleaseFailed", f"{label}: {_failure(observed)}")
    if observed.state in _VERBS:
        return Condition(typ, "False", "Progressing", f"{label} {_VERBS[observed.state]}.")
    synced = observed.synced
    if synced and synced.status == "False":
        return _out_of_sync(typ, observed, f"{label}: {synced.message or synced.reason}")
    if _is_stale(observed) and not is_unaffected:
        return Condition(typ, "Unknown", UPDATING, f"{label} has changes not yet applied.")
    if observed.ready is None or synced is None or not observed.state:
        return unreported(typ, observed.namespace, observed.name)
    if observed.ready.status != "True" or not is_deployed(observed):
        return Condition(typ, "False", "Progressing", f"{label} is not deployed yet.")
    return Condition(typ, "True", "Available")


def unreported(typ: str, namespace: str, name: str) -> Condition:
    """Return condition `typ` of a Release without a status.

    It is one condition from the creation to Helm's first report. Crossplane reads its own writes
    with a delay, so several conditions would alternate, and each change of the VCluster counts
    towards Crossplane's circuit breaker.
    """
    message = (
        f"{KIND} {namespace}/{name} is not deployed yet. "
        "If this stays, look whether provider-helm runs."
    )
    return Condition(typ, "Unknown", "Progressing", message)


def _out_of_sync(typ: str, observed: ObservedRelease, words: str) -> Condition:
    """Return the condition of a failed action or observation.

    An earlier deployment still runs, so its condition is Unknown in both cases.
    """
    message = observed.synced.message if observed.synced else ""
    acted = message.startswith(("create failed", "update failed"))
    if acted and not is_deployed(observed):
        return Condition(typ, "False", "InstallFailed", words)
    return Condition(typ, "Unknown", "UpdateFailed" if acted else "ObservationFailed", words)


def _is_stale(observed: ObservedRelease) -> bool:
    """Return whether the provider has not yet observed the newest generation."""
    return (
        observed.generation is not None
        and observed.observed_generation is not None
        and observed.observed_generation < observed.generation
    )


def _failure(observed: ObservedRelease) -> str:
    words = observed.description
    if observed.synced and observed.synced.status == "False":
        words = observed.synced.message or words
    return words or "Helm gives no reason."


def is_up_to_date(observed: ObservedRelease, provider: Mapping[str, Any]) -> bool:
    """Return whether the Release requests the chart version and values of a `forProvider`."""
    values = provider["values"]
    return observed.chart_version == provider["chart"]["version"] and (
        observed.values == values or _contains(observed.values, values)
    )


def _contains(observed: object, desired_value: object) -> bool:
    """Return whether the observed value contains the desired one; additions do not matter."""
    if isinstance(desired_value, dict):
        return isinstance(observed, dict) and all(
            key in observed and _contains(observed[key], value)
            for key, value in desired_value.items()
        )
    return observed == desired_value
