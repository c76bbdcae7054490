"""A real import: the program `rancher-import` against the test Rancher.

Host and virtual cluster are stand-ins in memory. The tests compare the test Rancher with recorded
answers of a real one. The program, its requests and its TLS are real.
"""

import base64
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dev.demo import kubernetes, text
from dev.fake_rancher import FakeRancher, KubeApi
from dev.scripts import life
from function import protobuf
from function.compose import compose

PLATFORM = "vcluster-system"
STATE = f"/api/v1/namespaces/{PLATFORM}/configmaps/kunde1-rancher"


def tell() -> dict[str, str]:
    """Run the import of kunde1 twice and its deregistration; return the state after each."""
    text.heading("The import of kunde1, by the real program", "=")
    if shutil.which("openssl") is None:
        text.paragraph("Left out: the test Rancher needs openssl for its certificate.")
        return {}
    text.paragraph(
        "`rancher-import` runs as the Job of chart vcluster-rancher would. Host and virtual "
        "cluster are stand-ins in memory; the Rancher is the tests' own, held to recorded answers."
    )
    with stage() as (env, host, rancher):
        phases = {
            command: _run(command, env, host) for command in ("import", "import", "deregister")
        }
        text.table(
            ("RANCHER HAS NOW", "AGENTS"),
            [(name, str(one.agents)) for name, one in rancher.clusters().items()]
            or [("no cluster", "0")],
        )
    return phases


@contextmanager
def stage() -> Iterator[tuple[dict[str, str], kubernetes.Store, FakeRancher]]:
    """Yield the environment of the program, the host and the Rancher around it."""
    with (
        tempfile.TemporaryDirectory() as folder,
        FakeRancher() as rancher,
        kubernetes.serving() as (host, host_address),
        kubernetes.serving() as (_, inside),
    ):
        rancher.watch("kunde1", KubeApi(inside))
        yield _environment(Path(folder), rancher, host, host_address, inside), host, rancher


def _run(command: str, env: dict[str, str], host: kubernetes.Store) -> str:
    print(f"$ rancher-import {command}")
    done = subprocess.run(
        [sys.executable, "-m", "jobs.rancher", command],
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if done.returncode:
        print(done.stdout, done.stderr)
    state = host.objects[STATE]["data"]
    text.table(
        ("EXIT CODE", "PHASE", "CLUSTER", "REASON"),
        [
            (
                str(done.returncode),
                state["phase"],
                state.get("clusterId", ""),
                state.get("reason", ""),
            )
        ],
    )
    return f"{done.returncode} {state['phase']}"


def _environment(
    folder: Path, rancher: FakeRancher, host: kubernetes.Store, address: str, inside: str
) -> dict[str, str]:
    """Create the objects of the chart, and return the environment of its Job."""
    release = compose(protobuf.decode(life.request("kunde1", "up"))).resources["rancher"].resource
    values = release["spec"]["forProvider"]["values"]
    host.put(
        STATE,
        {
            "metadata": {"name": "kunde1-rancher", "namespace": PLATFORM},
            "data": {"phase": "Pending", "desiredInputs": values["inputs"]},
        },
    )
    config = base64.b64encode(kubernetes.kubeconfig(inside).encode()).decode()
    secret = values["vcluster"]["kubeconfigSecret"]["name"]
    host.put(
        f"/api/v1/namespaces/kunde1/secrets/{secret}",
        {"metadata": {"name": secret, "namespace": "kunde1"}, "data": {"config": config}},
    )
    (folder / "kubeconfig").write_text(kubernetes.kubeconfig(address))
    (folder / "token").write_text(rancher.token())
    return {
        **os.environ,
        "KUBECONFIG": str(folder / "kubeconfig"),
        "RANCHER_URL": rancher.url,
        "RANCHER_TOKEN_FILE": str(folder / "token"),
        "RANCHER_CA_FILE": str(rancher.ca_file),
        "CLUSTER_NAME": values["rancher"]["clusterName"],
        "OWNER_NAME": values["owner"]["name"],
        "OWNER_UID": values["owner"]["uid"],
        "OWNERS": '[{"group": "keycloakoidc_group://platform", "role": "cluster-owner"}]',
        "INPUTS": values["inputs"],
        "STATE_NAMESPACE": PLATFORM,
        "STATE_CONFIG_MAP": values["stateConfigMap"],
        "KUBECONFIG_NAMESPACE": "kunde1",
        "KUBECONFIG_SECRET": secret,
        "TIMEOUT": "30s",
    }
