"""A tenant who redirects an API of their virtual cluster does not hold up its deletion."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from dev.apiserver.server import running
from dev.demo import kubernetes
from dev.fake_rancher import FakeRancher, tls
from tests.support import hostile
from tests.support.tools import tool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dev.apiserver.client import Client

UID = "227fb97b-6cf6-4f79-9ae9-ffb14550d34d"
SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices/v1.apps"
DISCOVERY = {
    "kind": "APIResourceList",
    "apiVersion": "v1",
    "groupVersion": "apps/v1",
    "resources": [
        {
            "name": "deployments",
            "singularName": "deployment",
            "namespaced": True,
            "kind": "Deployment",
            "verbs": ["get", "list", "delete"],
        }
    ],
}


@pytest.fixture(scope="module")
def apiserver() -> Iterator[Client]:
    """Yield a client of an API server of its own: what is redirected is not found at once again."""
    etcd, kube_apiserver = (tool(n, "tools-apiserver") for n in ("etcd", "kube-apiserver"))
    with running(etcd, kube_apiserver) as client:
        yield client


@contextmanager
def redirected(api: Client, port: int) -> Iterator[None]:
    """Have Deployments come from a server of the tenant's."""
    before = api.request("GET", SERVICES).body
    metadata = {"name": "hostile", "namespace": "default"}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port}]},
    }
    assert api.apply(service).status in (200, 201)
    spec = {
        **before["spec"],
        "service": {"name": "hostile", "namespace": "default", "port": port},
        "insecureSkipTLSVerify": True,
    }
    try:
        patched = api.request("PUT", SERVICES, {**before, "spec": spec})
        assert patched.status == 200, patched.body
        yield
    finally:
        now = api.request("GET", SERVICES).body["metadata"]["resourceVersion"]
        restored = {**before, "metadata": {**before["metadata"], "resourceVersion": now}}
        assert api.request("PUT", SERVICES, restored).status == 200
        api.delete("v1", "Service", "hostile", namespace="default")


def until_redirected(api: Client, paths: list[str]) -> None:
    """Wait until the API server asks the tenant's server for Deployments."""
    deadline = time.monotonic() + 60
    while not any("namespaces" in path for path in paths):
        assert time.monotonic() < deadline, paths
        subprocess.run(
            [sys.executable, "-c", ASK],
            env={"ADDRESS": f"https://127.0.0.1:{api.port}", "TOKEN": api.token, "CA": str(api.ca)},
            check=True,
            timeout=30,
        )


ASK = """
import contextlib, os, ssl, urllib.request
path = "/apis/apps/v1/namespaces/default/deployments"
request = urllib.request.Request(os.environ["ADDRESS"] + path)
request.add_header("Authorization", "Bearer " + os.environ["TOKEN"])
trust = ssl.create_default_context(cafile=os.environ["CA"])
with contextlib.suppress(OSError):
    urllib.request.urlopen(request, timeout=2, context=trust)
"""


@pytest.mark.parametrize(
    ("manner", "left"), [("trickle", [f"{UID}.agent"]), ("large", [f"{UID}.agent"]), ("html", [])]
)
def test_deployments_from_a_server_of_the_tenants(
    apiserver: Client, tmp_path: Path, manner: str, left: list[str]
) -> None:
    """The hook ends well and in time, and notes the agent that it cannot know to be removed."""
    marker = {"ownerUid": UID, "clusterId": "c-m-1", "applied": "true"}
    metadata = {"name": "caas-rancher-import", "namespace": "kube-system"}
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": marker}
    assert apiserver.apply(body).status in (200, 201)
    inside = base64.b64encode(json.dumps(apiserver.kubeconfig).encode()).decode()
    secret = {"metadata": {"name": "vc-kunde1-vcluster"}, "data": {"config": inside}}
    discovery = json.dumps(DISCOVERY).encode()
    with (
        kubernetes.serving() as (store, host),
        FakeRancher() as rancher,
        hostile.serving(manner, tls=tls.pair().context(), discovery=discovery) as (address, paths),
        redirected(apiserver, int(address.rpartition(":")[2])),
    ):
        store.put("/api/v1/namespaces/kunde1/secrets/vc-kunde1-vcluster", secret)
        until_redirected(apiserver, paths)
        asked = len(paths)
        (tmp_path / "token").write_text(rancher.token())
        (tmp_path / "kubeconfig").write_text(kubernetes.kubeconfig(host))
        done = deregister(tmp_path, rancher)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(paths) > asked, done.stdout
    note = "/api/v1/namespaces/vcluster-system/configmaps/vcluster-abandoned"
    assert [*store.objects.get(note, {}).get("data", {})] == left
    apiserver.delete("v1", "ConfigMap", metadata["name"], namespace="kube-system")


def deregister(folder: Path, rancher: FakeRancher) -> subprocess.CompletedProcess[Any]:
    """Run the hook as its Job does."""
    env = {
        "PATH": os.environ["PATH"],
        "RANCHER_URL": rancher.url,
        "RANCHER_TOKEN_FILE": str(folder / "token"),
        "RANCHER_CA_FILE": str(rancher.ca_file),
        "KUBECONFIG": str(folder / "kubeconfig"),
        "CLUSTER_NAME": "kunde1",
        "OWNER_UID": UID,
        "STATE_NAMESPACE": "vcluster-system",
        "STATE_CONFIG_MAP": "kunde1-rancher",
        "KUBECONFIG_NAMESPACE": "kunde1",
        "KUBECONFIG_SECRET": "vc-kunde1-vcluster",
        "ON_DELETE": "Retain",
        "TIMEOUT": "20s",
    }
    return subprocess.run(
        [sys.executable, "-m", "jobs.rancher", "deregister"],
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
