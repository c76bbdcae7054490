"""Tests steer the test Rancher on the host."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dev.platform.place import RANCHER_CONTROL_PORT

if TYPE_CHECKING:
    from dev.platform.place import Place


@dataclass(frozen=True, slots=True)
class Control:
    """Steers it."""

    url: str

    def clusters(self) -> list[dict[str, Any]]:
        """Return the clusters that it has."""
        found: list[dict[str, Any]] = self._ask("/state")["clusters"]
        return found

    def cluster(self, name: str) -> dict[str, Any] | None:
        """Return the cluster of that name; more than one is an error."""
        found = [one for one in self.clusters() if one["name"] == name]
        assert len(found) < 2, f"{len(found)} clusters called {name}"
        return found[0] if found else None

    def down(self) -> None:
        """Answer everybody with 503, agents included."""
        self._ask("/faults", {"faults": [{"status": 503, "times": None}]})

    def up(self) -> None:
        """Answer as usual."""
        self._ask("/faults", {"faults": []})

    def cut_off(self, name: str) -> None:
        """Let the agent of a cluster not connect."""
        self._ask("/agents", {"cluster": name, "connect": False})

    def let_in(self, name: str) -> None:
        """Let the agent of a cluster connect again."""
        self._ask("/agents", {"cluster": name, "connect": True})

    def agent_image(self) -> str:
        """Return the setting `agent-image`."""
        return str(self._ask("/state")["settings"]["agent-image"])

    def upgrade_agents(self, image: str, seconds: float = 0.0) -> None:
        """Change that setting, as an upgrade of Rancher does; agents follow after some seconds."""
        self._ask("/behaviour", {"agent_upgrade": seconds})
        self._ask("/setting", {"name": "agent-image", "value": image})

    def pin_agent(self, name: str, image: str) -> None:
        """Leave the image of a cluster's creation to it, as an older import did."""
        self._ask("/desired-image", {"cluster": name, "image": image})

    def revoke_token(self, but: str = "") -> None:
        """Refuse the importer's tokens, but for one."""
        self._ask("/token", {"user": "importer", "valid": False, "but": but})

    def new_token(self, seconds: float) -> str:
        """Return a further token of the importer, good for some seconds."""
        body = {"user": "importer", "seconds": seconds}
        return str(self._ask("/token/new", body)["token"])

    def restore_token(self) -> None:
        """Accept it again."""
        self._ask("/token", {"user": "importer", "valid": True})

    def _ask(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data)  # noqa: S310 -- a constant
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            found: dict[str, Any] = json.load(answer)
            return found


def control(place: Place) -> Control:
    """Return the way to steer it."""
    return Control(f"http://{place.address}:{RANCHER_CONTROL_PORT}")
