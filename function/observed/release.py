"""Judge an observed Release: is it what was asked for, and what does Helm say?

provider-helm's own Ready is not enough: it stays True when an observation fails later, and it
says nothing of pods. Unknown is not False: it means that nobody knows.
"""

from function.observed.state import Condition, ObservedRelease

API_VERSION = "helm.m.crossplane.io/v1beta1"

KIND = "Release"

EXTERNAL_NAME = "crossplane.io/external-name"


NOT_CREATED = "NotCreated"

FAILURES = frozenset({"InstallFailed", "ReleaseFailed", "UpdateFailed"})
"""Reasons whose message has Helm's words on what went wrong."""

_VERBS = {
    "pending-install": "is being installed",
    "pending-upgrade": "is being upgraded",
    "pending-rollback": "is being rolled back",
    "uninstalling": "is being uninstalled",
    "uninstalled": "was uninstalled and is installed again",
}


def is_deployed(observed: ObservedRelease | None) -> bool:
    """Tell whether Helm has the release deployed, in whatever version."""
    return observed is not None and observed.state == "deployed"


def installed_instead(observed: ObservedRelease | None) -> str | None:
    """Return the chart version that is installed where Helm could not begin with the one asked for.

    Empty if none is; None if Helm has begun, or if nothing is said: after a restore a Release
    has no status.
    """
    if observed is None or observed.synced is None or observed.synced.status != "False":
        return None
    if observed.synced.message.startswith("create failed") and not observed.state:
        return ""
    is_old = observed.deployed_version not in ("", observed.chart_version)
    if observed.synced.message.startswith("update failed") and is_deployed(observed) and is_old:
        return observed.deployed_version
    return None


def judge(  # noqa: PLR0911  # a list of cases, one line each
    typ: str, observed: ObservedRelease | None
) -> Condition:
    """Return condition `typ`: True if the Release is deployed, up to date and observed.

    A message that names a failure carries Helm's own words.
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
    if _is_stale(observed):
        return Condition(typ, "Unknown", "Updating", f"{label} has changes not yet applied.")
    if observed.ready is None or synced is None or not observed.state:
        return unreported(typ, observed.namespace, observed.name)
    if observed.ready.status != "True" or not is_deployed(observed):
        return Condition(typ, "False", "Progressing", f"{label} is not deployed yet.")
    return Condition(typ, "True", "Available")


def unreported(typ: str, namespace: str, name: str) -> Condition:
    """Return condition `typ` of a Release of which nothing is known but that it is asked for.

    It is one condition from the creation to Helm's first word, because Crossplane reads what it
    wrote a moment ago with delay: several would follow each other back and forth, and each change
    of the VCluster counts towards the limit at which Crossplane stops to listen.
    """
    message = (
        f"{KIND} {namespace}/{name} is not deployed yet. "
        "If this stays, look whether provider-helm runs."
    )
    return Condition(typ, "Unknown", "Progressing", message)


def _out_of_sync(typ: str, observed: ObservedRelease, words: str) -> Condition:
    """Tell a failed action, of which Helm's words speak, from a failed look.

    What was deployed before still runs, so its condition is Unknown in both cases.
    """
    message = observed.synced.message if observed.synced else ""
    acted = message.startswith(("create failed", "update failed"))
    if acted and not is_deployed(observed):
        return Condition(typ, "False", "InstallFailed", words)
    return Condition(typ, "Unknown", "UpdateFailed" if acted else "ObservationFailed", words)


def _is_stale(observed: ObservedRelease) -> bool:
    """Tell whether the provider has not yet looked at the newest spec."""
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
