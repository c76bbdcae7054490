"""What the client of Rancher makes of single answers."""

import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dev.fake_rancher import FakeRancher
from dev.fake_rancher import tls as certificates
from jobs.errors import RancherImportError, TransientError
from jobs.rancher import tls
from jobs.rancher.api import Rancher
from jobs.rancher.model import Goal, Owner
from jobs.rancher.options import Environment, RancherOptions
from jobs.rancher.sight import look

GOAL = Goal("vc1", "vc1", "227fb97b-6cf6-4f79-9ae9-ffb14550d34d", frozenset(), "in-1")


@pytest.fixture
def fake() -> Iterator[FakeRancher]:
    """Yield a test Rancher."""
    with FakeRancher() as running:
        yield running


@pytest.fixture
def token_file(fake: FakeRancher, tmp_path: Path) -> Path:
    """Return the file with the importer's token."""
    file = tmp_path / "token"
    file.write_text(fake.token())
    return file


@pytest.fixture
def client(fake: FakeRancher, token_file: Path) -> Iterator[Rancher]:
    """Yield the importer's client."""
    with closing(Rancher(RancherOptions(fake.url, token_file, fake.ca_file, ""))) as made:
        yield made


@pytest.mark.parametrize("ext", [False, True], ids=["norman", "ext"])
def test_when_the_token_expires(
    fake: FakeRancher,
    client: Rancher,
    token_file: Path,
    ext: bool,  # noqa: FBT001
) -> None:
    """The token itself is asked for, by its name: a list does not say which one is in use."""
    fake.new_token(ttl=60)
    token_file.write_text(fake.new_token(ttl=90 * 86400, ext=ext))
    expected = next(
        one.expires_at for one in fake.state.tokens.values() if one.value == token_file.read_text()
    )
    found = client.token_expiry()
    assert found is not None
    assert found[:15] == expected[:15]


def test_a_token_that_never_expires(client: Rancher) -> None:
    """Never is told apart from not known."""
    assert client.token_expiry() == ""


def test_a_token_without_a_name(client: Rancher, token_file: Path) -> None:
    """What has no name cannot be looked up; nothing is sent."""
    token_file.write_text("opaque")
    assert client.token_expiry() is None


@pytest.mark.parametrize("user", ["importer", "admin", "cc"])
def test_who_may_create(fake: FakeRancher, client: Rancher, token_file: Path, user: str) -> None:
    """A dry run tells the truth, and leaves nothing."""
    token_file.write_text(fake.token(user))
    assert client.may_create()
    assert fake.clusters() == {}


def test_who_may_not_create(fake: FakeRancher, client: Rancher, token_file: Path) -> None:
    """Without any right on the type Rancher answers as one that starts: the message has both."""
    token_file.write_text(fake.token("bare"))
    with pytest.raises(TransientError, match="may not create provisioning"):
        client.may_create()


def test_an_owner_may_not_create(fake: FakeRancher, client: Rancher, token_file: Path) -> None:
    """Who only has clusters of others sees the type, and is refused."""
    client.create(GOAL, "uid")
    (cluster,) = look(client).owned()
    client.bind(cluster.cluster_id, "x", Owner("userPrincipal", "local://u-n9d6d", "cluster-owner"))
    token_file.write_text(fake.token("bare"))
    assert not client.may_create()


def test_the_text_of_a_failure(fake: FakeRancher, client: Rancher) -> None:
    """What Rancher says of its own failure is told."""
    fake.hang_webhook()
    with pytest.raises(TransientError, match=r"Rancher answers 500: .*failed calling webhook"):
        client.create(GOAL, "uid")
    fake.refuse(503)
    with pytest.raises(TransientError) as failed:
        look(client)
    assert failed.value.message == "Rancher answers 503."


def test_a_hanging_webhook_is_waited_for(fake: FakeRancher, client: Rancher) -> None:
    """Rancher waits 10 s for each of two webhooks; only then it says which one hangs."""
    assert tls.TIMEOUT_SECONDS > 2 * 10
    fake.hang_webhook(seconds=0.1)
    with pytest.raises(TransientError, match="failed calling webhook"):
        client.create(GOAL, "uid")


class Elsewhere(BaseHTTPRequestHandler):
    """A server that is no Rancher."""

    def do_GET(self) -> None:
        """Answer as web servers do."""
        status, body = self.path.split("metadata.name%3D", 1)[1].split("-", 1)
        self.send_response(int(status))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """Yield the address of a server that is no Rancher, with Rancher's certificate."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        context = certificates.pair().context()
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"https://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.parametrize(
    "answer", ["404-", "404-page", "403-page", "401-page", "400-page", "200-page"]
)
def test_no_rancher(fake: FakeRancher, token_file: Path, elsewhere: str, answer: str) -> None:
    """Another server under that name is neither a missing right nor a missing cluster."""
    options = RancherOptions(elsewhere, token_file, fake.ca_file, "")
    with closing(Rancher(options)) as client, pytest.raises(RancherImportError) as failed:
        look(client, answer)
    assert failed.value.reason == "BadAnswer"
    assert "check RANCHER_URL" in failed.value.message


@pytest.mark.parametrize("url", ["https://rancher.example.org/dashboard", "rancher.example.org"])
def test_a_url_that_cannot_be(url: str) -> None:
    """A path, which Rancher never has, is refused before anything is sent."""
    with pytest.raises(RancherImportError, match="without a path such as /dashboard"):
        Environment({"RANCHER_URL": url, "RANCHER_TOKEN_FILE": "x"}).rancher()


@pytest.mark.parametrize("text", ["", "\n", "a: b\nc: d"], ids=["empty", "blank", "yaml"])
def test_a_file_without_a_token(client: Rancher, token_file: Path, text: str) -> None:
    """What is no token is not sent."""
    token_file.write_text(text)
    with pytest.raises(RancherImportError) as failed:
        look(client)
    assert failed.value.reason == "NoToken"
