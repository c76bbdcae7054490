"""Against a real Rancher and a real virtual cluster, where somebody gives them.

RANCHER_URL and RANCHER_TOKEN_FILE (and RANCHER_CA_FILE) name the Rancher, KUBECONFIG a cluster that
is host and virtual cluster at once, without an agent of Rancher. The cluster is imported under the
name `function-vcluster-live`, and taken out again.
"""

import base64
import os
import uuid
from pathlib import Path

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Namespace, Secret

from jobs.kubernetes import host_client
from jobs.rancher.agent_cleanup import clean_virtual_cluster
from jobs.rancher.api import Rancher
from jobs.rancher.deregistration import Deregistration
from jobs.rancher.host_cluster import HostCluster
from jobs.rancher.import_loop import Import
from jobs.rancher.kubeconfig_secret import KubeconfigSecret
from jobs.rancher.model import Goal
from jobs.rancher.options import Environment

NAMED = ("RANCHER_URL", "RANCHER_TOKEN_FILE", "KUBECONFIG")


@pytest.mark.skipif(
    not all(os.environ.get(name) for name in NAMED), reason=f"set {', '.join(NAMED)}"
)
def test_there_and_back() -> None:
    """A cluster is imported until Rancher is connected, and deregistered until it is gone."""
    name = "function-vcluster-live"
    goal = Goal(name, name, str(uuid.uuid4()), frozenset(), "in-1")
    client = host_client()
    client.apply(Namespace(metadata=ObjectMeta(name=name)), field_manager=name, force=True)
    state = ConfigMap(
        metadata=ObjectMeta(name="state", namespace=name), data={"desiredInputs": "in-1"}
    )
    client.apply(state, field_manager=name, force=True)
    host, rancher = HostCluster(client, name, "state"), Rancher(Environment(os.environ).rancher())

    kubeconfig = Path(os.environ["KUBECONFIG"]).read_bytes()
    data = {"config": base64.b64encode(kubeconfig).decode()}
    stored = Secret(metadata=ObjectMeta(name="kubeconfig", namespace=name), data=data)
    client.apply(stored, field_manager=name, force=True)
    secret = KubeconfigSecret(host, name, "kubeconfig")
    try:
        assert Import(goal, host, rancher, secret, timeout=900).run()
        assert host.state().phase == "Connected"
    finally:
        gone = Deregistration(name, goal.owner_uid, host, rancher, timeout=300).run()
        clean_virtual_cluster(secret.open, goal.owner_uid, timeout=120)
        client.delete(Namespace, name)
        rancher.close()
        host.close()
    assert gone
