"""No answer keeps a hook of Helm's from ending well, and what is left behind is noted."""

import base64
import errno
import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest
from lightkube.config.kubeconfig import KubeConfig

from dev.demo import kubernetes
from dev.fake_rancher import FakeRancher, tls
from jobs import abandoned, hooks, transport
from jobs.errors import TransientError
from jobs.kubernetes import LONGEST_VALUE, client
from jobs.rancher.host_cluster import HostCluster
from jobs.rancher.virtual_cluster import VirtualCluster
from tests.support import hostile

PLATFORM = "vcluster-system"
UID = "227fb97b-6cf6-4f79-9ae9-ffb14550d34d"
NOTES = f"/api/v1/namespaces/{PLATFORM}/configmaps/vcluster-abandoned"
SECRET = "/api/v1/namespaces/kunde1/secrets/vc-kunde1-vcluster"
START_SECONDS = 30
"""How long the program may take to start, on a machine that has much to do."""


@pytest.fixture
def host() -> Iterator[tuple[kubernetes.Store, str]]:
    """Yield what is on the host, and its address."""
    with kubernetes.serving() as found:
        yield found


def deregister(
    folder: Path, host: str, rancher: str, ca: Path, program: str = "", **env: str
) -> subprocess.CompletedProcess[str]:
    """Run the hook as its Job does."""
    files = {name: folder / name for name in ("token", "kubeconfig")}
    files["token"].write_text(env.pop("TOKEN", "token-abcde:secret"))
    files["kubeconfig"].write_text(kubernetes.kubeconfig(host))
    return subprocess.run(
        [sys.executable, *(("-c", program) if program else ("-m", "jobs.rancher", "deregister"))],
        env={
            "PATH": os.environ["PATH"],
            "RANCHER_URL": rancher,
            "RANCHER_TOKEN_FILE": str(files["token"]),
            "RANCHER_CA_FILE": str(ca),
            "KUBECONFIG": str(files["kubeconfig"]),
            "CLUSTER_NAME": "kunde1",
            "OWNER_UID": UID,
            "STATE_NAMESPACE": PLATFORM,
            "STATE_CONFIG_MAP": "kunde1-rancher",
            "KUBECONFIG_NAMESPACE": "kunde1",
            "KUBECONFIG_SECRET": "vc-kunde1-vcluster",
            **env,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=START_SECONDS + hooks.NOTE_SECONDS + 10,
    )


def noted(store: kubernetes.Store) -> dict[str, Any]:
    """Return what was left behind, by key."""
    data = store.objects.get(NOTES, {}).get("data", {})
    return {key: json.loads(value) for key, value in data.items()}


@pytest.mark.parametrize("manner", [*hostile.MANNERS])
def test_a_hostile_tenant(host: tuple[kubernetes.Store, str], tmp_path: Path, manner: str) -> None:
    """Whatever the virtual cluster answers, the deletion goes on, and the agent is noted."""
    store, address = host
    with hostile.serving(manner) as (inside, paths), FakeRancher() as rancher:
        config = base64.b64encode(kubernetes.kubeconfig(inside).encode()).decode()
        store.put(SECRET, {"metadata": {"name": "vc-kunde1-vcluster"}, "data": {"config": config}})
        began = time.monotonic()
        env = {"ON_DELETE": "Retain", "TIMEOUT": "6s", "TOKEN": rancher.token()}
        done = deregister(tmp_path, address, rancher.url, rancher.ca_file, **env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert time.monotonic() - began < START_SECONDS
    assert paths, done.stdout
    left = noted(store)[f"{UID}.agent"]
    assert (left["left"], left["namespace"]) == ("agent", "kunde1")
    assert [*noted(store)] == [f"{UID}.agent"]
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "manner", ["trickle", "trickle-head", "silence", "large", "dense", "html", "no-list", "refusal"]
)
def test_a_hostile_rancher(host: tuple[kubernetes.Store, str], tmp_path: Path, manner: str) -> None:
    """Whatever Rancher answers, the deletion goes on, and the cluster is noted."""
    store, address = host
    pair = tls.pair()
    with hostile.serving(manner, tls=pair.context()) as (rancher, paths):
        done = deregister(tmp_path, address, rancher, pair.ca, TIMEOUT="4s")
    assert done.returncode == 0, done.stdout + done.stderr
    assert paths, done.stdout
    assert noted(store)[f"{UID}.cluster"]["cluster"] == "kunde1"
    assert "Traceback" not in done.stdout + done.stderr


def test_a_dead_host(tmp_path: Path) -> None:
    """Where not even a note can be written the hook ends well."""
    with kubernetes.serving() as (_, address):
        pass
    done = deregister(tmp_path, address, "https://127.0.0.1:9", tls.pair().ca, TIMEOUT="1s")
    assert done.returncode == 0, done.stdout + done.stderr


def test_options_that_are_no_options(host: tuple[kubernetes.Store, str], tmp_path: Path) -> None:
    """A hook whose options are wrong notes what it leaves, too."""
    store, address = host
    done = deregister(tmp_path, address, "http://rancher.example.org", tls.pair().ca)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [*noted(store)] == [f"{UID}.cluster"]


@pytest.mark.parametrize(
    "manner", ["trickle", "large", "dense", "compressed", "nested", "html", "no-list", "null"]
)
def test_one_answer_is_bounded(monkeypatch: pytest.MonkeyPatch, manner: str) -> None:
    """An import is told in time that it has no answer: not after the tenant's hours."""
    monkeypatch.setattr(transport, "ANSWER_SECONDS", 1.0)
    with hostile.serving(manner) as (address, _):
        tenant = VirtualCluster(kubernetes.kubeconfig(address))
        began = time.monotonic()
        assert tenant.look() is None
        with pytest.raises(TransientError):
            tenant.marker()
        assert time.monotonic() - began < 10
        tenant.close()


@pytest.mark.parametrize("manner", ["large", "compressed", "trickle"])
def test_no_more_is_read_than_an_answer_has(monkeypatch: pytest.MonkeyPatch, manner: str) -> None:
    """An answer ends where it is too long, and nothing is unpacked."""
    monkeypatch.setattr(transport, "ANSWER_SECONDS", 0.5)
    pair = tls.pair()
    trust = ssl.create_default_context(cafile=str(pair.ca))
    bounded = transport.Transport(trust, answer_bytes=4096)
    with (
        hostile.serving(manner, tls=pair.context()) as (address, _),
        httpx2.Client(transport=bounded, trust_env=False) as http,
        pytest.raises((transport.AnswerTooLongError, httpx2.DecodingError, httpx2.ReadTimeout)),
    ):
        http.get(address)


STEPS = {
    "a-fault-of-memory": "import signal; os.kill(os.getpid(), signal.SIGSEGV)",
    "an-abort": "os.abort()",
    "too-much-memory": "list(iter(lambda: bytearray(2**20), None))",
    "an-exit": "sys.exit(0)",
    "no-end": "import threading; threading.Event().wait()",
    "deaf": "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [*signal.Signals]); "
    "time.sleep(99)",
}
PROGRAM = """
import os, sys, time
from jobs.rancher import deregister_steps, main
def step(*_):
    {step}
deregister_steps.{name} = step
main.main(["deregister"])
"""


@pytest.mark.parametrize("step", [*STEPS])
@pytest.mark.parametrize(
    ("name", "left"), [("remove_from_rancher", "cluster"), ("remove_agent", "agent")]
)
def test_a_step_that_crashes(
    host: tuple[kubernetes.Store, str],
    tmp_path: Path,
    step: str,
    name: str,
    left: str,
) -> None:
    """However a step ends, the next ones run, what it leaves is noted, and the deletion goes on."""
    store, address = host
    program = PROGRAM.format(step=STEPS[step], name=name)
    with FakeRancher() as rancher:
        on_delete = "Retain" if left == "agent" else "Delete"
        env = {"ON_DELETE": on_delete, "TIMEOUT": "4s", "TOKEN": rancher.token()}
        done = deregister(tmp_path, address, rancher.url, rancher.ca_file, program, **env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [*noted(store)] == [f"{UID}.{left}"], done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_what_ends_the_program_ends_its_step() -> None:
    """A Job that is stopped leaves no step behind, and begins anew elsewhere."""
    program = PROGRAM.format(
        step=f"print('begun', flush=True); {STEPS['no-end']}", name="remove_from_rancher"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], env={"CLUSTER_NAME": "kunde1"}, stdout=subprocess.PIPE
    ) as running:
        assert running.stdout
        assert running.stdout.readline() == b"begun\n"
        running.terminate()
        assert running.wait(START_SECONDS) == 128 + signal.SIGTERM
        # Its output ends when none is left that could write to it.
        assert running.stdout.read() == b""


def test_an_import_ends_though_a_request_never_does() -> None:
    """The time of an import needs no cooperation."""
    code = "import time; from jobs import hooks; hooks.end_after(0.2, 7); time.sleep(60)"
    done = subprocess.run([sys.executable, "-c", code], check=False, timeout=50)
    assert done.returncode == 7


def test_no_process_for_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no process can be made the step is not done, and the program goes on."""

    def fork() -> int:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", fork)
    assert not hooks.attempt(lambda: True, seconds=1)


def test_what_is_written_down_is_short(host: tuple[kubernetes.Store, str]) -> None:
    """A ReplicaSet's condition may have 900 KB: the state has its beginning."""
    store, address = host
    path = f"/api/v1/namespaces/{PLATFORM}/configmaps/kunde1-rancher"
    store.objects[path] = {"metadata": {"name": "kunde1-rancher", "resourceVersion": "1"}}
    with closing(client(_config(address))) as api:
        HostCluster(api, PLATFORM, "kunde1-rancher").report({"message": "x" * 900_000})
    data = store.objects[path]["data"]
    for message in (data["message"], json.loads(data["report"])["message"]):
        assert len(message) == LONGEST_VALUE
        assert message.endswith("…")


def test_notes_have_a_bound(
    host: tuple[kubernetes.Store, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest notes go, so that there is always room for the next."""
    store, address = host
    monkeypatch.setattr(abandoned, "NOTES", 3)
    with client(_config(address)) as api:
        for number in range(6):
            left = {"cluster": "x" * 10_000}
            abandoned.note(api, PLATFORM, f"u-{number}", left, now=lambda: float(number))  # noqa: B023
    data = store.objects[NOTES]["data"]
    assert len(data) == 3
    assert "u-5" in data
    assert max(len(value) for value in data.values()) <= LONGEST_VALUE


def _config(address: str) -> Any:
    return KubeConfig.from_dict(json.loads(kubernetes.kubeconfig(address))).get()
