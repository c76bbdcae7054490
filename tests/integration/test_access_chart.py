"""The chart of the access, installed by real Helm on a real API server.

There are no controllers, so Jobs do not run. What they do is in tests/jobs/access.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from dev.scripts import life

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from dev.apiserver.client import Client

    Helm = Callable[..., subprocess.CompletedProcess[str]]

CHART = life.ROOT / "charts" / "vcluster-access"
VALUES = life.ROOT / "tests" / "charts" / "values" / "vcluster-access"
PLATFORM = "vcluster-system"
REPORT = json.dumps({"phase": "Applied", "reason": "Applied", "bindings": 2, "rotated": 1})


def _values(name: str, case: str = "minimal") -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((VALUES / f"{case}.yaml").read_text())
    values["vcluster"]["namespace"] = "saved"
    return {**values, "stateConfigMap": f"{name}-access"}


def _jobs(client: Client, name: str) -> list[str]:
    found = client.request("GET", f"/apis/batch/v1/namespaces/{PLATFORM}/jobs").body["items"]
    names = (job["metadata"]["name"] for job in found)
    return [each for each in names if each.startswith(f"{name}-access-apply-")]


@pytest.mark.parametrize("case", [path.stem for path in VALUES.iterdir()])
def test_provider_helm_installs_it(provider_host: Client, provider_helm: Helm, case: str) -> None:
    """The API server takes everything by the rights that provider-helm has."""
    name = f"case-{case}"
    values = _values(name, case)
    install = ("upgrade", "--install", f"{name}-access", CHART)

    provider_helm(*install, values=values)
    before = _jobs(provider_host, name)
    provider_helm(*install, values={**values, "inputs": "a" * 16})
    after = _jobs(provider_host, name)

    assert len(before) == len(after) == (0 if case == "asleep" else 1)
    assert case == "asleep" or before != after
    provider_helm("uninstall", f"{name}-access")
    for kind in ("CronJob", "Job"):
        path = f"/apis/batch/v1/namespaces/{PLATFORM}/{kind.lower()}s"
        names = [
            each["metadata"]["name"] for each in provider_host.request("GET", path).body["items"]
        ]
        assert not [each for each in names if each.startswith(f"{name}-access")]


def test_what_was_reported(provider_host: Client, provider_helm: Helm) -> None:
    """An upgrade keeps the report; a VCluster made again under the same name has none."""
    values = _values("rights")
    install = ("upgrade", "--install", "rights-access", CHART)
    provider_helm(*install, values=values)
    answer = provider_host.patch(
        "v1", "ConfigMap", "rights-access", {"data": {"report": REPORT}}, namespace=PLATFORM
    )
    assert answer.status == 200, answer.body

    provider_helm(*install, values={**values, "inputs": "f" * 16})
    assert _state(provider_host) == {
        "report": REPORT,
        "desiredInputs": "f" * 16,
        "ownerUid": values["owner"]["uid"],
    }

    other = {**values["owner"], "uid": "0c9ab3a7-53de-4c3f-9ec4-cc0c7a0d1e35"}
    provider_helm(*install, values={**values, "owner": other})
    assert json.loads(_state(provider_host)["report"])["phase"] == "Pending"


def test_pods_pass_pod_security(provider_helm: Helm, may_run: Callable[[str], int]) -> None:
    """The platform's namespace can be held to the strictest level, `restricted`."""
    values = _values("strict", "everything")
    assert may_run(provider_helm("template", "strict", CHART, values=values).stdout) == 2


def _state(client: Client) -> dict[str, str]:
    path = f"/api/v1/namespaces/{PLATFORM}/configmaps/rights-access"
    return dict(client.request("GET", path).body["data"])
