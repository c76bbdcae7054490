"""What a call did, for logs and metrics: bounded words, and nothing that may be secret."""

from dataclasses import dataclass

from function.k8s.fieldpath import mapping, text
from function.observed import namespace as observed_namespace
from function.observed import parse, rancher, vcluster
from function.observed.state import ObservedRelease, Request
from function.response.response import Composed, Response
from function.response.upgrade import CONDITION as UPGRADED

READY = "ready"
REFUSED = "refused"
PHASES = (REFUSED, "namespace", "control plane", "rancher", READY)
"""How far a VCluster is: what is not ready yet, in the order in which it comes up."""

REASONS = ("Accepted", "ChangeRefused", "InvalidInput", "InvalidSpec", "InternalError")
"""Reasons of condition Accepted."""

CONDITIONS = (
    "Accepted",
    observed_namespace.CONDITION,
    vcluster.CONDITION,
    rancher.CONDITION,
    UPGRADED,
)


@dataclass(frozen=True)
class Call:
    """A call that was answered."""

    name: str
    namespace: str
    uid: str
    result: str
    reason: str
    phase: str
    created: tuple[str, ...]
    """Keys of the composed resources that this answer makes."""
    changed: tuple[str, ...]
    """Keys of the Releases that this answer changes."""
    dropped: tuple[str, ...]
    """Keys of the composed resources that this answer deletes."""
    conditions: tuple[tuple[str, str, str], ...]
    """Type, status and reason of the conditions that changed."""
    withheld: tuple[tuple[str, str], ...]
    """Type and words of those of them whose words a tenant does not see."""
    created_at: str
    """When the VCluster was made, as Kubernetes writes it."""
    became_ready: bool


def outcome_of(request: Request, answer: Response, before: dict[str, tuple[str, str]]) -> Call:
    """Return what an answer does; `before` are status and reason of the conditions until now."""
    metadata = mapping(request.composite.get("metadata"))
    created, changed, dropped = _differences(request, answer)
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
            (found.type, found.status, found.reason)
            for found in answer.conditions
            if before.get(found.type) != (found.status, found.reason)
        ),
        withheld=tuple(
            (found.type, found.message)
            for found in answer.withheld
            if before.get(found.type) != (found.status, found.reason)
        ),
        created_at=text(metadata.get("creationTimestamp")),
        became_ready=answer.ready and before.get("Ready", ("", ""))[0] != "True",
    )


def _phase(answer: Response) -> str:
    if answer.fatal:
        return REFUSED
    if answer.ready:
        return READY
    phases = zip(PHASES[1:], answer.conditions[1:4], strict=False)
    return next((phase for phase, found in phases if found.status != "True"), "rancher")


def _differences(
    request: Request, answer: Response
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    if answer.fatal:
        return (), (), ()
    releases = parse.releases(request.observed)
    there = {*releases, *request.observed.usages}
    changed = (
        key
        for key, composed in answer.resources.items()
        if (seen := releases.get(key)) and _is_changed(seen, composed)
    )
    return (
        tuple(sorted({*answer.resources} - there)),
        tuple(sorted(changed)),
        tuple(sorted(there - {*answer.resources})),
    )


def _is_changed(seen: ObservedRelease, composed: Composed) -> bool:
    provider = composed.resource["spec"]["forProvider"]
    return bool(
        seen.chart_version != provider["chart"]["version"] or seen.values != provider["values"]
    )
