"""Requests above their limits are refused when the Input is read."""

from typing import Any

import pytest

from function.api import validate
from function.api.errors import InvalidError
from tests.support.factories import INPUT, at, changed

WORKLOAD = "controlPlane.statefulSet"
VALUES = f"vcluster.values.{WORKLOAD}"
ENFORCED = f"vcluster.enforcedValues.{WORKLOAD}"
COREDNS = "controlPlane.coredns.deployment.resources"
REMEDY = "Raise the limit, or lower the request."


def container(kind: str, resource: str, amount: str) -> dict[str, Any]:
    """Return a container with one request or limit."""
    return {"name": "log", "resources": {kind: {resource: amount}}}


@pytest.mark.parametrize(
    ("platform", "sentence"),
    [
        pytest.param(
            {"plans.small.resources": {"requests": {"cpu": "4"}, "limits": {"cpu": "2"}}},
            "input.plans.small.resources.requests.cpu: must be at most "
            f"input.plans.small.resources.limits.cpu. {REMEDY}",
            id="a-plan-alone",
        ),
        pytest.param(
            {
                "plans.small.resources.requests": {"memory": "8Gi"},
                f"{VALUES}.resources.limits.memory": "4Gi",
            },
            "input.plans.small.resources.requests.memory: must be at most "
            f"input.vcluster.values.{WORKLOAD}.resources.limits.memory. {REMEDY}",
            id="a-plan-and-the-values",
        ),
        pytest.param(
            {
                "plans.small.resources.requests": {"memory": "8Gi"},
                f"{ENFORCED}.resources.limits.memory": "4Gi",
            },
            f"input.vcluster.enforcedValues.{WORKLOAD}.resources.limits.memory: must be at least "
            f"input.plans.small.resources.requests.memory. {REMEDY}",
            id="a-plan-and-the-enforced-values",
        ),
        pytest.param(
            {f"vcluster.values.{COREDNS}": {"requests": {"cpu": 1}, "limits": {"cpu": "500m"}}},
            f"input.vcluster.values.{COREDNS}.requests.cpu: must be at most "
            f"input.vcluster.values.{COREDNS}.limits.cpu. {REMEDY}",
            id="coredns",
        ),
        pytest.param(
            {
                f"{ENFORCED}.sidecarContainers": [
                    {"resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}}
                ]
            },
            f"input.vcluster.enforcedValues.{WORKLOAD}.sidecarContainers[0].resources.requests.cpu:"
            f" must be at most limits.cpu. {REMEDY}",
            id="a-sidecar",
        ),
        pytest.param(
            {f"{VALUES}.initContainers": [container("requests", "memory", "1Gi")]},
            f"input.vcluster.values.{WORKLOAD}.initContainers[0].resources.requests.memory: must "
            "be at most 512Mi, which a container without a limit gets as one. Write limits.memory "
            "as well.",
            id="a-container-without-a-limit",
        ),
    ],
)
def test_contradictions(platform: dict[str, Any], sentence: str) -> None:
    """What the API server would refuse is refused here, by field, once for all plans."""
    with pytest.raises(InvalidError) as error:
        validate.platform_input(changed(INPUT, {"plans.other": {}, **platform}))
    assert error.value.reason == "InvalidInput"
    assert [str(problem) for problem in error.value.problems] == [sentence]


@pytest.mark.parametrize(
    "platform",
    [
        pytest.param({"plans.small.resources.requests": {"cpu": "4"}}, id="limits-follow"),
        pytest.param(
            {
                "plans.small.resources": {"requests": {"cpu": "4"}, "limits": {"cpu": "2"}},
                f"{ENFORCED}.resources.limits.cpu": "4",
            },
            id="a-later-layer-settles-it",
        ),
        pytest.param({f"{VALUES}.resources.limits.cpu": None}, id="no-limit"),
        pytest.param(
            {f"{VALUES}.sidecarContainers": [container("limits", "memory", "1Gi")]},
            id="a-sidecar-with-a-limit",
        ),
        pytest.param({f"{VALUES}.sidecarContainers": [{"name": "bare"}]}, id="a-bare-sidecar"),
    ],
)
def test_what_can_be(platform: dict[str, Any]) -> None:
    """Defaults give way to what is written."""
    raw = changed(INPUT, platform)
    assert validate.platform_input(raw).vcluster.values == at(raw, "vcluster").get("values", {})
