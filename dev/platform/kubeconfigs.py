"""Kubeconfigs for the components, and for people outside the machine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dev.platform.place import API_PORT, Place

if TYPE_CHECKING:
    from pathlib import Path

COMPONENTS = (
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
    "kube-router",
    "kubelet",
)


def kubeconfig(place: Place, user: str, address: str) -> dict[str, Any]:
    """Return a kubeconfig of one user, who has a certificate."""
    folder = place.certificates
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": place.name,
        "contexts": [{"name": place.name, "context": {"cluster": place.name, "user": user}}],
        "clusters": [
            {
                "name": place.name,
                "cluster": {
                    "server": f"https://{address}:{API_PORT}",
                    "certificate-authority": str(folder / "ca.crt"),
                },
            }
        ],
        "users": [
            {
                "name": user,
                "user": {
                    "client-certificate": str(folder / f"{user}.crt"),
                    "client-key": str(folder / f"{user}.key"),
                },
            }
        ],
    }


def path(place: Place, component: str) -> Path:
    """Return the file of a component's kubeconfig."""
    return place.certificates / f"{component}.kubeconfig"


def make(place: Place) -> None:
    """Write all of them."""
    for component in COMPONENTS:
        text = json.dumps(kubeconfig(place, component, "127.0.0.1"))
        path(place, component).write_text(text)
    place.kubeconfig.write_text(json.dumps(kubeconfig(place, "admin", place.address)))
    place.kubeconfig.chmod(0o600)
