"""Agents that really run, the control channel, and what a restart of the test Rancher keeps."""

import contextlib
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from dev.apiserver.processes import free_ports
from dev.fake_rancher import FakeRancher, agent_program, connections, manifest, tls
from dev.fake_rancher.behaviour import NONE

MODULE = "dev.fake_rancher"
SECONDS = 20


def until(holds: Callable[[], object]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


class Program:
    """The test Rancher as a program, steered from outside."""

    def __init__(self, folder: Path) -> None:
        """Choose ports and credentials."""
        self.folder = folder
        self.port, self.control = free_ports(2)
        self.url = f"https://127.0.0.1:{self.port}"
        tls.make(folder, ("127.0.0.1",))
        self.token = "token-abcde:secret"
        (folder / "token").write_text(self.token)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Run it until the block ends, then kill it."""
        command = [
            *(sys.executable, "-m", MODULE, f"--port={self.port}", f"--folder={self.folder}"),
            *("--agents-connect", f"--control-port={self.control}", f"--url={self.url}"),
            *(f"--state={self.folder / 'state'}", "--quiet", "--lag=pending=0"),
        ]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            try:
                until(self._answers)
                yield
            finally:
                process.kill()

    def ask(self, path: str, body: Any = None) -> Any:
        """Ask the control channel."""
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(f"http://127.0.0.1:{self.control}{path}", data) as answer:
            return json.load(answer)

    def _answers(self) -> bool:
        try:
            self.ask("/state")
        except OSError:
            return False
        return True

    def client(self) -> httpx2.Client:
        """Return a client with the importer's token."""
        import ssl  # noqa: PLC0415

        context = ssl.create_default_context(cafile=str(self.folder / "ca.crt"))
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx2.Client(base_url=self.url, verify=context, headers=headers)

    def create(self, name: str) -> str:
        """Create a cluster, and return the token of its agent."""
        body = {"metadata": {"name": name, "namespace": "fleet-default"}, "spec": {}}
        with self.client() as client:
            assert client.post("/v1/provisioning.cattle.io.clusters", json=body).status_code == 201
            until(lambda: self.ask("/state")["clusters"][0]["id"])
            cluster_id = self.ask("/state")["clusters"][0]["id"]
            where = f"/v1/management.cattle.io.clusterregistrationtokens/{cluster_id}/default-token"
            until(lambda: client.get(where).status_code == 200)
            until(lambda: client.get(where).json().get("status", {}).get("token"))
            token: str = client.get(where).json()["status"]["token"]
            return token

    def report(self, token: str) -> int:
        """Report as an agent does."""
        with self.client() as client:
            headers = {connections.TOKEN_HEADER: token, "Authorization": ""}
            return client.post(connections.PATH, headers=headers).status_code

    def cluster(self) -> Any:
        """Return the only cluster."""
        [found] = self.ask("/state")["clusters"]
        return found


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Return a program that is not yet running."""
    return Program(tmp_path)


def test_a_cluster_is_connected_while_its_agent_reports(program: Program) -> None:
    """Connected comes with the reports and goes with them; a wrong token is refused."""
    with program.running():
        token = program.create("kunde1")
        assert program.report("wrong") == 401
        assert not program.cluster()["connected"]
        until(lambda: program.report(token) == 200 and program.cluster()["ready"])
        until(lambda: not program.cluster()["connected"])


def test_an_agent_can_be_cut_off(program: Program) -> None:
    """The agent of that cluster alone gets no answer of Rancher's."""
    with program.running():
        token = program.create("kunde1")
        program.ask("/agents", {"cluster": "kunde2", "connect": False})
        assert program.report(token) == 200
        program.ask("/agents", {"cluster": "kunde1", "connect": False})
        assert program.report(token) == 502
        until(lambda: not program.cluster()["connected"])
        program.ask("/agents", {"cluster": "kunde1", "connect": True})
        assert program.report(token) == 200


def test_a_restart_loses_nothing(program: Program) -> None:
    """Cluster, its id and its agent's token outlive the process, as with a real one."""
    with program.running():
        token = program.create("kunde1")
        before = program.cluster()["id"]
        time.sleep(0.5)
    with program.running():
        assert program.cluster()["id"] == before
        until(lambda: program.report(token) == 200 and program.cluster()["ready"])


def test_it_can_be_steered(program: Program) -> None:
    """Down, up, token revoked and good again; a wish that nobody knows is refused."""
    with program.running(), program.client() as client:
        where = "/v1/management.cattle.io.settings/server-url"
        assert client.get(where).status_code == 200
        program.ask("/faults", {"faults": [{"status": 503, "times": None}]})
        assert client.get(where).status_code == 503
        program.ask("/faults", {"faults": []})
        program.ask("/token", {"user": "importer", "valid": False})
        assert client.get("/v1/provisioning.cattle.io.clusters").status_code == 401
        program.ask("/token", {"user": "importer", "valid": True})
        assert client.get("/v1/provisioning.cattle.io.clusters").status_code == 200
        with pytest.raises(OSError, match="400"):
            program.ask("/nothing", {})


def test_the_agent_trusts_rancher_by_the_checksum_of_the_manifest(rancher: FakeRancher) -> None:
    """Certificates with another checksum are refused for good."""
    agent_program.trust(rancher.url, manifest.checksum(rancher.ca))
    with pytest.raises(agent_program.RefusedError, match="checksum"):
        agent_program.trust(rancher.url, "0" * 64)


def test_an_agent_with_a_strange_token_gives_up(
    rancher: FakeRancher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """401 ends it with a sentence, without the token in it."""
    (tmp_path / "token").write_text("strange")
    monkeypatch.setattr(agent_program, "CREDENTIALS", tmp_path)
    context = agent_program.trust(rancher.url, manifest.checksum(rancher.ca))
    with pytest.raises(agent_program.RefusedError) as raised:
        agent_program.report(rancher.url, context)
    assert str(raised.value) == "Rancher does not know the token of this agent (401)"


@pytest.fixture
def rancher() -> Iterator[FakeRancher]:
    """Return a test Rancher in this process."""
    with FakeRancher() as fake:
        fake.behaviour.pending = NONE
        yield fake
