"""The server's certificate, reloaded after a renewal without a restart."""

from pathlib import Path

import grpc

FILES = ("tls.crt", "tls.key", "ca.crt")
"""Certificate, key, and the CA of clients, as Crossplane's package manager mounts them."""


class Certificates:
    """The three files of a folder, with their last readable content."""

    def __init__(self, folder: Path) -> None:
        """Read the files. Raises OSError if one is missing."""
        self._folder = folder
        self._read = self._files()

    def credentials(self) -> grpc.ServerCredentials:
        """Return mutual TLS that checks for a renewed certificate at every new connection."""
        return grpc.dynamic_ssl_server_credentials(
            self._configuration(),
            self._renewed,  # type: ignore[arg-type]  # may return None, says gRPC's own page
            require_client_authentication=True,
        )

    def _files(self) -> tuple[bytes, ...]:
        return tuple((self._folder / name).read_bytes() for name in FILES)

    def _configuration(self) -> grpc.ServerCertificateConfiguration:
        certificate, key, ca = self._read
        return grpc.ssl_server_certificate_configuration([(key, certificate)], ca)

    def _renewed(self) -> grpc.ServerCertificateConfiguration | None:
        """Return a new configuration, or None if no file changed or one is unreadable."""
        try:
            files = self._files()
        except OSError:
            return None
        if files == self._read:
            return None
        self._read = files
        return self._configuration()
