"""Simulate the observed state after a successful step of a plan."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from function.commands.plan import simulated_host
from function.observed import parse, usages
from function.observed.state import ObservedRelease, ObservedUsage, Request
from function.response.response import Response


def following(request: Request, answer: Response) -> Request:
    """Return the next request, after all of the response was applied and became ready."""
    before = parse.releases(request.observed)
    desired = {key: composed.resource for key, composed in answer.resources.items()}
    composite = {**request.composite, "status": answer.status or {}}
    return replace(
        request,
        composite=composite,
        observed=parse.parse_observed(
            lambda key: _release(desired.get(key), before.get(key)),
            {key: ObservedUsage(ready=True) for key in usages.KEYS if key in desired},
        ),
    )


def _release(
    resource: Mapping[str, Any] | None, before: ObservedRelease | None
) -> ObservedRelease | None:
    if resource is None:
        return None
    report = replace(
        simulated_host.remembered(before.details if before else {}),
        revision=max(before.revision if before else 0, 1),
    )
    status = simulated_host.release_status(resource, report)
    details = simulated_host.connection_details(resource, report)
    return parse.parse_release(
        {**resource, "status": status}, {key: text.encode() for key, text in details.items()}
    )
