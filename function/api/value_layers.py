"""Layers of chart values from Input and spec: defaults, a plan, the spec, enforced values."""

from collections.abc import Mapping

from function.api.input import Input, Plan
from function.k8s.helm_values import Values

Layers = Mapping[str, Mapping[str, object]]
"""Chart values by the field that contains them."""


def layers(
    spec_values: Mapping[str, object],
    config: Input,
    plan: Mapping[str, Mapping[str, object]] | None = None,
) -> dict[str, Mapping[str, object]]:
    """Return the chart values by the field that contains them; the last one wins.

    `plan` has the values of a plan by its field, and is left out where no plan applies.
    """
    return {
        "input.vcluster.values": config.vcluster.values,
        **(plan or {}),
        "spec.values": spec_values,
        "input.vcluster.enforcedValues": config.vcluster.enforcedValues,
    }


def plan_values(plan: Plan) -> Values:
    """Return a plan's resources of the control plane as chart values."""
    resources = plan.resources
    return {
        "controlPlane": {
            "statefulSet": {
                "resources": {"requests": resources.requests, "limits": resources.limits}
            }
        }
    }
