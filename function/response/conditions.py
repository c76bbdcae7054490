"""Conditions, events on their changes, and the condition that blocks READY."""

from collections.abc import Mapping, Sequence

from function.api.errors import (
    LONGEST_SENTENCE,
    InvalidError,
    Refusal,
    Replacement,
    joined,
    shortened,
)
from function.observed import access, backup, rancher
from function.observed.release import NOT_CREATED
from function.observed.state import Condition
from function.response import upgrade
from function.response.response import Event

ACCEPTED = "Accepted"


def accepted(refusals: Sequence[Refusal | Replacement], note: str = "") -> Condition:
    """Return Accepted: False while part of the spec is refused."""
    if not refusals:
        return Condition(ACCEPTED, "True", "Accepted", note)
    return Condition(ACCEPTED, "False", "ChangeRefused", joined(refusals))


def invalid(error: InvalidError) -> Condition:
    """Return Accepted for a request that cannot be composed."""
    return Condition(ACCEPTED, "False", error.reason, str(error))


def for_reader(
    phases: Sequence[Condition], namespace: str
) -> tuple[tuple[Condition, ...], tuple[Condition, ...]]:
    """Return the conditions for their reader, and the originals of those with a replaced message.

    In scope Cluster the platform reads them. In a `namespace` of the control plane tenants do, and
    messages of Helm, provider-helm, Rancher and the host's API server may name addresses, accounts
    and objects of the host. Those messages stay in the Release, and are logged.
    """
    foreign = tuple(phase for phase in phases if namespace and _sentence(phase))
    shown = tuple(_in_our_words(phase) if phase in foreign else phase for phase in phases)
    return shown, foreign


def _in_our_words(phase: Condition) -> Condition:
    return phase._replace(message=f"{_sentence(phase)} {_WHERE}")


def _sentence(phase: Condition) -> str:
    """Return the sentence in place of a message that quotes other programs, or an empty text."""
    if phase.status == "False" and phase.reason not in _OURS and phase.type in _REPORTED:
        return _SENTENCES.get(phase.reason, _REPORTED[phase.type])
    return _SENTENCES.get(phase.reason, "")


def blocked_by(phases: Sequence[Condition]) -> str:
    """Return type and message of the first condition that is not True, or an empty text."""
    for phase in phases:
        if phase.status != "True":
            return f"{phase.type}: {phase.message or phase.reason}"
    return ""


def is_circuit_open(before: Mapping[str, tuple[str, str]]) -> bool:
    """Return whether Crossplane's circuit breaker drops events of this VCluster.

    It opens in the first seconds of most VClusters: it admits 100 events, and counts each change
    of the VCluster and of its composed resources twice. It closes with the first event after five
    minutes. https://github.com/crossplane/crossplane/tree/v2.3.4/internal/circuit
    """
    return before.get("Responsive", ("True", ""))[0] == "False"


def changes(
    conditions: Sequence[Condition], before: Mapping[str, tuple[str, str]]
) -> tuple[Event, ...]:
    """Return an event for each condition with a new status or reason.

    A condition of a new object, still Unknown, gets none: Kubernetes admits 25 events of an
    object, then one in five minutes, and Crossplane's own use up most of them.
    https://github.com/kubernetes/client-go/blob/v0.36.0/tools/record/events_cache.go
    """
    return tuple(
        Event(
            reason=condition.type,
            warning=condition.status == "False"
            and condition.reason not in _PASSING
            and (condition.reason in _WARNINGS or condition.type in _REPORTED),
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


_REPORTED = {
    backup.CONDITION: "The last backup failed.",
    access.CONDITION: "The login cannot be set up.",
}
"""Conditions that a Job reports with reasons of its own, and a sentence for each failure."""

_PASSING = frozenset({access.ENDING, access.ROTATING})
"""Reasons of a condition that is False and no failure."""

_OURS = _PASSING | {access.EXPIRES, backup.OVERDUE}
"""Reasons of such conditions whose message quotes no other program."""

_WHERE = "The platform team finds the cause in the log of the function."
_IMPORT = "The import into Rancher makes no progress."
_SENTENCES = {
    "InstallFailed": "It cannot be installed.",
    "ObservationFailed": "The host does not answer as expected; what runs there keeps running.",
    "ReleaseFailed": "Its installation or upgrade failed.",
    "UpdateFailed": "A change cannot be applied; what ran before still runs.",
    "AgentNotConnected": "Rancher's agent runs, but Rancher does not see it.",
    "BadManifest": _IMPORT,
    "KubernetesRefuses": _IMPORT,
    "KubernetesUnreachable": _IMPORT,
    "MissingRight": _IMPORT,
    "RancherRefuses": _IMPORT,
    backup.RESTORE_FAILED: "The restore from a backup failed.",
}
"""Messages for tenants in place of those that quote other programs."""

_NO_NEWS = frozenset(
    {
        ("Unknown", NOT_CREATED),
        ("Unknown", "Progressing"),
        ("Unknown", backup.NEVER_RUN),
        ("Unknown", access.PENDING),
        (rancher.WAITING.status, rancher.WAITING.reason),
    }
)
_EXPECTED = {upgrade.CONDITION: ("True", "UpToDate")}
"""First status and reason of a condition that cause no event."""

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
        backup.RESTORE_FAILED,
    }
)
