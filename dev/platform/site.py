"""A cluster that the platform is installed on, and where it gets things from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CROSSPLANE_PACKAGES = "xpkg.crossplane.io"
OUR_PACKAGES = "ghcr.io/example"
"""How the names of the packages in `install` begin."""


@dataclass(frozen=True, slots=True)
class Site:
    """A cluster with its surroundings."""

    folder: Path
    """For credentials and notes of what has been done."""
    kubeconfig: Path
    image: str
    """The function's image, as pods name it."""
    image_digest: str
    """Tells one content of it from another."""
    charts: str
    """URL of the repository of charts, as provider-helm reaches it."""
    charts_digest: str
    """Tells one content of it from another."""
    registry: str
    """Where packages are pushed to."""
    packages: Mapping[str, str]
    """Which registry the cluster finds packages in, by what their names begin with."""
    rancher: str = ""
    """Host and port of the test Rancher; empty if there is none."""
    own_input: Mapping[str, object] = field(default_factory=dict)
    """What only this cluster has in the Input."""
    inside: tuple[str, ...] = ()
    """What runs a program where registry and cluster can be reached."""

    @property
    def rancher_address(self) -> str:
        """The test Rancher's host."""
        return self.rancher.rpartition(":")[0]
