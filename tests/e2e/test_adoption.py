"""A virtual cluster that was installed by hand comes under a VCluster, and nothing restarts."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest
import yaml
from click.testing import CliRunner

from dev.platform import install, node
from dev.platform.command import PlatformError, run
from dev.platform.place import BIN, TOOLS
from function.main import main
from tests.e2e.kube import (
    VCLUSTERS,
    Kube,
    Object,
    await_ready,
    by,
    describe,
    is_ready,
    until,
    vcluster,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dev.platform.machine import Machine
    from tests.e2e.rancher import Control

pytestmark = pytest.mark.further

NAME = "byhand"
XR = "adopted"
VALUES: Object = {
    "controlPlane": {
        "statefulSet": {
            "image": {"repository": "loft-sh/vcluster-oss"},
            "resources": {
                "requests": {"cpu": "20m", "memory": "64Mi"},
                "limits": {"cpu": "2", "memory": "2Gi"},
            },
            "persistence": {"volumeClaim": {"size": "1Gi"}},
        },
        "distro": {"k8s": {"image": {"tag": "v1.36.3"}}},
    },
    "telemetry": {"enabled": False},
}


def helm(there: Machine, kube: Kube, *words: str) -> str:
    """Run helm as a person does."""
    program = (*there.command(), str(BIN / "helm"), f"--kubeconfig={kube.kubeconfig}")
    return run(*program, *words, timeout=120, shown=len(program) + 3)


def pod(kube: Kube) -> str:
    """Return the UID of the control plane's pod, or nothing while there is none."""
    found = kube.get("pod", f"{NAME}-0", NAME) or {}
    return str(found.get("metadata", {}).get("uid", ""))


def inside(kube: Kube, there: Machine) -> Kube:
    """Open the virtual cluster, by the address of its Service."""
    secret = kube.get("secret", f"vc-{NAME}", NAME) or {}
    service = kube.get("service", NAME, NAME) or {}
    config = yaml.safe_load(base64.b64decode(secret["data"]["config"]))
    config["clusters"][0]["cluster"]["server"] = f"https://{service['spec']['clusterIP']}:443"
    # The machine has a /tmp of its own.
    folder = there.place.folder / "tenants"
    folder.mkdir(exist_ok=True)
    path = folder / f"{NAME}.yaml"
    path.write_text(yaml.safe_dump(config))
    path.chmod(0o600)
    return Kube(path, tuple(there.command()))


def proposed(there: Machine, kube: Kube, folder: Path) -> Object:
    """Ask the dry run, and return what it proposes."""
    given = {
        "xr": json.dumps(vcluster(XR)),
        "composition": json.dumps(install.composition(node.site(there))),
        "release": helm(there, kube, "status", NAME, f"--namespace={NAME}", "--output=json"),
    }
    for name, text in given.items():
        (folder / name).write_text(text)
    words = [str(folder / "xr"), str(folder / "composition"), f"--release={folder / 'release'}"]
    told = CliRunner().invoke(main, ["adopt", *words])
    assert told.exit_code == 0, told.output
    done = CliRunner().invoke(main, ["adopt", *words, "--output=json"])
    found: Object = json.loads(done.output)
    assert {*found["commands"]} <= {*told.output.splitlines()}
    return found


def by_hand(there: Machine, kube: Kube) -> None:
    """Install the official chart, and wait until it is up and has written its kubeconfig."""
    values = there.place.folder / f"{NAME}-values.yaml"
    values.write_text(yaml.safe_dump(VALUES))
    chart = str(TOOLS / "charts" / "vcluster")
    namespace = (f"--namespace={NAME}", "--create-namespace")
    helm(there, kube, "upgrade", "--install", NAME, chart, *namespace, f"--values={values}")

    def is_up() -> bool:
        stateful_set = kube.get("statefulset", NAME, NAME) or {}
        ready = stateful_set.get("status", {}).get("readyReplicas") == 1
        return ready and kube.get("secret", f"vc-{NAME}", NAME) is not None

    until("the installation by hand is up", is_up, 240, lambda: describe(kube, NAME))
    # The host forwards to a pod a moment after it is ready.
    until("its API answers", lambda: _answers(inside(kube, there)), 60)


def _answers(tenant: Kube) -> bool:
    try:
        tenant("get", "--raw=/readyz")
    except PlatformError:
        return False
    return True


def test_without_a_restart_and_then_with_one(
    kube: Kube,
    there: Machine,
    control: Control,
    compositions: Callable[..., None],
    tmp_path: Path,
) -> None:
    """What ran runs on, in Rancher too; only when the platform lets go it restarts, once."""
    by_hand(there, kube)
    try:
        inside(kube, there)("create", "configmap", "mine", "--from-literal=a=b")
        found = proposed(there, kube, tmp_path)
        for command in found["commands"]:
            program, *words = command.split()
            assert program == "kubectl"
            kube(*words)
        before = pod(kube)
        compositions(NAME, {"adopted": {XR: found["entry"]}})
        kube.apply(vcluster(XR, crossplane=by(NAME)))
        await_ready(kube, XR)
        assert pod(kube) == before
        assert revision(there, kube) == 1
        assert control.cluster(NAME)

        agreed = pods(kube)
        kube.patch(VCLUSTERS, XR, {"spec": {"quota": {"pods": 7}}})
        until("the quota is less", lambda: 7 < pods(kube) < agreed, 60, lambda: describe(kube, XR))
        until("READY", lambda: is_ready(kube.get(VCLUSTERS, XR)), 120)
        assert (pod(kube), revision(there, kube)) == (before, 1)

        thawed = {k: v for k, v in found["entry"].items() if k != "values"}
        compositions(NAME, {"adopted": {XR: thawed}})
        until("it restarts", lambda: pod(kube) not in ("", before), 240, lambda: describe(kube, XR))
        await_ready(kube, XR)
        assert revision(there, kube) == 2
        assert inside(kube, there).get("configmap", "mine", "default")
    finally:
        kube("delete", VCLUSTERS, XR, "--ignore-not-found", "--cascade=foreground", seconds=300)
        kube("delete", "namespace", NAME, "--ignore-not-found", seconds=120)


def revision(there: Machine, kube: Kube) -> int:
    """Return the Helm revision."""
    status = helm(there, kube, "status", NAME, f"--namespace={NAME}", "--output=json")
    return int(json.loads(status)["version"])


def pods(kube: Kube) -> int:
    """Return how many pods the quota has room for."""
    quota = kube.get("resourcequota", "quota", NAME) or {}
    return int(quota.get("spec", {}).get("hard", {}).get("pods", "0"))
