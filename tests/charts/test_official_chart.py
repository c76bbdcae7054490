"""The official vcluster chart renders what the function gives it."""

import json
import re
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from dev.scripts import life
from function import protobuf
from function.compose import compose
from tests.support.tools import official_chart
from tests.unit.desired import test_node_ports as node_ports

STEP = re.compile(r"(?<=\[)[^\]]+|[^.\[\]]+")
"""Of a field path, as Crossplane writes it: `metadata.annotations[example.org/name]`."""

Helm = Callable[..., subprocess.CompletedProcess[str]]


def rendered(run_helm: Helm, example: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the chart's objects by kind and name."""
    release = (
        compose(protobuf.decode(life.request(example, "ready"))).resources["vcluster"].resource
    )
    provider = release["spec"]["forProvider"]
    done = run_helm(
        "template",
        release["metadata"]["name"],
        official_chart(),
        f"--namespace={provider['namespace']}",
        "--kube-version=v1.36.0",
        values=provider["values"],
    )
    assert done.returncode == 0, done.stderr
    objects = [document for document in yaml.safe_load_all(done.stdout) if document]
    return {(o["kind"], o["metadata"]["name"]): o for o in objects}


@pytest.mark.parametrize("example", life.names())
def test_every_connection_detail_is_there(run_helm: Helm, example: str) -> None:
    """What readiness is read from exists as soon as the chart is installed.

    Status and generation come with the object; the kubeconfig's Secret is made by the virtual
    cluster.
    """
    objects = rendered(run_helm, example)
    release = (
        compose(protobuf.decode(life.request(example, "ready"))).resources["vcluster"].resource
    )
    for detail in release["spec"]["connectionDetails"]:
        if detail["kind"] == "Secret":
            continue
        found: Any = objects[detail["kind"], detail["name"]]
        if not detail["fieldPath"].startswith(("status", "metadata.generation")):
            for step in STEP.findall(detail["fieldPath"]):
                found = found[int(step)] if step.isdigit() else found[step]
            assert isinstance(found, str)


@pytest.mark.parametrize(
    ("example", "kind", "name"),
    [("kunde1", "StatefulSet", "kunde1-vcluster"), ("ha", "Deployment", "shop-vcluster")],
)
def test_the_workload_bears_the_stamp_and_its_pods_do_not(
    run_helm: Helm, example: str, kind: str, name: str
) -> None:
    """The pods have the chart's own hash of the values: one of ours would restart them for less."""
    workload = rendered(run_helm, example)[kind, name]
    written = json.loads(workload["metadata"]["annotations"]["caas.telekom.de/installed"])
    assert written["chart"] == "0.36.1"
    assert written["kubernetes"].startswith("v1.")
    assert re.fullmatch("[0-9a-f]{16}", written["values"])
    assert [*workload["spec"]["template"]["metadata"]["annotations"]] == ["vClusterConfigHash"]


@pytest.mark.parametrize("example", life.names())
def test_the_syncer_may_watch_endpoint_slices_and_no_more(run_helm: Helm, example: str) -> None:
    """It watches them although it syncs none: without the right no kubeconfig is ever written."""
    objects = rendered(run_helm, example)
    (role,) = (found for (kind, _), found in objects.items() if kind == "Role")
    verbs = {
        verb
        for rule in role["rules"]
        for verb in rule["verbs"]
        if "endpointslices" in rule["resources"] and "discovery.k8s.io" in rule["apiGroups"]
    }
    assert verbs == {"get", "list", "watch"}


@pytest.mark.parametrize("example", life.names())
def test_nothing_of_ours_twice(run_helm: Helm, example: str) -> None:
    """Quota, limits and network policies are those of the namespace chart alone."""
    kinds = {kind for kind, _ in rendered(run_helm, example)}
    assert not kinds & {"ResourceQuota", "LimitRange", "NetworkPolicy"}
    assert ("Ingress" in kinds) is (example == "exposed")


def test_node_port(run_helm: Helm) -> None:
    """The Service has the port that is asked for, and leads to 8443, which the policies open."""
    done = run_helm(
        "template", "kunde1-vcluster", official_chart(), values=node_ports.values(node_ports.ASKED)
    )
    assert done.returncode == 0, done.stderr
    objects = [document for document in yaml.safe_load_all(done.stdout) if document]
    (service,) = (
        o for o in objects if (o["kind"], o["metadata"]["name"]) == ("Service", "kunde1-vcluster")
    )
    assert service["spec"]["type"] == "NodePort"
    assert service["spec"]["ports"] == [
        {"name": "https", "port": 443, "targetPort": 8443, "nodePort": 30443, "protocol": "TCP"}
    ]


def test_single(run_helm: Helm) -> None:
    """A plain VCluster is one open-source control plane with its volume."""
    workload = rendered(run_helm, "kunde1")["StatefulSet", "kunde1-vcluster"]["spec"]
    (container,) = workload["template"]["spec"]["containers"]
    assert container["image"] == "ghcr.io/loft-sh/vcluster-oss:0.36.1"
    assert container["resources"]["limits"]["cpu"] == "1"
    assert workload["replicas"] == 1
    (claim,) = workload["volumeClaimTemplates"]
    assert claim["spec"]["resources"]["requests"]["storage"] == "5Gi"
    assert workload["persistentVolumeClaimRetentionPolicy"]["whenDeleted"] == "Delete"


def test_highly_available(run_helm: Helm) -> None:
    """HA is three control planes and three etcd members, spread, with a disruption budget."""
    objects = rendered(run_helm, "ha")
    control_plane = objects["Deployment", "shop-vcluster"]["spec"]
    etcd = objects["StatefulSet", "shop-vcluster-etcd"]["spec"]
    assert (control_plane["replicas"], etcd["replicas"]) == (3, 3)
    for workload in (control_plane, etcd):
        (spread,) = workload["template"]["spec"]["topologySpreadConstraints"]
        assert spread["labelSelector"]["matchLabels"] == workload["selector"]["matchLabels"]
    budget = objects["PodDisruptionBudget", "shop-vcluster"]["spec"]
    assert budget["minAvailable"] == 2
    assert budget["selector"]["matchLabels"] == control_plane["selector"]["matchLabels"]
