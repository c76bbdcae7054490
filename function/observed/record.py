"""The spec that was granted last, kept as an annotation of the Release of the namespace.

A refused field takes its value from there. What a plan and a node pool stood for is in it too, so
that one which leaves the Input does not shrink or move the VClusters that use it.
"""

import json
from typing import Any

from pydantic import ConfigDict, ValidationError

from function.api import xr
from function.api.fields import Int, Model, Values
from function.api.input import AnyNodePool, NodePool, Plan

ANNOTATION = "caas.telekom.de/granted-spec"

LARGEST = 100 * 1024
"""Characters: more than a spec within its bounds takes. All annotations may have 256 KiB."""

_JSON = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


class Record(Model):
    """What was granted last."""

    model_config = ConfigDict(extra="ignore")

    spec: Values
    plan: Plan | None = None
    """Content of the plan that the spec names."""
    pool: AnyNodePool | None = None
    """Content of the pool that the spec names."""
    retry: Int = 0


def read(text: str) -> Record | None:
    """Return the record that an annotation holds, or None if it holds none."""
    try:
        return Record.model_validate_json(text)
    except ValidationError:
        return None


def written(spec: xr.Spec, plan: Plan, pool: NodePool, retry: int) -> str:
    """Return the annotation, empty where it would be too large."""
    found: dict[str, Any] = {"spec": spec.model_dump(mode="json", exclude_unset=True)}
    if spec.plan:
        found["plan"] = plan.model_dump(mode="json", exclude_defaults=True)
    if spec.nodePool:
        found["pool"] = pool.model_dump(mode="json", exclude_defaults=True)
    if retry:
        found["retry"] = retry
    text = _JSON.encode(found)
    return text if len(text) <= LARGEST else ""
