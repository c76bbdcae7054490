"""Ways in from outside, installed by real Helm with provider-helm's rights on a real API server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from dev.scripts import life
from function.api.input import Expose
from function.api.names import derive
from function.desired import exposure
from function.observed import exposure as observed_exposure
from function.observed import vcluster
from function.observed.exposure import Exposure
from tests.support import tls_routes
from tests.support.factories import deployed
from tests.support.tools import official_chart
from tests.unit.desired import test_node_ports as node_ports
from tests.unit.desired.test_exposure import HOSTNAME, exposed, go

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from dev.apiserver.client import Client

NAMESPACE = "exposure"
RELEASE = "kunde1-vcluster"
PROVIDER = "system:serviceaccount:crossplane-system:provider-helm"
INGRESS = "networking.k8s.io/v1"


@pytest.fixture
def attempt(
    apiserver: Client,
    run_helm: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path: Path,
) -> Callable[[dict[str, Any]], subprocess.CompletedProcess[str]]:
    """Return a function that installs or upgrades the official chart as provider-helm may."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    rights = [
        one
        for file in ("host.yaml", "control-plane.yaml")
        for one in yaml.safe_load_all((life.ROOT / "install" / file).read_text())
        if one["kind"].startswith("ClusterRole")
    ]
    for manifest in (namespace, tls_routes.CRD, *rights):
        answer = apiserver.apply(manifest)
        assert answer.status in (200, 201), answer.body
    # Helm asks for what is served before it installs.
    assert (
        apiserver.get(tls_routes.API_VERSION, "TLSRoute", "none", namespace=NAMESPACE).status == 404
    )
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(json.dumps(apiserver.kubeconfig))

    def run(values: dict[str, Any]) -> subprocess.CompletedProcess[str]:
        return run_helm(
            *("upgrade", "--install", RELEASE, official_chart(), f"--namespace={NAMESPACE}"),
            f"--kube-as-user={PROVIDER}",
            values=values,
            kubeconfig=kubeconfig,
        )

    return run


@pytest.fixture
def upgrade(
    attempt: Callable[[dict[str, Any]], subprocess.CompletedProcess[str]],
) -> Callable[[dict[str, Any]], None]:
    """Return a function that installs or upgrades the official chart, which must succeed."""

    def run(values: dict[str, Any]) -> None:
        done = attempt(values)
        assert done.returncode == 0, done.stderr

    return run


def told(client: Client, typ: Any, details: dict[str, str]) -> dict[str, str]:
    """Return what provider-helm reads of a way in, after it has read these details."""
    observed = deployed(values=exposed(typ), connection_keys=frozenset(details), details=details)
    asked = exposure.details(
        Exposure(typ, HOSTNAME), derive("kunde1", "", "p"), Expose(), observed, is_up=True
    )
    found = {}
    for detail in asked:
        if detail.kind != "Secret":
            at: Any = client.get(
                detail.api_version, detail.kind, detail.name, namespace=NAMESPACE
            ).body
            for step in detail.field_path.split("."):
                at = at[step]
            found[detail.key] = go(at)
    return found


def service(client: Client) -> dict[str, Any]:
    """Return the Service that all objects of the tenant belong to."""
    return client.get("v1", "Service", RELEASE, namespace=NAMESPACE).body


def ports(found: dict[str, Any]) -> dict[int, int]:
    """Return the node ports of a Service, by its own ports."""
    return {port["port"]: port["nodePort"] for port in found["spec"]["ports"]}


def accept_route(client: Client) -> None:
    """Write a status as a Gateway's controller does, and see how the function finds out."""
    before = told(client, "Gateway", {})
    assert [*before] == ["routeManagedFields"]
    assert [*told(client, "Gateway", before)] == ["routeManagedFields"]
    accepted = {"type": "Accepted", "status": "True", "reason": "Accepted", "message": "It is."}
    status = {"status": {"parents": [{"conditions": [accepted]}]}}
    answer = client.patch(
        tls_routes.API_VERSION,
        "TLSRoute",
        RELEASE,
        status,
        namespace=NAMESPACE,
        subresource="status",
    )
    assert answer.status == 200, answer.body
    after = told(client, "Gateway", before)
    assert [*after] == ["routeManagedFields"]
    joined = told(client, "Gateway", after)
    assert joined["routeStatus"] == (
        "map[parents:[map[conditions:[map[message:It is. reason:Accepted status:True "
        "type:Accepted]]]]]"
    )


def test_every_way_in_and_back(apiserver: Client, upgrade: Callable[[Any], None]) -> None:
    """The chart makes each way in, whose first details are there at once, and the Service stays.

    Another Service would take all that the tenant has along: it belongs to that one.
    """
    upgrade(exposed("ClusterIP"))
    uid = service(apiserver)["metadata"]["uid"]
    address = service(apiserver)["spec"]["clusterIP"]

    upgrade(exposed("LoadBalancer"))
    found = service(apiserver)
    assert (found["spec"]["type"], len(found["spec"]["ports"])) == ("LoadBalancer", 1)
    assert found["metadata"]["annotations"]["example.org/pool"] == "tenants"
    assert told(apiserver, "LoadBalancer", {}) == {"serviceLoadBalancer": "map[]"}
    given = {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}}}
    answer = apiserver.patch(
        "v1", "Service", RELEASE, given, namespace=NAMESPACE, subresource="status"
    )
    assert answer.status == 200, answer.body
    details = told(apiserver, "LoadBalancer", {})
    observed = deployed(connection_keys=frozenset(details), details=details)
    assert observed_exposure.address(Exposure("LoadBalancer", HOSTNAME), observed) == "192.0.2.7"

    upgrade(node_ports.values(node_ports.ASKED))
    found = service(apiserver)
    assert (found["spec"]["type"], ports(found)) == ("NodePort", {443: 30443})
    assert "example.org/pool" not in found["metadata"]["annotations"]

    upgrade(exposed("Ingress"))
    found = service(apiserver)
    assert found["spec"]["type"] == "ClusterIP"
    assert "nodePort" not in found["spec"]["ports"][0]
    assert "example.org/pool" not in found["metadata"]["annotations"]
    ingress = apiserver.get(INGRESS, "Ingress", RELEASE, namespace=NAMESPACE).body
    assert ingress["spec"]["ingressClassName"] == "nginx"
    assert [rule["host"] for rule in ingress["spec"]["rules"]] == [HOSTNAME]
    annotations = ingress["metadata"]["annotations"]
    assert annotations["nginx.ingress.kubernetes.io/ssl-passthrough"] == "true"
    assert annotations["example.org/passthrough"] == "true"
    assert told(apiserver, "Ingress", {}) == {"ingressLoadBalancer": "map[]"}
    upgrade(exposed("Ingress", f"api.{HOSTNAME}"))

    upgrade(exposed("Gateway"))
    gone = apiserver.get(INGRESS, "Ingress", RELEASE, namespace=NAMESPACE)
    assert gone.status == 404
    route = apiserver.get(tls_routes.API_VERSION, "TLSRoute", RELEASE, namespace=NAMESPACE).body
    assert route["spec"] == {
        "hostnames": [HOSTNAME],
        "parentRefs": [{"name": "public", "namespace": "gateways"}],
        "rules": [{"backendRefs": [{"name": RELEASE, "port": 443}]}],
    }
    assert "status" not in route
    accept_route(apiserver)
    upgrade(exposed("Gateway", f"api.{HOSTNAME}"))

    upgrade(exposed("ClusterIP"))
    assert (
        apiserver.get(tls_routes.API_VERSION, "TLSRoute", RELEASE, namespace=NAMESPACE).status
        == 404
    )
    found = service(apiserver)
    assert (found["metadata"]["uid"], found["spec"]["clusterIP"]) == (uid, address)
    assert found["spec"]["type"] == "ClusterIP"
    assert found["status"] == {"loadBalancer": {}}


def test_node_ports(
    apiserver: Client, attempt: Callable[[Any], subprocess.CompletedProcess[str]]
) -> None:
    """A port that another Service has, or that the host does not give, is told as a sentence.

    The Service is as it was then, and moves to a port that is free.
    """
    other = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "other", "namespace": "default"},
        "spec": {
            "type": "NodePort",
            "ports": [{"port": 80, "nodePort": 30445}],
            "selector": {"app": "other"},
        },
    }
    answer = apiserver.apply(other)
    assert answer.status in (200, 201), answer.body
    platform = {"hosts.local.nodePorts.from": 20000}

    def asked(port: int) -> dict[str, Any]:
        return node_ports.values({"type": "NodePort", "port": port}, platform)

    def refused(port: int) -> str:
        done = attempt(asked(port))
        assert done.returncode != 0
        seen = deployed(values=asked(port), state="failed", description=done.stderr)
        found = vcluster.condition(seen)
        assert (found.status, found.reason) == ("False", "PortRefused")
        return found.message

    taken = (
        "spec.expose.port: node port 30445 belongs to another Service of the host. "
        "Choose another port."
    )
    assert refused(30445) == taken
    done = attempt(asked(30443))
    assert done.returncode == 0, done.stderr
    uid = service(apiserver)["metadata"]["uid"]
    assert refused(30445) == taken
    assert refused(20443) == (
        "spec.expose.port: node port 20443 is not one of those that the host gives to Services, "
        "30000-32767. Choose one of them; the platform team corrects hosts.<name>.nodePorts of "
        "the Input."
    )
    assert ports(service(apiserver)) == {443: 30443}
    done = attempt(asked(30446))
    assert done.returncode == 0, done.stderr
    assert ports(service(apiserver)) == {443: 30446}

    by_hostname = "vcluster.values.networking.advanced.proxyKubelets.byHostname"
    with_kubelets = {**platform, by_hostname: True}
    done = attempt(node_ports.values({"type": "NodePort", "port": 30446}, with_kubelets))
    assert done.returncode == 0, done.stderr
    before = ports(service(apiserver))
    assert [*before] == [443, 10250]
    done = attempt(node_ports.values({"type": "NodePort", "port": 30447}, with_kubelets))
    assert done.returncode == 0, done.stderr
    assert ports(service(apiserver)) == {443: 30447, 10250: before[10250]}
    assert service(apiserver)["metadata"]["uid"] == uid
