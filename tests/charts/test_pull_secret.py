"""The pull secret is copied from the platform's namespace, and nothing else ever is."""

import base64
import json
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

RunHelm = Callable[..., subprocess.CompletedProcess[str]]

PLATFORM = "/api/v1/namespaces/vcluster-system"
SECRETS = f"{PLATFORM}/secrets/"
DATA = {".dockerconfigjson": base64.b64encode(b'{"auths": {}}').decode()}


@dataclass
class Cluster:
    """An API server that knows the platform's namespace and its Secrets, for `lookup`."""

    kubeconfig: Path
    answers: dict[str, dict[str, Any]]
    asked: list[str] = field(default_factory=list)

    def add_secret(self, name: str, secret_type: str) -> None:
        """Put a Secret into the platform's namespace."""
        self.answers[f"{SECRETS}{name}"] = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": "vcluster-system", "labels": {"mine": "yes"}},
            "type": secret_type,
            "data": DATA,
        }


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Serve a cluster for one test."""
    kinds = [
        {"name": "namespaces", "kind": "Namespace", "namespaced": False, "verbs": ["get"]},
        {"name": "secrets", "kind": "Secret", "namespaced": True, "verbs": ["get"]},
    ]
    cluster = Cluster(
        kubeconfig=tmp_path / "kubeconfig",
        answers={
            "/version": {"major": "1", "minor": "36", "gitVersion": "v1.36.3"},
            "/api": {"kind": "APIVersions", "versions": ["v1"]},
            "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
            "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": kinds},
            PLATFORM: {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": "vcluster-system"},
            },
        },
    )

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            cluster.asked.append(path)
            missing = {"apiVersion": "v1", "kind": "Status", "reason": "NotFound", "code": 404}
            body = json.dumps(cluster.answers.get(path, missing)).encode()
            self.send_response(200 if path in cluster.answers else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Leave the tests' output alone."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        cluster.kubeconfig.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "clusters": [
                        {
                            "name": "test",
                            "cluster": {"server": f"http://127.0.0.1:{server.server_port}"},
                        }
                    ],
                    "contexts": [{"name": "test", "context": {"cluster": "test"}}],
                    "current-context": "test",
                }
            )
        )
        yield cluster
        server.shutdown()


def test_copied_with_name_and_type(
    run_helm: RunHelm, charts: Path, cluster: Cluster, everything: dict[str, Any]
) -> None:
    """The tenant's pods pull with the platform's credentials, and it asked for that Secret only."""
    cluster.add_secret("registry", "kubernetes.io/dockerconfigjson")
    cluster.add_secret("rancher-api", "Opaque")

    done = _install(run_helm, charts, cluster, everything)

    assert done.returncode == 0, done.stderr
    secrets = [o for o in yaml.safe_load_all(done.stdout) if o and o["kind"] == "Secret"]
    (secret,) = secrets
    assert secret["metadata"]["name"] == "registry"
    assert secret["metadata"]["namespace"] == "kunde1"
    assert "mine" not in secret["metadata"]["labels"]
    assert (secret["type"], secret["data"]) == ("kubernetes.io/dockerconfigjson", DATA)
    assert {path for path in cluster.asked if "/secrets" in path} == {f"{SECRETS}registry"}


def test_missing_one_says_what_to_do(
    run_helm: RunHelm, charts: Path, cluster: Cluster, everything: dict[str, Any]
) -> None:
    """A forgotten Secret is named, before any pod fails to pull."""
    done = _install(run_helm, charts, cluster, everything)

    assert done.returncode != 0
    assert (
        'The pull secret "registry" does not exist in namespace "vcluster-system": create it there '
        "(kubectl create secret docker-registry), or leave pullSecret empty."
    ) in done.stderr


def test_other_secrets_are_not_copied(
    run_helm: RunHelm, charts: Path, cluster: Cluster, everything: dict[str, Any]
) -> None:
    """Rancher's token, named by mistake, does not get to where tenants' pods can mount it."""
    cluster.add_secret("rancher-api", "Opaque")

    done = _install(run_helm, charts, cluster, everything | {"pullSecret": "rancher-api"})

    assert done.returncode != 0
    assert 'is of type "Opaque", not an image pull secret' in done.stderr
    assert DATA[".dockerconfigjson"] not in done.stdout + done.stderr


def test_none_asks_for_none(
    run_helm: RunHelm, charts: Path, cluster: Cluster, minimal: dict[str, Any]
) -> None:
    """Without a pull secret no Secret is read at all."""
    done = _install(run_helm, charts, cluster, minimal)

    assert done.returncode == 0, done.stderr
    assert not [path for path in cluster.asked if "/secrets" in path]


def test_nothing_is_rendered_without_a_cluster(
    render: Callable[[Mapping[str, object]], list[dict[str, Any]]], everything: dict[str, Any]
) -> None:
    """`helm template` in a pipeline neither fails nor shows a Secret."""
    assert not [o for o in render(everything) if o["kind"] == "Secret"]


def _install(
    run_helm: RunHelm, charts: Path, cluster: Cluster, values: Mapping[str, object]
) -> subprocess.CompletedProcess[str]:
    """Render as an installation does, `lookup` included."""
    return run_helm(
        "template",
        "kunde1-namespace",
        charts / "vcluster-namespace",
        "--namespace=vcluster-system",
        "--dry-run=server",
        values=values,
        kubeconfig=cluster.kubeconfig,
    )
