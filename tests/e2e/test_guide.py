"""docs/tenants.md: a customer with no right but that to VClusters does what it says, in order."""

from __future__ import annotations

import json
import os
import re
import shutil
from typing import TYPE_CHECKING

import pytest
import yaml

from dev.platform.command import PlatformError, run
from dev.platform.place import BIN, ROOT
from dev.platform.supervise import succeeds
from tests.e2e import page
from tests.e2e.kube import RELEASES, VCLUSTERS, Kube, describe, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dev.platform.machine import Machine
    from tests.e2e.rancher import Control

pytestmark = pytest.mark.further

NAME = "shop"
USER = "customer@example.org"
ROLE = "e2e-guide"
OWNER = "keycloakoidc_user://4712"
PLACEHOLDERS = {
    "YOU": USER,
    "OWNER": OWNER,
    "PLAN": "medium",
    "VERSION": "1.36",
    "CALENDAR": "office-hours",
}
KUBECONFIG = "shop.kubeconfig"


@pytest.fixture
def folder(kube: Kube, there: Machine) -> Iterator[Path]:
    """Return the folder of a customer, who has a kubeconfig and the role of customers.

    It is inside the machine, because the virtual cluster is not reached from outside.
    """
    manifests = list(yaml.safe_load_all((ROOT / "install" / "tenant.yaml").read_text()))
    [role] = [one for one in manifests if one["metadata"]["name"] == "vcluster-tenant"]
    kube.apply(role | {"metadata": {"name": ROLE}})
    api_group = "rbac.authorization.k8s.io"
    binding = {
        "apiVersion": f"{api_group}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": ROLE},
        "roleRef": {"apiGroup": api_group, "kind": "ClusterRole", "name": ROLE},
        "subjects": [{"apiGroup": api_group, "kind": "User", "name": USER}],
    }
    kube.apply(binding)
    config = json.loads(there.place.kubeconfig.read_text())
    config["users"][0]["user"]["as"] = USER
    made = there.place.folder / "guide"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(mode=0o700)
    (made / "config").write_text(json.dumps(config))
    yield made
    shutil.rmtree(made)
    kube("delete", "clusterrole,clusterrolebinding", ROLE)
    # The page deletes it, but a failure may leave it protected.
    if kube.get(VCLUSTERS, NAME):
        kube.patch(VCLUSTERS, NAME, {"spec": {"deletionProtection": False}})
        delete = ("delete", VCLUSTERS, NAME, "--ignore-not-found", "--wait=false")
        until("it can be deleted", lambda: succeeds(lambda: kube(*delete)), 60)


def test_a_customer_does_what_the_guide_says(
    kube: Kube, there: Machine, control: Control, folder: Path
) -> None:
    """Every command works as written, from the order to the return."""
    env = {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "KUBECONFIG": str(folder / "config"),
        "HOME": str(folder),
    }
    bound = False
    for written in page.blocks("tenants.md"):
        block = re.sub("|".join(PLACEHOLDERS), lambda found: PLACEHOLDERS[found[0]], written)
        words = there.command("sh", "-euc", f"cd {folder}\n{block}")
        try:
            run(*words, env=env, timeout=page.SECONDS, shown=6)
        except PlatformError as error:
            pytest.fail(f"{error}\n{block}\n{describe(kube, NAME)}", pytrace=False)
        if f">{KUBECONFIG}" in block:
            _reach(kube, folder / KUBECONFIG)
        bound = bound or OWNER in str((control.cluster(NAME) or {}).get("bindings"))
    assert bound
    assert kube.get(VCLUSTERS, NAME) is None
    until("its namespace is gone", lambda: kube.get("namespace", NAME) is None, 120)
    assert control.cluster(NAME) is None
    left = [one["metadata"]["name"] for one in kube.list(RELEASES)]
    assert [name for name in left if name.startswith(f"{NAME}-")] == []


def _reach(kube: Kube, config: Path) -> None:
    """Replace the name of the server by its address: the machine has no names of the cluster."""
    status = (kube.get(VCLUSTERS, NAME) or {})["status"]
    service = kube.get("service", status["release"], status["namespace"]) or {}
    endpoint = status["endpoint"]
    assert endpoint in config.read_text()
    address = f"https://{service['spec']['clusterIP']}:443"
    config.write_text(config.read_text().replace(endpoint, address))
