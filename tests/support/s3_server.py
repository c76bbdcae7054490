"""A real S3 server, versitygw before a folder, over TLS with a private CA."""

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dev.apiserver.processes import await_listener, free_ports, process
from dev.platform.command import run

ACCESS_KEY, SECRET_KEY = "backup-access", "backup-secret"
BUCKET = "backups"
REGION = "eu-test-1"


@dataclass(frozen=True)
class S3Server:
    """A server that runs, with one bucket."""

    port: int
    ca_file: Path
    folder: Path
    """Folder of the bucket: an object is the file of its key."""

    @property
    def endpoint(self) -> str:
        """The URL of the server."""
        return f"https://127.0.0.1:{self.port}"

    def files(self) -> list[str]:
        """Return the keys of all objects."""
        paths = (path.relative_to(self.folder) for path in self.folder.rglob("*.*"))
        return sorted(str(path) for path in paths if not path.parts[0].startswith("."))


@contextlib.contextmanager
def serving(versitygw: Path) -> Iterator[S3Server]:
    """Run a server until the block ends."""
    with tempfile.TemporaryDirectory(prefix="s3-") as place:
        root = Path(place)
        write_certificates(root)
        (root / "data" / BUCKET).mkdir(parents=True)
        (root / "attributes").mkdir()
        (port,) = free_ports(1)
        command = [
            *(str(versitygw), "--port", f"127.0.0.1:{port}", "--region", REGION, "--quiet"),
            *("--cert", str(root / "tls.crt"), "--key", str(root / "tls.key")),
            *("posix", "--sidecar", str(root / "attributes"), str(root / "data")),
        ]
        credentials = {"ROOT_ACCESS_KEY": ACCESS_KEY, "ROOT_SECRET_KEY": SECRET_KEY}
        log = root / "versitygw.log"
        with process(log, command, credentials) as started:
            await_listener(started, port, log)
            yield S3Server(port, root / "ca.crt", root / "data" / BUCKET)


def write_certificates(folder: Path) -> None:
    """Write a CA and a certificate by it. As older ones, the CA names no usage of its key."""
    config = folder / "ca.cnf"
    config.write_text(
        "[req]\ndistinguished_name=dn\nx509_extensions=ca\n[dn]\n[ca]\nbasicConstraints=CA:true\n"
    )
    ca = (folder / "ca.key", folder / "ca.crt")
    run(
        *("openssl", "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-days", "2"),
        *("-subj", "/CN=Private CA", "-config", str(config)),
        *("-keyout", str(ca[0]), "-out", str(ca[1])),
    )
    names = folder / "names.cnf"
    names.write_text("subjectAltName=IP:127.0.0.1\n")
    run(
        *("openssl", "req", "-nodes", "-newkey", "rsa:2048", "-subj", "/CN=s3"),
        *("-keyout", str(folder / "tls.key"), "-out", str(folder / "tls.csr")),
    )
    run(
        *("openssl", "x509", "-req", "-in", str(folder / "tls.csr"), "-days", "2"),
        *("-CA", str(ca[1]), "-CAkey", str(ca[0]), "-CAcreateserial"),
        *("-extfile", str(names), "-out", str(folder / "tls.crt")),
    )
