"""The server's certificate, read again when Crossplane has renewed it, without a restart."""

from pathlib import Path

import grpc

FILES = ("tls.crt", "tls.key", "ca.crt")
"""As Crossplane's package manager mounts them: certificate, key, and who may call."""


class Certificates:
    """The three files of a folder, and what they held when they were last good."""

    def __init__(self, folder: Path) -> None:
        """Read them. Raises OSError where one is missing."""
        self._folder = folder
        self._read = self._files()

    def credentials(self) -> grpc.ServerCredentials:
        """Return mutual TLS that looks for a renewed certificate at every new connection."""
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
        """Return what is new, or None. A file that cannot be read now leaves the old ones."""
        try:
            found = self._files()
        except OSError:
            return None
        if found == self._read:
            return None
        self._read = found
        return self._configuration()
