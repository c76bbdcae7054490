"""A cluster for the platform, with its sources of packages, charts and images."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dev.platform.issuer import Issuer

CROSSPLANE_PACKAGES = "xpkg.crossplane.io"
OUR_PACKAGES = "ghcr.io/example"
"""Prefix of the packages' names in `install`."""


@dataclass(frozen=True, slots=True)
class Site:
    """A cluster with its surroundings."""

    folder: Path
    """Folder for credentials and for digests of installed things."""
    kubeconfig: Path
    image: str
    """The function's image, as pods name it."""
    image_digest: str
    """Digest of its content."""
    charts: str
    """URL of the repository of charts, as provider-helm reaches it."""
    charts_digest: str
    """Digest of its content."""
    registry: str
    """Registry to which packages are pushed."""
    packages: Mapping[str, str]
    """Registry from which the cluster pulls packages, by the prefix of their names."""
    rancher: str = ""
    """Host and port of the test Rancher; empty if there is none."""
    has_s3: bool = False
    """True if an S3 server for backups runs beside it, with its credentials in the folder."""
    issuer: Issuer | None = None
    """The OIDC issuer that runs beside it, if there is one."""
    own_input: Mapping[str, object] = field(default_factory=dict)
    """Part of the Input that only this cluster has."""
    inside: tuple[str, ...] = ()
    """Prefix of a command that reaches registry and cluster."""

    @property
    def rancher_address(self) -> str:
        """The test Rancher's host."""
        return self.rancher.rpartition(":")[0]
