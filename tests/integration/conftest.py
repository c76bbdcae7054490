"""Fixtures for tests against a real kube-apiserver."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.integration.crossplane import running as crossplane_running
from tests.integration.installation import install, install_clock, install_rights, make
from tests.support.tools import tool

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dev.apiserver.client import Client

    Helm = Callable[..., subprocess.CompletedProcess[str]]

PLATFORM = "vcluster-system"
PROVIDER = "system:serviceaccount:crossplane-system:provider-helm"


@pytest.fixture(scope="session")
def function_process(apiserver: Client) -> Iterator[subprocess.Popen[bytes]]:
    """Yield the process of the function that Crossplane calls on the kube-apiserver.

    The VCluster's API is installed; there is no provider, so Releases stay as they are made.
    """
    with crossplane_running(tool("crossplane-core"), apiserver) as function:
        yield function


@pytest.fixture(scope="session")
def crossplane(apiserver: Client, function_process: subprocess.Popen[bytes]) -> Client:
    """Return a client of the kube-apiserver on which Crossplane runs with our function."""
    del function_process
    return apiserver


@pytest.fixture
def installed(crossplane: Client) -> Client:
    """Return a client of a control plane on which everything was applied."""
    install(crossplane, "host.yaml", "control-plane.yaml", "provider-config.yaml")
    return crossplane


@pytest.fixture
def clock_chart(
    run_helm: Callable[..., subprocess.CompletedProcess[str]], apiserver: Client, tmp_path: Path
) -> Client:
    """Return a client of a kube-apiserver on which chart vcluster-clock is installed."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "vcluster-system"}}
    assert apiserver.apply(namespace).status in (200, 201)
    install_clock(run_helm, apiserver, tmp_path)
    return apiserver


@pytest.fixture
def provider_host(apiserver: Client) -> Client:
    """Return a client of a cluster with the platform's namespace and provider-helm's rights.

    Namespace `saved` is that of a virtual cluster.
    """
    for name in (PLATFORM, "saved"):
        make(apiserver, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    install_rights(apiserver)
    return apiserver


@pytest.fixture
def provider_helm(run_helm: Helm, provider_host: Client, tmp_path: Path) -> Helm:
    """Return a function that runs helm as provider-helm in the platform's namespace."""
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(json.dumps(provider_host.kubeconfig))

    def run(
        *words: str | Path, values: dict[str, Any] | None = None
    ) -> subprocess.CompletedProcess[str]:
        who = (f"--namespace={PLATFORM}", f"--kube-as-user={PROVIDER}")
        done = run_helm(*words, *who, values=values, kubeconfig=kubeconfig)
        assert done.returncode == 0, done.stderr
        return done

    return run


@pytest.fixture
def strict_namespace(provider_host: Client) -> str:
    """Return a namespace that is held to the strictest level of pod security, `restricted`."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    metadata = {"name": "strict-pods", "labels": labels}
    make(provider_host, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    return "strict-pods"


@pytest.fixture
def may_run(provider_host: Client, strict_namespace: str) -> Callable[[str], int]:
    """Return a function that has the API server admit the pods of a rendered chart's Jobs there.

    It returns their number.
    """

    def admit(rendered: str) -> int:
        objects = yaml.safe_load_all(rendered)
        specs = [each["spec"] for each in objects if each["kind"] in ("Job", "CronJob")]
        for number, spec in enumerate(specs):
            template = spec.get("jobTemplate", {"spec": spec})["spec"]["template"]
            pod = {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": f"pod-{number}", "namespace": strict_namespace},
                "spec": {**template["spec"], "serviceAccountName": "default"},
            }
            answer = provider_host.apply(pod, dry_run=True)
            assert answer.status in (200, 201), answer.body
        return len(specs)

    return admit
