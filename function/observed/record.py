"""The record of the spec that was granted last, an annotation of the namespace's Release.

A refused field takes its value from the record. It also holds the content of plan and node pool, so
that removing them from the Input does not shrink or move the VClusters that use them.
"""

import json
from typing import Any

from pydantic import ConfigDict, ValidationError

from function.api import xr
from function.api.fields import Int, Model, Values
from function.api.input import AnyNodePool, NodePool, Plan

ANNOTATION = "caas.telekom.de/granted-spec"

LARGEST = 100 * 1024
"""Most characters, more than a valid spec needs. All annotations together may have 256 KiB."""

_JSON = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, check_circular=False
)


class Record(Model):
    """Spec, plan and node pool that were granted last."""

    model_config = ConfigDict(extra="ignore")

    spec: Values
    plan: Plan | None = None
    """Content of the plan that the spec names."""
    pool: AnyNodePool | None = None
    """Content of the pool that the spec names."""
    retry: Int = 0


def read(text: str) -> Record | None:
    """Return the record in an annotation, or None if there is no valid one."""
    try:
        return Record.model_validate_json(text)
    except ValidationError:
        return None


def encode(spec: xr.Spec, plan: Plan, pool: NodePool, retry: int) -> str:
    """Return the annotation, empty if it would be too large."""
    content: dict[str, Any] = {"spec": spec.model_dump(mode="json", exclude_unset=True)}
    if spec.plan:
        content["plan"] = plan.model_dump(mode="json", exclude_defaults=True)
    if spec.nodePool:
        content["pool"] = pool.model_dump(mode="json", exclude_defaults=True)
    if retry:
        content["retry"] = retry
    text = _JSON.encode(content)
    return text if len(text) <= LARGEST else ""
