"""Real Crossplane on a kube-apiserver, with our function behind mutual TLS.

The package manager is left out: a paused FunctionRevision tells the engine where the function
listens, which is all that it asks of one.
"""

from __future__ import annotations

import base64
import contextlib
import copy
import http
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from dev.apiserver.processes import free_ports, process
from dev.platform.function_certificates import write_certificates
from dev.scripts import generate, life
from function.observed import rancher
from tests.support.tools import ROOT

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    from dev.apiserver.client import Client

CRDS = ROOT / ".tools" / "crds"
FUNCTION = "function-vcluster"
TIMEOUT_SECONDS = 60


@contextlib.contextmanager
def running(
    core: Path, client: Client, api: Path = generate.CONFIGURATION
) -> Iterator[subprocess.Popen[bytes]]:
    """Run Crossplane and the function, with the API in a folder, until the block ends.

    Yield the function's process.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="crossplane-")))
        write_certificates(folder)
        (folder / "kubeconfig").write_text(json.dumps(client.kubeconfig))
        function_port, metrics_port, probe_port = free_ports(3)
        for namespace in ("crossplane-system", "vcluster-system"):
            _made(
                client, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
            )
        for crd in sorted(CRDS.glob("*.yaml")):
            _made(client, yaml.safe_load(crd.read_text()))
        address = f"127.0.0.1:{function_port}"
        serve = [sys.executable, "-m", "function", "--address", address]
        function = stack.enter_context(
            process(
                folder / "function.log",
                serve,
                {"TLS_SERVER_CERTS_DIR": str(folder), "PYTHONPATH": str(life.ROOT)},
            )
        )
        started = stack.enter_context(
            process(
                folder / "core.log",
                [
                    str(core),
                    "core",
                    "start",
                    "--package-runtime=External",
                    "--enable-webhooks=false",
                    "--namespace=crossplane-system",
                    f"--metrics-port={metrics_port}",
                    f"--health-probe-port={probe_port}",
                    f"--xpkg-cache-dir={folder}",
                ],
                {
                    "KUBECONFIG": str(folder / "kubeconfig"),
                    "TLS_CLIENT_CERTS_DIR": str(folder),
                    "TLS_SERVER_CERTS_DIR": str(folder),
                },
            )
        )
        _install(client, f"dns:///localhost:{function_port}", api)
        try:
            until(lambda: _is_established(client))
        except TimeoutError:
            events = client.request("GET", "/api/v1/events").body["items"]
            told = "\n".join(event["message"] for event in events)
            log = (folder / "core.log").read_text(errors="replace")[-3000:]
            msg = f"Crossplane did not establish the XRD, exit code {started.poll()}\n{told}\n{log}"
            raise RuntimeError(msg) from None
        yield function


def _install(client: Client, endpoint: str, api: Path) -> None:
    revision = {
        "apiVersion": "pkg.crossplane.io/v1",
        "kind": "FunctionRevision",
        "metadata": {
            "name": f"{FUNCTION}-test",
            "labels": {"pkg.crossplane.io/package": FUNCTION},
            "annotations": {"crossplane.io/paused": "true"},
        },
        "spec": {"desiredState": "Active", "image": "example.org/test:v0.0.0", "revision": 1},
    }
    _made(client, revision)
    status = {"status": {"endpoint": endpoint, "capabilities": ["composition"]}}
    where = ("pkg.crossplane.io/v1", "FunctionRevision", f"{FUNCTION}-test")
    client.patch(*where, status, subresource="status")
    for name in ("definition.yaml", "composition.yaml"):
        _made(client, yaml.safe_load((api / name).read_text()))


def _made(client: Client, manifest: dict[str, Any]) -> None:
    answer = client.apply(manifest)
    assert answer.status in (http.HTTPStatus.OK, http.HTTPStatus.CREATED), answer.body


def _is_established(client: Client) -> bool:
    xrd = client.get(
        "apiextensions.crossplane.io/v2", "CompositeResourceDefinition", "vclusters.caas.telekom.de"
    )
    conditions = xrd.body.get("status", {}).get("conditions", [])
    return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)


def play_the_provider(client: Client, example: str) -> None:
    """Report of every object that exists what a provider reports in the end."""
    resources, secrets = life.observed(example, "ready")
    for played in resources:
        metadata = played["metadata"]
        where = (played["apiVersion"], played["kind"], metadata["name"])
        namespace = metadata.get("namespace")
        made = client.get(*where, namespace=namespace).body
        if "spec" not in made:
            continue
        for secret in secrets:
            if secret["metadata"]["name"] == _connection_secret(made):
                values = made["spec"]["forProvider"]["values"]
                assert client.apply(_reported(secret, values)).status in (200, 201)
        status = copy.deepcopy(played["status"])
        for condition in status["conditions"]:
            condition["observedGeneration"] = made["metadata"]["generation"]
        client.patch(*where, {"status": status}, namespace=namespace, subresource="status")


def _reported(secret: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """Return a connection Secret whose import is of these values."""
    if rancher.REPORT not in secret["data"]:
        return secret
    state = json.loads(base64.b64decode(secret["data"][rancher.REPORT]))
    report = json.dumps({**state, "observedInputs": values["inputs"]})
    return {**secret, "stringData": {rancher.REPORT: report}}


def _connection_secret(release: dict[str, Any]) -> str | None:
    name: str | None = release["spec"].get("writeConnectionSecretToRef", {}).get("name")
    return name


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds, or raise TimeoutError."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.1)
