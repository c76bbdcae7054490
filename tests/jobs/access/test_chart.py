"""The program as chart vcluster-access runs it: its variables, and exactly its rights."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from dev.scripts import life
from tests.jobs.access.world import (
    ADMINS,
    CORP,
    KUBECONFIG,
    LOGIN,
    PLATFORM,
    STATE,
    TENANT,
    VIEWERS,
    World,
    rights,
)
from tests.support.chart_rights import VERBS, Right, account_client, granted

Helm = Callable[..., subprocess.CompletedProcess[str]]

CHART = life.ROOT / "charts" / "vcluster-access"
VALUES = life.ROOT / "tests" / "charts" / "values" / "vcluster-access" / "minimal.yaml"


@pytest.fixture
def objects(
    world: World, run_helm: Helm, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> list[dict[str, Any]]:
    """Return the objects of the chart; the program has variables and rights of its pod."""
    values: dict[str, Any] = yaml.safe_load(VALUES.read_text())
    values["vcluster"] |= {"namespace": TENANT, "kubeconfigSecret": {"name": KUBECONFIG}}
    values |= {"stateConfigMap": STATE, "bindings": [ADMINS, VIEWERS]}
    values["kubeconfig"] |= {"secret": LOGIN, "issuers": [CORP]}
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    done = run_helm("template", STATE, CHART, f"--namespace={PLATFORM}", "--values", file)
    assert done.returncode == 0, done.stderr
    rendered = [each for each in yaml.safe_load_all(done.stdout) if each]
    for each in rendered:
        if each["kind"] in ("ServiceAccount", "Role", "RoleBinding", "ConfigMap"):
            assert world.api.apply(each).status in (200, 201), each
    (job,) = (each for each in rendered if each["kind"] == "Job")
    pod = job["spec"]["template"]["spec"]
    world.env = {each["name"]: each["value"] for each in pod["containers"][0]["env"]}
    monkeypatch.setattr(
        world, "lightkube", lambda: account_client(world.api, PLATFORM, pod["serviceAccountName"])
    )
    return rendered


def used(world: World) -> set[Right]:
    """Return the rights on the host that the requests needed."""
    found = set[Right]()
    for line in world.wire.lines:
        verb, _, path = line.partition(" ")
        match = re.fullmatch(r"/api/v1/namespaces/([^/]+)/([^/]+)/?([^/]*)", path)
        if match:
            namespace, resource, name = match.groups()
            found.add((VERBS[verb], namespace, resource, name))
    return found


def test_the_program_gets_every_variable(world: World, objects: list[dict[str, Any]]) -> None:
    """The chart sets what the program reads, but for optional addresses."""
    assert objects
    world_env = set(world.env)
    world.reset()
    assert set(world.env) - world_env == {"LOGIN_SERVER"}


def test_rights(world: World, objects: list[dict[str, Any]]) -> None:
    """The program needs all rights of its account, and no other."""
    world.wire.lines.clear()
    assert world.apply()
    assert world.rights() == rights(ADMINS, VIEWERS)
    world.write_secret(LOGIN, {"config": "x"})
    assert world.apply()
    world.env["LOGIN_ISSUERS"] = "[]"
    assert world.apply()
    assert world.login() is None
    assert used(world) == granted(objects, f"{STATE}-apply")
    assert world.report()["phase"] == "Applied"
