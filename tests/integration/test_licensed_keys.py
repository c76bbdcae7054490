"""The real open-source control plane with keys that need a licence, on real API servers.

It runs as in its pod, but beside API servers and an etcd that are there already, instead of
starting its own.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from dev.apiserver.processes import free_ports, process
from dev.apiserver.server import running
from function.api import chart_facts
from function.k8s.helm_values import merge
from tests.support.factories import changed
from tests.support.tools import official_chart, tool

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from dev.apiserver.client import Client

NAME, NAMESPACE = "kunde1-vcluster", "licensed"
LIMIT_SECONDS = 120 if os.environ.get("CI") else 60
POLL_SECONDS = 0.1
STARTED = "Successfully started vCluster controllers"
FEATURE = "you are trying to use a vCluster pro feature"

PATCH = [{"path": "metadata.annotations.x", "expression": '"y"'}]

STOPPING: dict[str, dict[str, Any]] = {
    "controlPlane.advanced.kubeVip.enabled": {"controlPlane.advanced.kubeVip.enabled": True},
    "controlPlane.coredns.embedded": {"controlPlane.coredns.embedded": True},
    "experimental.proxy.customResources": {
        "experimental.proxy.customResources": {
            "widgets.example.org/v1": {"enabled": True, "targetVirtualCluster": {"name": "x"}}
        }
    },
    "sync.toHost.pods.hybridScheduling.enabled": {
        "sync.toHost.pods.hybridScheduling.enabled": True,
        "sync.fromHost.nodes.enabled": True,
    },
}
"""What is written for each key that stops the control plane."""

RULE = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["create"]}
WITHOUT_EFFECT: dict[str, Any] = {
    "controlPlane.hostPathMapper": {"enabled": True, "central": True},
    "deletion": {},
    "experimental.denyProxyRequests": [{"name": "x", "namespaces": ["x"], "rules": [RULE]}],
    "networking.resolveDNS": [{"hostname": "a.example.org", "target": {"ip": "10.0.0.1"}}],
    "platform": {},
    "policies.centralAdmission.mutatingWebhooks": [
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": "x"},
        }
    ],
    "policies.centralAdmission.validatingWebhooks": [
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": "x"},
        }
    ],
    "sleep": {},
    "snapshots": {},
    "sync.fromHost.customResources": {"a.example.org": {"enabled": True, "scope": "Cluster"}},
    "sync.fromHost.deviceClasses.enabled": True,
    "sync.toHost.customResources": {"b.example.org": {"enabled": True}},
    "sync.toHost.resourceClaims.enabled": True,
    "sync.toHost.resourceClaimTemplates.enabled": True,
}
"""What upstream's CLI refuses without a licence, and the control plane does not."""


@dataclass(frozen=True)
class Place:
    """What the control plane runs beside, and its values there."""

    host: Client
    virtual: Client
    folder: Path
    values: Mapping[str, Any]

    def start(self, changes: Mapping[str, Any]) -> Iterator[str]:
        """Run the control plane; yield its output once it started, or ended, and stop it then."""
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": f"vc-config-{NAME}", "namespace": NAMESPACE},
        }
        assert self.host.apply(secret).status in (200, 201)
        (port,) = free_ports(1)
        values = changed(self.values, {"controlPlane.proxy.port": port, **changes})
        config, log = self.folder / "config.yaml", self.folder / "vcluster.log"
        config.write_text(yaml.safe_dump(values))
        env = {
            "KUBECONFIG": str(self.folder / "host.yaml"),
            "NAMESPACE": NAMESPACE,
            "POD_NAMESPACE": NAMESPACE,
            "POD_NAME": f"{NAME}-0",
            "VCLUSTER_NAME": NAME,
        }
        command = [str(tool("vcluster")), "start", "--config", str(config)]
        with process(log, command, env) as started:
            deadline = time.monotonic() + LIMIT_SECONDS
            while started.poll() is None and STARTED not in log.read_text():
                assert time.monotonic() < deadline, log.read_text()[-3000:]
                time.sleep(POLL_SECONDS)
            yield log.read_text()


@pytest.fixture(scope="module")
def place(apiserver: Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Yield a host, a virtual API server and an etcd for what is mapped between them."""
    tool("vcluster")
    folder = tmp_path_factory.mktemp("vcluster")
    chart = yaml.safe_load((official_chart() / "values.yaml").read_text())
    etcd = tool("etcd")
    with running(etcd, tool("kube-apiserver")) as virtual:
        certificate, key = str(virtual.ca), str(virtual.ca.with_name("tls.key"))
        (port,) = free_ports(1)
        peer = "http://127.0.0.1:0"
        command = [
            str(etcd),
            f"--data-dir={folder / 'etcd'}",
            f"--listen-client-urls=https://127.0.0.1:{port}",
            f"--advertise-client-urls=https://127.0.0.1:{port}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            f"--cert-file={certificate}",
            f"--key-file={key}",
            "--unsafe-no-fsync",
        ]
        tls = {"caFile": certificate, "certFile": certificate, "keyFile": key}
        there = {
            "controlPlane.backingStore.etcd.external": {
                "enabled": True,
                "endpoint": f"127.0.0.1:{port}",
                "tls": tls,
            },
            "controlPlane.coredns.enabled": False,
            "controlPlane.distro.k8s": {
                "enabled": True,
                "apiServer": {"enabled": False},
                "controllerManager": {"enabled": False},
                "scheduler": {"enabled": False},
            },
            "experimental.virtualClusterKubeConfig": {
                "kubeConfig": str(folder / "virtual.yaml"),
                "clientCACert": certificate,
                "clientCAKey": key,
                "serverCACert": certificate,
                "serverCAKey": key,
                "requestHeaderCACert": certificate,
            },
        }
        (folder / "host.yaml").write_text(json.dumps(apiserver.kubeconfig))
        (folder / "virtual.yaml").write_text(json.dumps(virtual.kubeconfig))
        for client, obj in (
            (apiserver, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}),
            (apiserver, service(NAME, NAMESPACE)),
            # What only a controller manager would make.
            (
                virtual,
                {
                    "apiVersion": "v1",
                    "kind": "ServiceAccount",
                    "metadata": {"name": "default", "namespace": "default"},
                },
            ),
        ):
            answer = client.apply(obj)
            assert answer.status in (200, 201), answer.body
        with process(folder / "etcd.log", command):
            yield Place(apiserver, virtual, folder, changed(merge(chart), there))


def service(name: str, namespace: str) -> dict[str, Any]:
    """Return a Service."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"ports": [{"port": 443}]},
    }


def test_each_key_is_tried() -> None:
    """No key comes into the table without being shown."""
    assert {*STOPPING} == {*chart_facts.LICENSED}


@pytest.mark.parametrize("key", chart_facts.LICENSED)
def test_a_licensed_key_stops_it(place: Place, key: str) -> None:
    """The open-source control plane ends because of the key, and says so."""
    (log,) = place.start(STOPPING[key])
    assert FEATURE in log
    assert STARTED not in log


def test_what_only_the_cli_refuses(place: Place) -> None:
    """With all that the table does not have it starts, and objects get to the host."""
    for log in place.start(WITHOUT_EFFECT):
        assert STARTED in log
        assert place.virtual.apply(service("plain", "default")).status in (200, 201)
        until_there(place, f"plain-x-default-x-{NAME}")


def test_with_patches_nothing_of_the_kind_is_synced(place: Place) -> None:
    """The control plane starts, and says of each object that it needs a licence."""
    for _ in place.start({"sync.toHost.services.patches": PATCH}):
        assert place.virtual.apply(service("patched", "default")).status in (200, 201)
        deadline = time.monotonic() + LIMIT_SECONDS
        while FEATURE not in (log := (place.folder / "vcluster.log").read_text()):
            assert time.monotonic() < deadline, log[-3000:]
            time.sleep(POLL_SECONDS)
    found = place.host.get("v1", "Service", f"patched-x-default-x-{NAME}", namespace=NAMESPACE)
    assert found.status == 404


def until_there(place: Place, name: str) -> None:
    """Wait until the host has a Service."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while place.host.get("v1", "Service", name, namespace=NAMESPACE).status != 200:
        assert time.monotonic() < deadline, name
        time.sleep(POLL_SECONDS)
