"""The program as the charts run it: environment, rights, exit codes, what it prints."""

import copy
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from dev.apiserver.processes import free_ports
from dev.scripts import life
from function import protobuf
from function.compose import compose
from tests.jobs.rancher.world import KUBECONFIG, PLATFORM, World

PROGRAM = [sys.executable, "-m", "jobs.rancher"]
DEAF = """
import os, signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.execv(sys.executable, [sys.executable, "-m", *sys.argv[1:]])
"""
CHART = life.ROOT / "charts" / "vcluster-rancher"

Objects = list[dict[str, Any]]
Helm = Callable[..., subprocess.CompletedProcess[str]]


@dataclass
class Installed:
    """The chart, applied by hand: there is no controller that would run its Jobs."""

    world: World
    objects: Objects
    folder: Path

    def of(self, kind: str, part: str) -> dict[str, Any]:
        """Return an object by its kind and a part of its name."""
        return next(o for o in self.objects if o["kind"] == kind and part in o["metadata"]["name"])

    def apply(self, objects: Objects) -> None:
        """Apply objects, but no Job."""
        for body in objects:
            if body["kind"] != "Job":
                assert self.world.api.apply(body).status in (200, 201), body

    def job(self, part: str) -> dict[str, str]:
        """Return what a Job's pod sees: its environment, with our files for the mounted ones."""
        pod = self.of("Job", part)["spec"]["template"]["spec"]
        env = {e["name"]: e["value"] for e in pod["containers"][0]["env"]}
        env["OWNERS"] = env["OWNERS"].replace("$$", "$")
        return {
            **os.environ,
            **env,
            "RANCHER_URL": self.world.fake.url,
            "RANCHER_TOKEN_FILE": str(self.world.token_file),
            "RANCHER_CA_FILE": str(self.world.fake.ca_file),
            "KUBECONFIG": str(self.kubeconfig(pod["serviceAccountName"])),
        }

    def kubeconfig(self, account: str) -> Path:
        """Return a kubeconfig with exactly the rights of a ServiceAccount."""
        path = f"/api/v1/namespaces/{PLATFORM}/serviceaccounts/{account}/token"
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        answer = self.world.api.request("POST", path, request)
        config = copy.deepcopy(self.world.api.kubeconfig)
        config["users"][0]["user"] = {"token": answer.body["status"]["token"]}
        file = self.folder / f"kubeconfig-{account}"
        file.write_text(json.dumps(config))
        return file

    def run(self, command: str, part: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run the program as a Job's pod does."""
        return subprocess.run(
            [*PROGRAM, command],
            env={**self.job(part), **env},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )


@pytest.fixture
def installed(world: World, run_helm: Helm, tmp_path: Path) -> Installed:
    """Yield the chart as the function's values render it."""
    release = (
        compose(protobuf.decode(life.request("kunde1", "ready"))).resources["rancher"].resource
    )
    values = copy.deepcopy(release["spec"]["forProvider"]["values"])
    values["vcluster"]["namespace"] = PLATFORM
    done = run_helm("template", "kunde1-rancher", CHART, f"--namespace={PLATFORM}", values=values)
    assert done.returncode == 0, done.stderr
    objects = [o for o in yaml.safe_load_all(done.stdout) if o]
    found = Installed(world, objects, tmp_path)
    found.apply(objects)
    return found


def test_import_with_the_charts_rights(installed: Installed) -> None:
    """The Job connects the cluster with exactly the rights that the chart gives it."""
    done = installed.run("import", "import")
    assert done.returncode == 0, done.stdout + done.stderr
    state = installed.world.state()
    assert (state["phase"], state["observedInputs"]) == ("Connected", state["desiredInputs"])
    told = done.stdout + done.stderr
    for secret in (installed.world.fake.token(), installed.world.api.token, "/v3/import/"):
        assert secret not in told


@pytest.mark.parametrize(
    ("role", "verb"),
    [("import", "get"), ("import", "patch"), ("kubeconfig", "get")],
)
def test_no_right_is_unused(installed: Installed, role: str, verb: str) -> None:
    """Without any one of its rights the import does not get through."""
    less = copy.deepcopy(installed.of("Role", role))
    for rule in less["rules"]:
        rule["verbs"] = [v for v in rule["verbs"] if v != verb] or ["watch"]
    installed.apply([less])
    done = installed.run("import", "import", TIMEOUT="3s")
    assert done.returncode == 1, done.stdout
    assert installed.world.state().get("phase") != "Connected"


@contextmanager
def waiting(installed: Installed) -> Iterator[subprocess.Popen[str]]:
    """Run the import until it waits for the kubeconfig, deaf to SIGTERM as process 1 is."""
    installed.world.api.delete("v1", "Secret", KUBECONFIG, namespace=PLATFORM)
    process = subprocess.Popen(
        [sys.executable, "-c", DEAF, *PROGRAM[2:], "import"],
        env=installed.job("import"),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        until(lambda: installed.world.state()["reason"] == "WaitingForKubeconfig")
        time.sleep(0.5)
        yield process
    finally:
        process.kill()
        process.communicate()
        installed.world.write_kubeconfig()


@pytest.mark.parametrize("verbs", [["get", "watch"], ["get"]])
def test_the_kubeconfig_is_watched(installed: Installed, verbs: list[str]) -> None:
    """The Job watches with the chart's right, and polls with the Role of an earlier chart."""
    role = copy.deepcopy(installed.of("Role", "kubeconfig"))
    assert role["rules"][0]["verbs"] == ["get", "watch"]
    role["rules"][0]["verbs"] = verbs
    installed.apply([role])
    with waiting(installed) as process:
        installed.world.write_kubeconfig()
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert ("polling, not watching" in output) == ("watch" not in verbs), output
    assert installed.world.state()["phase"] == "Connected"


def test_a_stop_while_it_watches(installed: Installed) -> None:
    """SIGTERM ends the import at once; as the first process of a pod it would be ignored."""
    with waiting(installed) as process:
        process.terminate()
        assert process.wait(5) == 128 + signal.SIGTERM


@pytest.mark.parametrize("verb", ["get", "patch", "create"])
def test_no_right_of_the_hook_is_unused(installed: Installed, verb: str) -> None:
    """Without any one of its rights the hook could not note what it leaves behind."""
    installed.run("import", "import")
    less = copy.deepcopy(installed.of("Role", "deregister"))
    for rule in less["rules"]:
        rule["verbs"] = [v for v in rule["verbs"] if v != verb] or ["watch"]
    installed.apply([less])
    installed.world.fake.die()
    for _ in range(2):
        done = installed.run("deregister", "deregister", TIMEOUT="2s")
        assert done.returncode == 0, done.stderr
    refused = "MissingRight" in done.stdout + done.stderr
    assert refused or installed.world.abandoned() == {}


def test_deregister_with_the_charts_rights(installed: Installed) -> None:
    """The hook takes the cluster out, and never fails, so that a deletion goes on."""
    installed.run("import", "import")
    done = installed.run("deregister", "deregister")
    assert done.returncode == 0, done.stderr
    assert installed.world.end()[0] == []
    assert installed.world.abandoned() == {}


def test_deregister_where_data_is_retained(installed: Installed) -> None:
    """The hook ends well within its time, without rights in the virtual cluster too."""
    installed.run("import", "import")
    done = installed.run("deregister", "deregister", ON_DELETE="Retain", TIMEOUT="20s")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the agent stays behind" in done.stdout
    assert "MissingRight" in done.stdout
    assert installed.world.end()[0] == []


def test_deregister_with_a_dead_rancher(installed: Installed) -> None:
    """With Rancher dead the hook ends in time and well, and notes what it left."""
    installed.run("import", "import")
    installed.world.fake.die()
    done = installed.run("deregister", "deregister", TIMEOUT="3s")
    assert done.returncode == 0, done.stderr
    assert len(installed.world.abandoned()) == 1


def test_a_pinned_ca(installed: Installed) -> None:
    """Rancher's own CA is trusted by its checksum, and nothing else is."""
    pem = installed.world.fake.ca.strip() + "\n"
    checksum = hashlib.sha256(pem.encode()).hexdigest()
    env = {"RANCHER_CA_FILE": "", "TIMEOUT": "20s"}
    wrong = installed.run("import", "import", **env, RANCHER_CA_CHECKSUM="0" * 64)
    assert wrong.returncode == 1
    assert installed.world.state()["reason"] == "TlsNotTrusted"
    right = installed.run("import", "import", **env, RANCHER_CA_CHECKSUM=checksum)
    assert right.returncode == 0, right.stdout


@contextmanager
def watching(installed: Installed) -> Iterator[str]:
    """Run the watcher, and yield the address of its metrics."""
    (port,) = free_ports(1)
    (installed.folder / "kubeconfig").write_text(json.dumps(installed.world.api.kubeconfig))
    env = {
        **installed.job("import"),
        "KUBECONFIG": str(installed.folder / "kubeconfig"),
        "PERIOD": "1s",
        "METRICS_ADDRESS": f"127.0.0.1:{port}",
    }
    process = subprocess.Popen([*PROGRAM, "watch"], env=env, stdout=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}"
        process.terminate()
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()


def status(url: str) -> int:
    """Return the status of an address; 0 while nobody listens."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0


def metrics(url: str) -> str:
    """Return what the watcher measures."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=2) as answer:  # noqa: S310
        return str(answer.read().decode())


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_watch(installed: Installed) -> None:
    """A lost connection shows as Lost, and as Connected when it is back; so does a removal."""
    installed.run("import", "import")
    world = installed.world
    with watching(installed) as url:
        until(lambda: status(f"{url}/readyz") == 200)
        where = ("apps/v1", "Deployment", "cattle-cluster-agent")
        agent = world.api.get(*where, namespace="cattle-system").body
        world.api.delete(*where, namespace="cattle-system")
        until(lambda: world.state()["phase"] == "Lost")
        assert world.state()["reason"] == "Disconnected"
        # States of other tests are in the namespace too, so there may be more.
        lost = r'rancher_import_clusters\{phase="Lost"\} [1-9]'
        until(lambda: re.search(lost, metrics(url)) is not None)
        assert "rancher_import_token_days_left NaN" in metrics(url)
        for key in ("resourceVersion", "uid", "managedFields", "creationTimestamp", "generation"):
            agent["metadata"].pop(key, None)
        agent.pop("status")
        world.api.apply(agent)
        until(lambda: world.state()["phase"] == "Connected")
        world.fake.state.clusters.clear()
        until(lambda: world.state()["reason"] == "ClusterDeleted")
        assert status(f"{url}/healthz") == 200
        assert status(f"{url}/else") == 404


def test_watch_measures_the_tokens_end(installed: Installed) -> None:
    """The metric has the days of the very token that is in use."""
    installed.world.fake.new_token(ttl=60)
    installed.world.token_file.write_text(installed.world.fake.new_token(ttl=5 * 86400))
    with watching(installed) as url:
        days = r"rancher_import_token_days_left 4\.9"
        until(lambda: status(f"{url}/readyz") == 200)
        until(lambda: re.search(days, metrics(url)) is not None)


def test_watch_does_not_take_a_refusal_for_an_empty_rancher(installed: Installed) -> None:
    """A token that lost its rights makes nothing Lost; the watcher is just not ready."""
    installed.run("import", "import")
    installed.world.fake.unauthorize(times=None)
    with watching(installed) as url:
        until(lambda: status(f"{url}/healthz") == 200)
        time.sleep(1.5)
        assert status(f"{url}/readyz") == 503
    assert installed.world.state()["phase"] == "Connected"


@pytest.mark.parametrize(
    ("user", "code", "line"),
    [
        pytest.param("importer", 0, "The token's user may create clusters.", id="importer"),
        pytest.param("importer", 0, "The token never expires.", id="forever"),
        pytest.param("bare", 1, "may not create provisioning.cattle.io/clusters", id="bare"),
    ],
)
def test_check(installed: Installed, user: str, code: int, line: str) -> None:
    """An operator learns what the token may do, and no cluster is created."""
    installed.world.token_file.write_text(installed.world.fake.token(user))
    done = installed.run("check", "import")
    said = done.stdout + done.stderr
    assert (done.returncode, line in said) == (code, True), said
    assert installed.world.fake.clusters() == {}


def test_check_of_a_token_that_ends_soon(installed: Installed) -> None:
    """The end of the token itself is told, and that it is near."""
    token = installed.world.fake.new_token(ttl=3 * 86400 + 60)
    installed.world.token_file.write_text(token)
    done = installed.run("check", "import")
    assert re.search(r"expires 20\S+Z, in 3\.0 days: rotate it", done.stdout), done.stdout
    assert done.returncode == 0


def test_setup(installed: Installed) -> None:
    """The administrator sees first what will be created; a second run creates nothing."""
    installed.world.token_file.write_text(installed.world.fake.token("admin"))
    dry = installed.run("setup", "import")
    first = installed.run("setup", "import")
    assert "vcluster-importer: created" in dry.stdout
    assert "vcluster-importer: exists already" in first.stdout
    assert "may create clusters in fleet-default, and nothing else" in first.stdout


def test_setup_dry_run(installed: Installed) -> None:
    """`--dry-run` says what would be created, and asks Rancher nothing."""
    done = subprocess.run(
        [*PROGRAM, "setup", "--dry-run"],
        env=installed.job("import"),
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    assert "/v3/globalroles: vcluster-importer" in done.stdout
    assert "vcluster operator" in done.stdout
    assert installed.world.fake.requests == []


def test_errors_are_one_line(installed: Installed) -> None:
    """What is wrong with the options is one line and an exit code."""
    done = installed.run("check", "import", RANCHER_URL="http://rancher.example.org")
    assert done.returncode == 1
    assert done.stderr == (
        "rancher-import: BadOptions: RANCHER_URL must be https:// and a host, without a path such "
        "as /dashboard.\n"
    )
