"""Decide how soon provider-helm looks at a Release again, from what was observed of it.

An annotation of the Release has the interval. Its change alone makes provider-helm look once;
before version 1.4 it looks by its `--poll` afterwards.
"""

from collections.abc import Mapping
from typing import Any, Literal

from function.api.input import Polling
from function.observed import rancher, vcluster
from function.observed.state import Condition, ObservedRelease

ANNOTATION = "crossplane.io/poll-interval"

Stage = Literal["Awaited", "Failing", "Settled"]
"""Awaited: a step of ours is under way. Failing: it takes a person, or the end of an outage."""

_AWAITED = frozenset(
    {
        "HealthUnknown",
        "Importing",
        "NoState",
        "NotCreated",
        "Pending",
        "Progressing",
        "Updating",
        "WaitingForAddress",
        "WaitingForKubeconfig",
    }
)
"""Reasons of a condition that changes by itself soon."""

_IMPORTING = ("Pending", "Importing", "Registered")
"""Phases of an import that is under way; its reasons are its own."""


def stage(key: str, condition: Condition, observed: ObservedRelease | None) -> Stage:
    """Return the stage of a Release by its condition.

    An outage of a host or of a Rancher shows in very many Releases at once, so none of them is
    looked at more often by it.
    """
    if observed is None:
        return "Awaited"
    if condition.status == "True":
        return "Settled" if key != vcluster.KEY or vcluster.is_complete(observed) else "Failing"
    if condition.reason in _AWAITED:
        return "Awaited"
    if key == vcluster.KEY and condition.reason == vcluster.UNAVAILABLE:
        is_starting = vcluster.KUBECONFIG not in observed.connection_keys
        return "Awaited" if is_starting or vcluster.is_changing(observed) else "Failing"
    if key == rancher.KEY and rancher.state_of(observed).get("phase") in _IMPORTING:
        return "Awaited"
    return "Failing"


def waiting(stages: Mapping[str, Stage]) -> dict[str, Stage]:
    """Return the stages; an import that waits for a failing control plane fails with it."""
    is_waiting = stages.get(rancher.KEY) == "Awaited" and stages.get(vcluster.KEY) == "Failing"
    return {**stages, rancher.KEY: "Failing"} if is_waiting else dict(stages)


def annotated(resource: Mapping[str, Any], key: str, at: Stage, polling: Polling) -> dict[str, Any]:
    """Return a Release with its interval."""
    metadata = resource["metadata"]
    annotations = {**metadata["annotations"], ANNOTATION: _interval(key, at, polling)}
    return {**resource, "metadata": {**metadata, "annotations": annotations}}


def _interval(key: str, at: Stage, polling: Polling) -> str:
    if at == "Settled":
        return str(getattr(polling.settled, key))
    return polling.awaited if at == "Awaited" else polling.failing
