"""Virtual clusters, as people with tokens of the platform's issuer come to them."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from dev.issuer.keys import Keys
from dev.issuer.provider import Provider
from dev.platform import issuer
from dev.platform.command import PlatformError
from tests.e2e.kube import Kube

if TYPE_CHECKING:
    from dev.issuer.tokens import User
    from dev.platform.machine import Machine


@dataclass(frozen=True, slots=True)
class Doors:
    """Virtual clusters, as people with tokens come to them."""

    kube: Kube
    there: Machine

    @property
    def provider(self) -> Provider:
        """Return the issuer, as it signs."""
        site = issuer.of(self.there.place)
        return Provider(site.url, Keys(self.there.place.folder / "issuer"))

    def token(self, user: User, name: str, **own: object) -> str:
        """Return a token of a user for a VCluster."""
        return self.provider.token(user, f"vcluster-{name}", **own)

    def config(self, name: str) -> dict[str, Any]:
        """Return the platform's kubeconfig of a VCluster, with an address for the machine."""
        secret = self.kube.get("secret", f"vc-{name}-vcluster", name) or {}
        config: dict[str, Any] = yaml.safe_load(base64.b64decode(secret["data"]["config"]))
        config["clusters"][0]["cluster"]["server"] = self.server(name)
        return config

    def server(self, name: str) -> str:
        """Return the address of a VCluster's API server, as the machine reaches it."""
        service = self.kube.get("service", f"{name}-vcluster", name) or {}
        return f"https://{service['spec']['clusterIP']}:443"

    def enter(self, name: str, config: dict[str, Any]) -> Kube:
        """Return a virtual cluster as the holder of a kubeconfig sees it."""
        path = self.there.place.folder / "tenants" / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(config))
        return Kube(path, tuple(self.there.command()))

    def open(self, name: str, token: str) -> Kube:
        """Return a virtual cluster as someone with a token sees it."""
        config = self.config(name)
        config["users"][0]["user"] = {"token": token}
        return self.enter(f"{name}-token", config)

    def answer(self, name: str, token: str) -> str:
        """Return `in` for an administrator, `forbidden` for others, `out` for a stranger."""
        try:
            self.open(name, token)("get", "namespaces")
        except PlatformError as error:
            said = str(error)
            assert "You must be logged in" in said or "Forbidden" in said, said
            return "forbidden" if "Forbidden" in said else "out"
        return "in"


def access(*users: User) -> dict[str, object]:
    """Return spec.access with the groups of some users as administrators."""
    admins = [f"group:{group}" for user in users for group in user.groups]
    return {"oidc": [{"issuer": "corp", "admins": admins}]}
