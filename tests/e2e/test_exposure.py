"""A customer's way in from outside, by every kind there is, with the kubeconfig for outside.

The node has neither a load balancer nor an ingress or Gateway controller: the tests play the
first, `edge.py` the others, and a node port needs none. What passes through them is real:
kube-proxy leads the load balancer's address and the node port to the pods, and TLS goes from
kubectl to the virtual cluster's own certificate.
"""

from __future__ import annotations

import base64
import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from dev.platform.command import PlatformError
from dev.platform.place import NODE_ADDRESS, ROOT
from tests.e2e import edge
from tests.e2e.kube import (
    VCLUSTERS,
    Kube,
    Object,
    await_ready,
    by,
    condition,
    describe,
    until,
    vcluster,
)
from tests.support import tls_routes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dev.platform.machine import Machine

pytestmark = pytest.mark.further

NAME = "exposed"
RELEASE = f"{NAME}-vcluster"
DOMAIN = "k8s.test"
HOSTNAME = f"{NAME}.{DOMAIN}"
READER = "oidc:reader"
IMAGE = "--image=docker.io/library/busybox:1.36.1"

INPUT = {
    "expose": {
        "domain": DOMAIN,
        "ingress": {"className": edge.NAME},
        "gateway": {"parentRefs": [{"name": edge.NAME}]},
    },
    "hosts": {"local": {"nodePorts": {"address": NODE_ADDRESS, "from": 30040, "to": 30049}}},
    "tenant": {"exposeTypes": ["ClusterIP", "LoadBalancer", "NodePort", "Ingress", "Gateway"]},
}
PORT, TAKEN = 30043, 30044


@dataclass(frozen=True, slots=True)
class WayIn:
    """What a customer asks for, and what gives it an address."""

    type: str
    waits: str
    """What ControlPlaneReady says until there is one."""
    controller: str
    """What the edge serves; empty for the load balancer."""


WAYS_IN = (
    WayIn(
        "LoadBalancer",
        f"Service {RELEASE} has no address yet. If this stays, look at its events, and whether "
        "the host's load balancer takes it.",
        "",
    ),
    WayIn(
        "Ingress",
        f"Ingress {RELEASE} has no address yet. If this stays, look at its events, and whether "
        "the host's ingress controller takes it.",
        "ingresses",
    ),
    WayIn(
        "Gateway",
        f"No Gateway has accepted TLSRoute {RELEASE} yet. If this stays, look at its status, and "
        "at the Gateway's listeners and allowedRoutes.",
        "tlsroutes",
    ),
)


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody outside the host, and what he has inside."""

    kube: Kube
    there: Machine

    def status(self) -> Object:
        """Return what the status says."""
        return dict((self.kube.get(VCLUSTERS, NAME) or {})["status"])

    def namespaces(self) -> str:
        """Return the namespaces, asked for with the kubeconfig that the status names.

        Names are resolved by what kubectl itself has for it: the address, and the name that the
        certificate must have.
        """
        reference = self.status()["kubeconfigSecretRef"]
        secret = self.kube.get("secret", reference["name"], reference["namespace"]) or {}
        config = base64.b64decode(secret["data"][reference["key"]]).decode()
        server = f"server: {self.status()['endpoint']}\n"
        assert server in config
        name = self.status()["endpoint"].removeprefix("https://")
        path = self.there.place.folder / "tenants" / f"{NAME}-external.yaml"
        address = f"server: https://{NODE_ADDRESS}\n    tls-server-name: {name}\n"
        is_name = name.endswith(f".{DOMAIN}")
        path.write_text(config.replace(server, address) if is_name else config)
        path.chmod(0o600)
        outside = Kube(path, tuple(self.there.command()))
        return outside("get", "namespaces", "-o", "name")

    def belongings(self) -> tuple[str, str]:
        """Return the UIDs of the Service that all belongs to, and of the customer's pod."""
        service = self.kube.get("service", RELEASE, NAME) or {}
        [pod] = [
            one["metadata"]["uid"]
            for one in self.kube.list("pods", NAME)
            if one["metadata"]["name"].startswith("mine-x-default-x-")
        ]
        return service["metadata"]["uid"], pod

    def readable(self) -> list[str]:
        """Return which of the two Secrets with a kubeconfig the reader may read."""
        return [
            name
            for name in (f"vc-{RELEASE}", f"vc-{RELEASE}-external")
            if _may_read(self.kube, name)
        ]


def _may_read(kube: Kube, name: str) -> bool:
    try:
        kube("auth", "can-i", "get", f"secrets/{name}", "-n", NAME, f"--as={READER}")
    except PlatformError:
        return False
    return True


@pytest.fixture(scope="module")
def customer(
    kube: Kube,
    there: Machine,
    compositions: Callable[..., None],
    opened: Callable[[str], Kube],
) -> Iterator[Customer]:
    """Make a VCluster that is not exposed yet, in which its customer has something."""
    kube.apply(tls_routes.CRD)
    compositions(NAME, INPUT)
    readers = [{"kind": "User", "name": READER}]
    asked = {"rancher": {"enabled": False}, "kubeconfigReaders": readers, "crossplane": by(NAME)}
    kube.apply(vcluster(NAME, **asked))
    await_ready(kube, NAME)
    inside = opened(NAME)
    inside("create", "configmap", "mine", "--from-literal=a=b")
    inside("run", "mine", IMAGE, "--", "sleep", "6000")
    inside("wait", "pod/mine", "--for=condition=Ready", "--timeout=60s", seconds=90)
    yield Customer(kube, there)
    kube("delete", VCLUSTERS, NAME, "--cascade=foreground", "--ignore-not-found", seconds=300)
    kube("delete", "crd", tls_routes.CRD["metadata"]["name"])


@pytest.fixture
def controller(there: Machine, kube: Kube) -> Iterator[Callable[[str], None]]:
    """Start what gives addresses to objects of a kind, and end it after the test."""
    name = "edge"

    def start(kind: str) -> None:
        if not kind:
            given = json.dumps({"status": {"loadBalancer": {"ingress": [{"ip": NODE_ADDRESS}]}}})
            what = ("patch", "service", RELEASE, "-n", NAME)
            kube(*what, "--subresource=status", "--type=merge", "-p", given)
            return
        words = (sys.executable, "-m", "tests.e2e.edge", str(there.place.kubeconfig), kind)
        there.start(name, words, {"PYTHONPATH": str(ROOT)})

    yield start
    pid = there.process(name)
    if pid is not None:
        there.run("kill", str(pid))
        until("the edge has ended", lambda: there.process(name) is None, 10)
    (there.place.programs / f"{name}.pid").unlink(missing_ok=True)


def expose(kube: Kube, **asked: str | int | None) -> None:
    """Ask for a way in, which has no node port unless it is named."""
    kube.patch(VCLUSTERS, NAME, {"spec": {"expose": {"port": None, **asked}}})


def said(kube: Kube) -> tuple[str, str]:
    """Return type, status and reason of ControlPlaneReady, and its message."""
    found = condition(kube.get(VCLUSTERS, NAME), "ControlPlaneReady")
    return f"ControlPlaneReady {found['status']} {found['reason']}", found.get("message", "")


@pytest.mark.parametrize("way_in", WAYS_IN, ids=lambda way_in: way_in.type)
def test_a_customer_comes_in_from_outside(
    customer: Customer, kube: Kube, controller: Callable[[str], None], way_in: WayIn
) -> None:
    """READY once there is an address, and then kubectl works, with TLS verified.

    What the customer has stays through all of it, and his readers may read what he uses.
    """
    belongings = customer.belongings()
    expose(kube, type=way_in.type, hostname=None)
    waiting = ("ControlPlaneReady False WaitingForAddress", way_in.waits)
    until("it waits for an address", lambda: said(kube) == waiting, 240,
          lambda: describe(kube, NAME))  # fmt: skip
    found = kube.get(VCLUSTERS, NAME)
    assert condition(found, "Ready")["status"] == "False"
    assert customer.status()["blockedBy"] == f"ControlPlaneReady: {way_in.waits}"

    controller(way_in.controller)
    await_ready(kube, NAME)
    status = customer.status()
    assert status["endpoint"] == f"https://{HOSTNAME}"
    assert status.get("address") == (None if way_in.type == "Gateway" else NODE_ADDRESS)
    secret = {"namespace": NAME, "name": f"vc-{RELEASE}-external", "key": "config"}
    assert status["kubeconfigSecretRef"] == secret
    assert customer.readable() == [f"vc-{RELEASE}-external"]
    assert "namespace/default\n" in customer.namespaces()
    assert customer.belongings() == belongings

    if way_in.controller:
        name = f"api.{HOSTNAME}"
        expose(kube, hostname=name)
        await_ready(kube, NAME)
        assert customer.status()["endpoint"] == f"https://{name}"
        # The edge looks once a second.
        until("the new name leads in", lambda: _comes_in(customer), 30)


def _comes_in(customer: Customer) -> bool:
    try:
        return "namespace/default\n" in customer.namespaces()
    except PlatformError:
        return False


@pytest.fixture
def other_service(kube: Kube) -> Iterator[None]:
    """Make a Service of the host's own that has a node port of the range."""
    kube.apply(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "has-the-port", "namespace": "default"},
            "spec": {
                "type": "NodePort",
                "ports": [{"port": 80, "nodePort": TAKEN}],
                "selector": {"app": "has-the-port"},
            },
        }
    )
    yield
    kube("delete", "service", "has-the-port", "-n", "default")


@pytest.mark.usefixtures("other_service")
def test_a_customer_comes_in_by_a_node_port(customer: Customer, kube: Kube) -> None:
    """READY without anything that gives addresses, and kubectl works by the node's address.

    A port that another Service has is told by its field, and the next one leads in again.
    """
    belongings = customer.belongings()
    expose(kube, type="NodePort", port=PORT, hostname=None)
    await_ready(kube, NAME)
    status = customer.status()
    assert status["endpoint"] == f"https://{NODE_ADDRESS}:{PORT}"
    assert "address" not in status
    assert status["kubeconfigSecretRef"]["name"] == f"vc-{RELEASE}-external"
    assert customer.readable() == [f"vc-{RELEASE}-external"]
    assert "namespace/default\n" in customer.namespaces()

    expose(kube, type="NodePort", port=TAKEN)
    words = (
        f"spec.expose.port: node port {TAKEN} belongs to another Service of the host. "
        "Choose another port."
    )
    refused = ("ControlPlaneReady False PortRefused", words)
    until("the port is refused", lambda: said(kube) == refused, 240, lambda: describe(kube, NAME))
    expose(kube, type="NodePort", port=PORT + 2)
    await_ready(kube, NAME)
    assert customer.status()["endpoint"] == f"https://{NODE_ADDRESS}:{PORT + 2}"
    assert "namespace/default\n" in customer.namespaces()
    assert customer.belongings() == belongings


def test_a_name_of_another_customer_is_refused(customer: Customer, kube: Kube) -> None:
    """Nobody takes a name that another VCluster has or may have."""
    before = customer.status()["endpoint"]
    expose(kube, type="Ingress", hostname=f"kunde1.{DOMAIN}")
    try:
        until(
            "it is refused",
            lambda: (
                condition(kube.get(VCLUSTERS, NAME), "Accepted").get("reason") == "ChangeRefused"
            ),
            60,
        )
        message = condition(kube.get(VCLUSTERS, NAME), "Accepted")["message"]
        assert message.startswith(f"spec.expose.hostname: must be {HOSTNAME}, or end with ")
        assert customer.status().get("endpoint", before) in (before, f"https://{HOSTNAME}")
    finally:
        expose(kube, type="ClusterIP", hostname=None)


def test_it_is_closed_again(customer: Customer, kube: Kube, opened: Callable[[str], Kube]) -> None:
    """Back to ClusterIP nothing leads in from outside, and what the customer has is there."""
    belongings = customer.belongings()
    expose(kube, type="ClusterIP", hostname=None)
    await_ready(kube, NAME)
    status = customer.status()
    assert status["endpoint"] == f"https://{RELEASE}.{NAME}.svc:443"
    assert status["kubeconfigSecretRef"]["name"] == f"vc-{RELEASE}"
    assert "address" not in status
    assert customer.readable() == [f"vc-{RELEASE}"]
    for kind in ("ingress", "tlsroute"):
        assert kube.get(kind, RELEASE, NAME) is None
    service = kube.get("service", RELEASE, NAME) or {}
    assert service["spec"]["type"] == "ClusterIP"
    assert customer.belongings() == belongings
    inside = opened(NAME)
    assert (inside.get("configmap", "mine", "default") or {})["data"] == {"a": "b"}
