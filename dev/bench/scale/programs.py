"""Start the real programs: two Kubernetes API servers, Crossplane, provider-helm, the function."""

from __future__ import annotations

import json
import re
import secrets
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dev.apiserver import server
from dev.apiserver.client import Client
from dev.apiserver.processes import free_ports, listens, process
from dev.apiserver.server import ADMINISTRATORS
from dev.platform.command import PlatformError, run

if TYPE_CHECKING:
    import contextlib
    import subprocess
    from collections.abc import Callable, Mapping, Sequence

ROOT = Path(__file__).parents[3]
TOOLS = ROOT / ".tools"
BIN = TOOLS / "bin"
START_SECONDS = 60
PROVIDER_METRICS_PORT = 8080
"""Fixed port, which no flag of provider-helm changes."""

CHART_CACHE = Path("/tmp/charts")  # noqa: S108
"""Fixed folder, where provider-helm keeps charts by name and version:
https://github.com/crossplane-contrib/provider-helm/blob/v1.3.0/pkg/clients/helm/client.go#L49"""

COLLECTOR_FLAGS = ("--kube-api-qps=100", "--kube-api-burst=200")
"""By default the garbage collector makes 20 requests a second, which is what many deletions wait
for: it tries to delete each Release again and again until its Usage permits that."""

ACCOUNTS = "system:serviceaccounts"
"""The API server queues requests of this group as it does for pods; masters are never queued."""

CROSSPLANE = "system:serviceaccount:crossplane-system:crossplane"
PROVIDER = "system:serviceaccount:crossplane-system:provider-helm"
CONTROLLERS = "system:kube-controller-manager"


@dataclass(frozen=True)
class Cluster:
    """A Kubernetes API server with its administrator, and other users."""

    admin: Client
    tokens: Mapping[str, str]

    def kubeconfig(self, user: str) -> str:
        """Return the kubeconfig of a user, with everything in it."""
        return json.dumps(Client(self.admin.port, self.tokens[user], self.admin.ca).kubeconfig)


@dataclass
class Programs:
    """Programs that run until `stack` is closed, each with a log in `folder`."""

    folder: Path
    stack: contextlib.ExitStack
    pids: dict[str, int] = field(default_factory=dict)
    _started: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(
        self, name: str, command: Sequence[str | Path], env: Mapping[str, str] | None = None
    ) -> None:
        """Start a program."""
        words = [str(word) for word in command]
        started = self.stack.enter_context(process(self.log(name), words, env))
        self._started[name] = started
        self.pids[name] = started.pid

    def log(self, name: str) -> Path:
        """Return a program's log."""
        return self.folder / f"{name.replace(' ', '-')}.log"

    def wait(self, what: str, holds: Callable[[], bool]) -> None:
        """Wait for a condition. Raises with the log of a program that ended."""
        deadline = time.monotonic() + START_SECONDS
        while not holds():
            self.check()
            if time.monotonic() > deadline:
                msg = f"{what}: not after {START_SECONDS} s"
                raise PlatformError(msg)
            time.sleep(0.1)

    def check(self) -> None:
        """Raise if a program has ended."""
        for name, started in self._started.items():
            if started.poll() is not None:
                said = self.log(name).read_text(errors="replace")[-2000:]
                msg = f"{name} ended with exit code {started.returncode}\n{said}"
                raise PlatformError(msg)


def cluster(programs: Programs, place: str, controllers: Sequence[str]) -> Cluster:
    """Start etcd, kube-apiserver and the controllers; `place` distinguishes clusters."""
    folder = programs.folder / place
    folder.mkdir()
    etcd_port, api_port, manager_port = free_ports(3)
    groups = {"admin": ADMINISTRATORS, CROSSPLANE: ACCOUNTS, PROVIDER: ACCOUNTS, CONTROLLERS: ""}
    users = [server.User(name, secrets.token_hex(), group) for name, group in groups.items()]
    server.write_credentials(folder, users)
    tokens = {user.name: user.token for user in users}
    etcd = server.etcd_command(BIN / "etcd", folder / "etcd", etcd_port)
    programs.start(f"{place} etcd", etcd)
    apiserver = server.apiserver_command(BIN / "kube-apiserver", folder, api_port, etcd_port)
    programs.start(f"{place} kube-apiserver", apiserver)
    result = Cluster(Client(api_port, tokens["admin"], folder / "tls.crt"), tokens)
    programs.wait(f"{place} kube-apiserver", lambda: server.is_ready(result.admin))
    config = folder / "controllers.kubeconfig"
    config.write_text(result.kubeconfig(CONTROLLERS))
    manager: list[str | Path] = [
        *(BIN / "kube-controller-manager", f"--kubeconfig={config}", "--leader-elect=false"),
        *(f"--controllers={','.join(controllers)}", f"--secure-port={manager_port}"),
        *("--bind-address=127.0.0.1", f"--cert-dir={folder}", *COLLECTOR_FLAGS),
    ]
    programs.start(f"{place} kube-controller-manager", manager)
    return result


def charts(programs: Programs, root: Path) -> str:
    """Package the official chart and this project's, serve them, and return the repository."""
    repository = programs.folder / "charts"
    helm = str(BIN / "helm")
    for chart in (TOOLS / "charts" / "vcluster", *sorted((root / "charts").iterdir())):
        run(helm, "package", str(chart), "--destination", str(repository))
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    run(helm, "repo", "index", str(repository), "--url", url)
    serve = ["-m", "http.server", "--bind", "127.0.0.1", str(port), "--directory", str(repository)]
    programs.start("charts", [sys.executable, *serve])
    return url


def function(programs: Programs, root: Path, certificates: Path) -> str:
    """Start the function behind mutual TLS, and return its endpoint."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "function", "--address", f"127.0.0.1:{port}"]
    env = {"TLS_SERVER_CERTS_DIR": str(certificates), "PYTHONPATH": str(root)}
    programs.start("function", command, env)
    return f"dns:///localhost:{port}"


@dataclass(frozen=True)
class Crossplane:
    """Ports of Crossplane."""

    metrics_port: int
    webhook_port: int


def crossplane(
    programs: Programs, on: Cluster, certificates: Path, flags: Sequence[str]
) -> Crossplane:
    """Start Crossplane with its webhooks, which Usages need."""
    metrics_port, probe_port, webhook_port = free_ports(3)
    config = programs.folder / "crossplane.kubeconfig"
    config.write_text(on.kubeconfig(CROSSPLANE))
    command: list[str | Path] = [
        *(BIN / "crossplane-core", "core", "start", "--package-runtime=External"),
        *("--namespace=crossplane-system", f"--xpkg-cache-dir={programs.folder}"),
        *(f"--metrics-port={metrics_port}", f"--health-probe-port={probe_port}"),
        *(f"--webhook-port={webhook_port}", *flags),
    ]
    env = {
        "KUBECONFIG": str(config),
        "TLS_CLIENT_CERTS_DIR": str(certificates),
        "TLS_SERVER_CERTS_DIR": str(certificates),
    }
    programs.start("crossplane", command, env)
    return Crossplane(metrics_port, webhook_port)


def provider_helm(programs: Programs, on: Cluster, flags: Sequence[str]) -> None:
    """Start provider-helm, without charts that it has kept from an earlier run."""
    if listens(PROVIDER_METRICS_PORT):
        msg = (
            f"port {PROVIDER_METRICS_PORT} is taken, which provider-helm needs and cannot change: "
            "stop what listens there, or run this in a network namespace of its own"
        )
        raise PlatformError(msg)
    for chart in (programs.folder / "charts").glob("*.tgz"):
        (CHART_CACHE / chart.name).unlink(missing_ok=True)
    temporary = programs.folder / "provider-helm"
    temporary.mkdir()
    config = programs.folder / "provider-helm.kubeconfig"
    config.write_text(on.kubeconfig(PROVIDER))
    env = {"KUBECONFIG": str(config), "TMPDIR": str(temporary), "HOME": str(temporary)}
    programs.start("provider-helm", [BIN / "provider-helm", *flags], env)


def versions() -> str:
    """Return the versions of the programs, as their modules are pinned."""
    pinned = {
        "Crossplane": ("crossplane-core", "github.com/crossplane/crossplane/v2"),
        "provider-helm": ("provider-helm", "github.com/crossplane-contrib/provider-helm"),
        "Kubernetes": ("kubernetes", "k8s.io/kubernetes"),
        "etcd": ("etcd", "go.etcd.io/etcd/server/v3"),
        "chart vcluster": ("vcluster", "github.com/loft-sh/vcluster"),
    }
    pins = []
    for name, (folder, module) in pinned.items():
        text = (ROOT / "dev" / "tools" / folder / "go.mod").read_text()
        [version] = re.findall(rf"{re.escape(module)} (v\S+)", text)
        pins.append(f"{name} {version}")
    return ", ".join(pins)
