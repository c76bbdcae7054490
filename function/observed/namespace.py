"""The namespace on the host as observed: its condition, in the words of the chart's refusals.

The chart looks at what is there, because only Helm sees the host. The word before its sentence is
the reason that the user gets.
"""

import re
from dataclasses import replace

from function.observed import release
from function.observed.state import Condition, ForeignRelease, ObservedRelease

KEY = "namespace"

CONDITION = "NamespaceReady"

REASONS = ("DataRetained", "NothingToRestore", "RestoreRefused", "Terminating")
"""Why the chart does not take a namespace: its contract with `_retained.tpl`."""

OTHERS = ("DataRetained", "RestoreRefused")
"""Reasons by which the namespace is another VCluster's."""

_FAILURE = re.compile(rf"execution error at \([^)]*\): ({'|'.join(REASONS)}): (.+)")


def condition(observed: ObservedRelease | None, strangers: tuple[ForeignRelease, ...]) -> Condition:
    """Return NamespaceReady. A Release under our name that is not ours holds everything up."""
    if observed is None and strangers:
        return _held_up(strangers)
    return in_words(release.judge(CONDITION, observed))


def _held_up(strangers: tuple[ForeignRelease, ...]) -> Condition:
    found = ", ".join(f"{s.namespace}/{s.name}" for s in strangers)
    if all(stranger.terminating for stranger in strangers):
        message = (
            f"An earlier VCluster of this name is still being deleted (Release {found}). "
            "The new one is created as soon as it is gone."
        )
        return Condition(CONDITION, "False", "Terminating", message)
    message = (
        f"Release {found} exists and does not belong to this VCluster. "
        "Delete it, or create the VCluster under another name."
    )
    return Condition(CONDITION, "False", "NameTaken", message)


def in_words(condition: Condition) -> Condition:
    """Return the chart's own reason and sentence where Helm quotes them, or the condition."""
    found = _FAILURE.search(condition.message)
    if not found:
        return condition
    return replace(condition, status="False", reason=found[1], message=found[2])
