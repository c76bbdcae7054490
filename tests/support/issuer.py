"""A real issuer of OIDC, over TLS with a private CA, for tests of logins."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dev.apiserver.processes import free_ports
from dev.fake_rancher import tls
from dev.fake_rancher.listener import Listener
from dev.issuer.keys import Keys
from dev.issuer.provider import Provider


@dataclass(frozen=True)
class Serving:
    """An issuer that runs."""

    provider: Provider
    ca_file: Path

    @property
    def url(self) -> str:
        """The issuer, as its tokens name it."""
        return self.provider.url

    @property
    def ca(self) -> str:
        """Its CA."""
        return self.ca_file.read_text()


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Serving]:
    """Run an issuer until the block ends."""
    (port,) = free_ports(1)
    provider = Provider(f"https://127.0.0.1:{port}", Keys(folder))
    pair = tls.make(folder, tls.NAMES)
    listener = Listener(("127.0.0.1", port), pair.context(), provider.answer)
    listener.start()
    try:
        yield Serving(provider, pair.ca)
    finally:
        listener.stop()
