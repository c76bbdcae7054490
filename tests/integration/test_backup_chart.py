"""The chart of the backups, installed by real Helm on a real API server.

There are no controllers, so Jobs do not run: hooks are accepted, but not waited for.
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

CHART = life.ROOT / "charts" / "vcluster-backup"
VALUES = life.ROOT / "tests" / "charts" / "values" / "vcluster-backup"
PLATFORM = "vcluster-system"
REPORT = json.dumps({"phase": "Completed", "last": "2026-01-31T02:00:07Z"})


def _values(name: str, case: str = "minimal") -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((VALUES / f"{case}.yaml").read_text())
    values["vcluster"]["namespace"] = "saved"
    return {**values, "stateConfigMap": f"{name}-backup"}


@pytest.mark.parametrize("case", [path.stem for path in VALUES.iterdir()])
def test_provider_helm_installs_it(provider_host: Client, provider_helm: Helm, case: str) -> None:
    """The API server takes everything, hooks included, by the rights that provider-helm has."""
    name = f"case-{case}-backup"
    values = _values(f"case-{case}", case)

    for schedule in (values["schedule"], "30 3 * * *"):
        changed = {**values, "schedule": schedule}
        provider_helm("upgrade", "--install", name, CHART, values=changed)
    hooks = [*yaml.safe_load_all(provider_helm("get", "hooks", name).stdout)]

    assert [hook["kind"] for hook in hooks] == ["ServiceAccount", "Role", "RoleBinding", "Job"]
    for hook in hooks:
        answer = provider_host.apply(hook, dry_run=True)
        assert answer.status == 201, answer.body
    cron_job = provider_host.get("batch/v1", "CronJob", name, namespace=PLATFORM)
    assert cron_job.body["spec"]["schedule"] == "30 3 * * *"
    provider_helm("uninstall", "--no-hooks", name)
    assert provider_host.get("batch/v1", "CronJob", name, namespace=PLATFORM).status == 404


def test_what_was_reported(provider_host: Client, provider_helm: Helm) -> None:
    """An upgrade keeps the last backup; a VCluster made again under the same name has none."""
    values = _values("reported")
    install = ("upgrade", "--install", "reported-backup", CHART)
    provider_helm(*install, values=values)
    data = {"report": REPORT, "onFailure": "Delete"}
    answer = provider_host.patch(
        "v1", "ConfigMap", "reported-backup", {"data": data}, namespace=PLATFORM
    )
    assert answer.status == 200, answer.body

    provider_helm(*install, values={**values, "inputs": "f" * 16})
    state = _state(provider_host, "reported-backup")
    assert state == {
        "report": REPORT,
        "desiredInputs": "f" * 16,
        "ownerUid": values["owner"]["uid"],
        "onFailure": "Delete",
    }

    other = {**values["owner"], "uid": "0c9ab3a7-53de-4c3f-9ec4-cc0c7a0d1e35"}
    provider_helm(*install, values={**values, "owner": other})
    assert json.loads(_state(provider_host, "reported-backup")["report"])["phase"] == "Pending"


@pytest.mark.parametrize("case", ["minimal", "everything"])
def test_pods_pass_pod_security(
    provider_helm: Helm, may_run: Callable[[str], int], case: str
) -> None:
    """The platform's namespace can be held to the strictest level, `restricted`."""
    values = _values("strict", case)
    assert may_run(provider_helm("template", "strict", CHART, values=values).stdout) == 3


def _state(client: Client, name: str) -> dict[str, str]:
    data: dict[str, str] = client.get("v1", "ConfigMap", name, namespace=PLATFORM).body["data"]
    return data
