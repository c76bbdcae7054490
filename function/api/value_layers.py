"""Layers of chart values that people write: the Input, a plan, the spec, the enforced values."""

from collections.abc import Mapping

from function.api.input import Input, Plan
from function.k8s.helm_values import Values

Layers = Mapping[str, Mapping[str, object]]
"""Values that people wrote, by the field that they stand in."""


def layers(
    spec_values: Mapping[str, object],
    config: Input,
    plan: Mapping[str, Mapping[str, object]] | None = None,
) -> dict[str, Mapping[str, object]]:
    """Return the values that people wrote, by the field that they stand in, the last one wins.

    A plan, if it is given, stands there by the name of its field.
    """
    return {
        "input.vcluster.values": config.vcluster.values,
        **(plan or {}),
        "spec.values": spec_values,
        "input.vcluster.enforcedValues": config.vcluster.enforcedValues,
    }


def plan_values(plan: Plan) -> Values:
    """Return what a plan gives the control plane."""
    resources = plan.resources
    return {
        "controlPlane": {
            "statefulSet": {
                "resources": {"requests": resources.requests, "limits": resources.limits}
            }
        }
    }
