"""What the tests of several charts share."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

RenderChart = Callable[[str | Path, str, Mapping[str, object]], list[dict[str, Any]]]
Render = Callable[[Mapping[str, object]], dict[str, dict[str, Any]]]

POD_SECURITY = {
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "runAsGroup": 65532,
    "fsGroup": 65532,
    "seccompProfile": {"type": "RuntimeDefault"},
}
CONTAINER_SECURITY = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
"""The security contexts of all pods of ours."""


def by_kind(render_chart: RenderChart, chart: str, release: str) -> Render:
    """Return a function that turns values into the objects of a chart, by their kinds."""

    def objects(values: Mapping[str, object]) -> dict[str, dict[str, Any]]:
        rendered = render_chart(chart, release, values)
        found = {each["kind"]: each for each in rendered}
        assert len(found) == len(rendered)
        return found

    return objects


def pod_of(owner: Mapping[str, Any]) -> dict[str, Any]:
    """Return the pod of a Job or CronJob."""
    spec = owner["spec"]
    template = spec["jobTemplate"]["spec"] if owner["kind"] == "CronJob" else spec
    pod: dict[str, Any] = template["template"]["spec"]
    return pod
