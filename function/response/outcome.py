"""The outcome of a call for logs and metrics: bounded values, none of them secret."""

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from function.decision import power
from function.k8s.fieldpath import get, mapping, text
from function.observed import access, backup, parse, rancher, vcluster
from function.observed import namespace as observed_namespace
from function.observed.state import Condition, Request
from function.response.response import Response
from function.response.upgrade import CONDITION as UPGRADED

READY = "ready"
REFUSED = "refused"
ASLEEP = "asleep"
PHASES = (REFUSED, "namespace", "control plane", "rancher", READY, ASLEEP)
"""Phases of a VCluster, named after the first part that is not ready, in order of creation."""

BACKUPS = ("good", "failed", "overdue", "none")
"""States of the last backup of a VCluster that is to have some, by condition BackedUp."""

RESULTS = ("ok", "warning", "fatal")
"""Results of a call; a warning is an event or a refused field."""

REASONS = ("Accepted", "ChangeRefused", "InvalidInput", "InvalidSpec", "InternalError")
"""Reasons of condition Accepted."""

CONDITIONS = (
    "Accepted",
    observed_namespace.CONDITION,
    vcluster.CONDITION,
    rancher.CONDITION,
    backup.CONDITION,
    access.CONDITION,
    UPGRADED,
    power.CONDITION,
)


@dataclass(frozen=True)
class Call:
    """The outcome of a call."""

    name: str
    namespace: str
    uid: str
    result: str
    reason: str
    phase: str
    created: tuple[str, ...]
    """Keys of the composed resources that the response creates."""
    changed: tuple[str, ...]
    """Keys of the Releases that the response changes."""
    dropped: tuple[str, ...]
    """Keys of the composed resources that the response deletes."""
    conditions: tuple[tuple[str, str, str], ...]
    """Type, status and reason of the conditions that changed."""
    withheld: tuple[tuple[str, str], ...]
    """Type and message of changed conditions, if a tenant does not see the message."""
    created_at: str
    """Creation time of the VCluster, in the format of Kubernetes."""
    became_ready: bool
    pause: int
    """Seconds to the next call, if no event causes one before."""
    backup: str = ""
    """State of the last backup; empty without backups, asleep, or where nothing was judged."""
    certificate_end: str = ""
    """End of the first certificate to expire; empty where none is known, or asleep."""


def outcome_of(
    request: Request,
    answer: Response,
    before: dict[str, tuple[str, str]],
    changed: tuple[str, ...] = (),
) -> Call:
    """Return the outcome of a response.

    `before` are status and reason of the old conditions, `changed` the keys of the changed
    Releases.
    """
    metadata = mapping(request.composite.get("metadata"))
    created, dropped = _differences(request, answer)
    accepted = answer.conditions[0].reason if answer.conditions else ""
    warns = any(event.warning for event in answer.events) or accepted == "ChangeRefused"
    return Call(
        name=text(metadata.get("name")),
        namespace=text(metadata.get("namespace")),
        uid=text(metadata.get("uid")),
        result="fatal" if answer.fatal else "warning" if warns else "ok",
        reason=accepted if accepted in REASONS else "Other",
        phase=_phase(answer),
        created=created,
        changed=changed,
        dropped=dropped,
        conditions=tuple(
            (each.type, each.status, each.reason) for each in _new(answer.conditions, before)
        ),
        withheld=tuple((each.type, each.message) for each in _new(answer.withheld, before)),
        created_at=text(metadata.get("creationTimestamp")),
        became_ready=answer.ready and before.get("Ready", ("", ""))[0] != "True",
        pause=answer.pause,
        backup=_backup(answer),
        certificate_end=_certificate_end(answer),
    )


def _new(
    conditions: Iterable[Condition], before: dict[str, tuple[str, str]]
) -> Iterator[Condition]:
    """Yield the conditions whose status or reason changed."""
    return (each for each in conditions if before.get(each.type) != (each.status, each.reason))


def _backup(answer: Response) -> str:
    """Return the state of the last backup. A sleeping virtual cluster gets none, and lacks none."""
    condition = next((each for each in answer.conditions if each.type == backup.CONDITION), None)
    if condition is None or _phase(answer) == ASLEEP:
        return ""
    if condition.status == "False":
        return "overdue" if condition.reason == backup.OVERDUE else "failed"
    return "good" if condition.status == "True" else "none"


def _certificate_end(answer: Response) -> str:
    """Return the first end of a certificate. A sleeping virtual cluster renews them as it wakes."""
    if _phase(answer) == ASLEEP:
        return ""
    ends = mapping(get(answer.status, "access", "certificates")).values()
    return min(filter(None, map(text, ends)), key=dt.datetime.fromisoformat, default="")


def _phase(answer: Response) -> str:
    if answer.fatal:
        return REFUSED
    if answer.ready:
        return READY
    if any((c.type, c.reason) == (power.CONDITION, "Sleeping") for c in answer.conditions):
        return ASLEEP
    phases = zip(PHASES[1:], answer.conditions[1:4], strict=False)
    return next((phase for phase, condition in phases if condition.status != "True"), "rancher")


def _differences(request: Request, answer: Response) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the keys of the resources that are created, and of those that are deleted."""
    if answer.fatal:
        return (), ()
    there = {*parse.releases(request.observed), *request.observed.usages}
    return (
        tuple(sorted({*answer.resources} - there)),
        tuple(sorted(there - {*answer.resources})),
    )
