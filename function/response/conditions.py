"""What the user is told: conditions, events on a change, and what everything waits for."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from function.api.errors import (
    LONGEST_SENTENCE,
    InvalidError,
    Refusal,
    Replacement,
    joined,
    shortened,
)
from function.observed.release import NOT_CREATED
from function.observed.state import Condition
from function.response import upgrade
from function.response.response import Event

ACCEPTED = "Accepted"


def accepted(refusals: Sequence[Refusal | Replacement], note: str = "") -> Condition:
    """Return Accepted: False while part of the spec is not granted."""
    if not refusals:
        return Condition(ACCEPTED, "True", "Accepted", note)
    return Condition(ACCEPTED, "False", "ChangeRefused", joined(refusals))


def invalid(error: InvalidError) -> Condition:
    """Return Accepted for a request that cannot be composed."""
    return Condition(ACCEPTED, "False", error.reason, str(error))


def for_reader(
    phases: Sequence[Condition], namespace: str
) -> tuple[tuple[Condition, ...], tuple[Condition, ...]]:
    """Return the conditions as their reader may see them, and those whose words are kept from them.

    In scope Cluster the platform reads them. In a `namespace` of the control plane tenants do, and
    the words of Helm, provider-helm, Rancher and the host's API server name what is not theirs:
    addresses, accounts and objects of the host. They go to the log and stay in the Release.
    """
    foreign = tuple(phase for phase in phases if namespace and phase.reason in _SENTENCES)
    shown = tuple(_in_our_words(phase) if phase in foreign else phase for phase in phases)
    return shown, foreign


def _in_our_words(phase: Condition) -> Condition:
    return replace(phase, message=f"{_SENTENCES[phase.reason]} {_WHERE}")


def blocked_by(phases: Sequence[Condition]) -> str:
    """Return the first thing that is not ready, in words; empty if nothing is."""
    for phase in phases:
        if phase.status != "True":
            return f"{phase.type}: {phase.message or phase.reason}"
    return ""


def is_circuit_open(before: Mapping[str, tuple[str, str]]) -> bool:
    """Tell whether Crossplane's circuit breaker drops events of this VCluster.

    It opens in the first seconds of most: it lets 100 events through, and counts each change of
    the VCluster and of what it composes twice. Once open it closes with the first event after
    five minutes. https://github.com/crossplane/crossplane/tree/v2.3.4/internal/circuit
    """
    return before.get("Responsive", ("True", ""))[0] == "False"


def changes(
    conditions: Sequence[Condition], before: Mapping[str, tuple[str, str]]
) -> tuple[Event, ...]:
    """Return an event for each condition whose status or reason is not what it was.

    What is created and not known yet is no news: Kubernetes lets 25 events of an object through,
    then one in five minutes, and Crossplane's own take most.
    https://github.com/kubernetes/client-go/blob/v0.36.0/tools/record/events_cache.go
    """
    return tuple(
        Event(
            reason=condition.type,
            warning=condition.status == "False" and condition.reason in _WARNINGS,
            message=shortened(
                f"{condition.type} is {condition.status} ({condition.reason})"
                + (f": {condition.message}" if condition.message else ""),
                LONGEST_SENTENCE,
            ),
        )
        for condition in conditions
        if before.get(condition.type, _EXPECTED.get(condition.type))
        != (condition.status, condition.reason)
        and (condition.status, condition.reason) not in _NO_NEWS
    )


_WHERE = "The platform team finds the cause in the log of the function."
_IMPORT = "The import into Rancher does not get on."
_SENTENCES = {
    "InstallFailed": "It cannot be installed.",
    "ObservationFailed": "The host does not answer as expected; what runs there goes on.",
    "ReleaseFailed": "Its installation or upgrade failed.",
    "UpdateFailed": "A change cannot be applied; what ran before still runs.",
    "AgentNotConnected": "Rancher's agent runs, but Rancher does not see it.",
    "BadManifest": _IMPORT,
    "KubernetesRefuses": _IMPORT,
    "KubernetesUnreachable": _IMPORT,
    "MissingRight": _IMPORT,
    "RancherRefuses": _IMPORT,
}
"""Own sentences for the reasons whose messages have other programs' words."""

_NO_NEWS = frozenset({("Unknown", NOT_CREATED), ("Unknown", "Progressing")})
_EXPECTED = {upgrade.CONDITION: ("True", "UpToDate")}
"""What is no news of a condition that comes for the first time."""

_WARNINGS = frozenset(
    {
        "ChangeRefused",
        "DataRetained",
        "Failed",
        "InstallFailed",
        "NameTaken",
        "NothingToRestore",
        "PortRefused",
        "ReleaseFailed",
        "RestoreRefused",
        "UpgradeFailed",
    }
)
