"""The node of `make up` as a site: with its sources of packages, charts and images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from dev.platform import charts, function_image, issuer
from dev.platform.place import CHARTS, RANCHER, REGISTRY, ROOT
from dev.platform.site import CROSSPLANE_PACKAGES, OUR_PACKAGES, Site

if TYPE_CHECKING:
    from dev.platform.machine import Machine

INPUT = ROOT / "dev" / "platform" / "manifests" / "input.yaml"


def own_input() -> dict[str, Any]:
    """Return the part of the Input that only this machine has."""
    plain: dict[str, Any] = yaml.safe_load(INPUT.read_text())
    return plain


def site(there: Machine) -> Site:
    """Return the cluster on this machine."""
    return Site(
        folder=there.place.folder,
        kubeconfig=there.place.kubeconfig,
        image=function_image.reference(),
        image_digest=(there.place.folder / "images.json").read_text(),
        charts=CHARTS,
        charts_digest=charts.digest(charts.FOLDER),
        registry=REGISTRY,
        packages={CROSSPLANE_PACKAGES: REGISTRY, OUR_PACKAGES: REGISTRY},
        rancher=RANCHER,
        has_s3=True,
        issuer=issuer.of(there.place),
        own_input=own_input(),
        inside=tuple(there.command()),
    )
