"""An installation by hand on a real API server: the dry run, its commands, and what Helm makes."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from click.testing import CliRunner

from function.compose import compose
from function.main import main
from function.observed.state import Request
from tests.integration.installation import make
from tests.integration.test_retained import CHART, PLATFORM, helm, namespace, platform
from tests.support.factories import INPUT
from tests.support.tools import official_chart, tool

if TYPE_CHECKING:
    from pathlib import Path

    from dev.apiserver.client import Client
    from tests.integration.test_retained import Helm

__all__ = ["helm", "platform"]

WHERE = "--namespace=byhand"
XR: dict[str, Any] = {
    "apiVersion": "caas.telekom.de/v1alpha1",
    "kind": "VCluster",
    "metadata": {"name": "kunde9", "uid": "0c9ab3a7-53de-4c3f-9ec4-cc0c7a0d1e35"},
    "spec": {},
}


@pytest.fixture
def installed(platform: Client, helm: Helm) -> dict[str, Any]:
    """Install the official chart by hand, and return what its owner gave."""
    labels = {"team": "shop"}
    metadata = {"name": "byhand", "labels": labels}
    make(platform, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    values = {
        "controlPlane": {
            "statefulSet": {"persistence": {"volumeClaim": {"size": "1Gi"}}},
            "coredns": {"deployment": {"replicas": 1}},
        },
        "sync": {"toHost": {"ingresses": {"enabled": True}}},
        "experimental": {"syncSettings": {"setOwner": True}},
    }
    done = helm("upgrade", "--install", "byhand", official_chart(), WHERE, values=values)
    assert done.returncode == 0, done.stderr
    return values


def test_from_the_dry_run_to_the_namespace(
    platform: Client, helm: Helm, installed: dict[str, Any], tmp_path: Path
) -> None:
    """What Helm tells is enough; its commands let our chart take the namespace, as it is."""
    for name, text in {
        "xr": yaml.safe_dump(XR),
        "input": yaml.safe_dump(INPUT),
        "release": helm("status", "byhand", WHERE, "-o", "json").stdout,
    }.items():
        (tmp_path / name).write_text(text)
    files = (str(tmp_path / "xr"), str(tmp_path / "input"), f"--release={tmp_path / 'release'}")
    done = CliRunner().invoke(main, ["adopt", *files, "-o", "json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    assert found["entry"] == {
        "namespace": "byhand",
        "release": "byhand",
        "chart": yaml.safe_load((official_chart() / "Chart.yaml").read_text())["version"],
        "values": installed,
    }

    answer = compose(Request({**INPUT, "adopted": {found["key"]: found["entry"]}}, XR))
    values = answer.resources["namespace"].resource["spec"]["forProvider"]["values"]
    install = ("install", "byhand-namespace", CHART, f"--namespace={PLATFORM}")
    refused = helm(*install, values=values)
    assert "cannot be imported into the current release" in refused.stderr

    before = namespace(platform, "byhand")
    kubeconfig = tmp_path / "kubeconfig"
    for command in found["commands"]:
        program, *words = command.split()
        call = [tool(program), f"--kubeconfig={kubeconfig}", *words]
        subprocess.run(call, check=True, capture_output=True, timeout=30)
    taken = helm("upgrade", "--install", *install[1:], values=values)
    assert taken.returncode == 0, taken.stderr
    after = namespace(platform, "byhand")
    assert after["uid"] == before["uid"]
    assert after["labels"]["team"] == "shop"
    assert after["labels"]["caas.telekom.de/vcluster-uid"] == XR["metadata"]["uid"]
    policies = platform.request(
        "GET", "/apis/networking.k8s.io/v1/namespaces/byhand/networkpolicies"
    )
    assert policies.body["items"]
    assert '"version":1' in helm("status", "byhand", WHERE, "-o", "json").stdout
