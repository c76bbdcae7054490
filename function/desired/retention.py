"""Data that outlives its VCluster: what the namespace needs for it, and why a name is refused.

The chart of the namespace looks at what is there, because only Helm sees the host. The word
before its sentence is the reason that the user gets.
"""

import re
from dataclasses import replace
from typing import Any

from function.api.input import Input
from function.decision.resolve import Wanted
from function.k8s import image_reference
from function.observed.state import Condition

REASONS = ("DataRetained", "NothingToRestore", "RestoreRefused", "Terminating")
"""Why the chart does not take a namespace: its contract with `_retained.tpl`."""

OTHERS = ("DataRetained", "RestoreRefused")
"""Reasons by which the namespace is another VCluster's."""

_FAILURE = re.compile(rf"execution error at \([^)]*\): ({'|'.join(REASONS)}): (.+)")


def namespace_values(wanted: Wanted, config: Input) -> dict[str, Any]:
    """Return what the chart of the namespace gets; nothing for a VCluster that goes completely."""
    values: dict[str, Any] = {}
    if wanted.retain:
        values["onDelete"] = "Retain"
        values["image"] = image_reference.mirror(config.image, config.registries)
        values["imagePullSecrets"] = [config.pullSecret] if config.pullSecret else []
    if wanted.restore_from:
        values["restoreFrom"] = wanted.restore_from
    return values


def in_words(condition: Condition) -> Condition:
    """Return the chart's own reason and sentence where Helm quotes them, or the condition."""
    found = _FAILURE.search(condition.message)
    if not found:
        return condition
    return replace(condition, status="False", reason=found[1], message=found[2])
